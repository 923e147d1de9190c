import json

import keras
from keras import layers
from sklearn.datasets import load_diabetes

keras.utils.set_random_seed(8)
bunch = load_diabetes()
X = (bunch.data / bunch.data.std(axis=0)).astype("float32")
y = bunch.target.astype("float32")

reg = keras.models.Sequential()
reg.add(keras.Input(shape=(10,)))
reg.add(layers.Dense(32, activation="relu"))
reg.add(layers.Dense(16, activation="relu"))
reg.add(layers.Dense(1, activation="sigmoid"))
reg.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
history = reg.fit(X, y, validation_split=0.2, epochs=40, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
