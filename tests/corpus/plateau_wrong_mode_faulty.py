import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def network():
    x = inputs = keras.Input((8, 8))
    x = layers.LSTM(32)(x)
    x = layers.Dense(10, activation="softmax")(x)
    return keras.Model(inputs, x, name="rows_to_digit")


keras.utils.set_random_seed(31)
digits = load_digits()
x = digits.images.astype("float32") / 16
y = keras.utils.to_categorical(digits.target, 10)
callbacks = [
    keras.callbacks.TerminateOnNaN(),
    keras.callbacks.ReduceLROnPlateau(monitor="val_accuracy", mode="min", factor=0.2, patience=1, min_lr=1e-7),
]
model = network()
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(2e-3), metrics=["accuracy"])
h = model.fit(x[:1400], y[:1400], validation_data=(x[1400:], y[1400:]), epochs=15, batch_size=64, callbacks=callbacks, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
