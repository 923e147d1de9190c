"""Remedies: a finding becomes an edit of the user's source that keeps everything else as it was written."""

from __future__ import annotations

import ast
import textwrap

import pytest

from kerascope.explain.remedies import Program, remedies
from kerascope.explain.remedies.diff import PatchError, applied
from kerascope.values import Finding, Lever, SourceSpan

HEAD = "import keras\nimport numpy as np\nfrom keras import layers\n\n"
ADAM = {"class": "Adam", "config": {"learning_rate": 0.5}}


def program(body, *, layers=(), optimizer=ADAM, loss="mse", arrays=None):
    facts = {
        "layers": [
            {"path": path, "name": path, "class": kind, "activation": activation, "weights": [path]}
            for path, kind, activation in layers
        ],
        "optimizer": optimizer,
        "compile": {"loss": loss},
        "signatures": {"Adam": ["learning_rate"], "SGD": ["learning_rate"]},
    }
    return Program({"train.py": HEAD + textwrap.dedent(body).lstrip("\n")}, facts, arrays or {})


def found(kind, *levers, line=None, layer=None, expression=None):
    return Finding(
        kind,
        "fault",
        0.9,
        "",
        "",
        SourceSpan(file="train.py", line=line, end_line=line, layer=layer, expression=expression),
        levers=levers,
    )


def changed(prog, finding, index=0):
    """The lines that a remedy takes out and puts in."""
    remedy = remedies(prog, finding)[index]
    after = remedy.after(prog)["train.py"]
    ast.parse(after)
    assert applied(remedy.patch(prog), prog.sources)["train.py"] == after
    old, new = prog.sources["train.py"].splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


CALL = """
model = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
model.fit(x, y, epochs=3)
"""


def lever(target, argument=None, value=None, layer=None):
    return (Lever(target, argument, value, layer),)


@pytest.mark.parametrize(
    ("body", "way", "new"),
    [
        (CALL, lever("fit", "batch_size", "32"), ["model.fit(x, y, epochs=3, batch_size=32)"]),
        (CALL, lever("fit", "epochs", "30"), ["model.fit(x, y, epochs=30)"]),
        (CALL, lever("fit", "epochs"), ["model.fit(x, y)"]),
        (CALL, lever("compile", "loss", '"mae"'), ['model.compile(optimizer="adam", loss="mae")']),
        (
            CALL,
            lever("optimizer", "learning_rate", "0.01"),
            ['model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse")'],
        ),
        (
            CALL,
            lever("optimizer", None, "keras.optimizers.SGD(0.1)"),
            ['model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")'],
        ),
        (CALL, lever("data", "x", "{} / 255"), ["model.fit((x) / 255, y, epochs=3)"]),
        (
            "model.compile(\n    'adam',\n    'mse',\n    metrics=['mae'],\n)\n",
            lever("compile", "jit_compile", "False"),
            ["    jit_compile=False,"],
        ),
        (
            "rate = 0.5\nmodel.compile(keras.optimizers.Adam(rate), 'mse')\n",
            lever("optimizer", "learning_rate", "0.1"),
            ["rate = 0.1"],
        ),
        (
            "CFG = {'lr': 0.5, 'n': 3}\nmodel.compile(keras.optimizers.Adam(CFG['lr']), 'mse')\n",
            lever("optimizer", "learning_rate", "0.1"),
            ["CFG = {'lr': 0.1, 'n': 3}"],
        ),
    ],
)  # fmt: skip
def test_a_setting_is_changed_where_it_is_written(body, way, new):
    assert changed(program(body), found("any", way))[1] == new


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("m = keras.Sequential([layers.Dropout(0.5), layers.Dense(1)])", "m = keras.Sequential([layers.Dense(1)])"),
        ("m = keras.Sequential([layers.Dense(1), layers.Dropout(0.5)])", "m = keras.Sequential([layers.Dense(1)])"),
        ("h = layers.Dense(1)(layers.Dropout(0.5)(h))", "h = layers.Dense(1)(h)"),
        ("model.add(layers.Dropout(0.5))\nprint(1)", "print(1)"),
        ("h = layers.Dropout(0.5)(h)\nprint(1)", "print(1)"),
        ("h = [\n    layers.Dense(1),\n    layers.Dropout(0.5),\n]\n", "h = [\n    layers.Dense(1),\n]"),
    ],
)  # fmt: skip
def test_a_layer_is_taken_out(line, kept):
    prog = program(line + "\n", layers=[("dropout", "Dropout", None)])
    remedy = remedies(prog, found("dropout-misuse", lever("layer", layer="dropout")))[0]
    assert remedy.after(prog)["train.py"].removeprefix(HEAD).strip() == kept


