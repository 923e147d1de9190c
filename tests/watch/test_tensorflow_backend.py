"""The TensorFlow backend changes nothing, rewinds to the bit, and measures what an independent tape computes."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "tensorflow":
    pytest.skip("needs KERAS_BACKEND=tensorflow", allow_module_level=True)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
import tf_programs as programs
from keras import layers

import kerascope
from kerascope._backends import tf_taps
from kerascope._backends.tensorflow import BACKEND
from kerascope._keras import state as keras_state
from kerascope._keras import steps

NORM, MEAN, STD, MIN, MAX, ZEROS, FINITE = range(7)
NEVER_BUILT = "gradients, updates and activations"


def rows(sample: Any, part: str) -> dict[str, np.ndarray]:
    """One part of a sample: name -> seven figures."""
    return dict(zip(sample.parts[part].names, BACKEND.host(sample.parts[part].stats), strict=True))


def seven(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    return np.array(
        [
            np.linalg.norm(x.ravel()),
            x.mean(),
            x.std(),
            x.min(),
            x.max(),
            (x == 0).mean(),
            np.isfinite(x).mean(),
        ]
    )


def measured(model: Any, x: Any, y: Any) -> Any:
    """A sample of a model's first step: taken after it, from the state before it."""
    model.make_train_function()
    start = BACKEND.save(model, None)
    BACKEND.one_step(model.train_function, None, (x, y))
    BACKEND.load(model, start)
    return BACKEND.sample(model, None, (x, y))


@pytest.mark.parametrize(
    "values",
    [
        np.array([3e30, -4e30], np.float32),
        np.array([3e-30, -4e-30], np.float32),
        np.array([300.0, -400.0], np.float16),
        np.array([3 + 4j, 0], np.complex64),
        np.array([[2, -3], [4, 5]], np.int64),
        np.array([True, False, True]),
        np.zeros((0, 3), np.float32),
    ],
    ids=str,
)
def test_the_norm_of_a_finite_value_is_finite_whatever_its_size(values: np.ndarray) -> None:
    exact = np.linalg.norm(values.astype(np.complex128).ravel())
    found = tf_taps.norm(tf_taps.half_square(tf.constant(values)))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_norm_of_a_value_that_is_not_finite_is_not_either(bad: float) -> None:
    norms = tf_taps.norm(tf.stack([tf_taps.half_square(tf.constant([1.0, x])) for x in (bad, 0.0)]))
    assert np.isfinite(norms).tolist() == [False, True]
    assert float(tf_taps.half_square(tf.constant(["text"]))) == 0


# -- it changes nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", list(programs.PROGRAMS))
def test_watched_and_unwatched_are_the_same_to_the_bit(program: str) -> None:
    _, plain, _ = programs.run(program, watch=False)
    _, watched, probe = programs.run(program, watch=True)
    assert probe.number == (30 if program == "train-on-batch" else 33)
    assert watched["variables"] == plain["variables"]
    assert repr(watched["history"]) == repr(plain["history"])
    assert watched["python"] == plain["python"]
    assert watched["numpy"] == plain["numpy"]
    for number, sample in probe.samples.items():
        assert sample.errors == []
        if number == 1 and program != "eager":
            assert sample.parts == {}  # tracing it before Keras does would change how Keras traces it
        else:
            assert {"gradient", "weight", "update", "loss", "output"} == set(sample.parts), sample.skipped


@pytest.mark.parametrize("program", ["arrays", "custom-step-accumulating", "loss-scale"])
def test_inline_norms_change_no_bit_and_agree_with_samples(program: str) -> None:
    _, plain, _ = programs.run(program, watch=False)
    _, watched, probe = programs.run(program, watch=True, inline=True)
    assert watched["variables"] == plain["variables"]
    assert repr(watched["history"]) == repr(plain["history"])
    assert len(probe.norms) == 33
    compared = 0
    for number, sample in probe.samples.items():
        if sample.parts:
            gradients = rows(sample, "gradient")
            assert list(gradients) == list(probe.inline.names())
            np.testing.assert_allclose(
                probe.norms[number - 1], [row[NORM] for row in gradients.values()], rtol=1e-4, atol=1e-7
            )
            compared += 1
    assert compared >= 6


