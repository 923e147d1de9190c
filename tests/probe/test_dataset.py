"""Facts of the whole data: scales, labels, order, what is shared, and what simple methods learn from them."""

from __future__ import annotations

import numpy as np
import pytest

from kerascope.probe.data import Gathered
from kerascope.probe.dataset.earlier import Earlier
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


def test_rows_without_weight_are_in_neither_part():
    """One graph is given whole to both, with weights that say which nodes count."""
    counts = (np.arange(300) % 2).astype("float32")
    between = facts(x=X, y=CLASSES, sample_weight=counts, validation_data=(X, CLASSES, 1 - counts))["between"]
    assert between["shared"] == 0.0


def test_rows_that_were_trained_on_in_an_earlier_fit():
    earlier = Earlier()
    first = {"x": X[:200], "y": CLASSES[:200], "validation_data": (X[200:], CLASSES[200:])}
    assert "earlier" not in data_facts(first, None, earlier)["between"]
    second = {"x": X[100:], "y": CLASSES[100:], "validation_data": (X[:100], CLASSES[:100])}
    earlier.ended([np.ones(3)])
    earlier.begins([np.ones(3)])
    assert data_facts(second, None, earlier)["between"]["earlier"] == 1.0
    earlier.begins([np.zeros(3)])  # its weights were set back
    assert "earlier" not in data_facts(second, None, earlier)["between"]


@pytest.mark.parametrize(("reach", "sees"), [(2, True), (0, False)])
def test_answers_that_are_later_inputs_and_a_model_that_sees_them(reach, sees):
    rows = RNG.integers(0, 9, (200, 12))

    def predict(x):
        x = np.asarray(x, np.float64)
        return {"": np.stack([x[:, : t + 1 + reach].mean(1) for t in range(11)], 1)[:, :, None]}

    found = data_facts({"x": rows[:, :-1], "y": rows[:, 1:]}, predict)["ahead"]
    assert (found["by"], found["apart"] > 0.01) == (1, sees)
    assert data_facts({"x": rows[:, :-1], "y": rows[:, :-1]}, predict)["ahead"] is None
    both = {"x": [X[:200], rows], "y": rows}
    assert data_facts(both, lambda x: predict(x[1][:, :-1]))["ahead"]["by"] == 0


class Host:
    batch = staticmethod(lambda data: data)
    host = staticmethod(np.asarray)


@pytest.mark.parametrize("form", [lambda x: x, lambda x: (x, x[:, :2]), lambda x: {"a": x, "b": x}])
def test_rows_of_a_data_set_are_gathered_once_over_its_first_epoch(form):
    gathered = Gathered()
    for _ in range(2):
        gathered.epoch()
        for rows in (slice(0, 40), slice(30, 50)):
            gathered.add((form(X[rows]), CLASSES[rows]), len(X[rows]))
    found = gathered.arrays(Host)
    given = form(X[:50])
    assert gathered.rows == 60 and (found["y"] == CLASSES[:50]).all()
    first, wanted = (next(iter(v.values())) if isinstance(v, dict) else v[0] for v in (found["x"], given))
    assert np.array_equal(first, wanted)


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


def test_a_model_that_cannot_be_asked_is_no_failure():
    def refuses(x):
        raise NotImplementedError("no call")

    found = data_facts({"x": X, "y": CLASSES}, refuses)
    assert found["answers"]["train"] == {"error": "NotImplementedError: no call"}
    assert found["learnable"][0]["linear"] > 0.8
