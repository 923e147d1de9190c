"""A third set of slow trainings, from what people post: image files, tables as text, neighbours, losses in loops."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from profile_programs import Case, Program

SIZE, BATCH, STEPS = 24, 20, 40


def pictures(count: int = BATCH * STEPS, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(31)
    x = rng.uniform(size=(count, size, size, 3)).astype("float32")
    return x, (x.mean(axis=(1, 2)).argmax(axis=-1)).astype("int64")


def classifier(inputs: Any = (SIZE, SIZE, 3), **options: Any) -> Any:
    keras.utils.set_random_seed(4)
    image = keras.Input(inputs)
    x = layers.Conv2D(16, 3, strides=2, use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.SeparableConv2D(32, 3, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, layers.Dense(3)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss, **options)
    return model


def on_pictures(**more: Any) -> Program:
    settings = {"batch_size": BATCH, "epochs": 2, "verbose": 0, **more}
    return Program(classifier(), *pictures(), settings, samples=BATCH)


# -- data ------------------------------------------------------------------------------------------------------------


def decoded(path: Any, label: Any) -> Any:
    import tensorflow as tf

    image = tf.io.decode_png(tf.io.read_file(path), channels=3)
    image = tf.image.resize(image, (SIZE, SIZE), method="bicubic")
    return tf.cast(image, "float32") / 255.0, label


def from_files(kept: bool) -> Callable[[], Program]:
    def make() -> Program:
        import tensorflow as tf

        folder = Path(tempfile.mkdtemp())
        rng = np.random.default_rng(2)
        names, labels = [], []
        for number in range(BATCH * STEPS // 2):
            name = folder / f"{number}.png"
            pixels = rng.integers(0, 255, (160, 160, 3)).astype("uint8")
            name.write_bytes(tf.io.encode_png(pixels).numpy())
            names.append(str(name))
            labels.append(number % 3)
        data = tf.data.Dataset.from_tensor_slices((names, np.array(labels)))
        if kept:
            images = [decoded(name, 0)[0].numpy() for name in names]
            data = tf.data.Dataset.from_tensor_slices((np.stack(images), np.array(labels)))
        else:
            data = data.map(decoded)
        return Program(classifier(), data.batch(BATCH), None, {"epochs": 3, "verbose": 0}, samples=BATCH)

    return make


COLUMNS = 30


def table_model() -> Any:
    keras.utils.set_random_seed(4)
    body = [
        layers.Dense(192, activation="gelu"),
        layers.LayerNormalization(),
        layers.Dense(192, activation="gelu"),
    ]
    model = keras.Sequential([keras.Input((COLUMNS,)), *body, layers.Dense(1)])
    model.compile("rmsprop", "mae")
    return model


class FromText(keras.utils.PyDataset):
    """Opens the table anew for every batch, to hold little of it in memory."""

    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(5)
        self.path = Path(tempfile.mkdtemp()) / "table.csv"
        np.savetxt(self.path, rng.normal(size=(64 * 60, COLUMNS + 1)), delimiter=",", fmt="%.6f")

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Any:
        part = np.genfromtxt(self.path, delimiter=",", skip_header=index * 64, max_rows=64, dtype="float32")
        return part[:, :-1], part[:, -1:]


def from_text() -> Program:
    return Program(table_model(), FromText(), None, {"epochs": 2, "verbose": 0}, samples=64)


def from_matrix() -> Program:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(64 * 60, COLUMNS + 1)).astype("float32")
    settings = {"batch_size": 64, "epochs": 2, "verbose": 0}
    return Program(table_model(), values[:, :-1], values[:, -1:], settings, samples=64)


class Rows:
    """A torch dataset that has all in memory."""

    def __init__(self) -> None:
        self.x, self.y = pictures()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.x[index], self.y[index]


def respawned() -> Program:
    import torch

    loader = torch.utils.data.DataLoader(Rows(), batch_size=BATCH, num_workers=2)
    return Program(classifier(), loader, None, {"epochs": 3, "verbose": 0}, samples=BATCH)


def stayed() -> Program:
    import torch

    loader = torch.utils.data.DataLoader(Rows(), batch_size=BATCH, shuffle=True)
    return Program(classifier(), loader, None, {"epochs": 3, "verbose": 0}, samples=BATCH)


# -- callbacks -------------------------------------------------------------------------------------------------------


class Neighbours(keras.callbacks.Callback):
    """How often the nearest neighbour is of the same class, as self-supervised models are judged."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        x, y = pictures(400)
        found = self.model.predict(x, verbose=0)
        right = 0
        for place, one in enumerate(found):
            apart = [float(np.linalg.norm(one - other)) for other in found]
            apart[place] = np.inf
            right += int(y[int(np.argmin(apart))] == y[place])
        self.score = right / len(found)


