"""Where a fault is that no rule about shapes knows: what the failing expression reads or calls was set up wrongly."""

from __future__ import annotations

import importlib
import sys

import keras
import numpy as np
import pytest

import kerascope

pytestmark = pytest.mark.backend

SOUND = """
import keras
from keras import layers, ops


class Block(layers.Layer):
    def __init__(self, units=8, heads=2, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads
        self.size = units // heads
        self.first = layers.Dense(units)
        self.second = layers.Dense(units)

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(8,), initializer="ones", name="scale")

    def call(self, inputs, training=None):
        x = self.first(inputs)
        rows = ops.shape(x)[0]
        x = self.second(x) * self.scale
        return ops.reshape(x, (rows, self.heads, self.size))
"""
FAULTS = (
    ("x = self.first(inputs)", "x = self.first", "self.first"),
    ("x = self.first(inputs)", "x = self.first(inputs),", "(self.first(inputs),)"),
    ("self.first = layers.Dense(units)", "self.first = layers.Dense", "layers.Dense"),
    ("units // heads", "units / heads", "units / heads"),
    ("rows = ops.shape(x)[0]", "rows = ops.shape(x)", "ops.shape(x)"),
    ("def call(self, inputs, training=None)", "def call(inputs, training=None)", "def call"),
    ("def call(self, inputs, training=None)", "def forward(self, inputs, training=None)", "def forward"),
    ("def build(self, input_shape)", "def bulid(self, input_shape)", "def bulid"),
)


@pytest.mark.parametrize(("good", "bad", "culprit"), FAULTS, ids=[bad for _, bad, _ in FAULTS])
def test_the_place_is_named_where_it_was_set_up(good, bad, culprit, tmp_path, monkeypatch):
    from kerascope.explain.lines.explanation import explain
    from kerascope.explain.subject import subject
    from kerascope.probe.lines.session import recording

    if "forward" in bad and keras.backend.backend() == "torch":
        pytest.skip("a module of torch's may have a `forward`")
    assert SOUND.count(good) == 1
    name = f"suspects_{FAULTS.index((good, bad, culprit))}"
    (tmp_path / f"{name}.py").write_text(SOUND.replace(good, bad))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    block = importlib.import_module(name).Block()
    arguments = (keras.ops.convert_to_tensor(np.ones((4, 6), "float32")),)
    about = subject(block, arguments, {})
    with recording() as recorder:
        try:
            about.call(block, arguments, {})
        except Exception as error:
            failure, finding = explain(error, recorder, about)
        else:
            pytest.fail("nothing is wrong with it")
    assert failure.culprit is not None
    assert failure.culprit.source == culprit
    assert finding is not None


def test_sound_code_has_none(tmp_path, monkeypatch):
    (tmp_path / "suspects_sound.py").write_text(SOUND)
    monkeypatch.syspath_prepend(tmp_path)
    block = importlib.import_module("suspects_sound").Block()
    traced = kerascope.trace(block, keras.ops.convert_to_tensor(np.ones((4, 6), "float32")))
    assert traced.findings == ()
