"""What a layer keeps, draws and masks wrongly comes with a change that was tried."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerascope

pytestmark = pytest.mark.backend


class KeepsTheLastScores(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        self.scores = ops.matmul(x, self.w)
        return ops.softmax(self.scores)


class CountsItsCalls(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = 0

    def call(self, x, training=False):
        if training:
            self.count += 1
        return x / (1.0 + self.count)


class SameNoise(layers.Layer):
    def call(self, x, training=False):
        return x + keras.random.normal(ops.shape(x), seed=3) if training else x


class NoiseOfNumPy(layers.Layer):
    def call(self, x, training=False):
        return x * np.random.uniform(0.5, 1.5, size=x.shape[-1]) if training else x


class TableInATensor(layers.Layer):
    def build(self, shape):
        self.table = ops.convert_to_tensor(np.linspace(0, 1, shape[-1]).astype("float32"))

    def call(self, x):
        return x + ops.cast(self.table, x.dtype)


class HidesItsLayer(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = type("Parts", (), {})()
        self.parts.head = layers.Dense(2)

    def call(self, x):
        return self.parts.head(x)


class AveragesThePadding(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return ops.mean(x, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


class WeighsThePadding(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")

    def call(self, x, mask=None):
        scores = ops.squeeze(ops.matmul(x, self.w), -1)
        if mask is not None:
            scores = ops.where(mask, -1e4, scores)
        return ops.einsum("bt,btd->bd", ops.softmax(scores), x)

    def compute_mask(self, inputs, mask=None):
        return None


class HandsOnTheMask(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return x[:, ::2]


FLAT, TIME = (3, 6), (3, 5, 4)
CASES = [
    (KeepsTheLastScores, FLAT, "python-state", "+        scores = ops.matmul(x, self.w)"),
    (CountsItsCalls, FLAT, "python-state", "self.count.assign_add(1)"),
    (SameNoise, FLAT, "training-noise", "seed=self.seed_generator) if training"),
    (NoiseOfNumPy, FLAT, "training-noise", "keras.random.uniform((x.shape[-1],), minval=0.5, maxval=1.5, "),
    (
        TableInATensor,
        FLAT,
        "tracked-state",
        '+        self.table = np.linspace(0, 1, shape[-1]).astype("float32")',
    ),
    (HidesItsLayer, FLAT, "tracked-state", "+        self.head = self.parts.head"),
    (AveragesThePadding, TIME, "masks", "+    def call(self, x, mask=None):"),
    (WeighsThePadding, TIME, "masks", "+            scores = ops.where(mask, scores, -1e4)"),
    (HandsOnTheMask, TIME, "masks", "+        return None if mask is None else mask[:, ::2]"),
]


@pytest.mark.catalogue
@pytest.mark.parametrize(("cls", "shape", "kind", "line"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_change_was_tried_and_is_taken_back(cls, shape, kind, line):
    before = dict(vars(cls))
    found = kerascope.check(cls, shape, only=["builds", "inputs-unchanged", "deterministic-inference", kind])
    [finding] = [finding for finding in found.findings if finding.kind == kind]
    assert [fix for fix in finding.fixes if fix.verified and line in fix.patch], found
    assert dict(vars(cls)) == before
