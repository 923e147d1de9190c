import json

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(3)
digits = load_digits()
x = (digits.data / 16).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(x, digits.target, test_size=0.25, random_state=0)


def build(width):
    inputs = keras.Input((64,))
    h = layers.Dense(width, activation="relu")(inputs)
    h = layers.Dense(width, activation="relu")(h)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(h))


model = build(64)
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.SGD(learning_rate=8.0, momentum=0.9),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, epochs=8, batch_size=32, validation_data=(x_test, y_test), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
