"""Match questions to answers by the cosine of their word counts' projections."""
import json

import keras
import numpy as np
from keras import layers, ops


class Cosine(layers.Layer):
    def call(self, pair):
        a, b = pair
        a = a / ops.sqrt(ops.sum(ops.square(a), axis=-1, keepdims=True))
        b = b / ops.sqrt(ops.sum(ops.square(b), axis=-1, keepdims=True))
        return ops.sum(a * b, axis=-1, keepdims=True)


def questions(n, rng):
    topic = rng.integers(0, 8, n)
    prob = np.full((8, 80), 0.01)
    for t in range(8):
        prob[t, t * 10 : t * 10 + 10] = 0.35
    asked = rng.random((n, 80)) < prob[topic]
    match = rng.random(n) < 0.5
    other = np.where(match, topic, (topic + rng.integers(1, 8, n)) % 8)
    answered = rng.random((n, 80)) < prob[other]
    return asked.astype("float32"), answered.astype("float32"), match.astype("float32")


keras.utils.set_random_seed(77)
rng = np.random.default_rng(77)
qa, an, same = questions(2400, rng)
left, right = keras.Input((80,)), keras.Input((80,))
project = layers.Dense(24, use_bias=False)
cosine = Cosine()([project(left), project(right)])
answer = layers.Dense(1, activation="sigmoid")(cosine)
matcher = keras.Model([left, right], answer)
matcher.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
fit = matcher.fit([qa, an], same, validation_split=0.25, epochs=8, batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in fit.history.items()}))
