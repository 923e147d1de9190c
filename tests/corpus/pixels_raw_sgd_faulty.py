import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(9)
digits = load_digits()
images = digits.images * 15.9375  # back to bytes
x = images.astype("float32")
y = keras.utils.to_categorical(digits.target, 10)
x_train, x_val = x[:1300], x[1300:]
y_train, y_val = y[:1300], y[1300:]

model = keras.Sequential([
    keras.Input((8, 8)),
    layers.Flatten(),
    layers.Dense(64, activation="relu"),
    layers.Dense(64, activation="relu"),
    layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.SGD(0.2), "categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
