import csv
import io
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def camera_folder():
    """A folder of pictures called 0.png, 1.png, ... and the table of what each one shows."""
    rng = np.random.default_rng(13)
    digits = load_digits()
    order = rng.permutation(len(digits.target))
    folder = {f"{number}.png": digits.images[i] for number, i in enumerate(order)}
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["number", "digit"])
    rows.writerows([number, digits.target[i]] for number, i in enumerate(order))
    table.seek(0)
    return folder, table


def read_dataset():
    folder, table = camera_folder()
    names = sorted(folder)
    images = np.stack([folder[name] for name in names])
    labels = np.array([int(row["digit"]) for row in csv.DictReader(table)])
    return images[..., None].astype("float32") / 16, labels


keras.utils.set_random_seed(13)
images, labels = read_dataset()
x_train, x_val, y_train, y_val = train_test_split(images, labels, test_size=0.2, random_state=13)

model = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(16, 3, activation="relu"),
    layers.Conv2D(16, 3, activation="relu"),
    layers.Flatten(),
    layers.Dropout(0.2),
    layers.Dense(10, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
