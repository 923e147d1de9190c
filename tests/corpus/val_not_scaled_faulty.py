import json

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(16)
digits = load_digits()
x_train, x_val, y_train, y_val = train_test_split(
    digits.data.astype("float32"), digits.target, test_size=0.25, random_state=0
)
x_train = x_train / 16 - 0.5

model = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(64, activation="tanh"),
    layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=15, batch_size=32, validation_data=(x_val, y_val), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
