"""Causes from facts alone: made-up programs on real arrays, judged without Keras and without a training."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake import Net, View, falling

from kerascope.detect.situation import situations
from kerascope.detect.standing import worst
from kerascope.probe.dataset.facts import data_facts, settings_of_fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)).astype("float32")
CLASSES = (X @ RNG.normal(size=(6, 3))).argmax(1)
TWO = (CLASSES == 0).astype("float32")
NUMBERS = (X @ RNG.normal(size=6)).astype("float32")
MANY = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0], 1).astype("float32")
SCC = "sparse_categorical_crossentropy"
CC = "categorical_crossentropy"
BC = "binary_crossentropy"
POISSON = "poisson"
MSE = "mean_squared_error"


class Program(Net):
    """A network of one hidden layer that ends in `activation`, with the facts that a run records."""

    def __init__(
        self,
        loss,
        activation,
        units,
        y,
        x=X,
        knows=True,
        metric=None,
        logits=False,
        hidden="relu",
        steps=200,
        **fit,
    ):
        shapes = {"kernel": (6, 16), "bias": (16,)}, {"kernel": (16, units), "bias": (units,)}
        layers = (("hidden", "Dense", hidden, shapes[0]), ("head", "Dense", activation, shapes[1]))
        super().__init__(falling(steps), layers=layers, loss=loss, optimizer="Adam", rates=0.001)
        width = y.shape[1] if y.ndim == 2 else 1
        self.facts["program"] = {
            "losses": [{"name": loss, "key": "", "function": loss, "custom": False, "from_logits": logits}],
            "measures": [{"name": "accuracy", "function": metric, "custom": False}] if metric else [],
            "outputs": [{"name": "o", "key": "", "shape": [None, units], "before": ["head", "hidden"]}],
            "order": ["hidden", "head"],
        }
        for entry, size in zip(self.facts["layers"], (16, units), strict=True):
            entry["config"] = {"units": size}
            entry["output_shape"] = [None, size]

        def predict(rows):
            if not knows:
                return {"": np.zeros((len(rows), units))}
            known = {row.tobytes(): i for i, row in enumerate(np.asarray(x))}
            right = y.reshape(len(y), -1).astype(float)[[known[row.tobytes()] for row in np.asarray(rows)]]
            return {"": np.eye(units)[right[:, 0].astype(int)] if width == 1 < units else right}

        arguments = {"x": x, "y": y, "validation_split": 0.25, **fit}
        self.given = {"fit": settings_of_fit(arguments), "data": data_facts(arguments, predict)}

    def trainings(self):
        [row] = super().trainings()
        return (dataclasses.replace(row, facts={**row.facts, **self.given}),)


def one_hot(labels):
    return np.eye(3, dtype="float32")[labels]


SOUND = [
    (SCC, "softmax", 3, CLASSES),
    (CC, "softmax", 3, one_hot(CLASSES)),
    (BC, "sigmoid", 1, TWO),
    (BC, "sigmoid", 3, MANY),
    (MSE, "linear", 1, NUMBERS),
    (MSE, "sigmoid", 1, (NUMBERS - NUMBERS.min()) / np.ptp(NUMBERS)),
    (SCC, "softmax", 4, CLASSES),
    (POISSON, "exponential", 1, np.exp(NUMBERS)),
    (MSE, "linear", 3, MANY - 0.4 * X[:, :3]),
]


@pytest.mark.parametrize(("loss", "activation", "units", "y"), SOUND)
def test_sound_programs_are_healthy(judge, loss, activation, units, y):
    assert judge(Program(loss, activation, units, y)) == {}


UNSOUND = [
    ("softmax-one-unit", (BC, "softmax", 1, TWO), {}),
    ("wrong-loss", (CC, "sigmoid", 1, TWO), {}),
    ("wrong-loss", (SCC, "sigmoid", 1, TWO), {}),
    ("wrong-loss", (BC, "sigmoid", 1, NUMBERS), {}),
    ("wrong-loss", (CC, "sigmoid", 3, MANY), {"knows": False}),
    ("wrong-loss", (MSE, "softmax", 3, one_hot(CLASSES)), {"knows": False}),
    ("wrong-loss", (MSE, "linear", 3, CLASSES), {"knows": False}),
    ("logits-mismatch", (SCC, "linear", 3, CLASSES), {}),
    ("logits-mismatch", (SCC, "softmax", 3, CLASSES), {"logits": True}),
    ("wrong-output-activation", (SCC, "relu", 3, CLASSES), {}),
    ("wrong-output-activation", (BC, "softmax", 3, MANY), {}),
    ("wrong-output-activation", (MSE, "relu", 1, NUMBERS), {"knows": False}),
    ("wrong-output-activation", (MSE, "sigmoid", 1, 40 + NUMBERS), {"knows": False}),
    ("wrong-output-activation", (POISSON, "linear", 1, NUMBERS), {}),
    ("wrong-output-units", (SCC, "softmax", 2, CLASSES), {"knows": False}),
    ("wrong-output-units", (MSE, "linear", 1, X[:, :3]), {"knows": False}),
    ("wrong-output-units", (MSE, "linear", 3, NUMBERS[:, None]), {"knows": False}),
    ("wrong-labels", (SCC, "softmax", 3, CLASSES + 1), {"knows": False}),
    ("wrong-labels", (SCC, "softmax", 3, CLASSES / 255), {"knows": False}),
    ("wrong-labels", (BC, "sigmoid", 1, 2 * TWO - 1), {"knows": False}),
    ("unscaled-inputs", (SCC, "softmax", 3, CLASSES), {"x": 500 * X, "knows": False}),
    ("unscaled-targets", (MSE, "linear", 1, 1e5 + 1e4 * NUMBERS), {"knows": False}),
    ("wrong-metric", (MSE, "linear", 1, NUMBERS), {"metric": "binary_accuracy"}),
    ("missing-activation", (SCC, "softmax", 3, CLASSES), {"hidden": "linear", "knows": False}),
    ("wrong-hidden-activation", (SCC, "softmax", 3, CLASSES), {"hidden": "softmax", "knows": False}),
]


@pytest.mark.parametrize(("kind", "program", "more"), UNSOUND)
def test_unsound_programs_are_named(judge, kind, program, more):
    found = judge(Program(*program, **more))
    assert kind in found and found[kind].severity != "note"
    assert found[kind].levers and found[kind].evidence


def test_large_inputs_of_a_model_that_does_well_are_a_note(judge):
    found = judge(Program(SCC, "softmax", 3, CLASSES, x=500 * X))
    assert {k: f.severity for k, f in found.items()} == {"unscaled-inputs": "note"}


def test_sorted_rows_and_a_split(judge):
    order = np.argsort(CLASSES)
    found = judge(Program(SCC, "softmax", 3, CLASSES[order], x=X[order]))
    assert found["unshuffled-data"].levers[0][0].argument == "validation_split"
    fed = judge(Program(SCC, "softmax", 3, CLASSES[order], x=X[order], shuffle=False, validation_split=0.0))
    assert fed["unshuffled-data"].levers[0][0].argument == "shuffle"


def test_validation_rows_that_were_not_scaled_or_are_training_rows(judge):
    apart = judge(
        Program(SCC, "softmax", 3, CLASSES, validation_data=(255 * X[:90], CLASSES[:90]), knows=False)
    )
    assert apart["train-val-mismatch"].severity == "fault"
    shared = judge(Program(SCC, "softmax", 3, CLASSES, validation_data=(X[:90], CLASSES[:90])))
    assert "data-leakage" in shared


def test_labels_shuffled_apart_from_their_inputs(judge):
    mixed = np.concatenate([RNG.permutation(CLASSES[:300]), CLASSES[300:]])
    found = judge(Program(SCC, "softmax", 3, mixed, knows=False))
    assert found["wrong-labels"].confidence >= 0.85


def test_a_rare_class_that_is_never_answered(judge):
    rare = (np.quantile(NUMBERS, 0.93) < NUMBERS).astype("float32")
    assert "class-imbalance" in judge(Program(BC, "sigmoid", 1, rare, knows=False))
    assert "class-imbalance" not in judge(Program(BC, "sigmoid", 1, rare))
    weighed = Program(BC, "sigmoid", 1, rare, knows=False, class_weight={0: 1.0, 1: 9.0})
    assert "class-imbalance" not in judge(weighed)


def test_a_rare_class_drawn_more_often_for_training_is_no_matter_of_order(judge):
    rare = (np.quantile(NUMBERS, 0.9) < NUMBERS).astype("float32")
    rows = np.concatenate([np.flatnonzero(rare), np.flatnonzero(rare), np.flatnonzero(rare == 0)[:90]])
    sound = Program(
        BC,
        "sigmoid",
        1,
        rare[rows],
        x=X[rows] + RNG.normal(size=(len(rows), 6)).astype("float32") / 99,
        validation_data=(X, rare),
    )
    assert "unshuffled-data" not in judge(sound)


def test_a_model_that_was_never_updated_has_not_ended_anywhere():
    ended, begun = (
        worst(situations(View(Program(SCC, "softmax", 3, CLASSES, knows=False, steps=n)))[0])
        for n in (200, 0)
    )
    assert ended is not None and ended.at_chance
    assert begun is None


def test_labels_that_nothing_in_the_inputs_tells_about(judge):
    many = RNG.normal(size=(800, 6)).astype("float32")
    related = (many @ RNG.normal(size=6)).astype("float32")
    apart = RNG.permutation(related)
    found = judge(Program(MSE, "linear", 1, apart, x=many, knows=False))
    assert found["wrong-labels"].title == "Nothing in the inputs tells anything about the labels"
    assert found["wrong-labels"].severity == "warning"
    assert "wrong-labels" not in judge(Program(MSE, "linear", 1, related, x=many))
    assert "wrong-labels" not in judge(Program(MSE, "linear", 1, related, x=many, knows=False))


def test_labels_of_another_coding_in_one_part_are_no_matter_of_order(judge):
    fewer = judge(Program(SCC, "softmax", 3, CLASSES // 2, validation_data=(X + 0.01, CLASSES), knows=False))
    assert "unshuffled-data" not in fewer
    assert fewer["wrong-labels"].levers[0][0].argument == "y"
    swapped = Program(SCC, "softmax", 3, CLASSES, validation_data=(X + 0.01, CLASSES // 2), knows=False)
    assert "wrong-labels" not in judge(swapped)


def test_class_weights_the_wrong_way_round(judge):
    rare = (np.quantile(NUMBERS, 0.93) < NUMBERS).astype("float32")
    reverse = judge(Program(BC, "sigmoid", 1, rare, knows=False, class_weight={0: 0.93, 1: 0.07}))
    assert "class_weight" in reverse["class-imbalance"].title
    assert "class-imbalance" not in judge(Program(BC, "sigmoid", 1, rare, class_weight={0: 0.93, 1: 0.07}))


def test_rare_labels_are_not_judged_by_accuracy(judge):
    many = RNG.normal(size=(800, 6)).astype("float32")
    rare = (RNG.random(800) < 0.1).astype("float32")
    assert "wrong-labels" not in judge(Program(BC, "sigmoid", 1, rare, x=many, knows=False))


@pytest.mark.parametrize(
    ("inner", "knows", "wanted"), [("relu", False, "fault"), ("relu", True, "note"), ("linear", False, None)]
)
def test_an_activation_before_the_last_one(judge, inner, knows, wanted):
    program = Program(SCC, inner, 3, CLASSES, knows=knows)
    program.facts["layers"].append(
        {
            "path": "share",
            "name": "share",
            "class": "Softmax",
            "activation": None,
            "weights": [],
            "config": {},
        }
    )
    program.facts["program"]["order"].append("share")
    program.facts["program"]["outputs"][0]["before"].insert(0, "share")
    found = judge(program).get("wrong-output-activation")
    assert (found.severity if found else None) == wanted
    assert found is None or found.levers[0][0].layer == "head"


class EarlyStopping:
    """Stands for the callback of Keras: only its class's name is recorded."""


