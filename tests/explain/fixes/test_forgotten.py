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
