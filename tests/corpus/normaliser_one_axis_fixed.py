import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_wine

keras.utils.set_random_seed(42)
wine = load_wine()
order = np.random.permutation(len(wine.data))
chem, mineral = wine.data[:, [0, 1, 6, 9, 10, 12]].astype("float32"), wine.data[:, 2:6].astype("float32")
target = keras.utils.to_categorical(wine.target, 3)
train, test = order[:130], order[130:]


def encode(name, values):
    """An input and the layer that brings its features to one scale."""
    raw = keras.Input(shape=(values.shape[1],), name=name)
    normalizer = layers.Normalization(axis=-1)
    normalizer.adapt(values)
    return raw, normalizer(raw)


chem_in, chem_x = encode("chem", chem[train])
mineral_in, mineral_x = encode("mineral", mineral[train])
chem_x = layers.Dense(16, activation="relu")(chem_x)
mineral_x = layers.Dense(8, activation="relu")(mineral_x)
x = layers.concatenate([chem_x, mineral_x])
x = layers.Dense(16, activation="relu")(x)
output = layers.Dense(3, activation="softmax")(x)
model = keras.Model([chem_in, mineral_in], output)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])

history = model.fit(
    {"chem": chem[train], "mineral": mineral[train]},
    target[train],
    validation_data=({"chem": chem[test], "mineral": mineral[test]}, target[test]),
    epochs=25,
    batch_size=16,
    verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
