"""Slow trainings with one known bottleneck each, and their repaired twins.

`CASES` lists them. They were looked at while the verdicts were being built; those of `profile_fresh` were not.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

BACKEND = keras.backend.backend()
ALL = ("jax", "tensorflow", "torch")
LONGER = 1 if BACKEND == "torch" else 3
STEPS, EPOCHS, BATCH = 30 * LONGER, 2, 32
"""Elsewhere steps are so fast that what an epoch costs by itself would count for more than they do."""


@dataclasses.dataclass
class Program:
    """What `kerascope.profile` is called with. `samples` is per step, to compare batches of different size."""

    model: Any
    x: Any
    y: Any = None
    fit: dict[str, Any] = dataclasses.field(default_factory=dict)
    samples: int = BATCH


@dataclasses.dataclass
class Case:
    """`culprit` is a function or class of this file, or, with "=", what the finding's place must say.

    `gain` is False where the twin does other work, so that its time says nothing about the prediction.
    """

    name: str
    kind: str
    culprit: str
    slow: Callable[[], Program]
    fixed: Callable[[], Program]
    backends: tuple[str, ...] = ALL
    gain: bool = True


def net(width: int = 256, depth: int = 3, inputs: int = 64, **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    body = [layers.Dense(width, activation="relu") for _ in range(depth)]
    model = keras.Sequential([keras.Input((inputs,)), *body, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-3), "mse", **options)
    return model


def arrays(count: int = BATCH * STEPS, inputs: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, inputs)).astype("float32"), rng.normal(size=(count, 1)).astype("float32")


def fit(**more: Any) -> dict[str, Any]:
    return {"epochs": EPOCHS, "batch_size": BATCH, "verbose": 0, **more}


def plain(model: Any = None, **more: Any) -> Program:
    return Program(model or net(), *arrays(), fit(**more))


def with_callback(callback: Any) -> Callable[[], Program]:
    return lambda: plain(callbacks=[callback()])


# -- data ------------------------------------------------------------------------------------------------------------


def spin(count: int) -> int:
    total = 0
    for i in range(count):
        total += i * i
    return total


def counting_batches(steps: int = STEPS * EPOCHS + 4):
    x, y = arrays(BATCH)
    for _ in range(steps):
        total = 0
        for i in range(60000):
            total += i * i
        yield x + 0 * total, y


def sleeping_batches(steps: int = STEPS * EPOCHS + 4):
    x, y = arrays(BATCH)
    for _ in range(steps):
        time.sleep(0.006)
        yield x, y


def generated(make: Callable[[], Any]) -> Callable[[], Program]:
    return lambda: Program(net(), make(), None, {"epochs": EPOCHS, "steps_per_epoch": STEPS, "verbose": 0})


class ReadingDataset(keras.utils.PyDataset):
    """Reads each batch from a slow disk, so to speak."""

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Any:
        time.sleep(0.008)
        return arrays(BATCH)


class AugmentingDataset(keras.utils.PyDataset):
    """Augments sample by sample in Python."""

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Any:
        x, y = arrays(BATCH)
        rows = []
        for row in x:
            rows.append(np.array([value * 1.1 for value in np.tile(row, 6)])[: len(row)])
        return np.stack(rows).astype("float32"), y


def dataset(make: Callable[[], Any]) -> Callable[[], Program]:
    return lambda: Program(net(), make(), None, {"epochs": EPOCHS, "verbose": 0})


def decoded(value: Any) -> Any:
    """Something that takes a while for each sample."""
    import tensorflow as tf

    for _ in range(60):
        value = tf.sort(tf.sin(value) + value)
    return value


def piped(parallel: bool) -> Callable[[], Program]:
    def make() -> Program:
        import tensorflow as tf

        x, y = arrays()
        data = tf.data.Dataset.from_tensor_slices((x, y))
        data = data.map(lambda a, b: (decoded(a), b)).batch(BATCH)
        if parallel:  # the work is done once, before the training
            parts = [np.concatenate(part) for part in zip(*data.as_numpy_iterator(), strict=True)]
            return Program(net(), *parts, fit())
        return Program(net(), data, None, {"epochs": EPOCHS, "verbose": 0})

    return make


def loaded(slow: bool) -> Callable[[], Program]:
    def make() -> Program:
        import torch

        source: Any = (
            SlowSamples() if slow else torch.utils.data.TensorDataset(*map(torch.from_numpy, arrays()))
        )
        loader = torch.utils.data.DataLoader(source, batch_size=BATCH)
        return Program(net(), loader, None, {"epochs": EPOCHS, "verbose": 0})

    return make


class SlowSamples:
    """A torch dataset whose samples are computed in Python."""

    def __init__(self) -> None:
        self.x, self.y = arrays()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        spin(4000)
        return self.x[index], self.y[index]


# -- callbacks -------------------------------------------------------------------------------------------------------


class WeightNorms(keras.callbacks.Callback):
    """Copies all weights to the host after every batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for _ in range(12):
            self.norms = [
                float(np.linalg.norm(w, 2 if w.ndim == 2 else None)) for w in self.model.get_weights()[:4]
            ]


class WeightNormsPerEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.norms = [float(np.linalg.norm(weight)) for weight in self.model.get_weights()]


class LineLog(keras.callbacks.Callback):
    """Writes a line per batch and waits until it is on the disk."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        with tempfile.NamedTemporaryFile("a") as file:
            file.write(f"{batch} {logs}\n".encode().decode())
            file.flush()
            os.fsync(file.fileno())
        time.sleep(0.005)


class BatchEvaluation(keras.callbacks.Callback):
    """Evaluates the model after every batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        x, y = arrays(256)
        self.model.evaluate(x, y, batch_size=32, verbose=0)


class EpochPrediction(keras.callbacks.Callback):
    """Predicts a large set after every epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.predict(arrays(12000)[0], batch_size=32, verbose=0)


class Quiet(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.last = logs


def checkpointed(every: Any) -> Callable[[], Program]:
    def make() -> Program:
        path = os.path.join(tempfile.mkdtemp(), "w.weights.h5")
        return plain(
            callbacks=[keras.callbacks.ModelCheckpoint(path, save_freq=every, save_weights_only=True)]
        )

    return make


def waiting(batch: int, logs: Any) -> None:
    spin(60000)


def lambda_callback() -> Any:
    return keras.callbacks.LambdaCallback(on_train_batch_end=waiting)


def validated(count: int) -> Callable[[], Program]:
    return lambda: plain(validation_data=arrays(count), validation_batch_size=BATCH)


# -- steps -----------------------------------------------------------------------------------------------------------


def batches_of(size: int, count: int = 256) -> Callable[[], Program]:
    return lambda: Program(net(64, 2), *arrays(count), fit(batch_size=size), samples=size)


def eager(value: bool) -> Callable[[], Program]:
    return lambda: plain(net(32, 8, run_eagerly=value))


class PairwiseMetric(keras.metrics.Metric):
    """Ranks every sample against every other one, many times over."""

    def __init__(self) -> None:
        super().__init__(name="pairs")
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        rows = ops.tile(ops.reshape(ops.cast(y_pred, "float32"), (-1, 1)), (1, 64))
        table = ops.reshape(rows, (-1, 1)) - ops.reshape(rows, (1, -1))
        self.total.assign_add(ops.mean(ops.sigmoid(table)))

    def result(self) -> Any:
        return ops.convert_to_tensor(self.total)


def measured(metrics: Callable[[], list[Any]]) -> Callable[[], Program]:
    return lambda: plain(net(metrics=metrics()))


class StepByStep(layers.Layer):
    """A moving average, one time step after the other."""

    def build(self, shape: Any) -> None:
        self.rate = self.add_weight(shape=(), initializer="zeros", name="rate")

    def call(self, x: Any) -> Any:
        state, out = x[:, 0], []
        for t in range(x.shape[1]):
            for _ in range(4):
                state = state + ops.sigmoid(self.rate) * (x[:, t] - state)
            out.append(state)
        return ops.stack(out, axis=1)


class AtOnce(layers.Layer):
    """The same kind of average as one product with a matrix."""

    def build(self, shape: Any) -> None:
        self.rate = self.add_weight(shape=(), initializer="zeros", name="rate")
        lags = np.arange(shape[1])[:, None] - np.arange(shape[1])[None]
        self.lags = np.where(lags >= 0, lags, 1e3).astype("float32")

    def call(self, x: Any) -> Any:
        kernel = ops.exp(-ops.convert_to_tensor(self.lags) * ops.sigmoid(self.rate))
        return ops.einsum("ts,bsf->btf", kernel, x)


def sequence(layer: Callable[[], Any]) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((64, 8)), layer(), layers.Flatten(), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.default_rng(0).normal(size=(BATCH * STEPS, 64, 8)).astype("float32")
        return Program(model, x, arrays()[1], fit())

    return make


def jittered(value: Any) -> Any:
    value = np.asarray(value)
    spin(100000)
    return (value * 1.01).astype("float32")


class HostAugmentation(layers.Layer):
    """Augments on the host, from inside the model."""

    def call(self, x: Any) -> Any:
        if BACKEND == "torch":
            import torch

            return x + 0 * torch.from_numpy(jittered(x.detach().numpy()))
        if BACKEND == "tensorflow":
            import tensorflow as tf

            out = tf.numpy_function(jittered, [x], tf.float32)
            out.set_shape(x.shape)
            return tf.stop_gradient(out)
        import jax

        return jax.lax.stop_gradient(
            jax.pure_callback(jittered, jax.ShapeDtypeStruct(x.shape, x.dtype), jax.lax.stop_gradient(x))
        )


def augmented(layer: Callable[[], Any]) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(0)
        inputs = keras.Input((64,), batch_size=BATCH)
        model = keras.Model(inputs, layers.Dense(1)(layers.Dense(64, activation="relu")(layer()(inputs))))
        model.compile("adam", "mse")
        return Program(model, *arrays(), fit())

    return make


def floating(dtype: str) -> Callable[[], Program]:
    def make() -> Program:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(dtype)
        try:
            model = net(1024, 3)
        finally:
            keras.config.set_dtype_policy(before)
        x, y = arrays(BATCH * 8 * 12)
        return Program(model, x.astype(dtype), y.astype(dtype), fit(batch_size=BATCH * 8), samples=BATCH * 8)

    return make


# -- programs made again ---------------------------------------------------------------------------------------------


def lengths(varied: bool) -> Callable[[], Program]:
    def batches():
        rng = np.random.default_rng(0)
        for i in range(STEPS + 4):
            length = 8 + i if varied else 40
            yield (
                rng.normal(size=(16, length, 8)).astype("float32"),
                rng.normal(size=(16, 1)).astype("float32"),
            )

    def make() -> Program:
        keras.utils.set_random_seed(0)
        body = [layers.Dense(32, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dense(1)]
        model = keras.Sequential([keras.Input((None, 8)), *body])
        model.compile("adam", "mse")
        return Program(model, batches(), None, {"steps_per_epoch": STEPS, "verbose": 0}, samples=16)

    return make


def sizes(varied: bool) -> Callable[[], Program]:
    def batches():
        x, y = arrays(64)
        for i in range(STEPS * 2 + 4):
            count = 32 + i % 24 if varied else 44
            yield x[:count], y[:count]

    return lambda: Program(net(), batches(), None, {"steps_per_epoch": STEPS * 2, "verbose": 0}, samples=44)


class ScalarProgram(keras.callbacks.Callback):
    """Calls a compiled function with a new Python number after every batch."""

    def __init__(self, traced: bool) -> None:
        super().__init__()
        self.traced = traced
        if BACKEND == "tensorflow":
            import tensorflow as tf

            self.function = tf.function(
                lambda step: tf.reduce_sum(tf.ones((100, 100)) * tf.cast(step, "float32"))
            )
            self.wrap: Any = tf.constant
        else:
            import jax

            self.function = jax.jit(
                lambda step: (jax.numpy.ones((100, 100)) * step).sum(), static_argnums=() if traced else (0,)
            )
            self.wrap = jax.numpy.asarray

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for part in range(4):
            self.function(self.wrap(batch * 4 + part) if self.traced else batch * 4 + part)


class Hoarder(keras.callbacks.Callback):
    """Keeps what every batch was made of."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.kept.append(np.ones(60_000))


