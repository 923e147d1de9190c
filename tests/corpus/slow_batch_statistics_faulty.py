import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(7)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X.astype("float32"), y.astype("float32"), test_size=0.25, random_state=7)

net = keras.Sequential([keras.Input((X.shape[1],)), layers.BatchNormalization(momentum=0.999)])
for width in (48, 24):
    net.add(layers.Dense(width, use_bias=False))
    net.add(layers.BatchNormalization(momentum=0.999))
    net.add(layers.Activation("relu"))
net.add(layers.Dense(1, activation="sigmoid"))
net.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"])
fitted = net.fit(X_train, y_train, validation_data=(X_val, y_val), batch_size=32, epochs=15, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in fitted.history.items()}))
