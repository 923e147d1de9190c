"""All ways to train: each gives the same weights watched and unwatched, and a row for every step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import common
import custom
import keras
import numpy as np
import pytest
from keras import layers

BACKEND = common.BACKEND
SGD = keras.optimizers.SGD
HERE = Path(__file__).parent


def sequential():
    net = [keras.Input((16,)), layers.Dense(8, activation="relu"), layers.Dropout(0.2), layers.Dense(4)]
    return common.compiled(keras.Sequential(net))


def deferred():
    """No Input: built by the first batch."""
    return common.compiled(keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)]))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.body = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.2)])
        self.head = layers.Dense(4)

    def call(self, x, training=False):
        return self.head(self.body(x, training=training))


def nested():
    inner = keras.Sequential(
        [keras.Input((16,)), layers.Dense(8, activation="relu"), keras.Sequential([layers.Dense(8)])]
    )
    inputs = keras.Input((16,))
    return common.compiled(keras.Model(inputs, layers.Dense(4)(inner(inputs))))


def shared():
    inputs = keras.Input((16,))
    layer = layers.Dense(16, activation="relu", name="shared")
    return common.compiled(keras.Model(inputs, layers.Dense(4)(layer(layer(inputs)))))


def accumulated():
    return common.compiled(common.network(), keras.optimizers.Adam(1e-2, gradient_accumulation_steps=3))


def averaged():
    options = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 5, "global_clipnorm": 1.0}
    return common.compiled(common.network(), keras.optimizers.Adam(1e-2, **options))


def frozen():
    model = common.network()
    model.get_layer("d1").trainable = False
    return common.compiled(model)


def scheduled():
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 40)
    return common.compiled(common.network(), keras.optimizers.Adam(rate))


FORMS = {
    "sequential": sequential,
    "deferred build": deferred,
    "functional": lambda: common.compiled(common.network()),
    "subclassed": lambda: common.compiled(Subclassed()),
    "nested": nested,
    "shared layer": shared,
    "custom train_step": lambda: common.compiled(common.network(custom.CustomStep)),
    "custom train_step with apply": lambda: common.compiled(common.network(custom.CustomApply)),
    "custom compute_loss": lambda: common.compiled(common.network(custom.CustomLoss)),
    "gradient accumulation": accumulated,
    "averaged weights": averaged,
    "frozen layer": frozen,
    "schedule": scheduled,
    "jit_compile=False": lambda: common.compiled(common.network(), jit_compile=False),
    "run_eagerly": lambda: common.compiled(common.network(), run_eagerly=True),
}
if BACKEND != "torch":  # torch.compile has a test of its own; steps_per_execution does not exist there
    FORMS["jit_compile=True"] = lambda: common.compiled(common.network(), jit_compile=True)
    FORMS["steps_per_execution=3"] = lambda: common.compiled(common.network(), steps_per_execution=3)


@pytest.mark.parametrize("form", FORMS)
def test_form(form):
    off, on, run = common.twice(FORMS[form], common.fit, every=7)
    assert off == on
    steps = run.model.steps()
    assert list(steps.step) == list(range(1, 41))
    assert np.isfinite(steps.logs["loss"]).all()
    assert set(steps.batch_size) == {32.0}
    assert np.isfinite(steps.learning_rate).all()
    gradients = run.model.samples("gradient")
    assert len(gradients.step) >= 5, run.view.events()
    assert np.isfinite(gradients.field("norm")).all()
    assert (gradients.field("norm")[0] > 0).any()
    assert run.model.samples("output").names
    assert not run.internal(), run.view.events("internal")
    meant = ["frozen-weights"] if form == "frozen layer" else []  # at random, so it does harm
    assert common.complaints(run.report) in ([], meant), run.report.to_json()["findings"]
    assert [row.outcome for row in run.model.trainings()] == ["finished"]
    assert [row.epoch for row in run.model.epochs()] == [0, 1]


def test_gradients_are_those_of_the_batch():
    """The sampled gradient equals the one computed by hand, and so do weight and update."""

    def make():
        net = keras.Sequential([keras.Input((16,)), layers.Dense(1, use_bias=False, name="out")])
        return common.compiled(net, SGD(0.1), loss="mse", metrics=[])

    x, y = common.X[:32], common.Y[:32].astype("float32")[:, None]
    keras.utils.set_random_seed(3)
    model = make()
    kernel = np.asarray(model.get_weights()[0], np.float64)
    with common.recording(every=1) as recorder:
        model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    run = common.finished(recorder)
    expected = 2 * x.T.astype(np.float64) @ (x @ kernel - y) / 32
    row = {
        part: run.model.samples(part).stats[0, 0]
        for part in ("gradient", "weight", "update", "output", "loss")
    }
    np.testing.assert_allclose(row["gradient"][0], np.linalg.norm(expected), rtol=1e-4)
    np.testing.assert_allclose(row["gradient"][1], expected.mean(), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(row["weight"][0], np.linalg.norm(kernel), rtol=1e-5)
    np.testing.assert_allclose(row["update"][0], 0.1 * np.linalg.norm(expected), rtol=1e-3)
    np.testing.assert_allclose(row["output"][4], (x @ kernel).max(), rtol=1e-4)
    np.testing.assert_allclose(row["loss"][1], np.mean((x @ kernel - y) ** 2), rtol=1e-4)


def test_several_inputs_and_outputs():
    def make():
        a, b = keras.Input((16,), name="a"), keras.Input((4,), name="b")
        x = layers.Concatenate()([layers.Dense(8)(a), layers.Dense(8)(b)])
        model = keras.Model(
            {"a": a, "b": b}, {"p": layers.Dense(1, name="p")(x), "q": layers.Dense(4, name="q")(x)}
        )
        model.compile("adam", {"p": "mse", "q": common.loss()})
        return model

    def train(model):
        inputs = {"a": common.X, "b": common.X[:, :4]}
        targets = {"p": common.X[:, :1], "q": common.Y}
        return model.fit(inputs, targets, batch_size=32, epochs=1, verbose=0)

    off, on, run = common.twice(make, train)
    assert off == on
    facts = dict(run.model.batches())[1]
    assert {array["name"] for array in facts["arrays"]} == {"x[a]", "x[b]", "y[p]", "y[q]"}
    assert any("loss" in name and name != "loss" for name in run.model.steps().logs)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        off, on, run = common.twice(lambda: common.compiled(common.network()), common.fit, every=7)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert off == on
    # A loss scale of 2**15 must have been taken out of what is shown.
    norms = run.model.samples("gradient").field("norm")
    assert 0 < np.nanmax(norms[np.isfinite(norms)]) < 100
    assert not run.internal()


def test_two_models_in_one_script():
    def make():
        return keras.Sequential([keras.Input((16,)), layers.Dense(8), layers.Dense(4)])

    def both():
        keras.utils.set_random_seed(2)
        one, two = common.compiled(make()), common.compiled(make())
        for start in range(0, 320, 32):
            part = slice(start, start + 32)
            one.train_on_batch(common.X[part], common.Y[part])
            two.train_on_batch(common.X[part], common.Y[part])
        return common.weights(one) + common.weights(two)

    off = both()
    with common.recording() as recorder:
        on = both()
    run = common.finished(recorder)
    assert off == on
    assert [len(model.steps().step) for model in run.view.models] == [10, 10]
    assert not run.internal()


def test_gan_with_a_combined_model():
    """Two train functions over shared weights, one frozen inside the other."""

    def play():
        keras.utils.set_random_seed(2)
        discriminator = keras.Sequential(
            [keras.Input((16,)), layers.Dense(8, activation="relu"), layers.Dense(1)]
        )
        binary = keras.losses.BinaryCrossentropy(from_logits=True)
        discriminator.compile("adam", binary)
        generator = keras.Sequential([keras.Input((4,)), layers.Dense(16)])
        discriminator.trainable = False
        combined = keras.Sequential([keras.Input((4,)), generator, discriminator])
        combined.compile("adam", binary)
        ones, zeros = np.ones((32, 1), "float32"), np.zeros((32, 1), "float32")
        for index in range(12):
            noise = common.X[index * 32 : index * 32 + 32, :4]
            discriminator.train_on_batch(common.X[index * 32 : index * 32 + 32], ones)
            discriminator.train_on_batch(np.asarray(generator.predict_on_batch(noise)), zeros)
            combined.train_on_batch(noise, ones)
        return common.weights(discriminator) + common.weights(combined)

    off = play()
    with common.recording() as recorder:
        on = play()
    run = common.finished(recorder)
    assert off == on
    assert not run.internal(), run.view.events("internal")
    assert sorted(len(model.steps().step) for model in run.view.models) == [12, 24]
    assert not run.internal(), run.view.events("internal")


def test_train_on_batch_loop_logs_each_batch():
    def train(model):
        return [model.train_on_batch(common.X[i : i + 32], common.Y[i : i + 32]) for i in range(0, 320, 32)]

    off, on, run = common.twice(lambda: common.compiled(common.network()), train)
    assert off == on
    assert [row.method for row in run.model.trainings()] == ["train_on_batch"]
    np.testing.assert_allclose(run.model.batch_loss(), [losses[0] for losses in on[1]], rtol=1e-6)


def test_fit_again_and_recompile():
    def train(model):
        common.fit(model, epochs=1)
        common.fit(model, epochs=1)
        common.compiled(model, SGD(0.01))
        return common.fit(model, epochs=1)

    off, on, run = common.twice(lambda: common.compiled(common.network()), train)
    assert off == on
    assert list(run.model.steps().step) == list(range(1, 61))
    assert [row.first_step for row in run.model.trainings()] == [1, 21, 41]
    np.testing.assert_allclose(run.model.steps().learning_rate[[0, 25, 45]], [0.01, 0.01, 0.01], rtol=1e-6)


def test_learning_rate_callback_is_seen():
    class Halve(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.01 / 2**epoch

    def train(model):
        return common.fit(model, epochs=3, callbacks=[Halve()])

    off, on, run = common.twice(lambda: common.compiled(common.network()), train)
    assert off == on
    rates = run.model.steps().learning_rate
    np.testing.assert_allclose(
        rates[[0, 19, 20, 39, 40, 59]], [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025], rtol=1e-6
    )


def test_schedule_is_recorded_for_every_step():
    _, _, run = common.twice(scheduled, common.fit)
    rate = keras.optimizers.schedules.CosineDecay(1e-2, 40)
    expected = [float(keras.ops.convert_to_numpy(rate(step))) for step in range(40)]
    np.testing.assert_allclose(run.model.steps().learning_rate, expected, rtol=1e-4, atol=1e-8)


def test_validation_is_in_the_epoch_logs():
    def train(model):
        return common.fit(model, validation_split=0.25)

    off, on, run = common.twice(lambda: common.compiled(common.network()), train)
    assert off == on
    for row, loss in zip(run.model.epochs(), on[1]["val_loss"], strict=True):
        np.testing.assert_allclose(row.logs["val_loss"], loss, rtol=1e-6)


def test_early_stopping_and_exceptions_end_the_training():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ZeroDivisionError("of the user")

    model = common.compiled(common.network())
    with common.recording() as recorder:
        common.fit(model, callbacks=[Stop()])
        with pytest.raises(ZeroDivisionError):
            common.fit(model, callbacks=[Fail()])
        common.fit(model, epochs=1)
    run = common.finished(recorder)
    assert [row.outcome for row in run.model.trainings()] == ["stopped", "failed", "finished"]
    assert list(run.model.steps().step) == list(range(1, 61))


def test_the_loss_of_a_step_that_logs_it_raw():
    class Raw(custom.CustomStep):
        def train_step(self, *args):
            result = super().train_step(*args)
            return result

    model = common.compiled(common.network(Raw))
    with common.recording() as recorder:
        common.fit(model, epochs=1)
    facts = common.finished(recorder).model.trainings()[0].facts
    assert facts["loss_log"] == "mean"


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
def test_torch_compile():
    import torch

    try:
        torch.compile(lambda x: x + 1)(torch.ones(2))
    except Exception as error:
        pytest.skip(f"torch.compile does not work here: {error}")
    off, on, run = common.twice(
        lambda: common.compiled(common.network(), jit_compile=True),
        lambda m: common.fit(m, epochs=1),
        every=7,
    )
    assert off == on
    assert len(run.model.samples("gradient").step) >= 2
    assert not run.internal()


@pytest.mark.skipif(BACKEND == "torch", reason="no such thing on torch")
def test_distributed():
    """Data-parallel training on two virtual devices, in a process that has them."""
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "TF_CPP_MIN_LOG_LEVEL": "3"}
    env["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1] / "src"), env.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(HERE / "distributed.py")], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "same: True" in done.stdout, done.stdout


def test_a_metric_that_returns_its_own_variable():
    """`Sum` returns the variable it counts in: a value read late must still be the one of its step."""

    class Counting(keras.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            self.counter.update_state(1.0)
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "steps": self.counter.result()}

    def make():
        model = common.network(Counting)
        model.counter = keras.metrics.Sum(name="steps")
        return common.compiled(model, run_eagerly=True)

    _, _, run = common.twice(make, lambda model: common.fit(model, epochs=1))
    assert list(run.model.steps().logs["steps"]) == [float(n) for n in range(1, 21)]
