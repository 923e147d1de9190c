"""What raises nothing and is wrong all the same, and where it went wrong."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.backend

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "bench"))


def found_in(name, source, tmp_path):
    import trace_bugs

    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    case = next(case for case in trace_bugs.ALL if case.name == name)
    loaded = trace_bugs.load(case, getattr(case, source)(), tmp_path)
    return misbehaviour(subject(loaded.make(), loaded.arguments(), {}))


SILENT = [
    ("CenterRows", "other rows", "ops.mean(x, axis=0, keepdims=True)"),
    ("SquaredError", "not a row for each row", "ops.mean(ops.square(y_true - y_pred))"),
    ("FlatTargets", "other rows", "target - y_pred"),
    ("RootError", "split into batches", "ops.mean(error)"),
    ("BoxOverlapLoss", "other rows", "area_true + area_pred"),
    ("SoftLabelDivergence", "not finite", "ops.log(y_true / y_pred)"),
    ("LargestError", "split into batches", "self.worst.assign(ops.max(error))"),
    ("TwoSteps", "nothing uses what", "self.first(inputs)"),
    ("WeightedAccuracy", "weight 0", "ops.sum(hit)"),
    (
        "BiasedDenseMerlin",
        "nothing uses `self.bias`, which has weights",
        'self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")',
    ),
    ("MaxPieces", "not a row for each row", "ops.reshape(self.dense(x), (-1, self.pieces))"),
]


@pytest.mark.catalogue
@pytest.mark.parametrize(("name", "reason", "culprit"), SILENT)
def test_silent_fault_is_seen_and_placed(name, reason, culprit, tmp_path):
    found = found_in(name, "faulty", tmp_path)
    assert found is not None
    assert reason in found.reason
    assert found.culprit is not None
    assert found.culprit.source == culprit


def test_what_a_single_row_breaks_is_placed(tmp_path):
    found = found_in("PointerScores", "faulty", tmp_path)
    assert found is not None
    place = found.culprit or found.site  # JAX refuses to drop axes of unknown size at once
    assert place.source == "ops.squeeze(self.score(h))"
    assert "single row" in found.reason or found.error is not None


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "name", [name for name, _, _ in SILENT] + ["ConfusionCount", "PairDistance", "InfoNCE", "GaussianNLL"]
)
def test_healthy_twin_is_silent(name, tmp_path):
    assert found_in(name, "healthy", tmp_path) is None


MAKER = """
import keras
from keras import ops

class Scaled(keras.layers.Layer):
    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="gain")
    {more}
    def call(self, x):
        return {result}
"""
READ = {
    "by another name": ("def held(self): return getattr(self, 'ga' + 'in')", ""),
    "from a list": ("def held(self): return self.trainable_weights", ""),
    "by a function": ("", "def penalty(layer): return ops.sum(layer.gain)"),
    "by a subclass": ("", "class More(Scaled):\n    def call(self, x): return x * self.gain"),
    "by the loss": ("def penalty(self): self.add_loss(ops.sum(self.gain))", ""),
    "": ("", "class Other:\n    def all(self): return self.gain"),
}
"""Ways to read a weight, also one without an effect on what comes out; the last is another class's."""


def scaled(name, more, result, after, tmp_path, monkeypatch):
    (tmp_path / f"{name}.py").write_text(MAKER.format(more=more, result=result) + after)
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module(name).Scaled
    sys.modules.pop(name)
    return made


@pytest.mark.parametrize("how", READ)
def test_a_weight_that_is_read_somewhere_is_told_from_others(how, tmp_path, monkeypatch):
    from kerascope.explain.fixes import unread

    more, after = READ[how]
    made = scaled(f"scaled_{how.replace(' ', '_')}", more, "x", after, tmp_path, monkeypatch)
    assert unread.is_read(made, "gain") == bool(how)


ABROAD = {
    "a class of the same name": ("class Scaled:\n    def call(self, x): return x * self.gain", False),
    "one that takes it": ("from {name} import Scaled\n\ndef gains(layer: Scaled): return layer.gain", True),
    "a subclass": (
        "from {name} import Scaled\n\nclass More(Scaled):\n    def call(self, x): return self.gain",
        True,
    ),
    "one that has nothing to do with it": ("def gains(layer): return layer.gain", False),
}


