"""Functions for the tests of stopping; line numbers count."""

from __future__ import annotations

import keras
from keras import layers, ops


def inner(x):
    scaled = x * 2.0
    y = ops.log(scaled)
    total = ops.sum(y)
    return total


def outer(x):
    here = "outer"
    got = inner(x)
    return (got + 1.0, here)


def calling(x):
    start = x + 1.0
    return inner(x) + start


def unpacked(x):
    left, right = ops.split(x, 2, axis=1)
    return left + right


class Stepping(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, *args):
        return super().train_step(*args)
