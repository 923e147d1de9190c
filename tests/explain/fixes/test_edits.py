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
    ('"btd,btd->bt"', '"td,td->t"'),
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


def tried(source, seen=SHAPES, words=()):
    """Returns each changed source with its cost."""
    tree = ast.parse(source)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.expr)]
    shapes = {position(n): seen[text] for n in nodes if (text := ast.unparse(n)) in seen}
    keys = {position(n): words for n in nodes if isinstance(n, ast.Name) and n.id == "inputs" and words}
    block = type("Block", (layers.Layer,), {})
    names = {"keras": keras, "layers": layers, "ops": ops, "Block": block}
    context = Context(source, tree, names, shapes, {}, 4, frozenset(keys), keys)
    found = {}
    for node in ast.walk(tree):
        hooks = {ast.FunctionDef: ["of_function"], ast.ClassDef: ["of_class"]}.get(type(node), [])
        hooks += ["propose"] if isinstance(node, ast.expr) else []
        for family in FAMILIES:
            for propose in (getattr(family, hook) for hook in hooks if hasattr(family, hook)):
                for proposal in (p for p in propose(context, node) if p.cost <= MOST):
                    text = splice(source, proposal.edits)
                    found[text] = min(proposal.cost, found.get(text, 9.0))
    return found


@pytest.mark.parametrize(("good", "bad"), SLIPS, ids=[bad for _, bad in SLIPS])
def test_undoing_a_slip_is_tried(good, bad):
    assert SOUND.count(good) == 1
    found = tried(SOUND.replace(good, bad))
    assert found.get(SOUND, 9.0) <= MOST


# -- slips of which more is known: the words of a dict, tensors that come together ------------------------------------

