"""A training that died of its shapes: which part of the program is named."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerascope._keras import graph
from kerascope._keras.fitting import fitting
from kerascope.explain.lines.unfit import judged

KERNEL = {"path": "conv", "name": "conv", "class": "Conv2D", "config": {"filters": 4}}
POOL = {"path": "pool", "name": "pool", "class": "MaxPooling2D", "config": {}}
FLAT = {"path": "flat", "name": "flat", "class": "Flatten", "config": {}}
STEPS = {"path": "lstm", "name": "lstm", "class": "LSTM", "config": {"units": 8, "return_sequences": True}}
HIDDEN = {"path": "hidden", "name": "hidden", "class": "Dense", "config": {"units": 8}}
ONE_HOT, NUMBERED = "categorical_crossentropy", "sparse_categorical_crossentropy"


def last(units):
    return {"path": "last", "name": "last", "class": "Dense", "config": {"units": units}}


def found(layers, answer, loss, label, whole=None):
    facts = {
        "layers": layers,
        "compile": {"loss": loss},
        "program": {
            "outputs": [{"shape": [None, *answer], "before": [one["path"] for one in reversed(layers)]}]
        },
    }
    return [
        (one.kind, one.levers[0][0].layer or one.levers[0][0].value) for one in judged(facts, label, whole)
    ]


CASES = {
    "nothing flattens": (
        ([KERNEL, POOL, HIDDEN, last(4)], (5, 5, 4), NUMBERED, (), True),
        ("wrong-layer", "hidden"),
    ),
    "all steps handed on": (([STEPS, last(2)], (10, 2), ONE_HOT, (2,), True), ("wrong-layer", "lstm")),
    "too few units": (([HIDDEN, last(4)], (4,), ONE_HOT, (5,), True), ("wrong-output-units", "last")),
    "numbers for one-hot rows": (([last(4)], (4,), ONE_HOT, (), True), ("wrong-loss", f'"{NUMBERED}"')),
    "one-hot rows for numbers": (([last(4)], (4,), NUMBERED, (4,), True), ("wrong-loss", f'"{ONE_HOT}"')),
    "two units for one bit": (
        ([last(2)], (2,), "binary_crossentropy", (), True),
        ("wrong-loss", f'"{NUMBERED}"'),
    ),
    "a loss by its class": (
        ([last(4)], (4,), "CategoricalCrossentropy", (), True),
        ("wrong-loss", f'"{NUMBERED}"'),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_named(case):
    given, wanted = CASES[case]
    assert found(*given)[:1] == [wanted]


FITTING = {
    "classes": ([KERNEL, FLAT, last(4)], (4,), NUMBERED, (), True),
    "a column of classes": ([last(4)], (4,), NUMBERED, (1,), True),
    "one-hot rows": ([last(4)], (4,), ONE_HOT, (4,), True),
    "classes of pixels": ([KERNEL, KERNEL], (8, 8, 3), NUMBERED, (8, 8), True),
    "tags of steps": ([STEPS, last(3)], (10, 3), NUMBERED, (10,), True),
    "numbers of steps": ([STEPS, last(1)], (10, 1), "mse", (10,), False),
    "one number": ([HIDDEN, last(1)], (1,), "mse", (), False),
    "several numbers for one unit": ([HIDDEN, last(1)], (1,), "mse", (3,), False),
    "a loss of one's own": ([HIDDEN, last(3)], (3,), "quantiles", (1,), False),
}


@pytest.mark.parametrize("case", FITTING)
def test_what_fits_died_of_something_else(case):
    assert found(*FITTING[case]) == []


def test_the_model_and_the_labels_are_found_in_what_a_training_died_of():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(Exception) as died:  # every backend raises another one
        model.fit(np.zeros((6, 3)), np.zeros((6, 5)), verbose=0)
    found = fitting(died.value)
    assert (found.model, found.label, found.whole) == (model, (5,), True)
    assert [one.kind for one in judged(graph.facts(model), found.label, found.whole)] == [
        "wrong-output-units"
    ]
    assert fitting(ValueError("elsewhere")) is None
