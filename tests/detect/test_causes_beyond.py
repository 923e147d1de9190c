"""Causes that lie beyond one batch: later steps, other trainings, the model in use, missing values, and metrics."""

from __future__ import annotations

import numpy as np
import pytest
from test_causes_facts import BC, CC, CLASSES, MSE, NUMBERS, SCC, TWO, Program, X, one_hot

from kerascope.detect.standing import _answer
from kerascope.record.reader import Event

SHARES = np.abs(X[:, :3]) % 1


def with_metric(program, name, kind, **config):
    entry = {"name": name, "class": kind, "function": name, "custom": False, "config": config}
    program.facts["program"]["measures"] = [entry]
    return program


METRICS = [
    (True, (SCC, "softmax", 3, CLASSES), "accuracy", "Accuracy", {}),
    (False, (SCC, "softmax", 3, CLASSES), "sparse_categorical_accuracy", "SparseCategoricalAccuracy", {}),
    (True, (SCC, "softmax", 3, CLASSES), "categorical_accuracy", "CategoricalAccuracy", {}),
    (False, (CC, "softmax", 3, one_hot(CLASSES)), "categorical_accuracy", "CategoricalAccuracy", {}),
    (True, (CC, "softmax", 3, one_hot(CLASSES)), "binary_accuracy", "BinaryAccuracy", {"threshold": 0.5}),
    (False, (BC, "sigmoid", 1, TWO), "binary_accuracy", "BinaryAccuracy", {"threshold": 0.5}),
    (True, (SCC, "softmax", 3, CLASSES), "sparse_top_k_categorical_accuracy", "SparseTopK", {"k": 5}),
    (False, (SCC, "softmax", 3, CLASSES), "sparse_top_k_categorical_accuracy", "SparseTopK", {"k": 2}),
    (True, (BC, "sigmoid", 1, TWO), "f1_score", "F1Score", {"threshold": None}),
    (False, (BC, "sigmoid", 1, TWO), "f1_score", "F1Score", {"threshold": 0.5}),
    (True, (BC, "sigmoid", 1, TWO), "mean_io_u", "MeanIoU", {"sparse_y_pred": True}),
    (False, (SCC, "softmax", 3, CLASSES), "mean_io_u", "MeanIoU", {"sparse_y_pred": False}),
]


@pytest.mark.parametrize(("wrong", "program", "name", "kind", "config"), METRICS)
def test_metrics_that_measure_something_else(judge, wrong, program, name, kind, config):
    found = judge(with_metric(Program(*program), name, kind, **config))
    assert ("wrong-metric" in found) == wrong
    assert not wrong or found["wrong-metric"].levers[0][0].layer == name


@pytest.mark.parametrize(("bad", "broken"), [(True, True), (True, False), (False, True)])
def test_missing_values_are_named_where_the_loss_breaks(judge, bad, broken):
    x = X.copy()
    x[7, 2] = np.nan if bad else 0.0
    program = Program(SCC, "softmax", 3, CLASSES, x=x, knows=False)
    if broken:
        program.losses[-1] = program.logs["loss"][-1] = np.nan
    found = judge(program)
    assert ("nan-operation" in found) == (bad and broken)
    assert not (bad and broken) or found["nan-operation"].levers[0][0].argument == "x"


def test_rows_of_an_earlier_training_and_inputs_of_another_size_in_use(judge):
    program = Program(SCC, "softmax", 3, CLASSES)
    assert judge(program) == {}
    program.given["data"]["between"]["earlier"] = 0.8
    assert "earlier" in judge(program)["data-leakage"].title
    program.given["data"]["between"]["earlier"] = 0.02  # a few at the border of a split
    site = [{"file": "train.py", "line": 12, "end_line": 12}]
    facts = {"method": "predict", "input": "x", "max": [2.5, 900.0], "std": [1.0, 300.0], "site": site}
    found = judge(program, events=[Event(0.0, 1, None, "used", facts)])["train-val-mismatch"]
    assert (found.kind, found.location.line) == ("train-val-mismatch", 12)


@pytest.mark.parametrize(("by", "apart", "wrong"), [(1, 0.4, True), (1, 1e-6, False), (0, 0.0, True)])
def test_answers_that_stand_in_later_steps(judge, by, apart, wrong):
    program = Program(SCC, "softmax", 3, CLASSES)
    program.given["data"]["ahead"] = {"label": "y", "input": "x", "by": by, "steps": 8, "apart": apart}
    assert ("data-leakage" in judge(program)) == wrong


