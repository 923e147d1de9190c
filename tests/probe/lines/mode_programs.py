"""Layers, models and functions for the tests of what a trace shows in each mode."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops


class Joined(layers.Layer):
    """The guide's antirectifier, joined along the batch."""

    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        return ops.concatenate([pos, neg], axis=0)


class Failing(Joined):
    def call(self, inputs):
        joined = super().call(inputs)
        return ops.matmul(joined, ops.ones((10, 3)))


class Padded(layers.Layer):
    def call(self, inputs):
        longer = ops.pad(inputs, [[1, 0], [0, 0]])
        wide = ops.reshape(inputs, (-1,))
        flags = [ops.expand_dims(inputs, 0)]
        return longer, wide, flags[0]


class Scaled(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, inputs):
        scaled = inputs * self.scale
        y = ops.log(scaled)
        return ops.mean(y, axis=-1, keepdims=True)


def model(run_eagerly=False, **options):
    keras.utils.set_random_seed(3)
    built = keras.Sequential([keras.Input((5,)), Scaled(), layers.Dense(1)])
    built.compile("sgd", "mse", run_eagerly=run_eagerly, **options)
    return built


class Stepping(keras.Model):
    """A train_step as the guides write it."""

    def __init__(self):
        super().__init__()
        self.scaled = Scaled()
        self.dense = layers.Dense(1)

    def call(self, inputs):
        hidden = self.scaled(inputs)
        return self.dense(hidden)


def data(rows=64):
    random = np.random.default_rng(0)
    x = (np.abs(random.normal(size=(rows, 5))) + 0.1).astype("float32")
    return x, random.normal(size=(rows, 1)).astype("float32")


def pure(x):
    y = x * 2.0
    if ops.shape(y)[0] > 1:
        y = y + 1.0
    return y


def branching(x):
    y = x * 2.0
    if ops.sum(y) > 0.0:  # noqa: SIM108
        y = y + 1.0
    else:
        y = y - 1.0
    return y