@pytest.mark.parametrize("how", ABROAD)
def test_another_file_reads_a_weight_only_if_it_has_to_do_with_the_class(how, tmp_path, monkeypatch):
    from kerascope.explain.fixes import unread

    text, reads = ABROAD[how]
    name = f"abroad_{how.replace(' ', '_')}"
    made = scaled(name, "", "x", "", tmp_path, monkeypatch)
    (tmp_path / f"of_{name}.py").write_text(text.format(name=name))
    importlib.import_module(f"of_{name}")
    try:
        assert unread.is_read(made, "gain") == reads
    finally:
        for module in (name, f"of_{name}"):
            sys.modules.pop(module, None)


@pytest.mark.catalogue
def test_a_weight_that_only_a_loss_of_the_call_reads_is_left_alone(tmp_path, monkeypatch):
    import keras

    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    result = "(self.add_loss(ops.sum(ops.square(self.gain))), x)[1]"
    made = scaled("scaled_with_loss", "", result, "", tmp_path, monkeypatch)
    assert misbehaviour(subject(made(), (keras.ops.ones((4, 3)),), {})) is None


def test_a_fault_of_other_batch_sizes_is_explained(tmp_path):
    from kerascope.explain.fixes.misbehave import misbehaviour_finding

    found = found_in("FixedBatch", "faulty", tmp_path)
    assert found is not None
    assert found.error is not None
    assert found.site is not None
    finding = misbehaviour_finding(found, "FixedBatch")
    assert finding.location.line in (8, 9)


def test_the_finding_names_the_line(tmp_path):
    from kerascope.explain.fixes.misbehave import misbehaviour_finding

    finding = misbehaviour_finding(found_in("CenterRows", "faulty", tmp_path), "CenterRows")
    assert finding.kind == "batch-axis"
    assert finding.location.expression == "ops.mean(x, axis=0, keepdims=True)"
    assert "other rows" in finding.explanation


@pytest.mark.parametrize("state", ["broken", "fixed"])
def test_programs_of_the_page_are_what_they_say(state, tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[3] / "docs" / "findings" / "batch-axis.md"
    program = re.search(rf"```python {state}\n(.*?)```", page.read_text(), re.DOTALL)
    (tmp_path / f"page_batch_axis_{state}.py").write_text(program[1])
    monkeypatch.syspath_prepend(tmp_path)
    found = importlib.import_module(f"page_batch_axis_{state}").found.findings
    assert [f.kind for f in found] == (["batch-axis"] if state == "broken" else [])
    assert all("(-1, 4, 3)" in (f.fixes[0].patch or "") for f in found)


def test_amounts_and_probabilities_are_made_up_as_such():
    import keras
    import numpy as np

    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    class Logarithm(keras.layers.Layer):
        def call(self, x):
            return keras.ops.log1p(x) / keras.ops.sqrt(x + 1.0)

    class Entropy(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return -keras.ops.sum(y_true * keras.ops.log(y_pred), axis=-1)

    class EntropyOverRows(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return -keras.ops.sum(y_true * keras.ops.log(y_pred / keras.ops.sum(y_pred, axis=0)), axis=-1)

    rows = np.random.default_rng(0)
    amounts = keras.ops.convert_to_tensor(rows.uniform(0, 200, (4, 3)).astype("float32"))
    numbers = keras.ops.convert_to_tensor(rows.normal(size=(4, 3)).astype("float32"))
    assert misbehaviour(subject(Logarithm(), [amounts], {})) is None
    assert misbehaviour(subject(Entropy(), [numbers, numbers], {})) is None
    found = misbehaviour(subject(EntropyOverRows(), [numbers, numbers], {}))
    assert found is not None
    assert "other rows" in found.reason


PAIRS = """
class {name}(layers.Layer):
    def call(self, x, y):
        z = ops.normalize(x, axis=-1)
        return ops.matmul(z, ops.transpose({other}))
"""


def test_each_row_against_each_row_of_the_same_thing_is_meant(tmp_path):
    from trace_bugs.case import Case, load

    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    found = {}
    for name, other in (("Similarities", "z"), ("Crossed", "y")):
        source = PAIRS.format(name=name, other=other)
        loaded = load(
            Case(name, "3 3", "", "", source), Case(name, "3 3", "", "", source).healthy(), tmp_path
        )
        found[name] = misbehaviour(subject(loaded.make(), loaded.arguments(), {}))
    assert found["Similarities"] is None
    assert found["Crossed"] is not None
    assert "two axes" in found["Crossed"].reason
