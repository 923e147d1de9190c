"""What is tried for slips that people make: undoing the slip is among the changes, and early. Nothing is run."""

from __future__ import annotations

import ast

import keras
import pytest
from keras import layers, ops

from kerascope.explain.fixes.candidates import FAMILIES
from kerascope.explain.fixes.edits.context import Context, position
from kerascope.explain.fixes.patch import splice

SOUND = """
class Block(layers.Layer):
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units, activation="gelu")
        self.second = layers.LayerNormalization()

    def build(self, input_shape):
        batch, _, dim = input_shape
        self.scale = self.add_weight(name="scale", shape=(self.units,), initializer="ones")

    def mix(self, x, axis):
        return ops.sum(x * self.scale, axis=axis)

    def call(self, inputs, mask=None):
        steps = ops.shape(inputs)[1]
        x = self.first(inputs)
        x = ops.relu(x)
        y = ops.einsum("btd,btd->bt", x, inputs)
        total = ops.sum(x * y[:, :, None], axis=1)
        return self.second(total)
"""
SHAPES = {
    "x": ("B", 6, 8),
    "inputs": ("B", 6, 8),
    "y": ("B", 6),
    "y[:, :, None]": ("B", 6, 1),
    "total": ("B", 8),
    "ops.relu(x)": ("B", 6, 8),
    "ops.sum(y[:, :, None], axis=1)": ("B", 1),
    "self.scale": (8,),
}
SLIPS = (
    # how the object is set up
    ("super().__init__(**kwargs)", "super().__init__(self, **kwargs)"),
    ("super().__init__(**kwargs)", "super.__init__(**kwargs)"),
    ("super().__init__(**kwargs)", "super(Block).__init__(**kwargs)"),
    ('activation="gelu"', 'activation="Gelu"'),
    ('activation="gelu"', 'act="gelu"'),
    ('name="scale", shape=(self.units,), initializer="ones"', '"scale", (self.units,), "ones"'),
    ("self.add_weight", "self.add_variable"),
    ("layers.LayerNormalization()", "layers.LayerNorm()"),
    ("layers.LayerNormalization()", "layers.LayerNormalization"),
    ("layers.LayerNormalization()", "nn.LayerNorm()"),
    # what a method takes, and its name
    ("def call(self, inputs, mask=None)", "def call(inputs, mask=None)"),
    ("def call(self, inputs, mask=None)", "def forward(self, inputs, mask=None)"),
    ("def build(self, input_shape)", "def bulid(self, input_shape)"),
    ("def build(self, input_shape)", "def build(self)"),
    ("def mix(self, x, axis)", "def mix(self, x)"),
    ("batch, _, dim = input_shape", "batch, dim = input_shape"),
    ("batch, _, dim = input_shape", "_, batch, dim = input_shape"),
    # how a call is written
    ("x = self.first(inputs)", "x = self.first"),
    ("x = ops.relu(x)", "x = ops.relu(x),"),
    ("x = ops.relu(x)", "ops.relu(x)"),
    ("ops.shape(inputs)[1]", "inputs.shape()[1]"),
    ("ops.shape(inputs)[1]", "inputs.size(1)"),
    ("ops.shape(inputs)[1]", "len(inputs)[1]"),
    ("ops.shape(inputs)[1]", "K.int_shape(inputs)[1]"),
    ("ops.relu(x)", "tf.nn.relu(x)"),
    ('"btd,btd->bt", x, inputs', '"btd,btd->bt", x'),
    ('"btd,btd->bt", x, inputs', 'x, "btd,btd->bt", inputs'),
    ("ops.sum(x * self.scale, axis=axis)", "ops.sum(x * self.scale)"),
    # which function, and how far it reaches
    ("total = ops.sum", "total = ops.cumsum"),
    ("ops.sum(x * y[:, :, None], axis=1)", "x * ops.sum(y[:, :, None], axis=1)"),
    # what nothing else reads
    ("x = self.first(inputs)", "x = self.second(inputs)"),
    ("shape=(self.units,)", "shape=(64,)"),
)
MOST = 1.5
"""An edit that costs more comes after nearly all that is usual."""


def tried(source):
    """Returns each changed source with its cost."""
    tree = ast.parse(source)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.expr)]
    shapes = {position(n): SHAPES[text] for n in nodes if (text := ast.unparse(n)) in SHAPES}
    block = type("Block", (layers.Layer,), {})
    names = {"keras": keras, "layers": layers, "ops": ops, "Block": block}
    context = Context(source, tree, names, shapes, {}, 4)
    found = {}
    for node in ast.walk(tree):
        hooks = {ast.FunctionDef: ["of_function"], ast.ClassDef: ["of_class"]}.get(type(node), [])
        hooks += ["propose"] if isinstance(node, ast.expr) else []
        for family in FAMILIES:
            for propose in (getattr(family, hook) for hook in hooks if hasattr(family, hook)):
                for proposal in propose(context, node):
                    text = splice(source, proposal.edits)
                    found[text] = min(proposal.cost, found.get(text, 9.0))
    return found


@pytest.mark.parametrize(("good", "bad"), SLIPS, ids=[bad for _, bad in SLIPS])
def test_undoing_a_slip_is_tried(good, bad):
    assert SOUND.count(good) == 1
    found = tried(SOUND.replace(good, bad))
    assert found.get(SOUND, 9.0) <= MOST