def test_inline_norms_are_refused_where_they_would_change_the_weights() -> None:
    assert "XLA" in str(BACKEND.inline(programs.compiled(jit_compile=True)))


def test_nothing_is_left_on_classes_or_the_model() -> None:
    owners = [keras.Model, keras.layers.Layer, tf.GradientTape, tf, warnings, *steps.optimizer_classes()]
    before = [dict(vars(owner)) for owner in owners]
    model, _, _ = programs.run("arrays", watch=False)
    plain = {layer.name: set(vars(layer)) for layer in model._flatten_layers()}
    model, _, _ = programs.run("arrays", watch=True)
    assert {layer.name: set(vars(layer)) for layer in model._flatten_layers()} == plain
    assert all(dict(vars(owner)) == kept for owner, kept in zip(owners, before, strict=True))
    model, _, _ = programs.run("arrays", watch=True, inline=True)
    assert "train_step" not in vars(model)


class Noisy(keras.Model):
    """Leaves a trace in every way a traced train step can."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.traced = 0
        self.kept: Any = None
        self.notes = [0]

    def train_step(self, batch: Any) -> Any:
        self.traced += 1
        self.kept = batch[0]
        self.notes.append(self.traced)
        print("a trace")
        warnings.warn("a warning", stacklevel=1)
        tf.print("a print of the graph", output_stream=sys.stdout)
        random.random()
        np.random.random()
        return super().train_step(batch)


def test_tracing_the_users_step_once_more_leaves_no_trace(capfd: pytest.CaptureFixture[str]) -> None:
    x, y = programs.data()
    model = programs.compiled(Noisy)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        keras.utils.set_random_seed(1)
        states = random.getstate(), np.random.get_state()[1].tolist()
        assert not BACKEND.sample(model, None, (x[:8], y[:8])).parts  # too early
        assert model.traced == 0
        model.train_on_batch(x[:8], y[:8])
        BACKEND.shell(model, model.train_function, None)  # type: ignore[arg-type]
        traced, kept = model.traced, model.kept
        assert traced >= 1 and len(shown) >= 1
        shown.clear()
        capfd.readouterr()
        random.setstate(states[0])
        state = np.random.get_state()
        sample = BACKEND.sample(model, None, (x[:8], y[:8]))
    assert rows(sample, "loss")["loss"][FINITE] == 1
    assert (model.traced, model.kept) == (traced, kept)
    assert list(model.notes) == list(range(traced + 1))
    assert shown == []
    assert "a trace" not in "".join(capfd.readouterr()) and "a print" not in "".join(capfd.readouterr())
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == state[1].tolist()


class Calling(keras.Model):
    """Runs Python in every step, which would notice being run twice."""

    def train_step(self, batch: Any) -> Any:
        def count(a: Any) -> Any:
            CALLS.append(1)
            return a

        x = tf.ensure_shape(tf.py_function(count, [batch[0]], tf.float32), batch[0].shape)
        return super().train_step((x, batch[1]))


CALLS: list[int] = []


def test_a_step_that_calls_python_is_not_run_twice() -> None:
    x, y = programs.data()
    model = programs.compiled(Calling)
    CALLS.clear()
    with programs.watched() as attacher:
        model.fit(x[:64], y[:64], batch_size=32, epochs=4, verbose=0)
    assert len(CALLS) == 8
    assert "EagerPyFunc" in attacher.probe.samples[6].skipped[NEVER_BUILT]


class Counting(keras.Model):
    """Keeps a variable that no layer knows, and draws from the generator that Keras makes on demand."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        COUNTER.clear()
        COUNTER.append(tf.Variable(0.0))

    def train_step(self, batch: Any) -> Any:
        COUNTER[0].assign_add(1.0)
        noise = 0.1 * keras.random.normal(tf.shape(batch[0]))
        return super().train_step((batch[0] + noise, batch[1]))


COUNTER: list[Any] = []


def test_variables_outside_the_model_and_the_global_seed_are_put_back() -> None:
    def train(watch: bool) -> tuple[Any, float, Any, Any]:
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        model = programs.compiled(Counting)
        x, y = programs.data()
        probe = None
        if watch:
            with programs.watched() as attacher:
                model.fit(x, y, batch_size=32, epochs=1, verbose=0)
            probe = attacher.probe
        else:
            model.fit(x, y, batch_size=32, epochs=1, verbose=0)
        return programs.everything(model), float(COUNTER[0].numpy()), random.getstate(), probe

    plain, watched = train(False), train(True)
    assert plain[:3] == watched[:3]
    assert watched[1] == 11
    assert "global_seed_generator" not in str(watched[3].samples[1].parts) and watched[3].samples[6].parts