@pytest.mark.parametrize(("epochs", "argument"), [(50, "patience"), (4, "epochs")])
def test_a_training_that_was_ended_early_is_to_go_on(judge, epochs, argument):
    program = Program(MSE, "linear", 1, NUMBERS, knows=False, epochs=epochs, callbacks=[EarlyStopping()])
    program.losses[:] = np.linspace(2.0, 1.0, len(program.losses))
    found = judge(program)["too-few-epochs"]
    assert found.levers[0][0].argument == argument
    assert ("EarlyStopping" in found.title) == (argument == "patience")


class ReduceLROnPlateau:
    """Stands for the callback of Keras."""


@pytest.mark.parametrize("callbacks", [[], [ReduceLROnPlateau()]])
def test_what_lowered_the_learning_rate_is_named(judge, callbacks):
    program = Program(MSE, "linear", 1, NUMBERS, knows=False, callbacks=callbacks)
    program.rates = 0.001 * 0.1 ** (np.arange(len(program.losses)) // 20)
    [lever], *_ = judge(program)["lr-too-low"].levers
    assert (lever.target, lever.layer) == (
        ("callback", "ReduceLROnPlateau") if callbacks else ("optimizer", None)
    )


@pytest.mark.parametrize("moved", [False, True])
def test_labels_that_leave_their_rows_while_training(judge, moved):
    program = Program(SCC, "softmax", 3, CLASSES, knows=not moved)
    for epoch in range(3):
        order = RNG.permutation(300)
        labels = CLASSES[order[::-1] if moved else order]
        for i in range(10):
            rows = slice(30 * i, 30 * i + 30)
            program.kept[10 * epoch + i + 1] = (X[order][rows], labels[rows])
    found = judge(program).get("wrong-labels")
    assert (found is not None) == moved
    assert found is None or found.levers[0][0].target == "order"


def test_rows_with_several_labels_each_are_no_labels_that_move(judge):
    """Few different inputs, with labels drawn at random: they differ within a batch as well."""
    program = Program(SCC, "softmax", 3, CLASSES, knows=False)
    for step in range(1, 21):
        program.kept[step] = (X[RNG.integers(0, 4, 30)], RNG.integers(0, 3, 30))
    assert not any("another label" in f.title for f in judge(program).values())


def test_targets_scaled_in_one_part_only(judge):
    held = (X[:90] + 0.01, 50 + 20 * NUMBERS[:90])
    found = judge(Program(MSE, "linear", 1, NUMBERS, validation_data=held, knows=False))
    assert found["train-val-mismatch"].levers[0][0].argument == "validation_data[1]"


@pytest.mark.parametrize("axis", [1, -1])
def test_a_softmax_over_another_axis_than_that_of_the_classes(judge, axis):
    program = Program(SCC, "linear", 3, CLASSES)
    share = {"path": "share", "name": "share", "class": "Softmax", "activation": None, "weights": []}
    program.facts["layers"].append({**share, "config": {"axis": axis}})
    program.facts["program"]["order"].append("share")
    output = program.facts["program"]["outputs"][0]
    output["before"].insert(0, "share")
    output["shape"] = [None, 7, 3]
    assert ("wrong-axis" in judge(program)) == (axis == 1)


def test_labels_that_a_loss_of_ones_own_needs_not_are_no_wrong_labels(judge):
    program = Program(MSE, "linear", 1, 0 * NUMBERS, knows=False)
    program.facts["program"]["losses"][0] |= {"function": "triplets", "custom": True}
    assert "wrong-labels" not in judge(program)


def test_labels_encoded_apart_are_named_before_memorising(judge):
    """Each part has its own numbers for the classes: within each they follow the inputs, across they do not."""
    held = (X[:150] + 0.01, (CLASSES[:150] + 1) % 3)
    found = judge(Program(SCC, "softmax", 3, CLASSES, validation_data=held, knows=False))
    assert found["train-val-mismatch"].confidence > 0.85 and "overfitting" not in found
    assert found["train-val-mismatch"].levers[0][0].argument == "validation_data[1]"


@pytest.mark.parametrize(("ahead", "rows"), [(-1, 400), (-6, 400), (0, 400), (-1, 20000), (0, 20000)])
def test_a_target_that_is_part_of_its_own_window(judge, ahead, rows):
    """Of many rows only a part is looked at, in which most have no neighbour."""
    series = np.sin(np.arange(rows + 6) / 4) + RNG.normal(size=rows + 6) / 3
    windows = np.stack([series[i : i + 6] for i in range(rows)]).astype("float32")
    wanted = series[6 + ahead :][:rows].astype("float32")
    found = judge(Program(MSE, "linear", 1, wanted, x=windows)).get("data-leakage")
    assert (found is not None) == (ahead < 0)
    assert found is None or (found.levers[0][0].target, found.levers[0][0].argument) == ("choice", "y")


def test_a_column_to_be_remembered_is_no_leak(judge):
    assert "data-leakage" not in judge(Program(MSE, "linear", 1, X[:, 2].copy()))


@pytest.mark.parametrize("change", [0.01, 1.0])
def test_copies_that_were_made_before_the_split(judge, change):
    held = (X[:120] + change * RNG.normal(size=(120, 6)).astype("float32"), CLASSES[:120])
    found = judge(Program(SCC, "softmax", 3, CLASSES, validation_data=held, knows=False))
    assert ("data-leakage" in found) == (change < 1)
    assert change == 1 or found["data-leakage"].levers[0][0].target == "split"


@pytest.mark.parametrize(
    ("shape", "wrong"), [([None, 7, 1], True), ([None, 1, 1], False), ([None, 1], False)]
)
def test_one_target_beside_an_answer_for_each_step(judge, shape, wrong):
    program = Program(MSE, "linear", 1, NUMBERS[:, None])
    program.facts["program"]["outputs"][0]["shape"] = shape
    assert ("broadcast-shape" in judge(program)) == wrong
    program.facts["layers"][0]["config"]["return_sequences"] = True
    assert not wrong or judge(program)["broadcast-shape"].levers[0][0].argument == "return_sequences"


@pytest.mark.parametrize(("axis", "wrong"), [([], True), ([-1], False)])
def test_one_mean_for_all_features(judge, axis, wrong):
    x = X * np.array([1, 1, 1, 1, 1, 900], "float32")
    program = Program(SCC, "softmax", 3, CLASSES, x=x, knows=False)
    entry = {"path": "norm", "name": "norm", "class": "Normalization", "activation": None, "weights": []}
    program.facts["layers"].append({**entry, "config": {"axis": axis}, "parameters": 3})
    program.facts["program"]["order"].insert(0, "norm")
    found = judge(program)
    assert ("unscaled-inputs" in found) == wrong
    assert not wrong or found["unscaled-inputs"].levers[0][0].argument == "axis"


def test_labels_of_a_judge_that_is_not_trained_here_are_no_wrong_labels(judge):
    program = Program(BC, "sigmoid", 1, 0 * TWO + 1, knows=False)
    assert "wrong-labels" in judge(program)
    program.facts["layers"][1]["trainable"] = False
    assert "wrong-labels" not in judge(program)


def test_linear_layers_in_a_call_of_the_users_own(judge, monkeypatch):
    x = X[:, :2].copy()
    bent = np.abs(x[:, 0]) - np.abs(x[:, 0]).mean()
    program = Program(MSE, "linear", 1, bent, x=x, knows=False, hidden="linear")
    program.facts["program"]["outputs"] = []
    program.facts["program"]["order"] = ["hidden", "head"]
    plain = "class Net:\n    def call(self, x):\n        return self.head(self.hidden(x))\n"

    def found(text):
        monkeypatch.setattr(View, "sources", lambda self: {"train.py": text})
        return judge(program).get("missing-activation")

    assert found(plain) is not None
    assert found(plain.replace("self.hidden(x)", "ops.relu(self.hidden(x))")) is None


def test_labels_that_were_moved_by_one_row(judge):
    found = judge(Program(SCC, "softmax", 3, np.roll(CLASSES, 1), knows=False))["wrong-labels"]
    assert "another order" in found.title and found.severity == "fault"


def test_a_column_that_knows_later_targets(judge):
    series = np.cumsum(RNG.normal(size=430)).astype("float32")
    centred = np.convolve(series, np.ones(5) / 5, mode="same").astype("float32")
    x = np.stack([np.roll(series, 1), centred], 1)[15:-15]
    program = Program(MSE, "linear", 1, series[15:-15], x=x)
    assert judge(program)["data-leakage"].title.startswith("Column 1")


def test_codes_numbered_apart(judge):
    effect, codes = RNG.normal(size=5).astype("float32"), RNG.integers(0, 5, 400)
    x = np.stack([codes, RNG.normal(size=400)], 1).astype("float32")
    held = x.copy()
    held[:, 0] = (held[:, 0] + 2) % 5
    y = effect[codes]
    found = judge(Program(MSE, "linear", 1, y, x=x, validation_data=(held, y)))["train-val-mismatch"]
    assert found.title.startswith("The codes")
