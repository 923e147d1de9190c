"""What fails is one line, what is wrong another: the second is named from the change with which it passes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

import kerascope
from kerascope.explain.fixes.patch import Patch
from kerascope.explain.fixes.search import Repairs
from kerascope.explain.fixes.told import changed_lines, with_fixes
from kerascope.values import Finding, Fix, SourceSpan

BEFORE = "a = first(x)\nb = second(a)\nc = third(b)\n"
FINDING = Finding("shape-mismatch", "fault", 1.0, "title", "Sizes differ.", SourceSpan("train.py", 3))


class PositionsOfPatches(keras.layers.Layer):
    def build(self, shape):
        patches = shape[1]
        self.first = self.add_weight(shape=(1, 1, shape[-1]), name="first")
        self.places = self.add_weight(shape=(1, patches, shape[-1]), name="places")

    def call(self, x):
        first = ops.repeat(self.first, ops.shape(x)[0], axis=0)
        x = ops.concatenate([first, x], axis=1)
        return x + self.places


def told(after, finding=FINDING):
    patch = Patch("train.py", "a change", BEFORE, after)
    return with_fixes(finding, Repairs((Fix("a change", patch.diff(), True),), 3, patches=(patch,)))


def test_a_changed_line_that_was_not_spoken_of_is_named():
    found = told(BEFORE.replace("first(x)", "first(x.T)"))
    assert found.explanation == "Sizes differ. It passes with a change of line 1: `a = first(x)`."
    assert [e.value for e in found.evidence if e.label == "edits tried"] == [3]


def test_of_several_that_are_named_one_is_to_blame():
    finding = Finding(
        "shape-mismatch", "fault", 1.0, "title", "Of line 1 and line 2.", SourceSpan("train.py", 3)
    )
    assert "a change of line 2" in told(BEFORE.replace("second", "2nd"), finding).explanation


def test_so_is_where_a_line_is_put():
    assert (
        "with a line more before line 2: `b = second(a)`"
        in told(BEFORE.replace("b =", "a = a.T\nb =")).explanation
    )


@pytest.mark.parametrize("explanation", ["Sizes differ.", "It is set in line 1."])
def test_what_was_named_is_not_named_again(explanation):
    finding = Finding("shape-mismatch", "fault", 1.0, "title", explanation, SourceSpan("train.py", 3))
    after = BEFORE.replace("first", "1st") if "line 1" in explanation else BEFORE.replace("third", "3rd")
    assert told(after, finding).explanation == explanation


def test_nothing_passes_and_nothing_is_named():
    assert with_fixes(FINDING, Repairs(tried=5)).explanation == FINDING.explanation
    assert changed_lines(Patch("train.py", "", BEFORE, BEFORE)) == {}


@pytest.mark.backend
def test_in_a_trace():
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32"))
    found = kerascope.trace(PositionsOfPatches(), x).findings[0]
    assert "It passes with a change of line" in found.explanation, found.explanation
    assert "self.places = self.add_weight" in found.explanation.rpartition("It passes")[2]