def test_a_global_seed_made_since_the_snapshot_begins_anew() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = programs.compiled(Counting)
    x, y = programs.data()
    model.optimizer.build(model.trainable_variables)
    start = BACKEND.save(model, None)
    with steps.Patches() as patches:
        keras_state.note_global_seed(patches)
        first = model.train_on_batch(x[:32], y[:32])
        model.train_on_batch(x[:32], y[:32])
    BACKEND.load(model, start)
    assert model.train_on_batch(x[:32], y[:32]) == first


def test_the_generator_made_on_demand_is_left_for_the_training_to_make() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = programs.compiled(Counting)
    x, y = programs.data()
    BACKEND._states[model].stepped = True  # so that the shadow is the first to trace the step
    model.optimizer.build(model.trainable_variables)
    before = random.getstate()
    sample = BACKEND.sample(model, None, (x[:32], y[:32]))
    assert not sample.parts and NEVER_BUILT in sample.skipped
    assert random.getstate() == before
    model.train_on_batch(x[:32], y[:32])
    assert random.getstate() != before
    assert BACKEND.sample(model, None, (x[:32], y[:32])).parts


# -- it rewinds --------------------------------------------------------------------------------------------------


def contents(snapshot: Any) -> dict[int, bytes]:
    return {
        id(v): value.numpy().tobytes() for v, value in zip(snapshot.variables, snapshot.values, strict=True)
    }


@pytest.mark.parametrize(
    "program", ["arrays", "xla", "subclassed", "gan", "three-steps", "loss-scale", "eager"]
)
def test_a_snapshot_put_back_leads_to_the_same_weights_and_logs(program: str) -> None:
    model, _, probe = programs.run(program, watch=True)
    end, logs = programs.everything(model), dict(probe.logs)
    live = BACKEND.save(model, None)
    BACKEND.load(model, probe.snapshots[12])
    again = []
    for number in range(12, 34):
        if number == 23:  # fit resets the metrics when an epoch begins
            model.reset_metrics()
        if number == 19:
            middle = BACKEND.save(model, None)
        result, _ = BACKEND.one_step(probe.raw, None, probe.batches[number])
        again.append({name: np.asarray(value) for name, value in result.items()})
    assert [repr(item) for item in again] == [repr(logs[number]) for number in range(12, 34)]
    assert programs.everything(model) == end
    then, now = contents(probe.snapshots[19]), contents(middle)
    assert {key: now[key] for key in then} == then  # a global seed may have been made since
    BACKEND.load(model, live)
    assert programs.everything(model) == end


@pytest.mark.parametrize("loss_scaling", [False, True])
def test_a_snapshot_before_the_first_step_brings_the_first_step_back(loss_scaling: bool) -> None:
    """The optimizer's variables and accuracy's are made by the first step; neither begins the same way."""
    x, y = programs.data()
    keras.utils.set_random_seed(1)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    optimizer = keras.optimizers.Adagrad(schedule, initial_accumulator_value=0.25)
    optimizer = (
        keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0) if loss_scaling else optimizer
    )
    model = programs.compiled(optimizer=optimizer)
    model.make_train_function()
    raw = model.train_function
    start = BACKEND.save(model, None)
    assert start is not None and not optimizer.built  # Keras is to build it, while it traces the step

    def step() -> tuple[dict[str, float], dict[str, bytes]]:
        logs = {k: float(v) for k, v in raw([(x[:32], y[:32])]).items()}
        return logs, programs.everything(model)

    first = step()
    for _ in range(3):
        raw([(x[:32], y[:32])])
    BACKEND.load(model, start)
    assert step() == first