def test_what_cannot_be_found_makes_no_remedy():
    assert (
        remedies(program("print(1)\n"), found("lr-too-high", lever("optimizer", "learning_rate", "0.1")))
        == ()
    )


def test_keras_is_named_as_the_file_names_it():
    body = "from keras.optimizers import SGD\nmodel.compile('adam', 'mse')\n"
    prog = program(body)
    way = lever("optimizer", None, "keras.optimizers.SGD(0.1)")
    assert changed(prog, found("wrong-optimizer", way))[1] == ["model.compile(SGD(0.1), 'mse')"]
    bare = Program(
        {"train.py": "from tensorflow import keras as tk\nmodel.compile('adam', 'mse')\n"}, prog.facts, {}
    )
    assert "tk.optimizers.SGD(0.1)" in remedies(bare, found("wrong-optimizer", way))[0].patch(bare)
    lacking = Program({"train.py": "import helper\nhelper.m.compile('adam', 'mse')\n"}, prog.facts, {})
    assert (
        remedies(lacking, found("wrong-optimizer", way))[0]
        .after(lacking)["train.py"]
        .startswith("import keras\n")
    )


def test_the_usual_rate_is_tried_first():
    prog = program("model.compile(keras.optimizers.Adam(0.5), 'mse')\n")
    rates = [remedy.description for remedy in remedies(prog, found("lr-too-high"))]
    assert rates == [f"`learning_rate={rate}`" for rate in ("0.001", "0.05", "0.005", "0.0005")]


def test_a_rate_far_off_was_meant_to_be_the_usual_one():
    prog = program("model.compile(keras.optimizers.Adam(0.5), 'mse')\n")
    way = lever("optimizer", "learning_rate", "5")
    described = [remedy.description for remedy in remedies(prog, found("lr-too-high", way))]
    assert described[0] == "`learning_rate=0.001`"
    assert "Adam(5.0)" in remedies(prog, found("lr-too-high", way))[1].patch(prog)


TABLE = {"x": {"shape": [32, 4], "min": -900.0, "max": 5e4}, "y": {"shape": [32], "classes": None}}


@pytest.mark.parametrize(
    ("body", "new"),
    [
        (
            "x, y = load()\nmodel.fit(x, y, validation_split=0.2)\n",
            "x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-7)",
        ),
        (
            "X, y = load()\na, b = X[:9], X[9:]\nmodel.fit(a, y[:9], validation_data=(b, y[9:]))\n",
            "X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-7)",
        ),
        (
            "a = load(1)\nb = load(2)\nmodel.fit(a, y, validation_data=(b, z))\n",
            "a, b = (a - a.mean(axis=0)) / (a.std(axis=0) + 1e-7), "
            "(b - a.mean(axis=0)) / (a.std(axis=0) + 1e-7)",
        ),
    ],
)  # fmt: skip
def test_inputs_are_scaled_before_they_are_split(body, new):
    assert changed(program(body, arrays=TABLE), found("unscaled-inputs"))[1] == [new]


def test_inputs_are_scaled_behind_labels_that_are_made_of_them():
    prog = program("X = load()\ny = X[:, 0] > 250\nmodel.fit(X, y)\n", arrays=TABLE)
    lines = remedies(prog, found("unscaled-inputs"))[0].after(prog)["train.py"].splitlines()
    assert lines.index("y = X[:, 0] > 250") < lines.index("X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-7)")


def test_bytes_are_divided_and_targets_scaled_as_a_whole():
    arrays = {"x": {"shape": [32, 8, 8], "min": 0, "max": 255}, "y": {"shape": [32]}}
    prog = program("x, y = load()\nmodel.fit(x, y)\n", arrays=arrays)
    assert changed(prog, found("unscaled-inputs"))[1] == ["x = x / 255.0"]
    assert changed(prog, found("unscaled-targets"))[1] == ["y = (y - y.mean()) / (y.std() + 1e-7)"]


SPLIT = "x, v = load()\ny, w = labels()\nx = x / 16\ny = y / 255\nmodel.fit(x, y, validation_data=(v, w))\n"


def test_validation_data_get_what_training_data_got():
    assert changed(program(SPLIT), found("train-val-mismatch"))[1] == ["v = v / 16"]


