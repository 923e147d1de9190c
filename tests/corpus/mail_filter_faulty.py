"""Spam or not, from counts of words and signs in the mail (in the manner of the spambase table)."""
import json

import keras
import numpy as np
from keras import layers

WORDS = ["free", "money", "offer", "credit", "click", "winner", "meeting", "project", "lunch", "regards",
         "report", "team", "price", "order", "list"]
SPAM_RATE = np.array([.9, .8, .9, .6, .9, .5, .1, .1, .05, .2, .1, .1, .7, .5, .4])
HAM_RATE = np.array([.2, .2, .2, .1, .2, .02, .7, .8, .4, .9, .6, .7, .3, .4, .4])


def mails(n, rng):
    spam = (rng.uniform(size=n) < 0.4).astype("float32")
    length = rng.lognormal(0.0, 0.5, n)[:, None]
    rate = np.where(spam[:, None] == 1, SPAM_RATE, HAM_RATE) * length
    counts = rng.poisson(rate)
    capitals = rng.gamma(np.where(spam == 1, 4, 2), 3.0)
    exclaim = rng.poisson(np.where(spam == 1, 2.0, 0.7))
    x = np.column_stack([np.log1p(counts), np.log(capitals + 1), np.log1p(exclaim)])
    return x.astype("float32"), spam


rng = np.random.default_rng(121)
keras.utils.set_random_seed(121)
x_train, y_train = mails(2000, rng)
x_val, y_val = mails(500, rng)

norm = layers.Normalization()
norm.adapt(x_train)
model = keras.Sequential([
    keras.Input((x_train.shape[1],)),
    norm,
    layers.Dense(32, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(16, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])

model.compile(
    optimizer="adam",
    loss="binary_crossentropy",
    metrics=[keras.metrics.Accuracy(name="accuracy"), keras.metrics.AUC(name="auc")],
)

history = model.fit(
    x_train,
    y_train,
    epochs=12,
    batch_size=32,
    validation_data=(x_val, y_val),
    verbose=2,
)

weights = np.abs(model.layers[1].get_weights()[0]).mean(axis=1)
for i in np.argsort(-weights)[:5]:
    print((WORDS + ["capitals", "!"])[i], weights[i].round(3))
for epoch, value in enumerate(history.history["val_accuracy"], 1):
    print("epoch", epoch, "validation accuracy", round(value, 4))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