def test_no_snapshot_while_the_first_step_has_still_to_make_variables() -> None:
    model = programs.subclassed()
    assert BACKEND.save(model, None) is None
    assert BACKEND.sample(model, None, programs.data()).parts == {}
    model = programs.compiled(programs.Custom)  # what a train step of the user's makes of it, nobody knows
    assert BACKEND.save(model, None) is None and not model.optimizer.built

    class Uncopyable(keras.optimizers.SGD):
        def get_config(self) -> Any:
            raise NotImplementedError

    assert BACKEND.save(programs.compiled(optimizer=Uncopyable(0.1)), None) is None


def test_norms_take_every_kind_of_variable() -> None:
    model = programs.compiled()
    model.kinds = [
        model.add_weight(shape=(2,), dtype=dtype, initializer="ones", trainable=False, name=dtype)
        for dtype in ("int32", "bool", "float16", "uint8")
    ]

    def norms() -> dict[str, float]:
        names = [leaf.name for leaf in BACKEND.leaves(model)]
        return dict(zip(names, BACKEND.host(BACKEND.norms(model, None)), strict=True))

    values = norms()
    kinds = [
        values[name] for name in values if name.rpartition("/")[2] in ("int32", "bool", "float16", "uint8")
    ]
    np.testing.assert_allclose(kinds, [2**0.5] * 4, rtol=1e-3)
    model.layers[1].kernel.assign(model.layers[1].kernel * float("nan"))
    assert [name for name, value in norms().items() if not np.isfinite(value)] == ["weight:first/kernel"]


# -- it measures the truth -----------------------------------------------------------------------------------------


def independent(model: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, list[Any], dict[str, Any]]:
    """Loss, gradients and layer outputs computed without any tap (the model draws no random numbers)."""
    outputs = {}
    with tf.GradientTape() as tape:
        h = tf.constant(x)
        for layer in model.layers[1:]:
            h = layer(h, training=True)
            outputs[layer.name] = h.numpy()
        loss = programs.cross_entropy()(y, h)
    return loss, tape.gradient(loss, model.trainable_variables), outputs


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"jit_compile": True}])
def test_a_sample_says_what_an_independent_tape_says(options: dict[str, Any]) -> None:
    keras.utils.set_random_seed(1)
    x, y = programs.data()
    inputs = keras.Input((programs.FEATURES,))
    h = layers.Dense(8, activation="relu", name="first")(inputs)
    model = keras.Model(inputs, layers.Dense(programs.CLASSES, name="last")(h))
    model.compile(keras.optimizers.SGD(0.5), programs.cross_entropy(), **options)
    model.make_train_function()
    loss, gradients, outputs = independent(model, x[:32], y[:32])
    before = [v.numpy() for v in model.trainable_variables]
    if options.get("run_eagerly"):
        with BACKEND.instrumented(model) as sample:
            BACKEND.one_step(model.train_function, None, (x[:32], y[:32]))
    else:
        sample = measured(model, x[:32], y[:32])
        assert [v.numpy().tobytes() for v in model.trainable_variables] == [b.tobytes() for b in before]
    assert sample.errors == [] and sample.skipped == {}
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(rows(sample, "loss")["loss"], seven(loss.numpy()), **close)
    for name, output in outputs.items():
        np.testing.assert_allclose(rows(sample, "output")[name], seven(output), **close)
    for variable, gradient, value in zip(model.trainable_variables, gradients, before, strict=True):
        np.testing.assert_allclose(rows(sample, "gradient")[variable.path], seven(gradient.numpy()), **close)
        np.testing.assert_allclose(rows(sample, "weight")[variable.path], seven(value), **close)
        update = (value - np.float32(0.5) * gradient.numpy()) - value
        np.testing.assert_allclose(rows(sample, "update")[variable.path], seven(update), rtol=1e-4, atol=1e-6)


