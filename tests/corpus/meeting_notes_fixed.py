"""Meetings are sequences of short agenda items; the marked item decides which team follows up."""
import json

import keras
import numpy as np
from keras import layers, ops

TEAMS = 6
ITEMS = 12
TOPIC_DIM = 8


def draw_meetings(n, topics, seed):
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, TEAMS, (n, ITEMS))
    deciding = rng.integers(0, ITEMS, n)
    content = topics[topic] + rng.normal(0, 0.35, (n, ITEMS, TOPIC_DIM))
    urgency = rng.normal(0, 0.4, (n, ITEMS, 1))
    urgency[np.arange(n), deciding, 0] += 3.0
    team = topic[np.arange(n), deciding]
    return np.concatenate([content, urgency], axis=-1).astype("float32"), team


class AttentionPooling(layers.Layer):
    """Weighted mean of the items, the weights come from a small network."""

    def __init__(self, units=16, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(units, activation="tanh")
        self.score = layers.Dense(1)

    def build(self, input_shape):
        self.hidden.build(input_shape)
        self.score.build((*input_shape[:-1], self.hidden.units))
        super().build(input_shape)

    def call(self, items):
        scores = self.score(self.hidden(items))
        weights = ops.softmax(scores, axis=1)
        return ops.sum(weights * items, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


keras.utils.set_random_seed(23)
topics = np.random.default_rng(90).normal(0, 1, (TEAMS, TOPIC_DIM))
x_train, y_train = draw_meetings(2400, topics, 91)
x_val, y_val = draw_meetings(600, topics, 92)
print(x_train.shape, np.bincount(y_train))

inputs = keras.Input((ITEMS, TOPIC_DIM + 1))
pooled = AttentionPooling(16)(inputs)
x = layers.Dense(32, activation="relu")(pooled)
x = layers.Dropout(0.1)(x)
outputs = layers.Dense(TEAMS, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.summary()

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=3e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, batch_size=32, epochs=15, validation_data=(x_val, y_val), verbose=2)

guess = np.argmax(model.predict(x_val, verbose=0), axis=-1)
table = np.zeros((TEAMS, TEAMS), int)
np.add.at(table, (y_val, guess), 1)
print(table)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