class NeighboursAtOnce(keras.callbacks.Callback):
    def on_train_end(self, logs: Any = None) -> None:
        x, y = pictures(100)
        found = self.model.predict(x, verbose=0)
        apart = ((found[:, None] - found[None]) ** 2).sum(axis=-1) + np.diag(np.full(len(found), np.inf))
        self.score = (y[apart.argmin(axis=-1)] == y).mean()


def backed_up(often: bool) -> Callable[[], Program]:
    def make() -> Program:
        folder = Path(tempfile.mkdtemp())
        if often:
            callback = keras.callbacks.BackupAndRestore(folder / "backup", save_freq=4)
        else:
            callback = keras.callbacks.CSVLogger(folder / "log.csv")
        return on_pictures(callbacks=[callback], epochs=3)

    return make


# -- the step --------------------------------------------------------------------------------------------------------


class CentreByCentre(layers.Layer):
    """Radial basis functions, one centre after the other."""

    def __init__(self, centres: int = 96) -> None:
        super().__init__()
        self.count = centres

    def build(self, shape: Any) -> None:
        self.centres = self.add_weight(shape=(self.count, shape[-1]), name="centres")

    def call(self, x: Any) -> Any:
        near = []
        for number in range(self.count):
            apart = x - self.centres[number]
            near.append(ops.exp(-ops.sum(ops.square(apart), axis=-1, keepdims=True)))
        return ops.concatenate(near, axis=-1)


class AllCentres(CentreByCentre):
    def call(self, x: Any) -> Any:
        cross = ops.matmul(x, ops.transpose(self.centres))
        squares = ops.sum(ops.square(x), axis=-1, keepdims=True) + ops.sum(ops.square(self.centres), axis=-1)
        return ops.exp(2.0 * cross - squares)


