"""Small trainings on TensorFlow, and a stand-in for the watch that uses every method of the backend."""

from __future__ import annotations

import contextlib
import functools
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerascope._backends.tensorflow import BACKEND
from kerascope._keras import steps

CLASSES = 4
FEATURES = 16
ROWS = 10 * 32 + 7  # eleven steps an epoch, the last batch smaller


def data() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, FEATURES)).astype("float32")
    return x, generator.integers(0, CLASSES, size=ROWS).astype("int32")


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class OwnStep:
    """A train step of the user's own, with `optimizer.apply`, as Keras's guide writes it."""

    def train_step(self: Any, batch: Any) -> dict[str, Any]:
        x, y = batch[0], batch[1]
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Custom(OwnStep, keras.Model):
    pass


class Subclassed(OwnStep, keras.Model):
    """Makes its variables when it is first called."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.drop = layers.Dropout(0.3)
        self.out = layers.Dense(CLASSES)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.drop(self.hidden(x), training=training))


class Gan(keras.Model):
    """Two inner models, two optimizers, and the compiled one never used: as in Keras's own GAN example."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = keras.Sequential([keras.Input((3,)), layers.Dense(FEATURES)])
        self.critic = keras.Sequential(
            [keras.Input((FEATURES,)), layers.Dense(8, activation="relu"), layers.Dense(1)]
        )
        self.tracker = keras.metrics.Mean(name="g_loss")
        self.seeds = keras.random.SeedGenerator(3)

    def compile(self) -> None:  # type: ignore[override]
        super().compile()
        self.g_optimizer = keras.optimizers.Adam(1e-2)
        self.d_optimizer = keras.optimizers.SGD(1e-2, momentum=0.9)

    def train_step(self, batch: Any) -> dict[str, Any]:
        real = batch[0]
        noise = keras.random.normal((8, 3), seed=self.seeds)
        both = tf.concat([self.generator(noise), real], 0)
        sign = tf.concat([tf.ones([8, 1]), -tf.ones([tf.shape(real)[0], 1])], 0)
        with tf.GradientTape() as tape:
            d_loss = tf.reduce_mean(sign * self.critic(both))
        weights = self.critic.trainable_weights
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))
        with tf.GradientTape() as tape:
            g_loss = -tf.reduce_mean(self.critic(self.generator(noise)))
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        self.tracker.update_state(g_loss)
        return {"g_loss": self.tracker.result(), "d_loss": d_loss}


def network(cls: Callable[..., Any] = keras.Model) -> Any:
    inputs = keras.Input((FEATURES,))
    h = layers.Dense(8, activation="relu", name="first")(inputs)
    h = layers.BatchNormalization(name="norm")(h)
    h = layers.Dropout(0.3, name="drop")(h)
    return cls(inputs, layers.Dense(CLASSES, name="last")(h))


def compiled(cls: Callable[..., Any] = keras.Model, optimizer: Any = "adam", **options: Any) -> Any:
    model = network(cls)
    model.compile(optimizer, cross_entropy(), metrics=["accuracy"], **options)
    return model


def fit_arrays(model: Any) -> Any:
    x, y = data()
    return model.fit(x, y, batch_size=32, epochs=3, verbose=0).history


def fit_unknown_length(model: Any) -> Any:
    dataset = tf.data.Dataset.from_tensor_slices(data()).batch(32).filter(lambda x, y: tf.size(y) > 0)
    return model.fit(dataset, epochs=3, verbose=0).history


def fit_batches(model: Any) -> Any:
    x, y = data()
    return [model.train_on_batch(x[i : i + 32], y[i : i + 32]) for i in range(0, 30)]


class Shift(layers.Layer):
    """Adds its second input, which may be absent."""

    def call(self, x: Any, by: Any = None) -> Any:
        return x if by is None else x + by

    def compute_output_shape(self, x_shape: Any, by_shape: Any = None) -> Any:
        return x_shape


def multi_output() -> Any:
    left, right = keras.Input((FEATURES,), name="left"), keras.Input((3,), name="right")
    absent = keras.Input((FEATURES,), name="absent", optional=True)
    h = layers.Concatenate()([layers.Dense(6, activation="relu")(Shift(name="shift")(left, absent)), right])
    h = layers.Dropout(0.2)(h)
    model = keras.Model(
        {"left": left, "right": right, "absent": absent},
        {"kind": layers.Dense(CLASSES, name="kind")(h), "size": layers.Dense(1, name="size")(h)},
    )
    model.compile("adam", {"kind": cross_entropy(), "size": "mse"}, metrics={"kind": ["accuracy"]})
    return model


def fit_multi(model: Any) -> Any:
    x, y = data()
    targets = {"kind": y, "size": x[:, :1]}
    inputs = {"left": x, "right": x[:, :3], "absent": None}
    return model.fit(inputs, targets, batch_size=32, epochs=3, verbose=0).history


def embedding() -> Any:
    tokens = keras.Input((5,), dtype="int32")
    h = layers.Embedding(7, 3, name="table")(tokens)
    h = layers.GRU(4, dropout=0.2, name="gru")(h)
    model = keras.Model(tokens, layers.Dense(CLASSES, name="last")(h))
    model.compile("adam", cross_entropy())
    return model


def fit_tokens(model: Any) -> Any:
    x, y = data()
    tokens = (np.abs(x[:, :5]) * 3).astype("int32") % 7
    return model.fit(tokens, y, batch_size=32, epochs=3, verbose=0).history


