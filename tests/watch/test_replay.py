"""A recorded step runs again to the bit, eagerly within rounding, and leaves everything as it was."""

from __future__ import annotations

import itertools
import os
import stat
import sys
import types
from pathlib import Path

import common
import keras
import numpy as np
import pytest

import kerascope
from kerascope import _backends
from kerascope._keras import state as keras_state
from kerascope.errors import UsageError
from kerascope.probe.window import Window

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

LAST = 60


class Trained:
    """A model with dropout and batch normalisation, and the recording of its training."""

    def __init__(self, **options):
        keras.utils.set_random_seed(4)
        self.model = common.compiled(common.network())
        with common.recording(**options) as recorder:
            common.fit(self.model, epochs=3)
        self.path = recorder.writer.path
        self.report = recorder.finish()
        self.run = kerascope.load(self.path)

    def states(self):
        return common.weights(self.model)


@pytest.fixture(scope="module")
def trained():
    return Trained()


@pytest.mark.parametrize("step", [2, 52, LAST])
def test_compiled_is_the_same_to_the_bit(trained, step):
    before = trained.states()
    found = trained.run.step(step).replay(model=trained.model)
    assert found.equal is True
    assert found.loss == trained.run.view.models[0].steps().logs["loss"][step - 1]
    assert trained.states() == before
    if step == LAST:
        live = {v.path: keras.ops.convert_to_numpy(v.value) for v in trained.model.weights}
        assert live
        for name, value in live.items():
            if name in found.weights:
                assert value.tobytes() == found.weights[name].tobytes(), name
        assert set(live) - set(found.weights) == set()


def test_steps_meet(trained):
    """Walking from one recorded state to the next one gives that state, to the bit."""
    view = trained.run.view.models[0]
    states = sorted({step for step, kind, _ in view.captures() if kind == "state"})
    batches = {step for step, kind, _ in view.captures() if kind == "batch"}
    joined = [b for a, b in itertools.pairwise(states) if set(range(a, b)) <= batches]
    assert joined
    for step in joined:
        found = trained.run.step(step - 1).replay(model=trained.model)
        assert any(e.label == "weights and optimizer after it" for e in found.evidence)
        assert found.equal is True


def test_eager_is_within_rounding(trained):
    before = trained.states()
    found = trained.run.step(LAST - 1).replay("eager", model=trained.model)
    assert found.tolerated is True
    assert any(e.label == "rows with the largest loss" and "label" in e.value for e in found.evidence)
    assert {name for name in found.gradients if name.endswith("kernel")}
    assert all(np.isfinite(g).all() for g in found.gradients.values())
    assert trained.states() == before


def test_a_difference_is_seen(trained):
    """The same recording on a model with another rate of dropout is not what was recorded."""
    other = common.compiled(common.network())
    other.get_layer("do").rate = 0.9
    other.fit(common.X[:32], common.Y[:32], verbose=0)
    found = trained.run.step(LAST).replay(model=other)
    assert found.equal is False
    assert not found.ok


def test_another_model_is_refused(trained):
    other = common.compiled(keras.Sequential([keras.Input((16,)), keras.layers.Dense(4)]))
    other.fit(common.X[:32], common.Y[:32], verbose=0)
    with pytest.raises(Exception, match=r"not the one that was recorded"):
        trained.run.step(LAST).replay(model=other)


def test_what_cannot_be_reached_is_said(trained):
    with pytest.raises(UsageError, match=r"steps 1 to 3"):
        trained.run.step(20).replay(model=trained.model)
    with pytest.raises(UsageError, match="There are 1 to 60"):
        trained.run.step(61)
    with pytest.raises(UsageError, match="no such mode"):
        trained.run.step(1).replay("fast", model=trained.model)


def test_only_the_owner_reads(trained):
    assert stat.S_IMODE(os.stat(trained.path).st_mode) == 0o600


def test_nothing_is_kept_on_request():
    found = Trained(keep_batches=0)
    assert found.run.view.models[0].captures() == ()
    assert not [e for e in found.run.view.events("internal")]
    with pytest.raises(UsageError, match="no states and batches"):
        found.run.step(3).replay(model=found.model)


