"""A broken contract comes with its cause and, where a small change keeps it, with that change, tried."""

from __future__ import annotations

import inspect

import keras
import pytest
from keras import ops

import kerascope

pytestmark = pytest.mark.backend
register = keras.saving.register_keras_serializable("kerascope_mending")


class JoinsTheBatch(keras.layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(2 * shape[-1], shape[-1]), name="kernel")

    def call(self, inputs):
        both = ops.concatenate([ops.relu(inputs), ops.relu(-inputs)], axis=0)
        return ops.matmul(both, self.kernel)


class DropsAlways(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x):
        return self.drop(x, training=True)


@register
class ForgetsItsFactor(keras.losses.Loss):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


class RootOfWhatMayBeZero(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.sqrt(ops.sum(ops.square(y_true - y_pred), axis=-1))


def patch(found, kind):
    """Returns the first fix of the finding of that kind, as one text."""
    fix = next(finding for finding in found.findings if finding.kind == kind).fixes[0]
    assert fix.verified, found
    return fix.patch


def test_failing_layer_shows_line_cause_and_what_passes():
    found = kerascope.check(JoinsTheBatch, (2, 5))
    [finding] = found.findings
    assert finding.kind == "builds"
    assert finding.location.code.strip() == "return ops.matmul(both, self.kernel)"
    start, end = finding.location.columns
    assert finding.location.code[start:end] == "ops.matmul(both, self.kernel)"
    assert "5 != 10" in finding.explanation and "joined along the batch" in finding.explanation
    assert "(4, 5) = (2·B, 5)" in finding.evidence[0].value
    assert "ops.relu(-inputs)], axis=-1)" in patch(found, "builds")
    assert finding.fixes[0].after["output"] == "(B, 5)"
    assert finding.fixes[0].after["contracts kept"] >= 17
    assert "Passes:" in repr(found)
    assert {row.function for row in found.report().lines} == {"JoinsTheBatch.build", "JoinsTheBatch.call"}


def test_a_parameter_with_a_default_is_tried_and_taken_back():
    before = inspect.signature(DropsAlways.call), DropsAlways.call.__code__
    found = kerascope.check(DropsAlways, (3, 6), only=["builds", "deterministic-inference"])
    text = patch(found, "deterministic-inference")
    assert "+    def call(self, x, training=False):" in text
    assert "+        return self.drop(x, training=training)" in text
    assert (inspect.signature(DropsAlways.call), DropsAlways.call.__code__) == before


def test_a_method_that_is_missing_is_tried_and_taken_back():
    found = kerascope.check(ForgetsItsFactor(3.0), (3, 4), only=["loss-batch-sizes", "loss-config"])
    assert '"factor": self.factor}' in patch(found, "loss-config")
    assert "get_config" not in vars(ForgetsItsFactor)


def test_a_guard_is_tried():
    found = kerascope.check(RootOfWhatMayBeZero(), (3, 4), only=["loss-batch-sizes", "loss-finite"])
    assert "+ 1e-6)" in patch(found, "loss-finite")


def test_nothing_is_tried_when_it_is_not_wanted():
    found = kerascope.check(RootOfWhatMayBeZero(), (3, 4), only=["loss-finite"], fixes=False)
    [finding] = found.findings
    assert not any(fix.verified for fix in finding.fixes)


def dice_loss(y_true, y_pred):
    both = ops.sum(y_true * y_pred)
    return 1 - (2 * both + 1) / (ops.sum(y_true) + ops.sum(y_pred) + 1)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the source is the same everywhere")
def test_sums_that_belong_together_get_their_axis_together():
    found = kerascope.check(dice_loss, (8, 6), (8, 6), only=("loss-batch-sizes", "loss-per-sample"))
    assert patch(found, "loss-per-sample").count("axis=-1") == 3
