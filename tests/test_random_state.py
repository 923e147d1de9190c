"""Random numbers that the user's program draws later are those that it would have drawn without kerascope."""

from __future__ import annotations

import random
import sys

import keras
import numpy as np
import pytest
from keras import ops

import kerascope

pytestmark = pytest.mark.backend


class Noisy(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = keras.layers.Dropout(0.5)

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4))

    def call(self, inputs, training=False):
        return self.drop(ops.matmul(inputs, self.kernel), training=training)


class Turned(keras.layers.Layer):
    """Fails, and passes once a change of it has been found."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(4, shape[-1]), initializer=keras.initializers.GlorotUniform(1))

    def call(self, inputs):
        return ops.matmul(inputs, self.kernel)


def check():
    kerascope.check(Noisy, (3, 5))


def trace():
    kerascope.trace(Turned, np.ones((3, 5), "float32"))


def draws():
    found = [random.random(), np.random.rand(), float(ops.sum(keras.random.normal((3,))))]
    if keras.backend.backend() == "tensorflow":
        found.append(float(sys.modules["tensorflow"].random.uniform([])))
    if "torch" in sys.modules:
        found.append(float(sys.modules["torch"].rand(())))
    return found


@pytest.mark.parametrize("action", [check, trace])
def test_later_random_numbers_are_the_same(action):
    action()  # what is imported only now is there in both runs
    keras.utils.set_random_seed(5)
    expected = [draws(), draws()]
    keras.utils.set_random_seed(5)
    before = draws()
    action()
    assert [before, draws()] == expected
