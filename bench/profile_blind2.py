"""A second set of slow trainings, other data and models, scored once before anything was changed because of them."""

from __future__ import annotations

import copy
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from profile_programs import Case, Program

SERIES, LENGTH, CHANNELS, BATCH = 640, 32, 12, 16


def series(count: int = SERIES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(23)
    x = rng.normal(size=(count, LENGTH, CHANNELS)).astype("float32")
    return x, x[:, -1, :1] * 0.5 + x[:, 0, :1]


def forecaster(front: Any = None, **options: Any) -> Any:
    keras.utils.set_random_seed(9)
    model = keras.Sequential([keras.Input((LENGTH, CHANNELS), batch_size=BATCH)])
    if front is not None:
        model.add(front())
    model.add(layers.Conv1D(24, 5, activation="silu"))
    model.add(layers.Conv1D(24, 5, strides=2, activation="silu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    model.compile("nadam", "huber", **options)
    return model


def forecast(model: Any = None, **more: Any) -> Program:
    settings = {"batch_size": BATCH, "epochs": 2, "verbose": 0, **more}
    return Program(model or forecaster(), *series(), settings, samples=BATCH)


class Warped(keras.utils.PyDataset):
    """Stretches every series a little, with SciPy."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.y = series()

    def __len__(self) -> int:
        return SERIES // BATCH

    def __getitem__(self, index: int) -> Any:
        from scipy import ndimage

        part = slice(index * BATCH, (index + 1) * BATCH)
        rows = [ndimage.zoom(row, (1.25, 1), order=3)[:LENGTH] for row in self.x[part]]
        return np.stack(rows).astype("float32"), self.y[part]


def warped() -> Program:
    return Program(forecaster(), Warped(), None, {"epochs": 2, "verbose": 0}, samples=BATCH)


def from_database() -> Iterator[Any]:
    """Asks a database for each series of a batch."""
    x, y = series(BATCH * 8)
    base = sqlite3.connect(":memory:", check_same_thread=False)
    base.execute("create table point (series int, time int, channel int, value real)")
    for number, rows in enumerate(x):
        for time, values in enumerate(rows):
            base.executemany(
                "insert into point values (?, ?, ?, ?)",
                [(number, time, channel, float(value)) for channel, value in enumerate(values)],
            )
    while True:
        for start in range(0, len(x), BATCH):
            batch = np.zeros((BATCH, LENGTH, CHANNELS), "float32")
            for place in range(BATCH):
                found = base.execute(
                    "select time, channel, value from point where series = ?", (start + place,)
                )
                for time, channel, value in found:
                    batch[place, time, channel] = value
            yield batch, y[start : start + BATCH]


def asked() -> Program:
    settings = {"epochs": 2, "steps_per_epoch": SERIES // BATCH, "verbose": 0}
    return Program(forecaster(), from_database(), None, settings, samples=BATCH)


class Kept(keras.callbacks.Callback):
    """Writes weights and optimizer of the best batch so far to the disk; every batch is the best at first."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        state = copy.deepcopy([v.numpy() for v in self.model.optimizer.variables])
        for _ in range(8):
            with tempfile.TemporaryFile() as file:
                pickle.dump((self.model.get_weights(), state), file)


class KeptPerEpoch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with tempfile.TemporaryFile() as file:
            pickle.dump(self.model.get_weights(), file)


class ChannelByChannel(layers.Layer):
    """Filters every channel by itself, in a loop."""

    def build(self, shape: Any) -> None:
        self.filters = self.add_weight(shape=(5, shape[-1]), name="filters")

    def call(self, x: Any) -> Any:
        out = []
        for channel in range(x.shape[-1]):
            one = ops.pad(x[:, :, channel], ((0, 0), (2, 2)))
            total = 0.0
            for lag in range(5):
                total = total + one[:, lag : lag + x.shape[1]] * self.filters[lag, channel]
            out.append(ops.tanh(total))
        return ops.stack(out, axis=-1)


def depthwise() -> Any:
    return layers.DepthwiseConv1D(5, padding="same", activation="tanh")


def in_double(dtype: str) -> Callable[[], Program]:
    def make() -> Program:
        before = keras.config.dtype_policy()  # what `set_floatx` is too late for once there has been a layer
        keras.config.set_dtype_policy(dtype)
        try:
            keras.utils.set_random_seed(9)
            body = [layers.Dense(1024, activation="relu") for _ in range(3)]
            model = keras.Sequential([keras.Input((256,)), *body, layers.Dense(1)])
            model.compile("sgd", "mse")
        finally:
            keras.config.set_dtype_policy(before)
        rng = np.random.default_rng(1)
        x = rng.normal(size=(128 * 15, 256)).astype(dtype)
        settings = {"batch_size": 128, "epochs": 2, "verbose": 0}
        return Program(model, x, x[:, :1], settings, samples=128)

    return make


def small(size: int) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(9)
        model = keras.Sequential([keras.Input((CHANNELS,)), layers.Dense(16, "relu"), layers.Dense(1)])
        model.compile("sgd", "mse")
        rng = np.random.default_rng(1)
        x = rng.normal(size=(size * 200, CHANNELS)).astype("float32")
        return Program(model, x, x[:, :1], {"batch_size": size, "epochs": 1, "verbose": 0}, samples=size)

    return make


CASES = [
    Case("series stretched with SciPy", "input-bound", "Warped", warped, forecast),
    Case("rows of a database", "input-bound", "from_database", asked, forecast),
    Case(
        "state pickled per batch",
        "callback-bound",
        "Kept",
        lambda: forecast(callbacks=[Kept()]),
        lambda: forecast(callbacks=[KeptPerEpoch()]),
    ),
    Case(
        "filters channel by channel",
        "slow-layer",
        "ChannelByChannel",
        lambda: forecast(forecaster(ChannelByChannel)),
        lambda: forecast(forecaster(depthwise)),
    ),
    Case(
        "float64 throughout",
        "float64",
        "=float64",
        in_double("float64"),
        in_double("float32"),
        ("tensorflow", "torch"),
    ),
    Case("one row at a time", "overhead-bound", "=batch_size", small(1), small(128), gain=False),
]
