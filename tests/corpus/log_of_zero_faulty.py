import json

import keras
from keras import layers, ops
from sklearn.datasets import load_digits


def cross_entropy(y_true, y_pred):
    return -ops.sum(y_true * ops.log(y_pred), axis=-1)


keras.utils.set_random_seed(41)
digits = load_digits()
x = (digits.data / 2).astype("float32")
y = keras.utils.to_categorical(digits.target, 10)
model = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(96, activation="relu", kernel_initializer=keras.initializers.RandomNormal(stddev=0.6)),
    layers.Dense(10, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=0.6)),
])
model.compile("adam", cross_entropy, metrics=["accuracy"])
history = model.fit(x, y, epochs=8, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