class Counter(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.kept.append(float(batch))


def long(callback: Callable[[], Any]) -> Callable[[], Program]:
    return lambda: plain(net(512, 3), callbacks=[callback()], epochs=40)


CASES = [
    Case(
        "python generator",
        "input-bound",
        "counting_batches",
        generated(counting_batches),
        plain,
    ),
    Case("slow PyDataset", "input-bound", "ReadingDataset", dataset(ReadingDataset), plain),
    Case("map of single samples, not parallel", "input-bound", "decoded|piped", piped(False), piped(True)),
    Case(
        "weights read per batch",
        "callback-bound",
        "WeightNorms",
        with_callback(WeightNorms),
        with_callback(WeightNormsPerEpoch),
    ),
    Case("log line per batch", "callback-bound", "LineLog", with_callback(LineLog), with_callback(Quiet)),
    Case(
        "checkpoint per batch",
        "callback-bound",
        "=ModelCheckpoint",
        checkpointed(1),
        checkpointed("epoch"),
        gain=False,
    ),
    Case(
        "batch of two",
        "overhead-bound",
        "=batch_size",
        batches_of(2, 256 * LONGER * LONGER),
        batches_of(64, 2048 * LONGER),
        gain=False,
    ),
    Case("sequences of every length", "recompilation", "=x", lengths(True), lengths(False), ("jax",)),
    Case("run_eagerly", "eager-step", "=run_eagerly", eager(True), eager(False), ("jax", "tensorflow")),
    Case(
        "huge metric",
        "slow-metric",
        "=metrics",
        measured(lambda: [PairwiseMetric()]),
        measured(lambda: ["mae"]),
    ),
    Case("layer with a loop in time", "slow-layer", "StepByStep", sequence(StepByStep), sequence(AtOnce)),
    Case(
        "augmentation on the host",
        "python-in-step",
        "jittered|spin",
        augmented(HostAugmentation),
        augmented(lambda: layers.GaussianNoise(0.01)),
    ),
    Case(
        "generator that waits",
        "input-bound",
        "sleeping_batches",
        generated(sleeping_batches),
        plain,
    ),
    Case(
        "augmentation in Python",
        "input-bound",
        "AugmentingDataset",
        dataset(AugmentingDataset),
        plain,
    ),
    Case(
        "slow DataLoader",
        "input-bound",
        "SlowSamples|spin",
        loaded(True),
        loaded(False),
        ("torch", "jax"),
    ),
    Case(
        "large validation set",
        "slow-validation",
        "=validation_data",
        validated(BATCH * 150 * LONGER),
        validated(BATCH * 4),
        gain=False,
    ),
    Case(
        "slow LambdaCallback",
        "callback-bound",
        "waiting|spin",
        with_callback(lambda_callback),
        with_callback(Quiet),
    ),
    Case(
        "prediction per epoch",
        "callback-bound",
        "EpochPrediction",
        with_callback(EpochPrediction),
        with_callback(Quiet),
    ),
    Case(
        "evaluation per batch",
        "callback-bound",
        "BatchEvaluation",
        with_callback(BatchEvaluation),
        with_callback(Quiet),
        gain=False,
    ),
    Case(
        "float64",
        "float64",
        "=float64",
        floating("float64"),
        floating("float32"),
        ("tensorflow", "torch"),
    ),
    Case("batches of every size", "recompilation", "=x", sizes(True), sizes(False), ("jax",)),
    Case(
        "Python number into a program",
        "recompilation",
        "=argument",
        with_callback(lambda: ScalarProgram(False)),
        with_callback(lambda: ScalarProgram(True)),
        ("tensorflow",),
    ),
    Case(
        "static argument",
        "recompilation",
        "=",
        with_callback(lambda: ScalarProgram(False)),
        with_callback(lambda: ScalarProgram(True)),
        ("jax",),
    ),
    Case("growing list", "memory-creep", "=kept", long(Hoarder), long(Counter), gain=False),
    Case(
        "batch of one",
        "overhead-bound",
        "=batch_size",
        batches_of(1, 120 * LONGER * LONGER),
        batches_of(60, 2400 * LONGER),
        gain=False,
    ),
]
