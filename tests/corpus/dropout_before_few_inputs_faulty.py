import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def create(rate):
    model = keras.Sequential(name="flowers")
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dropout(rate))
    model.add(layers.Dense(24, activation="relu"))
    model.add(layers.Dense(24, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    return model


if __name__ == "__main__":
    keras.utils.set_random_seed(40)
    x, y = load_iris(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    scaler = StandardScaler()
    x_train = scaler.fit_transform(x_train)
    x_test = scaler.transform(x_test)
    model = create(rate=0.7)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=5e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=40, batch_size=8, validation_data=(x_test, y_test), verbose=0)
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
