"""The first non-finite step is found to the step, and so is what in it came first."""

from __future__ import annotations

import common
import keras
import numpy as np
import pytest
from keras import layers, ops


class Divide(layers.Layer):
    """Not finite in the forward pass for a row of zeros."""

    def call(self, x):
        return x / ops.sqrt(ops.sum(x * x, axis=-1, keepdims=True))


class RootNorm(layers.Layer):
    """Finite forward; the derivative of the square root at 0 is not."""

    def call(self, x):
        return x * (1.0 + ops.sqrt(ops.sum(ops.abs(x), axis=-1, keepdims=True)))


def train(layer, bad_row, value, *, epochs=1, steps=120, **options):
    random = np.random.default_rng(1)
    x = np.abs(random.normal(size=(steps * 16, 8))).astype("float32") + 0.1
    y = random.integers(0, 3, steps * 16).astype("int32")
    if bad_row is not None:
        x[bad_row] = value
    keras.utils.set_random_seed(1)
    net = [keras.Input((8,)), layer, layers.Dropout(0.2, name="drop"), layers.Dense(3, name="head")]
    model = common.compiled(keras.Sequential(net), keras.optimizers.Adam(1e-3))
    with common.recording(**options) as recorder:
        model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, shuffle=False)
    return common.finished(recorder), model


def event(run):
    events = run.view.events("nonfinite")
    assert len(events) == 1
    return events[0]


@pytest.mark.catalogue
@pytest.mark.parametrize("step", [1, 2, 38, 119, 120])
def test_forward(step):
    run, _ = train(Divide(name="divide"), (step - 1) * 16 + 5, 0.0)
    found = event(run)
    assert found.facts["exact"], found
    assert found.step == step
    assert found.facts["first"] == "output"
    assert found.facts["tensor"].endswith("divide")
    cause = run.report.findings[0]  # the step run again names the line, and the loss is what follows
    assert (cause.kind, cause.location.step) == ("nan-operation", step)
    assert "nan-loss" in str([item.label for item in cause.evidence])
    assert run.report.findings[0].location.step == step
    assert not run.internal()


def test_input():
    run, _ = train(layers.Dense(8, name="first"), 70 * 16 + 3, np.nan)
    found = event(run)
    assert (found.step, found.facts["first"], found.facts["tensor"]) == (71, "input", "x")


def test_label_loss():
    """A loss that is infinite although every output is finite."""

    def bad(y_true, y_pred):
        return ops.mean(ops.log(ops.abs(y_pred[:, 0]) * 0.0), axis=-1)

    keras.utils.set_random_seed(1)
    model = common.compiled(common.network(), loss=bad, metrics=[])
    with common.recording() as recorder:
        common.fit(model, epochs=1)
    found = event(common.finished(recorder))
    assert (found.step, found.facts["first"]) == (1, "loss")


def test_backward():
    """Only the gradient is not finite at the bad step; the loss follows a step later."""
    inputs = keras.Input((8,))
    x = layers.Dense(8, use_bias=False, name="before")(inputs)
    x = RootNorm(name="root")(x)
    keras.utils.set_random_seed(1)
    model = common.compiled(keras.Model(inputs, layers.Dense(3, name="head")(x)), keras.optimizers.Adam(1e-3))
    random = np.random.default_rng(1)
    data = np.abs(random.normal(size=(80 * 16, 8))).astype("float32") + 0.1
    data[60 * 16 + 2] = 0.0
    with common.recording() as recorder:
        model.fit(data, random.integers(0, 3, len(data)), batch_size=16, epochs=1, verbose=0, shuffle=False)
    run = common.finished(recorder)
    found = run.view.events("nonfinite")
    if not found:
        pytest.skip("this backend's derivative of sqrt at 0 is finite")
    assert found[0].facts["exact"]
    assert found[0].step == 61
    assert found[0].facts["first"] == "gradient"
    assert found[0].facts["tensor"] == "before/kernel"


def test_after_several_epochs_and_a_changed_learning_rate():
    """Metrics are reset and the learning rate changes between snapshot and bad step; the rewind must follow."""

    class Rate(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.5 if epoch == 2 else 1e-3

    random = np.random.default_rng(1)
    x = random.normal(size=(30 * 16, 8)).astype("float32")
    y = (x @ random.normal(size=(8, 1))).astype("float32")
    keras.utils.set_random_seed(1)
    net = [keras.Input((8,)), layers.Dense(16), layers.Dense(16), layers.Dense(1)]
    model = keras.Sequential(net)
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    with common.recording() as recorder:
        history = model.fit(x, y, batch_size=16, epochs=4, verbose=0, callbacks=[Rate()])
    run = common.finished(recorder)
    assert not np.isfinite(history.history["loss"][-1])
    found = event(run)
    assert found.facts["exact"], found
    logs = run.model.steps().logs["loss"]
    assert found.step > 60
    assert np.isfinite(logs[: found.step - 1]).all()


def test_a_healthy_run_has_no_such_event():
    run, _ = train(Divide(), None, 0.0)
    assert not run.view.events("nonfinite")


def test_without_memory_it_says_what_it_knows():
    run, _ = train(Divide(name="divide"), 37 * 16, 0.0, memory=1000)
    found = event(run)
    assert not found.facts["exact"]
    assert "snapshots" in run.gaps()
    assert run.report.findings[0].kind == "nan-loss"


def test_the_weights_are_the_same_as_unwatched():
    results = []
    for watched in (False, True):
        keras.utils.set_random_seed(1)
        model = common.compiled(
            keras.Sequential([keras.Input((8,)), Divide(), layers.Dropout(0.2), layers.Dense(3)])
        )
        x = np.abs(np.random.default_rng(1).normal(size=(60 * 16, 8))).astype("float32")
        x[40 * 16] = 0.0
        y = np.zeros(len(x), "int32")

        def run(model=model, x=x, y=y):
            return model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)

        if watched:
            with common.recording():
                run()
        else:
            run()
        results.append(common.weights(model))
    assert results[0] == results[1]
