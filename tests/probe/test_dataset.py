"""Facts of the whole data: scales, labels, order, what is shared, and what simple methods learn from them."""

from __future__ import annotations

import numpy as np
import pytest

from kerascope.probe.dataset.facts import data_facts, label_facts, settings_of_fit
from kerascope.probe.dataset.rows import parts

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6)).astype("float32")
CLASSES = (X @ RNG.normal(size=(6, 3))).argmax(1)


def facts(**arguments):
    return data_facts(arguments, None)


LABELS = [
    (np.arange(90) % 3, "classes", 3),
    (np.eye(4)[np.arange(80) % 4], "one-hot", 4),
    (np.tile([[1, 1, 0], [0, 1, 1]], (20, 1)), "multi-hot", 2),
    (RNG.normal(size=90), "numbers", 90),
    (np.arange(90) % 10 / 255, "numbers", 10),
    ((np.arange(90) % 2).astype("float32")[:, None], "classes", 2),
    (np.zeros((5, 4, 4)), "other", 0),
]


@pytest.mark.parametrize(("labels", "written", "distinct"), LABELS)
def test_how_labels_are_written(labels, written, distinct):
    found = label_facts("y", labels)
    assert found["written"] == written
    if distinct:
        assert found["distinct"] == distinct or written == "multi-hot"


def test_split_takes_the_last_rows_as_keras_does():
    train, held = parts({"x": X, "y": CLASSES, "validation_split": 0.1})
    assert (train.rows, held.rows, held.index[0]) == (270, 30, 270)
    train, held = parts(
        {"x": X, "y": CLASSES, "validation_data": (X[:7], CLASSES[:7]), "validation_split": 0.1}
    )
    assert (train.rows, held.rows) == (300, 7)


@pytest.mark.parametrize("x", [None, iter([1]), [X[:5], X[:6]], "text"])
def test_what_is_no_array_gives_no_part(x):
    assert parts({"x": x})[0] is None
    assert "train" not in facts(x=x)


def test_nested_inputs_keep_their_names():
    found = facts(x={"a": X, "b": [X[:, 0], X]}, y={"out": CLASSES})
    assert [a["name"] for a in found["train"]["x"]] == ["x[a]", "x[b][0]", "x[b][1]"]
    assert [a["name"] for a in found["train"]["y"]] == ["y[out]"]


def test_simple_methods_learn_what_is_there_and_nothing_else():
    [good] = facts(x=X, y=CLASSES, validation_split=0.3)["learnable"]
    assert good["validation_linear"] > 0.85 and good["within_validation"] > 0.6
    mixed = RNG.permutation(CLASSES)
    [bad] = facts(x=X[:200], y=mixed[:200], validation_data=(X[200:], CLASSES[200:]))["learnable"]
    assert max(bad["neighbours"], bad["linear"]) < 0.6 < bad["within_validation"]
    [numbers] = facts(x=X, y=X[:, 0] * 3 + 1)["learnable"]
    assert (numbers["score"], round(numbers["linear"], 1)) == ("r2", 1.0)


def test_a_column_that_gives_the_answer_away_stands_out():
    told = np.concatenate([X, (CLASSES == 1)[:, None] * 4 + 0.1 * X[:, :1]], axis=1)
    [entry] = facts(x=told, y=(CLASSES == 1).astype(int))["learnable"]
    assert entry["single"]["feature"] == 6 and entry["single"]["best"] > 0.9 > 3 * entry["single"]["second"]


def test_targets_that_are_the_inputs_are_marked():
    assert facts(x=X, y=X)["learnable"][0]["copies"] is True
    assert facts(x=X[:8], y=CLASSES[:8])["learnable"][0]["few"] is True


def test_rows_in_both_parts_are_counted_and_doubles_too():
    rows = np.r_[0:100, 0:100]
    between = facts(x=X[rows], y=CLASSES[rows], validation_data=(X[50:150], CLASSES[50:150]))["between"]
    assert (between["shared"], between["doubles"]) == (0.5, 0.5)


def test_parts_of_different_scale_are_far_apart():
    [shift] = facts(x=X, y=CLASSES, validation_data=(255 * X + 9, CLASSES))["between"]["shift"]
    assert shift["ratio"]["median"] == pytest.approx(255, rel=0.2)
    [same] = facts(x=X[:150], y=CLASSES[:150], validation_data=(X[150:], CLASSES[150:]))["between"]["shift"]
    assert same["apart"]["median"] < 3 * same["apart"]["error"] and 0.7 < same["ratio"]["median"] < 1.4


def test_answers_stand_beside_what_they_should_have_been():
    asked = data_facts({"x": X, "y": CLASSES}, lambda x: {"": np.ones((len(x), 3))})["answers"]["train"]
    assert asked["rows"] == 256 and sum(row[1] for row in asked["outputs"][0]["classes"].values()) == 256
    numbers = data_facts({"x": X, "y": X[:, 0]}, lambda x: {"": np.asarray(x, np.float64)[:, :1]})
    [output] = numbers["answers"]["train"]["outputs"]
    assert output["r2"] == pytest.approx(1.0) and output["mse"] == pytest.approx(0.0, abs=1e-9)


def test_settings_of_fit_hold_plain_values_only():
    found = settings_of_fit(
        {"x": X, "batch_size": 8, "class_weight": {0: 1.0}, "callbacks": None, "shuffle": False}
    )
    assert found["batch_size"] == 8 and found["shuffle"] is False and found["class_weight"] is True
    assert "x" not in found and found["validation_data"] is False and found["callbacks"] == []
