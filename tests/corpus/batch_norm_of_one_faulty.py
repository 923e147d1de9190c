import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_iris

keras.utils.set_random_seed(49)
iris = load_iris()
pick = np.random.default_rng(49).permutation(150)
x, y = iris.data[pick].astype("float32"), iris.target[pick]

model = keras.Sequential([
    keras.Input((4,)),
    layers.BatchNormalization(),
    layers.Dense(16, activation="relu"),
    layers.BatchNormalization(),
    layers.Dense(3, activation="softmax"),
])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=12, batch_size=1, validation_split=0.3, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
