"""A setting that a class keeps and nothing reads: named, and changes tried that read it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from keras import ops

import kerascope

pytestmark = pytest.mark.backend


SETTINGS = {
    "temperature": ("ops.softmax(x, axis=-1)", "ops.softmax(x / self.temperature, axis=-1)"),
    "eps": ("x / ops.sqrt(ops.mean(x * x, axis=-1, keepdims=True))", "+ self.eps)"),
    "axis": ("ops.cumsum(x, axis=1)", "axis=self.axis"),
}
KEEPS = """
import keras
from keras import ops

class Keeps(keras.layers.Layer):
    def __init__(self, {name}=1, **kwargs):
        super().__init__(**kwargs)
        self.{name} = {name}

    def call(self, x):
        return {result}

    def get_config(self):
        return {{**super().get_config(), "{name}": self.{name}}}
"""


def module(text, tmp_path, monkeypatch, name):
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module(name)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_nothing_reads_is_named_and_tried(name, tmp_path, monkeypatch):
    result, mended = SETTINGS[name]
    text = KEEPS.format(name=name, result=result)
    made = module(text, tmp_path, monkeypatch, f"keeps_{name}").Keeps
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 5)).astype("float32"))
    found = kerascope.trace(made(), x).findings
    assert {f.kind for f in found} == {"wrong-argument"}
    assert [(f.location.line, f.title) for f in found] == [
        (8, f"Keeps: nothing reads the setting `{name}`")
    ], found
    assert any(mended in fix.patch for fix in found[0].fixes), found[0].fixes


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return ops.softmax(x, axis=-1)", "return ops.softmax(x / self.temperature, axis=-1)"),
        (
            "self.temperature = temperature",
            "self.temperature = temperature\n        self.double = 2 * temperature",
        ),
        (
            "    def get_config",
            "    def hot(self):\n        return self.temperature > 1\n\n    def get_config",
        ),
    ],
)
def test_a_setting_that_something_reads_is_let_be(before, after, tmp_path, monkeypatch):
    text = KEEPS.format(name="temperature", result="ops.softmax(x, axis=-1)").replace(before, after)
    assert after in text
    made = module(text, tmp_path, monkeypatch, f"reads_{abs(hash(after))}").Keeps
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(4, 5)).astype("float32"))
    assert kerascope.trace(made(), x).findings == ()


IDLE = {
    "product": ("self.a(x) + self.b(side) * 0.0", "self.b(side) * 0.0"),
    "sums": (
        "self.a(x) * ops.softmax(ops.sum(self.b(side), axis=-1, keepdims=True), axis=-1)",
        "ops.softmax(ops.sum(self.b(side), axis=-1, keepdims=True), axis=-1)",
    ),
    "size": ("self.a(x) + ops.cast(ops.shape(side)[-1], x.dtype)", None),
    "ones": ("self.a(x) + ops.ones_like(side[:, :1])", None),
    "both": ("self.a(x) + self.b(side)", None),
}
TAKES = """
import keras
from keras import layers, ops

class Takes(layers.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = layers.Dense(3), layers.Dense(3)

    def call(self, x, side):
        return {result}
"""


@pytest.mark.parametrize("name", IDLE)
def test_where_the_effect_of_an_input_is_lost_is_named(name, tmp_path, monkeypatch):
    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    result, lost = IDLE[name]
    made = module(TAKES.format(result=result), tmp_path, monkeypatch, f"takes_{name}").Takes()
    x, side = (
        ops.convert_to_tensor(np.random.default_rng(i).normal(size=(4, 5)).astype("float32")) for i in (0, 1)
    )
    found = misbehaviour(subject(made, (x, side), {}))
    assert (found and found.culprit.source) == lost
