"""Slow trainings as people describe them in forums and issue trackers, written without a look at the rules.

Scored once before anything was changed because of them (docs/profile-cases.md), seen since.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from profile_programs import ALL, BACKEND, Case, Program

ROWS, ROUNDS, FEATURES = 64, 60, 48


def table(count: int = ROWS * ROUNDS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    x = rng.normal(size=(count, FEATURES)).astype("float32")
    return x, (x[:, 0] + x[:, 1] > 0).astype("float32")[:, None]


def classifier(**options: Any) -> Any:
    keras.utils.set_random_seed(5)
    inputs = keras.Input((FEATURES,), name="row")
    hidden = layers.Dense(128, activation="gelu")(inputs)
    hidden = layers.Dropout(0.1)(layers.LayerNormalization()(hidden))
    hidden = layers.add([hidden, layers.Dense(128, activation="gelu")(hidden)])
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="score")(hidden))
    options.setdefault("loss", "binary_crossentropy")
    model.compile(optimizer=keras.optimizers.AdamW(1e-3), **options)
    return model


def tabular(model: Any = None, **more: Any) -> Program:
    settings = {"batch_size": ROWS, "epochs": 3, "verbose": 0, **more}
    return Program(model or classifier(), *table(), settings, samples=ROWS)


# -- reading ---------------------------------------------------------------------------------------------------------


class Archives(keras.utils.PyDataset):
    """One compressed file per batch, as preprocessing left them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        x, y = table()
        rng = np.random.default_rng(0)
        for index in range(ROUNDS):
            part = slice(index * ROWS, (index + 1) * ROWS)
            path = os.path.join(self.folder, f"{index}.npz")
            np.savez_compressed(
                path, x=x[part], y=y[part], raw=rng.normal(size=(ROWS, 4000)).astype("float32")
            )

    def __len__(self) -> int:
        return ROUNDS

    def __getitem__(self, index: int) -> Any:
        archive = np.load(os.path.join(self.folder, f"{index}.npz"))
        mean = archive["raw"].mean()
        return archive["x"] + 0 * mean, archive["y"]


def archived() -> Program:
    return Program(classifier(), Archives(), None, {"epochs": 3, "verbose": 0}, samples=ROWS)


TEXTS = [
    f"The {i}th report says {i * 7} people, among them {i % 9} children, were seen." * 6 for i in range(320)
]
WORDS = re.compile(r"[a-z]+|\d+|[^\w\s]")


def tokens(text: str) -> list[int]:
    out = []
    for word in WORDS.findall(text.lower()):
        out.append(sum(ord(letter) * 31**place for place, letter in enumerate(word)) % 500)
    return (out + [0] * 64)[:64]


def text_model() -> Any:
    keras.utils.set_random_seed(5)
    body = [layers.Embedding(500, 32), layers.GlobalAveragePooling1D(), layers.Dense(32, "relu")]
    model = keras.Sequential([keras.Input((64,), dtype="int32"), *body, layers.Dense(1, "sigmoid")])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def from_texts() -> Program:
    import tensorflow as tf

    def pairs() -> Iterator[Any]:
        for _ in range(6):
            for place, text in enumerate(TEXTS):
                yield tokens(text), [place % 2]

    kinds = (tf.TensorSpec((64,), tf.int32), tf.TensorSpec((1,), tf.int32))
    data = tf.data.Dataset.from_generator(pairs, output_signature=kinds).batch(32).prefetch(1)
    return Program(text_model(), data, None, {"epochs": 3, "verbose": 0}, samples=32)


def from_tokens() -> Program:
    import tensorflow as tf

    x = np.array([tokens(text) for text in TEXTS] * 6, "int32")
    y = np.arange(len(x))[:, None] % 2
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32).prefetch(1)
    return Program(text_model(), data, None, {"epochs": 3, "verbose": 0}, samples=32)


def padded(rows: list[Any]) -> Any:
    """Pads the sequences of a batch, number by number."""
    import torch

    longest = max(len(row) for row, _ in rows)
    x = torch.zeros(len(rows), longest)
    for i, (row, _) in enumerate(rows):
        for j in range(len(row)):
            x[i, j] = float(row[j])
    return x, torch.tensor([[label] for _, label in rows])