MODEL = """
class Pair(keras.Model):
    def __init__(self, units=8):
        super().__init__()
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True)
        self.attend = layers.MultiHeadAttention(2, units)
        self.left = layers.Conv1D(units, 2, padding="causal", dilation_rate=2)
        self.right = layers.Conv1D(units, 2, dilation_rate=2, padding="causal")
        self.last = layers.Conv1D(units, 1)

    def build(self, input_shape):
        image_shape, text_shape = input_shape
        self.kernel = self.add_weight(shape=(4, image_shape[-1], text_shape[-1]))

    def call(self, inputs):
        source, target = inputs["source"], inputs["target"]
        _, h, c = self.encoder(source)
        y = self.decoder(target, initial_state=[h, c])
        return self.attend(y, z)

    def near(self, y, a, b):
        value, rest = ops.split(y, [1], axis=-1)
        best = ops.max(y, axis=1)
        at = ops.argmax(y, axis=1)
        return ops.minimum(ops.expand_dims(a, 2), ops.expand_dims(b, 1))

    def spread(self, z):
        mean = ops.mean(z, axis=1, keepdims=True)
        return mean + ops.var(z, axis=1, keepdims=True)

    def picked(self, y, z, places):
        products = ops.matmul(y, ops.swapaxes(z, -1, -2))
        frames = ops.stft(value, sequence_length=8, sequence_stride=4, fft_length=8)
        return ops.take_along_axis(y, places[:, None, None], axis=1)
"""
OF_MODEL = {
    "y": ("B", 4, 8),
    "z": ("B", 6, 8),
    "a": ("B", 6, 5),
    "b": ("B", 4, 5),
    "places[:, None]": ("B", 1),
    "ops.max(y, axis=1)": ("B", 8),
    "self.attend(y, z)": ("B", 4, 8),
}
SLIPS_OF_MODEL = (
    ('inputs["source"]', 'inputs["src"]'),
    ('inputs["source"]', "inputs[0]"),
    ('inputs["source"], inputs["target"]', "inputs"),
    ("initial_state=[h, c]", "initial_state=h"),
    ("initial_state=[h, c]", "initial_state=[h]"),
    ("units, return_state=True", "units"),
    ("[1], axis=-1", "[1, self.units], axis=-1"),
    ("ops.minimum(ops.expand_dims(a, 2), ops.expand_dims(b, 1))", "ops.minimum(a, b)"),
    ("best = ops.max(y, axis=1)", "best = ops.max(y, axis=1)[0]"),
    ("best = ops.max(y, axis=1)", "best = ops.max(y, axis=1).values"),
    ("at = ops.argmax(y, axis=1)", "at = ops.max(y, axis=1)[1]"),
    ("self.attend(y, z)", "self.attend(y, z)[0]"),
    ('dilation_rate=2, padding="causal"', "dilation_rate=2"),
    ("ops.mean(z, axis=1", "ops.mean(z, axis=0"),
    ("places[:, None, None]", "places[:, None]"),
    ("ops.matmul(y, ops.swapaxes(z, -1, -2))", "K.batch_dot(y, z, axes=[2, 2])"),
    ("sequence_length=8, sequence_stride=4", "frame_length=8, frame_step=4"),
    ("image_shape[-1], text_shape[-1]", "image_shape[-1], image_shape[-1]"),
)
WRITTEN = """
class Written(layers.Layer):
    def __init__(self, units=8):
        super().__init__()
        self.units = units
        self.dense = layers.Dense(units, activation="relu")
        self.table = layers.Embedding(9, 4)

    def call(self, x, y):
        steps = x.shape[1]
        pooled = ops.mean(x, axis=(1, 2))
        padded = ops.pad(x, ((0, 0), (2, 0), (0, 0)))
        between = (x > 0) & (x < 2)
        kept = ops.where(x > 0, x, 0.0)
        small = ops.image.resize(x, (4, 4))
        step = x[:, 1:] - x[:, :-1]
        bend = x[:, 2:] - 2.0 * x[:, 1:-1] + x[:, :-2]
        rolled = ops.roll(x, 1, axis=1)
        square = x + ops.eye(x.shape[-1])
        state = ops.zeros((ops.shape(x)[0], self.units))
        wide = int(self.units * 1.5)
        turned = ops.transpose(small, (0, 2, 1, 3))
        joined = ops.concatenate([ops.repeat(y, x.shape[1], axis=1), x], axis=-1)
        pairs = ops.expand_dims(state, 2) * ops.expand_dims(state, 1)
        return self.dense(x), ops.concatenate([x, z], axis=-1)
"""
OF_WRITTEN = {
    "x": ("B", 6, 8),
    "y": ("B", 1, 8),
    "z": ("B", 6, 5),
    "state": ("B", 8),
    "small": ("B", 4, 4, 8),
    "ops.zeros((self.units,))": (8,),
}
SLIPS_OF_WRITTEN = (
    ("x.shape[1]\n", "len(x)\n"),
    ("ops.mean(x, axis=(1, 2))", "ops.mean(x, 1, 2)"),
    ("((0, 0), (2, 0), (0, 0))", "((2, 0), (0, 0))"),
    ("((0, 0), (2, 0), (0, 0))", "(2, 0)"),
    ("(x > 0) & (x < 2)", "x > 0 & x < 2"),
    ("ops.where(x > 0, x, 0.0)", "ops.where(x > 0, x)"),
    ("(4, 4)", "4"),
    ("x[:, 1:] - x[:, :-1]", "x[:, 1:] - x"),
    ("x[:, 1:-1]", "x[:, 1:]"),
    ("ops.roll(x, 1, axis=1)", "ops.roll(x, 1)"),
    ("ops.eye(x.shape[-1])", "ops.eye(x)"),
    ("(ops.shape(x)[0], self.units)", "(self.units,)"),
    ("int(self.units * 1.5)", "self.units * 1.5"),
    ("(0, 2, 1, 3)", "(0, 2, 1)"),
    ("ops.repeat(y, x.shape[1], axis=1)", "y"),
    ("ops.expand_dims(state, 2) * ops.expand_dims(state, 1)", "ops.outer(state, state)"),
    ("return self.dense(x)", 'return self.dense(x, activation="relu")'),
    ("return self.dense(x)", "return self.dense(x.numpy())"),
    ("layers.Embedding(9, 4)", "layers.Embedding(4, 9)"),
)
LOSS = """
class Cost(keras.losses.Loss):
    def __init__(self, name="cost"):
        super().__init__(reduction="sum", name=name)
"""


@pytest.mark.parametrize(("good", "bad"), SLIPS_OF_WRITTEN, ids=[bad for _, bad in SLIPS_OF_WRITTEN])
def test_undoing_what_was_written_too_short_is_tried(good, bad):
    assert WRITTEN.count(good) == 1
    found = tried(WRITTEN.replace(good, bad), OF_WRITTEN)
    assert found.get(WRITTEN, 9.0) <= MOST


@pytest.mark.parametrize(("good", "bad"), SLIPS_OF_MODEL, ids=[bad for _, bad in SLIPS_OF_MODEL])
def test_undoing_a_slip_with_several_tensors_is_tried(good, bad):
    assert MODEL.count(good) == 1
    found = tried(MODEL.replace(good, bad), OF_MODEL, ("source", "target", "places"))
    plain = {"".join(text.split()): cost for text, cost in found.items()}
    assert plain.get("".join(MODEL.split()), 9.0) <= MOST


def test_a_member_of_a_class_that_is_gone_becomes_a_word():
    found = tried(LOSS.replace('"sum"', "keras.losses.Reduction.SUM"), {})
    assert found.get(LOSS, 9.0) <= MOST


def test_the_axis_of_the_same_tensors_variance_comes_first():
    found = tried(MODEL.replace("ops.mean(z, axis=1", "ops.mean(z, axis=0"), OF_MODEL)
    assert found[MODEL] < found[MODEL.replace("ops.mean(z, axis=1", "ops.mean(z, axis=-1")]