def test_the_limit_of_the_file_holds():
    found = Trained(keep_bytes=60_000)
    captures = found.run.view.models[0].captures()
    assert captures
    assert sum(size for _, _, size in captures) <= 60_000
    assert any("run again" in str(event.facts["what"]) for event in found.run.view.events("gap"))


def test_keeping_changes_no_bit():
    """Frequent snapshots and everything kept, against nothing kept at all."""

    def train(model):
        return model.fit(common.X, common.Y, batch_size=32, epochs=2, verbose=0, validation_split=0.1)

    make = lambda: common.compiled(common.network())  # noqa: E731
    off, on, run = common.twice(make, train, snapshot_every=3, keep_batches=8)
    assert off == on
    assert run.model.captures()
    assert not run.internal()


class Wide:
    """Stands for a model of so many parameters, trained by Adam, without their memory."""

    def __init__(self, parameters):
        self.parts = [types.SimpleNamespace(shape=(parameters,), dtype="float32") for _ in range(3)]


@pytest.mark.parametrize(("parameters", "copied"), [(1_000_000, True), (1_000_000_000, False)])
def test_defaults_for_small_and_large_models(monkeypatch, parameters, copied):
    """A state of 12 MB is copied every 50 steps; one of 12 GB never, and the reason is told."""
    from kerascope.probe.options import Options

    options, wide = Options(), Wide(parameters)
    monkeypatch.setattr(keras_state, "all_variables", lambda model: [("weight", v) for v in model.parts])
    window = Window(_backends.current(), wide, options.memory, options.snapshot_every)
    window.measure(np.zeros((128, 784), np.float32))
    assert (window.off is None) == copied
    assert window.due(1) == copied
    if copied:
        assert window.interval(1000) == 50
        assert not window.tight
    else:
        assert "do not fit into 512.0 MiB" in window.off


@pytest.mark.parametrize(("parameters", "interval"), [(1_000, 1), (2_000_000, 1), (9_000_000, None)])
def test_a_large_state_is_not_copied_every_few_steps(monkeypatch, parameters, interval):
    """With batches of 28 MiB hardly any fit between two snapshots: a small state is copied often, a large one never."""
    from kerascope.probe.options import Options

    options, wide = Options(), Wide(parameters)
    monkeypatch.setattr(keras_state, "all_variables", lambda model: [("weight", v) for v in model.parts])
    window = Window(_backends.current(), wide, options.memory, options.snapshot_every)
    window.measure(np.zeros((7 << 20,), np.float32))
    if interval is None:
        assert "not copied every few steps" in window.off
        assert not window.due(1)
    else:
        assert window.off is None
        assert interval <= window.interval(1000) < 10


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "case",
    [
        "div_norm",
        "arccos",
        "loss_mape",
        "data_x",
        "rate",
        "metric",
        "cell",
        "mask_infinite",
    ],
)
def test_a_break_is_told(case):
    from replay_cases import CASES, HEALTHY
    from replay_faults import COLUMNS, run

    row = run(case, (CASES | HEALTHY)[case])
    assert {column: row[column] for column in COLUMNS if row[column] is False} == {}, str(row)


@pytest.mark.table
@pytest.mark.parametrize("case", range(100))
def test_every_break_is_told(case):
    from replay_cases import CASES, HEALTHY
    from replay_faults import COLUMNS, run

    names = [*CASES, *HEALTHY]
    if case >= len(names):
        pytest.skip("there are no more")
    row = run(names[case], (CASES | HEALTHY)[names[case]])
    assert {column: row[column] for column in COLUMNS if row[column] is False} == {}, str(row)


class Drawn(keras.layers.Layer):
    """Draws from a generator that is no part of the model, in every run of the step."""

    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng(0)

    def draw(self):
        return self.random.normal(size=(16,)).astype("float32")

    def call(self, x):
        if common.BACKEND == "jax":
            import jax

            drawn = jax.pure_callback(self.draw, jax.ShapeDtypeStruct((16,), "float32"))
        elif common.BACKEND == "tensorflow":
            import tensorflow as tf

            drawn = tf.random.normal((16,))
        else:
            drawn = keras.ops.convert_to_tensor(self.draw())
        return x + keras.ops.stop_gradient(drawn)


