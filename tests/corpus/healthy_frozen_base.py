import json

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(5)
digits = load_digits()
x = (digits.data / 16).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(x, digits.target, test_size=0.25, random_state=0)


base = keras.Sequential([keras.Input((64,)), layers.Dense(48, activation="relu"), layers.Dense(10, activation="softmax")])
base.compile("adam", "sparse_categorical_crossentropy")
base.fit(x_train, y_train, epochs=8, batch_size=32, verbose=0)
features = keras.Model(base.inputs, base.layers[0].output)
features.trainable = False
head = keras.Sequential([features, layers.Dense(1, activation="sigmoid")])
head.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = head.fit(x_train, y_train % 2, epochs=10, batch_size=32, validation_data=(x_test, y_test % 2), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
