"""Which users of the app take a paid plan? Counts of 30 events in the first week."""
import json

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(31)
keras.utils.set_random_seed(31)

N_USERS = 3000
EVENTS = ["open", "search", "save", "share", "export", "invite", "rename", "undo", "print", "zoom",
          "copy", "paste", "comment", "mention", "upload", "download", "filter", "sort", "chart", "pivot",
          "dark_mode", "beta_dialog", "settings", "help", "chat", "tour", "template", "sync", "offline", "logout"]


def event_log(n):
    rates = rng.gamma(1.5, 2.0, len(EVENTS))
    rates[EVENTS.index("beta_dialog")] = 0.0
    activity = rng.lognormal(0, 0.5, (n, 1))
    counts = rng.poisson(rates * activity)
    pull = np.zeros(len(EVENTS))
    for event, weight in [("export", 1.2), ("invite", 1.6), ("template", 0.8), ("sync", 0.9), ("help", -0.8)]:
        pull[EVENTS.index(event)] = weight
    score = (np.sqrt(counts) - np.sqrt(counts).mean(axis=0)) @ pull
    paid = (score + rng.logistic(0, 0.5, n) > 0.3).astype("int32")
    return counts.astype("float32"), paid


counts, paid = event_log(N_USERS)
train, valid = slice(0, 2400), slice(2400, None)

mean = counts[train].mean(axis=0)
std = counts[train].std(axis=0) + 1e-6
x_train = (counts[train] - mean) / std
x_valid = (counts[valid] - mean) / std
print("paid in train:", paid[train].mean(), "in validation:", paid[valid].mean())

model = keras.Sequential(
    [
        keras.Input(shape=(len(EVENTS),)),
        layers.Dense(48, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(24, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0), keras.metrics.AUC(name="auc", from_logits=True)],
)
history = model.fit(
    x_train,
    paid[train],
    validation_data=(x_valid, paid[valid]),
    batch_size=64,
    epochs=8,
    verbose=2,
)

scores = model.predict(x_valid, verbose=0)[:, 0]
print("first scores:", scores[:8])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
