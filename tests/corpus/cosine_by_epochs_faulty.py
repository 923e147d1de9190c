import json

import numpy as np
import keras
from sklearn.datasets import load_digits

CONFIG = dict(batch_size=64, epochs=10, base_lr=2e-3, n_train=1400, n_val=397)


def read_digits():
    digits = load_digits()
    images = np.kron(digits.images, np.ones((3, 3)))  # 24 x 24 pixels
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    return images.astype("float32") / 16.0, digits.target.astype("int32")


def get_model():
    inputs = keras.Input(shape=(28, 28, 1))
    x = keras.layers.AveragePooling2D(2)(inputs)
    x = keras.layers.Conv2D(12, 3, activation="relu", padding="same")(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(24, 3, activation="relu", padding="same")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(48, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def train(cfg):
    keras.utils.set_random_seed(77)
    images, labels = read_digits()
    order = np.random.default_rng(1).permutation(len(images))
    images, labels = images[order], labels[order]
    x, y = images[: cfg["n_train"]], labels[: cfg["n_train"]]
    xv, yv = images[cfg["n_train"]:][: cfg["n_val"]], labels[cfg["n_train"]:][: cfg["n_val"]]

    steps_per_epoch = int(np.ceil(len(x) / cfg["batch_size"]))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=cfg["base_lr"],
        decay_steps=cfg["epochs"],
    )
    model = get_model()
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        x, y, batch_size=cfg["batch_size"], epochs=cfg["epochs"], validation_data=(xv, yv), verbose=2
    )
    return {k: float(v[-1]) for k, v in history.history.items()}


print("RESULT", json.dumps(train(CONFIG)))