def collated(collate: Any) -> Callable[[], Program]:
    def make() -> Program:
        import torch

        x, y = table(ROWS * 30)
        pairs = [(row, float(label)) for row, label in zip(torch.from_numpy(x), y[:, 0], strict=True)]
        if collate:
            loader = torch.utils.data.DataLoader(pairs, batch_size=ROWS, shuffle=True, collate_fn=collate)
        else:
            whole = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
            loader = torch.utils.data.DataLoader(whole, batch_size=ROWS, shuffle=True)
        return Program(classifier(), loader, None, {"epochs": 3, "verbose": 0}, samples=ROWS)

    return make


class Remembering(keras.utils.PyDataset):
    """Caches what it has augmented, under a key that never comes again."""

    def __init__(self, forgets: bool = False) -> None:
        super().__init__()
        self.x, self.y = table()
        self.seen: dict[Any, Any] = {}
        self.forgets = forgets
        self.calls = 0

    def __len__(self) -> int:
        return ROUNDS

    def __getitem__(self, index: int) -> Any:
        self.calls += 1
        key = index if self.forgets else (index, self.calls)
        if key not in self.seen:
            self.seen[key] = np.repeat(
                self.x[index * ROWS : (index + 1) * ROWS], 1 if self.forgets else 24, 0
            )
        part = slice(index * ROWS, (index + 1) * ROWS)
        return self.seen[key][:ROWS], self.y[part]


def remembered(forgets: bool) -> Callable[[], Program]:
    return lambda: Program(
        classifier(), Remembering(forgets), None, {"epochs": 24, "verbose": 0}, samples=ROWS
    )


# -- callbacks -------------------------------------------------------------------------------------------------------


class Swept(keras.callbacks.Callback):
    """Against a memory leak that somebody once had."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        gc.collect()


class SweptAtTheEnd(keras.callbacks.Callback):
    def on_train_end(self, logs: Any = None) -> None:
        gc.collect(0)


class Watched(keras.callbacks.Callback):
    """Asks a command line tool how much memory is in use."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.answer = subprocess.run(
            ["sh", "-c", "sort /proc/meminfo | head -3"], capture_output=True, check=True
        ).stdout


class WatchedOnce(keras.callbacks.Callback):
    def on_train_begin(self, logs: Any = None) -> None:
        self.answer = subprocess.run(
            ["sh", "-c", "sort /proc/meminfo | head -3"], capture_output=True, check=True
        ).stdout


