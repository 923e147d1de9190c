#!/usr/bin/env python3
"""Three-class wine table; cross-validated by hand, one-hot targets and label smoothing."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold


def build(n_features):
    model = keras.Sequential(name="wine")
    model.add(keras.Input((n_features,)))
    model.add(layers.Dense(16, kernel_initializer="he_normal"))
    model.add(layers.LeakyReLU())
    model.add(layers.Dense(16, kernel_initializer="he_normal"))
    model.add(layers.LeakyReLU())
    model.add(layers.Dense(3))
    model.compile(
        optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    keras.utils.set_random_seed(9)
    x, y = load_wine(return_X_y=True)
    targets = np.eye(3, dtype="float32")[y]
    results = []
    for fold, (train, test) in enumerate(StratifiedKFold(3, shuffle=True, random_state=9).split(x, y)):
        mean, std = x[train].mean(axis=0), x[train].std(axis=0)
        x_train, x_test = (x[train] - mean) / std, (x[test] - mean) / std
        model = build(x.shape[1])
        history = model.fit(x_train, targets[train], validation_data=(x_test, targets[test]),
                            epochs=20, batch_size=16, verbose=0)
        results.append(history.history["val_accuracy"][-1])
        print(f"fold {fold}: loss {history.history['loss'][-1]:.3f}  accuracy {results[-1]:.3f}")
    print(f"mean accuracy {np.mean(results):.3f} +- {np.std(results):.3f}")
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
