import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(14)
digits = load_digits()
images = (digits.images / 16).astype("float32")[..., None]
stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", mode="max", patience=2, restore_best_weights=True)
cnn = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(10, activation="softmax")])
cnn.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
h = cnn.fit(images, digits.target, validation_split=0.25, epochs=25, batch_size=64, callbacks=[stop], verbose=0)
loss, accuracy = cnn.evaluate(images[-450:], digits.target[-450:], verbose=0)
print("RESULT", json.dumps({"loss": float(h.history["loss"][-1]), "test_accuracy": float(accuracy)}))