class Confusion(keras.callbacks.Callback):
    """Counts hits and misses sample by sample after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.truth = table(4000)[1][:, 0]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        scores = np.linspace(0, 1, 4000)
        best = 0.0
        for threshold in np.linspace(0, 1, 200):
            counts = {"tp": 0, "fp": 0, "fn": 0}
            for truth, score in zip(self.truth, scores, strict=True):
                if score > threshold:
                    counts["tp" if truth else "fp"] += 1
                elif truth:
                    counts["fn"] += 1
            best = max(best, counts["tp"] / (1 + counts["tp"] + counts["fp"] + counts["fn"]))
        self.best = best


class ConfusionAtOnce(Confusion):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        scores = np.linspace(0, 1, 4000)[None] > np.linspace(0, 1, 200)[:, None]
        hits = (scores & (self.truth > 0)).sum(1)
        self.best = float((hits / (1 + scores.sum(1) + (self.truth > 0).sum() - hits)).max())


class Smoothed(keras.callbacks.Callback):
    """Keeps the mean of all losses so far, on the device."""

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.losses: list[Any] = []
        self.whole = whole

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        import jax.numpy as jnp

        self.losses.append(float((logs or {})["loss"]))
        if self.whole:
            self.mean = jnp.mean(jnp.sort(jnp.asarray(self.losses)))
        else:
            self.mean = float(np.mean(self.losses))


def calling(callback: Callable[[], Any], **more: Any) -> Callable[[], Program]:
    return lambda: tabular(callbacks=[callback()], **more)


# -- layers, losses and metrics --------------------------------------------------------------------------------------


class EachSample(layers.Layer):
    """Normalises and projects one sample after the other through `ops.map`."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def one(self, sample: Any) -> Any:
        sample = (sample - ops.mean(sample)) / (ops.std(sample) + 1e-3)
        return ops.tanh(ops.matmul(sample[None], self.kernel)[0])

    def call(self, x: Any) -> Any:
        return ops.map(self.one, x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class AllAtOnce(EachSample):
    def call(self, x: Any) -> Any:
        x = (x - ops.mean(x, -1, keepdims=True)) / (ops.std(x, -1, keepdims=True) + 1e-3)
        return ops.tanh(ops.matmul(x, self.kernel))


def projected(layer: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(5)
        inputs = keras.Input((FEATURES,), batch_size=ROWS)
        hidden = layers.Dense(64, "relu")(layer()(inputs))
        model = keras.Model(inputs, layers.Dense(1, "sigmoid")(hidden))
        model.compile("adam", "binary_crossentropy")
        return tabular(model)

    return make


def turned(strong: bool) -> Callable[[], Program]:
    """A small image classifier with augmentation layers in front, on the CPU."""

    def make() -> Program:
        keras.utils.set_random_seed(5)
        image = keras.Input((48, 48, 3))
        hidden = layers.RandomFlip("horizontal")(image)
        if strong:
            hidden = layers.RandomRotation(0.2, interpolation="bilinear")(hidden)
        hidden = layers.Conv2D(4, 3, strides=4, activation="relu")(hidden)
        hidden = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, strides=2, activation="relu")(hidden))
        model = keras.Model(image, layers.Dense(4, activation="softmax")(hidden))
        model.compile("adam", "sparse_categorical_crossentropy")
        rng = np.random.default_rng(0)
        x = rng.random((32 * 15, 48, 48, 3), dtype="float32")
        settings = {"batch_size": 32, "epochs": 3, "verbose": 0}
        return Program(model, x, rng.integers(0, 4, len(x)), settings, samples=32)

    return make


def ranked(truth: Any, scores: Any) -> Any:
    """A penalty that only exists as a Python function."""
    truth, scores = np.asarray(truth).ravel(), np.asarray(scores).ravel()
    wrong = 0
    for i in range(len(truth)):
        for j in range(len(truth)):
            for margin in (0.0, 0.1, 0.2):
                wrong += int(truth[i] > truth[j] and scores[i] < scores[j] + margin)
    return np.float32(wrong / len(truth) ** 2)


def ranking_loss(truth: Any, scores: Any) -> Any:
    loss = ops.mean(keras.losses.binary_crossentropy(truth, scores))
    if BACKEND == "torch":
        return loss + float(ranked(truth.detach(), scores.detach()))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        penalty = tf.numpy_function(ranked, [truth, scores], tf.float32)
        return loss + tf.stop_gradient(tf.reshape(penalty, ()))
    import jax

    shape = jax.ShapeDtypeStruct((), "float32")
    hidden = jax.lax.stop_gradient(scores)
    return loss + jax.pure_callback(ranked, shape, jax.lax.stop_gradient(truth), hidden)


def ordinary_loss(truth: Any, scores: Any) -> Any:
    return ops.mean(keras.losses.binary_crossentropy(truth, scores))


def segmented(classes: int) -> Callable[[], Program]:
    """Per-pixel classes with a MeanIoU over all classes there could be."""

    def make() -> Program:
        keras.utils.set_random_seed(5)
        image = keras.Input((16, 16, 3))
        hidden = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
        model = keras.Model(image, layers.Conv2D(12, 1)(hidden))
        metric: Any = keras.metrics.SparseCategoricalAccuracy()
        if classes:
            metric = keras.metrics.MeanIoU(num_classes=classes, sparse_y_pred=False)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=[metric])
        rng = np.random.default_rng(0)
        x = rng.random((32 * 15, 16, 16, 3), dtype="float32")
        settings = {"batch_size": 32, "epochs": 3, "verbose": 0}
        return Program(model, x, rng.integers(0, 12, (len(x), 16, 16)), settings, samples=32)

    return make


