import json

import keras
import numpy as np
from keras import layers

"""
Small CNN for four kinds of road marking (16x16 grey images):
0 single line, 1 double line, 2 dashed line, 3 arrow
"""


def draw(kind, rng):
    img = np.zeros((16, 16), dtype="float32")
    c = int(rng.integers(4, 11))
    if kind == 0:
        img[:, c:c + 2] = 1
    elif kind == 1:
        img[:, c - 2] = 1
        img[:, c + 2] = 1
    elif kind == 2:
        img[:, c:c + 2] = 1
        start = int(rng.integers(0, 4))
        for r in range(start, 16, 6):
            img[r:r + 3] = 0
    else:
        img[3:, c] = 1
        for k in range(4):
            img[3 + k, c - k] = 1
            img[3 + k, c + k] = 1
    if rng.uniform() < 0.5:
        img = img.T
    return img * rng.uniform(0.6, 1.0) + rng.normal(0, 0.15, img.shape)


def load(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    x = np.stack([draw(k, rng) for k in y])[..., None].astype("float32")
    return x, y


if __name__ == "__main__":
    keras.utils.set_random_seed(11)
    x_train, y_train = load(1200, 1)
    x_val, y_val = load(400, 2)

    batch_size = 32
    epochs = 6
    optimizer = keras.optimizers.Adam(learning_rate=0.001)

    model = keras.Sequential([
        keras.Input((16, 16, 1)),
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, activation="relu", padding="same"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(4, activation="softmax"),
    ])
    model.summary()

    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs,
                        validation_data=(x_val, y_val), verbose=2)

    guess = model.predict(x_val, verbose=0).argmax(axis=1)
    print("predicted classes:", np.bincount(guess, minlength=4))
    print("true classes:     ", np.bincount(y_val, minlength=4))
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
