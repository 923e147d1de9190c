"""A profile of real trainings: nothing is changed, every second is accounted for, the cause is named."""

from __future__ import annotations

import inspect
import json
import re
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import kerascope
from kerascope.errors import UsageError

pytestmark = pytest.mark.backend

STEPS, BATCH = 30, 16


def network(**options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((12,)), layers.Dense(16, activation="relu"), layers.Dropout(0.2), layers.Dense(1)]
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse", metrics=["mae"], **options)
    return model


def data(count=STEPS * BATCH):
    rng = np.random.default_rng(4)
    return rng.normal(size=(count, 12)).astype("float32"), rng.normal(size=(count, 1)).astype("float32")


def sleeping():
    x, y = data(BATCH)
    while True:
        time.sleep(0.02)
        yield x, y


class Sleepy(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])
        time.sleep(0.02)


def profiled(tmp_path, model, *args, **fit):
    return kerascope.profile(model, *args, out=tmp_path / "a.kscope", **{"verbose": 0, **fit}).report


def test_weights_are_what_fit_alone_gives_and_nothing_is_left(tmp_path):
    plain, watched = network(), network()
    fit, call = keras.Model.fit, keras.layers.Layer.__call__
    hooks = {name: value for name, value in vars(keras.callbacks.CallbackList).items()}
    plain.fit(*data(), batch_size=BATCH, epochs=2, verbose=0, validation_data=data(32))
    keras.utils.set_random_seed(3)
    watched = network()
    profiled(tmp_path, watched, *data(), batch_size=BATCH, epochs=2, validation_data=data(32))
    for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert keras.Model.fit is fit and keras.layers.Layer.__call__ is call
    assert {name: value for name, value in vars(keras.callbacks.CallbackList).items()} == hooks
    assert "compute_metrics" not in vars(watched)


def test_every_second_is_accounted_for(tmp_path):
    report = profiled(
        tmp_path,
        network(),
        *data(),
        batch_size=BATCH,
        epochs=2,
        validation_data=data(64),
        callbacks=[Sleepy()],
    )
    profile = report.profile
    assert sum(row.seconds for row in profile.phases) == pytest.approx(profile.wall, rel=1e-6)
    seconds = {row.label: row.seconds for row in profile.phases}
    assert seconds["Keras's own loop"] < 0.05 * profile.wall
    assert seconds["callback Sleepy"] >= 0.02 * STEPS * 2
    assert {"validation", "training step", "set-up"} <= set(seconds)
    assert profile.steps == 2 * STEPS


def test_waiting_for_data_is_named_with_its_function(tmp_path):
    report = profiled(tmp_path, network(), sleeping(), steps_per_epoch=STEPS)
    first = report.findings[0]
    assert report.headline.startswith("INPUT-BOUND")
    assert first.kind == "input-bound"
    lines, begin = inspect.getsourcelines(sleeping)
    assert Path(first.location.file).resolve() == Path(__file__)
    assert begin <= first.location.line < begin + len(lines)
    assert report.profile.cached < 0.5 * report.profile.step


def test_a_callback_is_named_with_its_reads(tmp_path):
    report = profiled(tmp_path, network(), *data(), batch_size=BATCH, callbacks=[Sleepy()])
    first = report.findings[0]
    assert (first.kind, Path(first.location.file).resolve()) == ("callback-bound", Path(__file__))
    lines, begin = inspect.getsourcelines(Sleepy)
    assert begin <= first.location.line < begin + len(lines)


def test_a_new_shape_is_named(tmp_path, backend):
    if backend != "jax":
        pytest.skip("only JAX compiles anew for each size of the batch")

    def sizes():
        x, y = data(BATCH)
        for count in (*[BATCH] * 20, *range(2, 14)):
            yield x[:count], y[:count]

    report = profiled(tmp_path, network(), sizes(), steps_per_epoch=32)
    rows = [row for row in report.profile.compiles if "(16, 12) -> float32 (2, 12)" in row.why]
    assert rows and rows[0].step == 21
    assert "recompilation" in [finding.kind for finding in report.findings]


def test_layers_are_timed_by_themselves(tmp_path):
    report = profiled(tmp_path, network(), *data(), batch_size=BATCH)
    names = [row.kind for row in report.profile.layers]
    assert sorted(names) == ["Dense", "Dense", "Dropout"]
    dense = next(row for row in report.profile.layers if row.kind == "Dense")
    assert dense.forward > 0 and dense.both > 0
    assert dense.rate is not None and 0 < dense.of_peak < 1.5


def test_a_script_is_profiled_and_its_recording_shows_the_same(kerascope, tmp_path):
    script = """
        import time
        import keras, numpy as np
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        class Slow(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                time.sleep(1.0)
        model.fit(np.ones((480, 4)), np.ones((480, 1)), batch_size=16, epochs=2, verbose=0, callbacks=[Slow()])
    """
    (tmp_path / "train.py").write_text(inspect.cleandoc(script))
    done = kerascope(
        "profile",
        "--out",
        "a.kscope",
        "--json",
        "a.json",
        "--trace",
        "t.json",
        "--fail-on",
        "warning",
        "train.py",
        start=sys.executable,
    )
    assert done.returncode == 3, done.stderr
    assert "CALLBACK-BOUND" in done.stderr and re.search("train.py:[67] ", done.stderr)
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["verb"] == "profile"
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    again = kerascope("report", "a.kscope", "--json")
    assert json.loads(again.stdout)["profile"] == report["profile"]


def test_a_training_that_fails_leaves_nothing_behind(tmp_path):
    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    call = keras.Model.fit
    with pytest.raises(RuntimeError, match="mine"):
        profiled(tmp_path, network(), *data(), batch_size=BATCH, callbacks=[Failing()])
    assert keras.Model.fit is call
    assert (
        "on_train_batch_end" in vars(Failing) and Failing.on_train_batch_end.__name__ == "on_train_batch_end"
    )
    assert not hasattr(Failing.on_train_batch_end, "__wrapped__")


@pytest.mark.parametrize("model", [keras.Sequential([layers.Dense(1)]), "model", None])
def test_what_is_no_compiled_model_gets_a_clear_error(model):
    with pytest.raises(UsageError, match=r"Received: model=.*compile"):
        kerascope.profile(model, *data(4))
