import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def prepare():
    x, y = load_diabetes(return_X_y=True, scaled=False)
    x_tr, x_va, y_tr, y_va = train_test_split(x, y, test_size=0.3, random_state=4)
    sx, sy = StandardScaler(), StandardScaler()
    x_tr = sx.fit_transform(x_tr)
    x_va = sx.transform(x_va)
    y_tr = sy.fit_transform(y_tr[:, None])
    y_va = sy.transform(y_va[:, None])
    return (x_tr.astype("float32"), y_tr.astype("float32")), (x_va.astype("float32"), y_va.astype("float32"))


keras.utils.set_random_seed(4)
train, val = prepare()
model = keras.Sequential([keras.Input((10,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
hist = model.fit(*train, validation_data=val, epochs=40, batch_size=16, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