def radial(layer: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.Input((40,)), layers.Dense(16), layer(), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.default_rng(6).normal(size=(256 * 30, 40)).astype("float32")
        return Program(model, x, x[:, :1], {"batch_size": 256, "epochs": 2, "verbose": 0}, samples=256)

    return make


def triplets(labels: Any, found: Any) -> Any:
    """Pulls every sample towards those of its class, pair by pair."""
    total, count = 0.0, 0
    for one in range(BATCH):
        for other in range(one + 1, BATCH):
            same = ops.cast(labels[one] == labels[other], "float32")
            apart = ops.sum(ops.square(found[one] - found[other]))
            total = total + same * apart + (1 - same) * ops.relu(1.0 - apart)
            count += 1
    return total / count


def triplets_at_once(labels: Any, found: Any) -> Any:
    labels = ops.reshape(labels, (-1, 1))
    same = ops.cast(ops.equal(labels, ops.transpose(labels)), "float32")
    apart = ops.sum(ops.square(found[:, None] - found[None]), axis=-1)
    every = same * apart + (1 - same) * ops.relu(1.0 - apart)
    return ops.sum(ops.triu(every, k=1)) / (BATCH * (BATCH - 1) / 2)


def embedded(loss: Any) -> Callable[[], Program]:
    def make() -> Program:
        model = classifier()
        model.compile("adam", loss)
        x, y = pictures(BATCH * 12)
        return Program(model, x, y, {"batch_size": BATCH, "epochs": 2, "verbose": 0}, samples=BATCH)

    return make


class RankCorrelation(keras.metrics.Metric):
    """Spearman's correlation over all that the epoch has seen, anew for every batch."""

    def __init__(self) -> None:
        super().__init__(name="spearman")
        self.reset_state()

    def reset_state(self) -> None:
        self.true: list[Any] = []
        self.said: list[Any] = []

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.true.append(ops.reshape(y_true, (-1,)))
        self.said.append(ops.reshape(y_pred, (-1,)))

    def result(self) -> Any:
        if not self.true:
            return 0.0
        true, said = ops.concatenate(self.true), ops.concatenate(self.said)
        ranks = [ops.cast(ops.argsort(ops.argsort(values)), "float32") for values in (true, said)]
        centred = [rank - ops.mean(rank) for rank in ranks]
        scale = ops.sqrt(ops.sum(centred[0] ** 2) * ops.sum(centred[1] ** 2))
        return ops.sum(centred[0] * centred[1]) / (scale + 1e-7)


def ranked(metrics: Callable[[], list[Any]]) -> Callable[[], Program]:
    def make() -> Program:
        model = table_model()
        model.compile("rmsprop", "mae", metrics=metrics())
        x = np.random.default_rng(6).normal(size=(256 * 120, COLUMNS)).astype("float32")
        return Program(model, x, x[:, :1], {"batch_size": 256, "epochs": 1, "verbose": 0}, samples=256)

    return make


class Scaled(keras.utils.PyDataset):
    """Every batch in another size, as detectors are trained."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes
        self.batches = {size: pictures(BATCH, size) for size in set(sizes)}

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Any:
        return self.batches[self.sizes[index % len(self.sizes)]]


def scaled(*sizes: int) -> Callable[[], Program]:
    def make() -> Program:
        model = classifier((None, None, 3))
        return Program(model, Scaled(sizes), None, {"epochs": 2, "verbose": 0}, samples=BATCH)

    return make


class Remembering(keras.Model):
    """Keeps the loss of every step, to draw it later, and with it what it was computed from."""

    def __init__(self, plain: bool) -> None:
        super().__init__()
        self.wide = layers.Dense(512, activation="tanh")
        self.last = layers.Dense(1)
        self.plain = plain
        self.past: dict[str, list[Any]] = {"losses": []}

    def call(self, x: Any) -> Any:
        return self.last(self.wide(x))

    def train_step(self, data: Any) -> Any:
        x, y = data
        self.zero_grad()
        losses = ops.mean(ops.square(self(x, training=True) - y), axis=-1)
        loss = ops.mean(losses)
        loss.backward()
        self.optimizer.apply([v.value.grad for v in self.trainable_weights], self.trainable_weights)
        if not self.plain:
            self.past["losses"].append(ops.mean(ops.square(self(x, training=True) - y)))
        return {"loss": loss.detach()}


def remembering(plain: bool) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(4)
        model = Remembering(plain)
        model.compile("sgd")
        x = np.random.default_rng(6).normal(size=(256 * 150, 64)).astype("float32")
        return Program(model, x, x[:, :1], {"batch_size": 256, "epochs": 2, "verbose": 0}, samples=256)

    return make


CASES = [
    Case("image files, one by one", "input-bound", "decoded|from_files", from_files(False), from_files(True)),
    Case("table opened per batch", "input-bound", "FromText", from_text, from_matrix),
    Case(
        "workers made anew every epoch", "input-bound", "=persistent_workers", respawned, stayed, ("torch",)
    ),
    Case(
        "neighbours after every epoch",
        "callback-bound",
        "Neighbours",
        lambda: on_pictures(callbacks=[Neighbours()], epochs=4),
        lambda: on_pictures(callbacks=[NeighboursAtOnce()], epochs=4),
    ),
    Case(
        "backup every fourth batch",
        "callback-bound",
        "=BackupAndRestore",
        backed_up(True),
        backed_up(False),
    ),
    Case(
        "basis functions in a loop",
        "slow-layer",
        "CentreByCentre",
        radial(CentreByCentre),
        radial(AllCentres),
    ),
    Case(
        "loss pair by pair",
        "python-in-step",
        "triplets",
        embedded(triplets),
        embedded(triplets_at_once),
        ("torch",),
    ),
    Case(
        "metric over all of the epoch",
        "slow-metric",
        "RankCorrelation",
        ranked(lambda: [RankCorrelation()]),
        ranked(list),
        ("torch",),
    ),
    Case("images of many sizes", "recompilation", "=x", scaled(*range(16, 48, 4)), scaled(32), ("jax",)),
    Case(
        "losses kept with their graph",
        "memory-creep",
        "=losses",
        remembering(False),
        remembering(True),
        ("torch",),
        gain=False,
    ),
]