# -- settings --------------------------------------------------------------------------------------------------------


def uncompiled(left_on: bool) -> Callable[[], Program]:
    """What somebody switched off to debug, and never switched on again."""

    def make() -> Program:
        if BACKEND == "tensorflow":
            import tensorflow as tf

            tf.config.run_functions_eagerly(left_on)
        else:
            import jax

            jax.config.update("jax_disable_jit", left_on)
        return tabular(epochs=1, steps_per_epoch=25) if left_on else tabular(epochs=1)

    return make


def checked(left_on: bool) -> Callable[[], Program]:
    """Checks of every number that somebody switched on to find a NaN."""

    def make() -> Program:
        if BACKEND == "torch":
            import torch

            torch.autograd.set_detect_anomaly(left_on)
        elif BACKEND == "tensorflow":
            import tensorflow as tf

            with contextlib.redirect_stderr(io.StringIO()):
                (tf.debugging.enable_check_numerics if left_on else tf.debugging.disable_check_numerics)()
        else:
            import jax

            jax.config.update("jax_debug_nans", left_on)
        keras.utils.set_random_seed(5)
        body = [layers.Dense(48, "relu") for _ in range(16)]
        model = keras.Sequential([keras.Input((FEATURES,)), *body, layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return tabular(model, epochs=2)

    return make


def fours(size: int, count: int) -> Callable[[], Program]:
    def make() -> Program:
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices(table(count)).batch(size).prefetch(2)
        return Program(classifier(), data, None, {"epochs": 2, "verbose": 0}, samples=size)

    return make


def judged(size: int) -> Callable[[], Program]:
    return lambda: tabular(validation_data=table(600), validation_batch_size=size)


CASES = [
    Case("compressed archives", "input-bound", "Archives", archived, tabular),
    Case("tokeniser in from_generator", "input-bound", "from_texts|tokens", from_texts, from_tokens),
    Case(
        "padding in collate_fn",
        "input-bound",
        "padded",
        collated(padded),
        collated(None),
        ("torch", "jax"),
    ),
    Case(
        "gc.collect per batch",
        "callback-bound",
        "Swept",
        calling(Swept, epochs=1, steps_per_epoch=25),
        calling(SweptAtTheEnd, epochs=1),
    ),
    Case(
        "command per batch",
        "callback-bound",
        "Watched",
        calling(Watched),
        calling(WatchedOnce),
    ),
    Case(
        "confusion in Python per epoch",
        "callback-bound",
        "Confusion",
        calling(Confusion),
        calling(ConfusionAtOnce),
    ),
    Case(
        "growing array on the device",
        "recompilation",
        "Smoothed",
        calling(lambda: Smoothed(True), epochs=2),
        calling(lambda: Smoothed(False), epochs=2),
        ("jax",),
    ),
    Case("ops.map over samples", "slow-layer", "EachSample", projected(EachSample), projected(AllAtOnce)),
    Case("rotation on the CPU", "slow-layer", "=random_rotation", turned(True), turned(False)),
    Case(
        "loss in Python",
        "python-in-step",
        "ranked|ranking_loss",
        lambda: tabular(classifier(loss=ranking_loss)),
        lambda: tabular(classifier(loss=ordinary_loss)),
    ),
    Case("MeanIoU of 1000 classes", "slow-metric", "=metrics", segmented(1000), segmented(0)),
    Case(
        "functions run eagerly",
        "eager-step",
        "=",
        uncompiled(True),
        uncompiled(False),
        ("jax", "tensorflow"),
    ),
    Case("checks of every number", "debug-mode", "=", checked(True), checked(False), ALL),
    Case(
        "growing cache of a dataset",
        "memory-creep",
        "=seen",
        remembered(False),
        remembered(True),
        gain=False,
    ),
    Case(
        "data set of batches of four",
        "overhead-bound",
        "=batch",
        fours(4, 800),
        fours(96, 5760),
        gain=False,
    ),
    Case(
        "validation one by one",
        "slow-validation",
        "=validation",
        judged(1),
        judged(128),
        gain=False,
    ),
]
