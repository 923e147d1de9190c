"""Character language model on generated shipping notes."""
import json
import random

import keras
import numpy as np

keras.utils.set_random_seed(1)
r = random.Random(42)
verbs = ["ships", "sends", "moves", "returns", "loads"]
goods = ["apples", "copper", "timber", "paper", "cement", "sugar"]
ports = ["oslo", "lagos", "santos", "busan", "genoa"]
text = ""
while len(text) < 16000:
    text += f"{r.choice(ports)} {r.choice(verbs)} {r.choice(goods)} to {r.choice(ports)}. "

chars = sorted(set(text))
char_to_ix = {c: i for i, c in enumerate(chars)}
encoded = np.array([char_to_ix[c] for c in text], dtype="int32")

seq_length = 20
step = 3
starts = range(0, len(encoded) - seq_length - 1, step)
X = np.stack([encoded[s:s + seq_length] for s in starts])
Y = np.array([encoded[s + seq_length] for s in starts])
n_val = 800

model = keras.models.Sequential()
model.add(keras.layers.Input((seq_length,)))
model.add(keras.layers.Embedding(len(chars), 16))
model.add(keras.layers.GRU(48))
model.add(keras.layers.Dense(len(chars), activation="softmax"))
optimizer = keras.optimizers.RMSprop(learning_rate=0.5)
model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
hist = model.fit(X[:-n_val], Y[:-n_val], batch_size=64, epochs=8, validation_data=(X[-n_val:], Y[-n_val:]), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