def test_loss_scaling_is_taken_out_of_gradients_and_loss() -> None:
    x, y = programs.data()

    def sample_of(optimizer: Any) -> Any:
        keras.utils.set_random_seed(1)
        model = programs.compiled(optimizer=optimizer)
        return measured(model, x[:32], y[:32])

    plain = sample_of(keras.optimizers.SGD(0.1))
    dynamic = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    for scaling in (dynamic, keras.optimizers.SGD(0.1, loss_scale_factor=1024.0)):
        scaled = sample_of(scaling)
        for part in ("loss", "gradient", "update"):
            for one, other in zip(rows(plain, part).values(), rows(scaled, part).values(), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_sparse_gradients_count_repeated_rows_once_added_up() -> None:
    model, _, _ = programs.run("embedding-gru", watch=False)
    tokens, y = np.zeros((4, 5), "int32"), np.zeros(4, "int32")  # one row of the table, twenty times
    sample = BACKEND.sample(model, None, (tokens, y))
    table = rows(sample, "gradient")["table/embeddings"]
    assert table[ZEROS] == pytest.approx(6 / 7)
    slices = tf.IndexedSlices(tf.constant([[3.0], [4.0]]), tf.constant([1, 1]), tf.constant([3, 1]))
    np.testing.assert_array_equal(tf_taps.dense(slices).numpy(), [[0], [7], [0]])
    assert any("gru" in name for name in sample.skipped) or "gru" in rows(sample, "output")


class Planting(layers.Layer):
    """Passes its input on; NaN in the forward or the backward direction when the first feature is 99."""

    def __init__(self, where: str, **options: Any) -> None:
        super().__init__(**options)
        self.where = where

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        planted = tf.where(tf.reduce_max(x) > 50, float("nan"), 1.0)
        if self.where == "forward":
            return x * self.scale * planted

        @tf.custom_gradient
        def through(value: Any) -> Any:
            return tf.identity(value), lambda up: up * planted

        return x * through(self.scale)


@pytest.mark.parametrize("where", ["forward", "backward"])
def test_a_planted_nan_shows_in_the_right_part(where: str) -> None:
    x, y = programs.data()
    x = x.copy()
    x[0, 0] = 99
    inputs = keras.Input((programs.FEATURES,))
    h = Planting(where, name="planting")(inputs)
    model = keras.Model(inputs, layers.Dense(programs.CLASSES, name="last")(h))
    model.compile("sgd", programs.cross_entropy())
    sample = measured(model, x[:8], y[:8])
    outputs = {name: row[FINITE] for name, row in rows(sample, "output").items()}
    gradients = {name: row[FINITE] for name, row in rows(sample, "gradient").items()}
    forward = where == "forward"
    after = 0 if forward else 1
    assert outputs == {"planting": after, "last": after}
    assert rows(sample, "loss")["loss"][FINITE] == after
    assert gradients["planting/scale"] == 0
    assert gradients["last/bias"] == after
    assert all(row[FINITE] == 1 for row in rows(sample, "weight").values())
    good = BACKEND.sample(model, None, (x[8:16], y[8:16]))  # nothing of it stays
    assert all(row[FINITE] == 1 for part in good.parts for row in rows(good, part).values())


class Missing(programs.Custom):
    """No gradient for one variable; one layer inside a loop of its own; two losses, one of gradients."""

    def train_step(self, batch: Any) -> Any:
        x, y = batch[0], batch[1]
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                h = self.get_layer("first")(x)
                tf.map_fn(self.get_layer("norm"), h[None])
                loss = self.compute_loss(y=y, y_pred=self.get_layer("last")(h))
            first = tape.gradient(loss, self.trainable_variables)
        outer.gradient(first[0], self.trainable_variables)
        self.optimizer.apply(first, self.trainable_variables)
        return {"loss": loss}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_what_cannot_be_measured_is_named() -> None:
    x, y = programs.data()
    model = programs.compiled(Missing)
    model.train_on_batch(x[:8], y[:8])
    BACKEND._states[model].stepped = True  # as the shell would know
    sample = BACKEND.sample(model, None, (x[:8], y[:8]))
    assert sample.errors == []
    assert set(rows(sample, "output")) == {"first", "last"}
    assert "norm" in sample.skipped and "map_fn" in sample.skipped["norm"]
    assert np.isnan(rows(sample, "gradient")["norm/gamma"]).all()
    assert rows(sample, "gradient")["first/kernel"][FINITE] == 1
    assert rows(sample, "update")["norm/gamma"][NORM] == 0
    assert set(rows(sample, "loss")) == {"loss"}  # the gradient of a gradient is no loss


def test_the_learning_rate_and_schedules() -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = programs.compiled(optimizer=keras.optimizers.SGD(schedule))
    assert BACKEND.learning_rate(model, None) is None
    values = BACKEND.schedule(schedule, np.array([0, 10, 20]))
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, [0.1, 0.05, 0.025], rtol=1e-6)

    class Python(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> float:
            return {0: 0.5, 1: 0.25}[int(step)]

    np.testing.assert_allclose(BACKEND.schedule(Python(), np.array([0, 1])), [0.5, 0.25])
    model = programs.compiled(optimizer=keras.optimizers.SGD(0.5))
    kept = BACKEND.learning_rate(model, None)
    model.optimizer.learning_rate = 0.25
    assert (float(BACKEND.host(kept)), float(BACKEND.host(BACKEND.learning_rate(model, None)))) == (0.5, 0.25)


# -- when something fails --------------------------------------------------------------------------------------------


class Failing(keras.Model):
    def train_step(self, batch: Any) -> Any:
        raise LookupError("the user's own")


@pytest.mark.parametrize("eager", [False, True])
def test_the_users_exception_passes_unchanged(eager: bool) -> None:
    model = programs.compiled(Failing, run_eagerly=eager)
    before = vars(keras.layers.Layer)["__call__"]
    with programs.watched(), pytest.raises(LookupError, match="the user's own"):
        programs.fit_arrays(model)
    assert vars(keras.layers.Layer)["__call__"] is before


TAPS = ["before_apply", "after_apply", "after_call", "after_gradient", "after_scale", "parts"]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("tap", TAPS)
def test_a_failing_tap_is_reported_and_disturbs_nothing(
    tap: str, eager: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf_taps.Collected, tap, fail)
    variables, failing = one_watched_step(eager=eager)
    monkeypatch.undo()
    assert failing.errors and all("planted" in error for error in failing.errors)
    if tap != "parts":
        assert failing.parts  # the other taps' findings are kept
    expected, good = unharmed_step(eager=eager)
    assert good.errors == [] and len(good.parts) == 5
    assert variables == expected


def fail(*_: Any) -> None:
    raise RuntimeError("planted")


def one_watched_step(*, eager: bool) -> tuple[dict[str, bytes], Any]:
    """All variables after one step of a small model, and the sample taken of it."""
    x, y = programs.data()
    batch = tf.constant(x[:8]), tf.constant(y[:8])
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    inputs = keras.Input((programs.FEATURES,))
    model = keras.Model(inputs, layers.Dense(programs.CLASSES)(inputs))
    model.compile("sgd", programs.cross_entropy(), run_eagerly=eager)
    model.make_train_function()
    if eager:
        with BACKEND.instrumented(model) as sample:
            BACKEND.one_step(model.train_function, None, batch)
    else:
        sample = measured(model, *batch)
        BACKEND.one_step(model.train_function, None, batch)
    return programs.everything(model), sample


unharmed_step = functools.cache(one_watched_step)


def test_a_shadow_that_fails_puts_the_state_back() -> None:
    class Asserting(programs.Custom):
        def train_step(self, batch: Any) -> Any:
            logs = super().train_step(batch)
            with tf.control_dependencies([tf.debugging.assert_less(logs["loss"], -1.0)]):
                return {"loss": tf.identity(logs["loss"])}

    x, y = programs.data()
    model = programs.compiled(Asserting)
    model.optimizer.build(model.trainable_variables)
    BACKEND._states[model].stepped = True
    before = programs.everything(model)
    with pytest.raises(tf.errors.InvalidArgumentError):
        BACKEND.sample(model, None, (x[:8], y[:8]))
    after = programs.everything(model)  # the metric's variables are new
    assert {name: after[name] for name in before} == before
    assert {name for name in after if name not in before} == {
        "metric:accuracy/total",
        "metric:accuracy/count",
    }


# -- several replicas --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_mirrored_strategy() -> None:
    script = Path(__file__).with_name("tf_mirrored.py")
    source = str(Path(kerascope.__file__).parents[1])  # the tree under test, whatever is installed
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "all same" in result.stdout


def test_strategies_that_cannot_be_watched_are_named() -> None:
    model = programs.compiled()
    assert BACKEND.limits(model) == {}

    class Elsewhere:
        num_replicas_in_sync = 4

    model._distribute_strategy = Elsewhere()
    limits = BACKEND.limits(model)
    assert set(limits) == {"snapshots", "samples"} and "Elsewhere" in limits["samples"]
    assert BACKEND.save(model, None) is None
    assert isinstance(BACKEND.inline(model), str)