def mixed() -> Any:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return compiled()
    finally:
        keras.mixed_precision.set_global_policy("float32")


def gan() -> Any:
    model = Gan()
    model.compile()
    return model


def subclassed() -> Any:
    model = Subclassed()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), cross_entropy())
    return model


def accumulating() -> Any:
    return compiled(Custom, keras.optimizers.Adam(1e-2, gradient_accumulation_steps=3))


PROGRAMS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "arrays": (compiled, fit_arrays),
    "unknown-length": (compiled, fit_unknown_length),
    "train-on-batch": (compiled, fit_batches),
    "multi-output": (multi_output, fit_multi),
    "embedding-gru": (embedding, fit_tokens),
    "subclassed": (subclassed, fit_arrays),
    "custom-step-accumulating": (accumulating, fit_arrays),
    "gan": (gan, fit_arrays),
    "xla": (lambda: compiled(jit_compile=True), fit_arrays),
    "three-steps": (lambda: compiled(steps_per_execution=3), fit_unknown_length),
    "loss-scale": (mixed, fit_arrays),
    "eager": (lambda: compiled(run_eagerly=True), fit_arrays),
}


class Probe:
    """Does around every step what the watch does, on a fixed rhythm."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.raw: Any = None
        self.inline: Any = None
        self.number = 0
        self.samples: dict[int, Any] = {}
        self.snapshots: dict[int, Any] = {}
        self.batches: dict[int, Any] = {}
        self.logs: dict[int, Any] = {}
        self.norms: list[Any] = []
        self.rates: list[float] = []

    def next_batch(self, iterator: Any) -> Any:
        return next(iterator)

    def step(self, state: Any, batch: Any) -> tuple[Any, Any]:
        self.number += 1
        self.batches[self.number] = batch
        rate = BACKEND.learning_rate(self.model, state)
        self.rates.append(float("nan") if rate is None else float(BACKEND.host(rate)))
        if self.number % 7 == 5:
            self.snapshots[self.number] = BACKEND.save(self.model, state)
        around: Any = contextlib.nullcontext()
        if self.number % 5 == 1:
            if BACKEND.in_place(self.model):
                around = BACKEND.instrumented(self.model)
            else:
                self.samples[self.number] = BACKEND.sample(self.model, state, batch)
        with around as sample:
            logs, state = BACKEND.one_step(self.raw, state, batch)
        if sample is not None:
            self.samples[self.number] = sample
        if self.inline is not None:
            logs, norms = self.inline.pop(logs)
            self.norms.append(BACKEND.host(norms))
        self.logs[self.number] = {name: np.asarray(value) for name, value in logs.items()}
        norms = BACKEND.host(BACKEND.norms(self.model, state))
        assert len(norms) == len(BACKEND.leaves(self.model)) and np.isfinite(norms).all()
        return logs, state


class Attacher:
    """Puts a `Probe` around every training; see `steps.Observer`."""

    def __init__(self, *, inline: bool = False) -> None:
        self.probe: Any = None
        self.inline = inline
        self._shell: Any = None

    def make_train_function(self, model: Any) -> None:
        if model.train_function is self._shell:
            return
        if self.probe is None:
            self.probe = Probe(model)
            if self.inline:
                raw, self._shell = model.train_function, None
                self.probe.inline = BACKEND.inline(model)
                assert not isinstance(self.probe.inline, str) and model.train_function is raw
        elif self.probe.raw is None:
            return  # BACKEND.inline at work
        self.probe.raw = self.probe.inline.function if self.probe.inline is not None else model.train_function
        self._shell = BACKEND.shell(model, self.probe.raw, self.probe)
        steps.replace_train_function(model, self._shell)

    def fit_enter(self, model: Any, arguments: dict[str, Any]) -> None: ...
    def fit_begin(self, model: Any, params: dict[str, Any]) -> None: ...
    def fit_end(self, model: Any, outcome: str) -> None: ...
    def epoch_begin(self, model: Any, epoch: int) -> None: ...
    def epoch_end(self, model: Any, epoch: int, logs: dict[str, Any]) -> None: ...


@contextlib.contextmanager
def watched(*, inline: bool = False) -> Iterator[Attacher]:
    attacher = Attacher(inline=inline)
    patches = steps.watch_trainings(attacher)
    try:
        yield attacher
    finally:
        patches.undo()


def everything(model: Any) -> dict[str, bytes]:
    """Every variable of a model by name, as bytes."""
    values = {}
    for role, variable in steps_variables(model):
        name = f"{role}:{variable.path}"
        while name in values:
            name += "'"
        values[name] = np.asarray(variable.value.numpy()).tobytes()
    return values


def steps_variables(model: Any) -> list[tuple[str, Any]]:
    from kerascope._keras.state import all_variables

    return all_variables(model)


@functools.cache
def run(program: str, *, watch: bool, inline: bool = False) -> tuple[Any, dict[str, Any], Any]:
    """Trains from fixed seeds, once per program. Returns the model, all it left behind, and the probe or None."""
    make, train = PROGRAMS[program]
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model = make()
    probe = None
    if watch:
        with watched(inline=inline) as attacher:
            history = train(model)
        probe = attacher.probe
    else:
        history = train(model)
    left = {
        "variables": everything(model),
        "history": history,
        "python": random.getstate(),
        "numpy": [np.asarray(part).tolist() for part in np.random.get_state()],
    }
    return model, left, probe
