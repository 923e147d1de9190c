"""What a layer learnt in `adapt` goes along to the objects it is checked on."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerascope

pytestmark = pytest.mark.backend
X = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")


def normalised() -> keras.layers.Layer:
    layer = keras.layers.Normalization()
    layer.adapt(X)
    return layer


def model() -> keras.Model:
    return keras.Sequential([keras.Input((5,)), normalised(), keras.layers.Dense(2)])


def binned() -> keras.layers.Layer:
    layer = keras.layers.Discretization(num_bins=4)
    layer.adapt(X)
    return layer


@pytest.mark.parametrize("make", [normalised, binned, model])
def test_an_adapted_layer_is_checked_as_it_is(make) -> None:
    report = kerascope.check(make(), X[:6])
    assert [finding.title for finding in report.findings if finding.severity == "fault"] == []
