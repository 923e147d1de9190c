"""Losses and layers whose numbers are not what their name or text says; words that only contain such a name."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

pytestmark = pytest.mark.backend


def found_in(made, *arrays):
    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.subject import subject

    found = misbehaviour(subject(made, tuple(map(ops.convert_to_tensor, arrays)), {}))
    return None if found is None else (found.kind, found.culprit.source)


def of_two(text, name="Loss"):
    """A loss that is one half where both are equal, of that name and text."""

    def call(self, y_true, y_pred):
        return 1.0 - ops.sum(y_true * y_pred, axis=-1) / ops.sum(y_true + y_pred, axis=-1)

    return type(name, (keras.losses.Loss,), {"call": call, "__doc__": text})()


NAMED = [
    ("Soft Dice.", "Loss"),
    ("", "SoftDice"),
    ("", "MeanIoU"),
    ("The Jaccard distance.", "Loss"),
    ("1 - iou", "Loss"),
]
OTHER = [
    ("Of the classes with these indices.", "Loss"),
    ("As in various, previous works.", "Loss"),
    ("", "BoxIoU"),
]


@pytest.mark.parametrize(
    ("text", "name", "told"), [*((*n, True) for n in NAMED), *((*o, False) for o in OTHER)]
)
def test_an_overlap_is_told_by_whole_words(text, name, told):
    random = np.random.default_rng(0)
    y_true, y_pred = (
        np.eye(3, dtype="float32")[[0, 1, 2, 0]],
        random.uniform(0.1, 0.9, (4, 3)).astype("float32"),
    )
    found = found_in(of_two(text, name), y_true, y_pred)
    assert (found is not None and found[0] == "wrong-argument") == told, found


@pytest.mark.parametrize(
    ("text", "told"), [("A causal filter.", True), ("A non-causal filter.", False), ("", False)]
)
def test_a_causal_class_that_sees_later_steps_is_told(text, told):
    def init(self):
        layers.Layer.__init__(self)
        self.filter = layers.Conv1D(3, 3, padding="same")

    def call(self, x):
        return self.filter(x)

    made = type("Filters", (layers.Layer,), {"__init__": init, "call": call, "__doc__": text})()
    x = np.random.default_rng(0).normal(size=(4, 9, 5)).astype("float32")
    assert found_in(made, x) == (("wrong-argument", "self.filter(x)") if told else None)