def test_arithmetic_on_labels_is_taken_back():
    assert changed(program(SPLIT), found("wrong-labels"))[0] == ["y = y / 255"]


def test_inputs_and_labels_get_one_order():
    prog = program("x, y = load()\np, q = x[a], y[rng.permutation(a)]\nmodel.fit(p, q)\n")
    assert changed(prog, found("wrong-labels"))[1] == ["p, q = x[a], y[a]"]


def test_a_callback_joins_those_that_are_there():
    prog = program("model.fit(x, y, callbacks=[mine])\n")
    stop = "keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)"
    assert changed(prog, found("overfitting"))[1] == [f"model.fit(x, y, callbacks=[mine, {stop}])"]


def test_what_a_callback_did_to_the_rate_is_mended_at_the_callback():
    """The optimizer ends with a tiny rate, which nobody wrote there."""
    prog = program(
        """
        slower = keras.callbacks.ReduceLROnPlateau("accuracy", mode="min", patience=1)
        model.compile(keras.optimizers.Adam(learning_rate=0.001), "mse")
        model.fit(x, y, callbacks=[slower])
        """,
        optimizer={"class": "Adam", "config": {"learning_rate": 1e-7}},
    )
    way = lever("callback", "mode", '"auto"', "ReduceLROnPlateau")
    _, [line] = changed(prog, found("lr-too-low", way, line=6))
    assert line == 'slower = keras.callbacks.ReduceLROnPlateau("accuracy", mode="auto", patience=1)'


def test_targets_of_several_outputs_are_scaled_one_by_one():
    prog = program('model.fit(x, {"a": a, "b": b})\n')
    assert changed(prog, found("scale-mismatch"))[1] == ["a = (a - a.mean()) / (a.std() + 1e-7)"]
    assert changed(prog, found("scale-mismatch"), 1)[1] == ["b = (b - b.mean()) / (b.std() + 1e-7)"]


def test_samples_are_shuffled_before_they_are_split():
    prog = program("x, y = load()\np, q = x[:9], y[:9]\nmodel.fit(p, q)\n")
    new = ["order = np.random.default_rng(0).permutation(len(x))", "x, y = x[order], y[order]"]
    assert changed(prog, found("unshuffled-data"))[1] == new


def test_shuffling_is_switched_on():
    prog = program("model.fit(x, y, shuffle=False)\n")
    assert changed(prog, found("unshuffled-data"))[1] == ["model.fit(x, y, shuffle=True)"]


CODE = [
    ("wrong-axis", "z = ops.concatenate([a, b], axis=0)", "z = ops.concatenate([a, b], axis=-1)"),
    ("disconnected-gradient", "h = ops.stop_gradient(h)", "h = h"),
    ("disconnected-gradient", 'g = ops.cast(x > 0, "float32")', "g = ops.sigmoid(x)"),
    ("frozen-weights", "base.trainable = False", "base.trainable = True"),
    ("frozen-weights", "d = layers.Dense(3, trainable=False)", "d = layers.Dense(3, trainable=True)"),
    ("nan-operation", "z = ops.log(p)", "z = ops.log(ops.clip(p, 1e-7, 1e9))"),
    ("nan-operation", "z = a / total", "z = a / (total + 1e-7)"),
    ("custom-loss-bug", "loss = -score", "loss = score"),
    ("custom-loss-bug", 'l = Mse(reduction="sum")', 'l = Mse(reduction="sum_over_batch_size")'),
    ("custom-loss-bug", "l = keras.losses.poisson(p, t)", "l = keras.losses.poisson(t, p)"),
    ("custom-loss-bug", "s = p * keras.ops.log(t)", "s = t * keras.ops.log(p)"),
    ("wrong-labels", "y = t[rng.permutation(rows)]", "y = t[rows]"),
    ("wrong-labels", "y = np.roll(t, -1)", "y = t"),
    ("wrong-labels", "y = t[::-1]", "y = t"),
    ("wrong-labels", "y = np.tile(t, n)", "y = np.repeat(t, n)"),
    ("wrong-layer", "h = layers.Dense(8)(h)", "h = layers.Dense(8)(layers.Flatten()(h))"),
    ("wrong-layer", "m = [a, layers.Dense(8)]", "m = [a, layers.Flatten(), layers.Dense(8)]"),
    ("wrong-layer", "h = LSTM(8, return_sequences=True)(h)", "h = LSTM(8, return_sequences=False)(h)"),
    ("broadcast-shape", "e = y_true - y_pred", "e = keras.ops.reshape(y_true, keras.ops.shape(y_pred)) - y_pred"),
    (
        "scale-mismatch",
        "g = [0.2 * a + 0.8 * b for a, b in zip(p, q)]",
        "g = [0.2 * a / (keras.ops.norm(a) + 1e-7) + 0.8 * b / (keras.ops.norm(b) + 1e-7) for a, b in zip(p, q)]",
    ),
    ("mask-ignored", "e = layers.Embedding(30, 4)", "e = layers.Embedding(30, 4, mask_zero=True)"),
]  # fmt: skip


