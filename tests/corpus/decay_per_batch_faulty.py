import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(71)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
schedule = keras.optimizers.schedules.ExponentialDecay(0.005, decay_steps=1, decay_rate=0.7)
model = keras.Sequential()
model.add(keras.Input((64,)))
model.add(layers.Dense(48, activation="relu"))
model.add(layers.Dense(10, activation="softmax"))
model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=32, epochs=12, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
