import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_breast_cancer


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y, size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.size = x, y, size

    def __len__(self):
        return len(self.x) // self.size

    def __getitem__(self, index):
        begin = index * self.size
        rows = slice(begin, begin + self.size)
        return self.x[rows], self.y[rows]


def main():
    keras.utils.set_random_seed(21)
    table = load_breast_cancer()
    values = table.data.astype("float32")
    answers = table.target.astype("float32")
    train = Batches(values[:400], answers[:400], 32)
    test = Batches(values[400:], answers[400:], 32)
    model = keras.Sequential([keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, epochs=20, validation_data=test, verbose=0)
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


main()