def test_a_normalization_that_saw_no_data(judge):
    program = Program(SCC, "softmax", 3, CLASSES, x=500 * X, knows=False)
    entry = {"path": "norm", "name": "norm", "class": "Normalization", "activation": None, "weights": []}
    program.facts["layers"].append({**entry, "config": {"axis": [-1]}, "parameters": 13})
    program.facts["program"]["order"].insert(0, "norm")
    names, stats = program.parts["output"]
    passed = stats[:, :1].copy()
    program.parts["output"] = (["norm", *names], np.concatenate([passed, stats], 1))
    assert "unscaled-inputs" not in judge(program)
    passed[..., 2] = 500.0
    program.parts["output"] = (["norm", *names], np.concatenate([passed, stats], 1))
    assert "never adapted" in judge(program)["unscaled-inputs"].title


def test_measured_numbers_behind_a_softmax(judge):
    assert "wrong-output-activation" in judge(Program(MSE, "softmax", 3, SHARES, knows=False))
    shares = SHARES / SHARES.sum(1, keepdims=True)
    assert "wrong-output-activation" not in judge(Program(MSE, "softmax", 3, shares))


@pytest.mark.parametrize(("low", "wrong"), [(0.0, True), (0.5, False)])
def test_errors_in_percent_of_nothing(judge, low, wrong):
    y = np.maximum(NUMBERS, low).astype("float32")
    found = judge(Program("mean_absolute_percentage_error", "linear", 1, y))
    assert ("wrong-loss" in found) == wrong


def test_a_loss_of_ones_own_may_ask_for_another_figure_than_the_mean():
    quantile = {"finite": 1.0, "r2": -0.6, "correlation": 0.9}
    assert _answer(quantile, "r2", False) == -0.6
    assert _answer(quantile, "r2", True) == pytest.approx(0.81)
    far_off = {"finite": 1.0, "r2": -30.0, "correlation": 0.9}
    assert _answer(far_off, "r2", True) == -30.0


@pytest.mark.parametrize(("activation", "wrong"), [("sigmoid", True), ("linear", False)])
def test_a_decoder_that_cannot_reach_the_data(judge, activation, wrong):
    program = Program(MSE, "linear", 1, NUMBERS)
    program.facts["custom"]["train_step"] = True
    program.given["data"]["train"]["y"] = []
    holder = {"path": "decoder", "name": "decoder", "class": "Sequential", "weights": []}
    last = {"path": "decoder/out", "name": "out", "class": "Dense", "activation": activation, "parameters": 9}
    last |= {"config": {"units": 6}, "output_shape": [None, 6], "weights": []}
    program.facts["layers"] += [holder, last]
    program.facts["program"]["order"] += ["decoder/out"]
    assert ("wrong-output-activation" in judge(program)) == wrong


def test_a_decay_that_leaves_no_weights(judge):
    program = Program(SCC, "softmax", 3, CLASSES, knows=False, steps=400)
    program.facts["optimizer"]["config"]["weight_decay"] = 0.004
    assert "over-regularised" not in judge(program)
    program.facts["optimizer"]["config"]["weight_decay"] = 20.0
    assert judge(program)["over-regularised"].levers[0][0].argument == "weight_decay"


def test_masks_from_0_to_255(judge):
    program = Program(BC, "sigmoid", 1, TWO, knows=False)
    program.given["data"]["train"]["y"][0] |= {"shape": [None, 8, 8, 1], "max": 255.0, "written": "other"}
    assert judge(program)["wrong-labels"].levers[0][0].argument == "y"


@pytest.mark.parametrize(("distinct", "wrong"), [(0.05, True), (0.9, False)])
def test_a_data_set_that_repeats_itself(judge, distinct, wrong):
    program = Program(SCC, "softmax", 3, CLASSES, knows=False)
    program.given["data"]["train"]["distinct"] = distinct
    assert ("insufficient-data" in judge(program)) == wrong


def test_inputs_that_are_scaled_twice(judge):
    found = judge(Program(SCC, "softmax", 3, CLASSES, x=X / 1000, knows=False))
    assert "when they come to the first weights" in found["unscaled-inputs"].title
    assert "unscaled-inputs" not in judge(Program(SCC, "softmax", 3, CLASSES, x=X / 1000))