def test_patience_of_a_callback():
    prog = program(
        "stop = keras.callbacks.EarlyStopping('loss', 0.1, 0)\nmodel.fit(x, y, callbacks=[stop])\n"
    )
    lever = Lever("callback", "patience", "10", "EarlyStopping")
    new = "stop = keras.callbacks.EarlyStopping('loss', 0.1, 10)"
    assert changed(prog, found("too-few-epochs", (lever,)))[1] == [new]


@pytest.mark.parametrize(("kind", "old", "new"), CODE)
def test_code_of_the_users_own(kind, old, new):
    prog = program(old + "\n")
    assert changed(prog, found(kind, line=5)) == ([old], [new])


STEP = """
class Net(keras.Model):
    def train_step(self, data):
        weights = self.critic.trainable_variables
        gradients = tape.gradient(loss, weights)
        wrong = self.generator(z, training=True)
        return {}

    def call(self, x):
        return self.drop(x, training=True)
"""


def test_a_train_step_gets_what_it_lacks():
    prog = program(STEP)
    line = "        self.optimizer.apply_gradients(zip(gradients, weights))"
    assert changed(prog, found("gradients-not-applied", line=8))[1] == [line]
    others = [r.description for r in remedies(prog, found("wrong-variables", line=7))]
    assert "`self.generator.trainable_variables`" in others


def test_the_training_flag_is_handed_on():
    out, new = changed(program(STEP), found("training-flag", line=13))
    assert new == ["    def call(self, x, training=False):", "        return self.drop(x, training=training)"]
    assert len(out) == 2


def test_a_metric_is_set_back_whole():
    body = """
    class Hits(keras.metrics.Metric):
        def __init__(self):
            self.good = self.add_weight(name="good")
            self.all = self.add_weight(name="all")

        def reset_state(self):
            self.good.assign(0.0)
    """
    assert changed(program(body), found("metric-bug", line=11))[1] == [
        "        self.all.assign(self.all * 0)"
    ]


def test_remedies_can_be_made_together_unless_they_touch_the_same_text():
    prog = program(CALL)
    one = remedies(prog, found("a", lever("fit", "epochs", "30")))[0]
    two = remedies(prog, found("b", lever("compile", "loss", '"mae"')))[0]
    assert one.with_(two).sound(prog)
    assert not one.with_(remedies(prog, found("c", lever("fit", "epochs", "99")))[0]).sound(prog)


def test_a_patch_fits_only_what_it_was_made_for():
    prog = program(CALL)
    patch = remedies(prog, found("a", lever("fit", "epochs", "30")))[0].patch(prog)
    with pytest.raises(PatchError, match="has changed since"):
        applied(patch, {"train.py": prog.sources["train.py"].replace("epochs=3", "epochs=4")})
    with pytest.raises(PatchError, match="not there"):
        applied(patch, {"other.py": ""})
    with pytest.raises(PatchError, match="no unified diff"):
        applied("hello", {"train.py": ""})


def test_a_normalization_that_saw_no_data_sees_them_before_the_training():
    body = """
        norm = layers.Normalization()
        model = keras.Sequential([norm, layers.Dense(1)])
        model.fit(x_train, y_train)
    """
    prog = program(body, layers=[("net/norm", "Normalization", "linear"), ("dense", "Dense", "linear")])
    sees = 'model.get_layer("norm").adapt(x_train)'
    assert changed(prog, found("unscaled-inputs", layer="net/norm"))[1] == [sees]


def test_missing_values_are_filled_in_where_both_parts_come_from():
    body = """
        table = np.load("table.npy")
        x, held = table[:80], table[80:]
        model.fit(x, y, validation_data=(held, z))
    """
    lever = (Lever("unsafe", "x"),)
    assert changed(program(body), found("nan-operation", lever))[1] == [
        "table = np.nan_to_num(table, posinf=0.0, neginf=0.0)"
    ]
