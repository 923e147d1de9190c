"""A model with three inputs and two outputs: from an issue's title, body and tags to its priority and department.

    python tickets.py

Trains one epoch on random issues, so there is nothing to learn; the point is the shape of the model.
"""

import keras
import numpy as np
from keras import layers

WORDS = 10_000  # size of the vocabulary
TAGS = 12
DEPARTMENTS = 4


def build():
    """Returns the model: 1,392,097 parameters."""
    title = keras.Input((None,), name="title")  # word numbers, any length
    body = keras.Input((None,), name="body")
    tags = keras.Input((TAGS,), name="tags")  # zeros and ones
    from_title = layers.LSTM(128)(layers.Embedding(WORDS, 64)(title))
    from_body = layers.LSTM(32)(layers.Embedding(WORDS, 64)(body))
    everything = layers.concatenate([from_title, from_body, tags])
    priority = layers.Dense(1, name="priority")(everything)
    department = layers.Dense(DEPARTMENTS, name="department")(everything)
    return keras.Model([title, body, tags], {"priority": priority, "department": department})


def issues(count):
    """Returns `count` random issues and what became of them."""
    rng = np.random.default_rng(0)
    inputs = {
        "title": rng.integers(WORDS, size=(count, 10)),
        "body": rng.integers(WORDS, size=(count, 24)),
        "tags": rng.integers(2, size=(count, TAGS)).astype("float32"),
    }
    targets = {
        "priority": rng.integers(2, size=(count, 1)),
        "department": rng.integers(DEPARTMENTS, size=(count, 1)),
    }
    return inputs, targets


keras.utils.set_random_seed(0)
model = build()
model.summary()
model.compile(
    "rmsprop",
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
)
inputs, targets = issues(640)
model.fit(inputs, targets, batch_size=32, epochs=1, verbose=2)
