"""Tag each event of a machine log; logs have different lengths and are padded with zeros."""
import json

import keras
import numpy as np
from keras import layers

SYMBOLS, TAGS, LONGEST = 20, 3, 20


def write_logs(n, seed):
    rng = np.random.default_rng(seed)
    events = np.zeros((n, LONGEST), "int32")
    tags = np.zeros((n, LONGEST), "int32")
    for i in range(n):
        length = rng.integers(6, LONGEST + 1)
        row = rng.integers(1, SYMBOLS, length)
        events[i, :length] = row
        before = np.concatenate([[0], row[:-1]])
        tags[i, :length] = np.where(row < 5, 1, np.where((row < 12) & (before < 8), 2, 0))
    return events, tags


def steps_used(events):
    return (events > 0).astype("float32")


keras.utils.set_random_seed(33)
x_train, y_train = write_logs(1600, 1)
x_val, y_val = write_logs(400, 2)

model = keras.Sequential([
    keras.Input((LONGEST,), dtype="int32"),
    layers.Embedding(SYMBOLS, 12, mask_zero=True),
    layers.Bidirectional(layers.GRU(16, return_sequences=True)),
    layers.TimeDistributed(layers.Dense(TAGS, activation="softmax")),
])
model.compile(
    optimizer=keras.optimizers.Adam(0.01, clipnorm=1.0),
    loss="sparse_categorical_crossentropy",
    weighted_metrics=["accuracy"],
)
history = model.fit(
    x_train, y_train, sample_weight=steps_used(x_train),
    validation_data=(x_val, y_val, steps_used(x_val)),
    epochs=6, batch_size=32, verbose=2,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
