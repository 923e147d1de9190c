"""Slow trainings that were written after the verdicts, in other styles, and measured once: docs/profile-cases.md.

Two verdicts were changed afterwards because of them, so they belong to those that were seen: the next measure at first
sight needs other programs.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from profile_programs import Case, Program

IMAGES, SIDE, ROUNDS = 16, 24, 40


def pictures(count: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.random((count, side, side, 3), dtype="float32"), rng.integers(0, 5, count)


def convolutions(**options: Any) -> Any:
    keras.utils.set_random_seed(3)
    image = keras.Input((SIDE, SIDE, 3))
    hidden = layers.Conv2D(8, 3, strides=2, activation="relu")(image)
    hidden = layers.Conv2D(16, 3, strides=2, activation="relu")(hidden)
    model = keras.Model(image, layers.Dense(5, activation="softmax")(layers.Flatten()(hidden)))
    options.setdefault("metrics", ["accuracy"])
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", **options)
    return model


def on_arrays(model: Any = None, batch: int = IMAGES, count: int = IMAGES * ROUNDS, **more: Any) -> Program:
    settings = {"batch_size": batch, "epochs": 2, "verbose": 0, **more}
    return Program(model or convolutions(), *pictures(count), settings, samples=batch)


# -- data ------------------------------------------------------------------------------------------------------------


def parsed_lines():
    """Reads every batch from lines of JSON."""
    images, labels = pictures(IMAGES)
    lines = [
        json.dumps({"pixels": i.ravel().round(4).tolist(), "label": int(k)})
        for i, k in zip(images, labels, strict=True)
    ]
    while True:
        rows = [json.loads(line) for line in lines]
        x = np.array([row["pixels"] for row in rows], "float32").reshape(-1, SIDE, SIDE, 3)
        yield x, np.array([row["label"] for row in rows])


class Enlarged(keras.utils.PyDataset):
    """Rescales images pixel by pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.images, self.labels = pictures(IMAGES * ROUNDS, SIDE // 2)

    def __len__(self) -> int:
        return ROUNDS

    def __getitem__(self, index: int) -> Any:
        part = slice(index * IMAGES, (index + 1) * IMAGES)
        out = np.empty((IMAGES, SIDE, SIDE, 3), "float32")
        small = self.images[part]
        for row in range(SIDE):
            for column in range(SIDE):
                out[:, row, column] = small[:, row // 2, column // 2]
        for image in out:
            for _ in range(6):
                image -= np.median(image, axis=(0, 1))
        return out, self.labels[part]


def flipped(image: Any) -> Any:
    image = image.numpy()
    for _ in range(12):
        image = np.rot90(np.sort(image, axis=0).copy())
    return np.ascontiguousarray(image)


def by_python() -> Program:
    import tensorflow as tf

    def change(image: Any, label: Any) -> Any:
        out = tf.py_function(flipped, [image], tf.float32)
        out.set_shape((SIDE, SIDE, 3))
        return out, label

    data = tf.data.Dataset.from_tensor_slices(pictures(IMAGES * ROUNDS)).map(change).batch(IMAGES)
    return Program(convolutions(), data, None, {"epochs": 2, "verbose": 0}, samples=IMAGES)


# -- callbacks -------------------------------------------------------------------------------------------------------


class Described(keras.callbacks.Callback):
    """Keeps the model's summary of every batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.lines: list[str] = []
        self.model.summary(print_fn=lambda text, line_break=True: self.lines.append(text))


class Averaged(keras.callbacks.Callback):
    """Keeps a moving average of the weights and puts half of it back, batch by batch."""

    average: Any = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        weights = self.model.get_weights()
        if self.average is None:
            self.average = weights
        self.average = [0.9 * a + 0.1 * w for a, w in zip(self.average, weights, strict=True)]
        self.model.set_weights([0.5 * a + 0.5 * w for a, w in zip(self.average, weights, strict=True)])


class Histograms(keras.callbacks.Callback):
    """Draws a histogram of every weight, every fifth batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch % 5 == 0:
            for weight in self.model.get_weights():
                for bins in (64, 256, 1024, 4096):
                    self.last = np.histogram(np.tile(weight.ravel(), 20), bins=bins)


class AtTheEnd(keras.callbacks.Callback):
    def on_train_end(self, logs: Any = None) -> None:
        self.norms = [float(np.abs(weight).sum()) for weight in self.model.get_weights()]


def saved(every: Any) -> Callable[[], Program]:
    def make() -> Program:
        path = os.path.join(tempfile.mkdtemp(), "last.keras")
        return on_arrays(callbacks=[keras.callbacks.ModelCheckpoint(path, save_freq=every)])

    return make


# -- steps -----------------------------------------------------------------------------------------------------------


class SampleBySample(layers.Layer):
    """Attends within every sample, one sample after the other."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, x: Any) -> Any:
        out = []
        for index in range(IMAGES):
            one = x[index]
            scores = ops.softmax(one @ self.kernel @ ops.transpose(one))
            out.append(
                ops.layer_normalization(scores @ one) if hasattr(ops, "layer_normalization") else scores @ one
            )
        return ops.stack(out)


class AllSamples(SampleBySample):
    """The same at once."""

    def call(self, x: Any) -> Any:
        scores = ops.softmax(x @ self.kernel @ ops.transpose(x, (0, 2, 1)))
        return ops.layer_normalization(scores @ x) if hasattr(ops, "layer_normalization") else scores @ x


def attending(layer: Callable[[], Any]) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(3)
        tokens = keras.Input((12, 16), batch_size=IMAGES)
        hidden = layer()(layer()(layer()(tokens)))
        model = keras.Model(tokens, layers.Dense(5)(layers.Flatten()(hidden)))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss)
        rng = np.random.default_rng(1)
        x = rng.normal(size=(IMAGES * ROUNDS, 12, 16)).astype("float32")
        settings = {"batch_size": IMAGES, "epochs": 2, "verbose": 0}
        return Program(model, x, rng.integers(0, 5, len(x)), settings, samples=IMAGES)

    return make


class Sorting(keras.Model):
    """Looks at its own gradients with NumPy in every step."""

    looks = True

    def train_step(self, data: Any) -> Any:
        logs = super().train_step(data)
        if self.looks:
            for variable in self.trainable_variables:
                values = variable.value.grad.detach().cpu().numpy().ravel()
                for _ in range(6):
                    self.quantiles = np.quantile(values, np.linspace(0, 1, 50))
        return logs


def looking(looks: bool) -> Callable[[], Program]:
    def make() -> Program:
        base = convolutions()
        model = Sorting(base.input, base.output)
        model.looks = looks
        model.compile("sgd", "sparse_categorical_crossentropy")
        return on_arrays(model)

    return make


def scored(thresholds: int) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((40,)), layers.Dense(32, "tanh"), layers.Dense(1, "sigmoid")])
        metric = keras.metrics.RecallAtPrecision(0.5, num_thresholds=thresholds)
        model.compile("sgd", "binary_crossentropy", metrics=[metric])
        rng = np.random.default_rng(1)
        x = rng.normal(size=(64 * ROUNDS, 40)).astype("float32")
        settings = {"batch_size": 64, "epochs": 2, "verbose": 0}
        return Program(model, x, (x[:, 0] > 0).astype("float32"), settings, samples=64)

    return make


def sentences(padded: bool) -> Callable[[], Program]:
    def batches():
        rng = np.random.default_rng(1)
        for count in range(ROUNDS * 2 + 4):
            words = 40 if padded else 5 + (count * 7) % 61
            tokens = {
                "words": rng.integers(0, 50, (IMAGES, words)),
                "author": rng.integers(0, 4, (IMAGES, 1)),
            }
            yield tokens, rng.random((IMAGES, 1), dtype="float32")

    def make() -> Program:
        keras.utils.set_random_seed(3)
        words, author = keras.Input((None,), name="words"), keras.Input((1,), name="author")
        text = layers.GlobalMaxPooling1D()(layers.Embedding(50, 16)(words))
        who = layers.Flatten()(layers.Embedding(4, 4)(author))
        model = keras.Model(
            {"words": words, "author": author}, layers.Dense(1)(layers.concatenate([text, who]))
        )
        model.compile("adam", "mae")
        return Program(model, batches(), None, {"steps_per_epoch": ROUNDS, "verbose": 0}, samples=IMAGES)

    return make


def streamed() -> Program:
    settings = {"epochs": 2, "steps_per_epoch": ROUNDS, "verbose": 0}
    return Program(convolutions(), parsed_lines(), None, settings, samples=IMAGES)


def enlarged() -> Program:
    return Program(convolutions(), Enlarged(), None, {"epochs": 2, "verbose": 0}, samples=IMAGES)


CASES = [
    Case("lines of JSON", "input-bound", "parsed_lines", streamed, on_arrays),
    Case("images rescaled in Python", "input-bound", "Enlarged", enlarged, on_arrays),
    Case("py_function in a map", "input-bound", "flipped|by_python", by_python, on_arrays, ("tensorflow",)),
    Case(
        "summary per batch",
        "callback-bound",
        "Described",
        lambda: on_arrays(callbacks=[Described()]),
        lambda: on_arrays(callbacks=[AtTheEnd()]),
    ),
    Case(
        "weights put back per batch",
        "callback-bound",
        "Averaged",
        lambda: on_arrays(callbacks=[Averaged()]),
        lambda: on_arrays(callbacks=[AtTheEnd()]),
    ),
    Case(
        "histograms every fifth batch",
        "callback-bound",
        "Histograms",
        lambda: on_arrays(callbacks=[Histograms()]),
        lambda: on_arrays(callbacks=[AtTheEnd()]),
    ),
    Case(
        "checkpoint every fifth batch",
        "callback-bound",
        "=ModelCheckpoint",
        saved(5),
        saved("epoch"),
        gain=False,
    ),
    Case(
        "attention sample by sample",
        "slow-layer",
        "SampleBySample",
        attending(SampleBySample),
        attending(AllSamples),
    ),
    Case("NumPy in train_step", "python-in-step", "Sorting", looking(True), looking(False), ("torch",)),
    Case("metric of many thresholds", "slow-metric", "=metrics", scored(20000), scored(20)),
    Case(
        "batch of three images",
        "overhead-bound",
        "=batch_size",
        lambda: on_arrays(batch=3, count=360),
        lambda: on_arrays(batch=48, count=1920),
        gain=False,
    ),
    Case(
        "convolutions, eager",
        "eager-step",
        "=run_eagerly",
        lambda: on_arrays(convolutions(run_eagerly=True)),
        on_arrays,
        ("jax", "tensorflow"),
    ),
    Case("sentences of every length", "recompilation", "=x", sentences(False), sentences(True), ("jax",)),
]