@pytest.mark.parametrize("mode", ["compiled", "eager"])
def test_a_step_that_is_not_the_same_twice_names_what_differs_first(mode):
    model = common.compiled(keras.Sequential([keras.Input((16,)), Drawn(), keras.layers.Dense(4)]))
    with common.recording() as recorder:
        common.fit(model, epochs=1)
    path = recorder.writer.path
    recorder.finish()
    found = kerascope.load(path).step(2).replay(mode, model=model)
    assert "not the same twice" in found.findings[-1].title
    assert found.tolerated is None
    said = next(e.value for e in found.evidence if e.label == "run twice eagerly")
    assert "first to differ is" in said
    assert "normal(" in said or "self.draw()" in said
    assert "test_replay.py:" in said


class Width(keras.layers.Layer):
    """Divides by a Python number that a callback changes."""

    def __init__(self):
        super().__init__()
        self.width = 1.0

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.w / self.width


def test_a_nan_that_does_not_come_back_is_said_to_be_that():
    """On JAX and TensorFlow the compiled step still divides by 0; on torch the same Python now divides by 1."""
    layer = Width()
    model = common.compiled(keras.Sequential([keras.Input((16,)), layer, keras.layers.Dense(4)]))
    layer.width = 0.0

    def widen(*_, **__):
        layer.width = 1.0

    # What is compiled must not be compiled again meanwhile: there the value changes when the training is over.
    when = "on_train_batch_end" if common.BACKEND == "torch" else "on_train_end"
    with common.recording() as recorder:
        model.fit(
            common.X[:128],
            common.Y[:128],
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(**{when: widen})],
        )
    found = next(f for f in recorder.finish().findings if f.kind == "nan-loss")
    if common.BACKEND == "torch":
        assert "run again, the step is finite" in found.title
        assert "no part of the model's state" in found.explanation
    else:
        assert "only the compiled step shows it" in found.title
        assert "stays finite; run again with the compiled program it does not" in found.explanation
    assert "Python" in found.explanation


@pytest.mark.parametrize("case", ["half_square", "half_scaled"])
def test_half_precision_with_loss_scaling(case):
    from replay_cases import SEEN_ONCE, SEEN_ONCE_HEALTHY
    from replay_faults import COLUMNS, run

    try:
        row = run(case, (SEEN_ONCE | SEEN_ONCE_HEALTHY)[case])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    # Whether a change is found depends on the time it takes: float16 is slow on a processor.
    assert [column for column in COLUMNS if row[column] is False and column != "fix"] == [], str(row)


SCRIPT = """
import numpy as np, keras
from keras import layers, ops
keras.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")

def spread(y_true, y_pred):
    error = y_true - y_pred
    return ops.mean(ops.square(error), axis=-1)

model = keras.Sequential([keras.Input((8,)), layers.Dense(8), layers.Dropout(0.5), layers.Dense(1)])
model.compile("adam", spread)
model.fit(x, x[:, :1], batch_size=16, epochs=2, verbose=0)
model.compile("sgd", spread)
model.fit(x, x[:, :1], batch_size=16, epochs=1, verbose=0)
open("written.txt", "w").write("x")
"""


def test_a_script_is_run_again(kerascope, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    done = kerascope("run", "--break", "step==9", "--out", "run.kscope", "train.py")
    assert done.returncode == 0, done.stderr
    assert "paused after step 9" in done.stderr
    (tmp_path / "written.txt").unlink()
    (tmp_path / "train.py").write_text(SCRIPT + "# a new line\n")
    again = kerascope("replay", "run.kscope", "--step", "23", "--mode", "trace", start=sys.executable)
    assert again.returncode == 0, again.stderr
    assert "the same to the bit" in " ".join(again.stdout.split())
    assert "ops.square(error)" in again.stdout
    assert "again up to its training, in an empty folder" in again.stderr
    assert "line 17 + # a new line" in again.stderr
    assert "training 1 is passed over" in again.stderr
    assert not (tmp_path / "written.txt").exists()
    copied = kerascope("export", "run.kscope", "out.kscope", "--redact")
    assert copied.returncode == 0, copied.stderr
    data = (tmp_path / "out.kscope").read_bytes()
    assert b"spread" not in data
    assert b"train.py" not in data
    assert stat.S_IMODE(os.stat(tmp_path / "out.kscope").st_mode) == 0o600
