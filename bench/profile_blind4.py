"""A fourth set, written by someone who did not know the rules: texts, sensors, weather, graphs, wards, diffusion."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from profile_programs import Case, Program

# -- data ------------------------------------------------------------------------------------------------------------

MAX_WORDS, REVIEW_LENGTH, REVIEW_BATCH = 1200, 40, 32


def load_reviews(count: int = REVIEW_BATCH * 50) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(42)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(3, 9))) for _ in range(MAX_WORDS)]
    picks = rng.integers(0, MAX_WORDS, (count, REVIEW_LENGTH))
    texts = [" ".join(words[i] for i in row).capitalize() + "!<br />" for row in picks]
    return texts, (picks < MAX_WORDS // 2).mean(axis=1).round().astype("float32")[:, None]


def tokenize(text: str) -> list[str]:
    text = re.sub(r"<[^>]+>", " ", text.lower())
    return re.sub(r"[^a-z ]", "", text).split()


class ReviewSequence(keras.utils.PyDataset):
    def __init__(self, texts: list[str], labels: np.ndarray, batch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.texts, self.labels, self.batch_size = texts, labels, batch_size
        self.vocabulary = sorted({word for text in texts for word in tokenize(text)})

    def __len__(self) -> int:
        return len(self.texts) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        part = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        ids = []
        for text in self.texts[part]:
            ids.append([self.vocabulary.index(word) + 1 for word in tokenize(text)])
        return keras.utils.pad_sequences(ids, maxlen=REVIEW_LENGTH), self.labels[part]


class EncodedReviews(keras.utils.PyDataset):
    def __init__(self, texts: list[str], labels: np.ndarray, batch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        vocabulary = sorted({word for text in texts for word in tokenize(text)})
        number = {word: i + 1 for i, word in enumerate(vocabulary)}
        ids = [[number[word] for word in tokenize(text)] for text in texts]
        self.ids = keras.utils.pad_sequences(ids, maxlen=REVIEW_LENGTH)
        self.labels, self.batch_size = labels, batch_size

    def __len__(self) -> int:
        return len(self.ids) // self.batch_size

    def __getitem__(self, idx: int) -> Any:
        part = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        return self.ids[part], self.labels[part]


def sentiment(dataset: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(42)
        model = keras.Sequential(
            [
                keras.Input((REVIEW_LENGTH,), dtype="int32"),
                layers.Embedding(MAX_WORDS + 1, 32),
                layers.Conv1D(64, 5, activation="relu"),
                layers.GlobalMaxPooling1D(),
                layers.Dropout(0.3),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        texts, labels = load_reviews()
        data = dataset(texts, labels, REVIEW_BATCH)
        return Program(model, data, None, {"epochs": 2, "verbose": 0}, samples=REVIEW_BATCH)

    return make


WINDOWS, TIMES, AXES = 32 * 40, 30, 3


def record_sensors() -> Path:
    rng = np.random.default_rng(7)
    activity = rng.integers(0, 4, WINDOWS)
    phase = np.linspace(0, 6, TIMES)[None, :, None] * (1 + activity)[:, None, None]
    signal = np.sin(phase) + 0.3 * rng.normal(size=(WINDOWS, TIMES, AXES))
    path = Path(tempfile.mkdtemp()) / "har.npz"
    np.savez(path, signal=signal.astype("float32"), activity=activity)
    return path


class SensorWindows:
    def __init__(self, path: Path) -> None:
        self.data = np.load(path)
        self.length = len(self.data["activity"])

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Any:
        return self.data["signal"][i], self.data["activity"][i]


class SensorArrays:
    def __init__(self, path: Path) -> None:
        with np.load(path) as data:
            self.signal = data["signal"]
            self.activity = data["activity"]

    def __len__(self) -> int:
        return len(self.activity)

    def __getitem__(self, i: int) -> Any:
        return self.signal[i], self.activity[i]


def recognised(dataset: Any) -> Callable[[], Program]:
    def make() -> Program:
        import torch

        keras.utils.set_random_seed(7)
        inputs = keras.Input((TIMES, AXES))
        x = layers.Conv1D(48, 5, padding="same", activation="relu")(inputs)
        x = layers.MaxPooling1D(2)(x)
        x = layers.Conv1D(96, 3, padding="same", activation="relu")(x)
        x = layers.Flatten()(x)
        x = layers.Dense(64, activation="relu")(x)
        model = keras.Model(inputs, layers.Dense(4, activation="softmax")(x))
        model.compile("adam", "sparse_categorical_crossentropy")
        loader = torch.utils.data.DataLoader(dataset(record_sensors()), batch_size=32, shuffle=True)
        return Program(model, loader, None, {"epochs": 2, "verbose": 0}, samples=32)

    return make


HISTORY, HOURS = 48, 48 + 128 * 40


def temperatures() -> np.ndarray:
    hours = np.arange(HOURS)
    noise = np.random.default_rng(3).normal(size=HOURS)
    series = 10 + 5 * np.sin(hours * 2 * np.pi / 24) + noise
    return ((series - series.mean()) / series.std()).astype("float32")


def windowed_dataset(series: np.ndarray, window_size: int, batch_size: int, shuffle_buffer: int) -> Any:
    import tensorflow as tf

    ds = tf.data.Dataset.from_tensor_slices(series)
    ds = ds.window(window_size + 1, shift=1, drop_remainder=True)
    ds = ds.flat_map(lambda w: w.batch(window_size + 1))
    ds = ds.shuffle(shuffle_buffer)
    ds = ds.map(lambda w: (w[:-1], w[-1:]))
    return ds.batch(batch_size, drop_remainder=True).prefetch(1)


def window_arrays(series: np.ndarray, window_size: int) -> tuple[np.ndarray, np.ndarray]:
    windows = np.lib.stride_tricks.sliding_window_view(series, window_size + 1)
    return np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, -1:])


def forecaster() -> Any:
    keras.utils.set_random_seed(51)
    model = keras.models.Sequential(
        [
            keras.Input((HISTORY,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(256, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(
        loss=keras.losses.Huber(), optimizer=keras.optimizers.SGD(1e-3, momentum=0.9), metrics=["mae"]
    )
    return model


def forecast_from_dataset() -> Program:
    data = windowed_dataset(temperatures(), HISTORY, 128, 1000)
    return Program(forecaster(), data, None, {"epochs": 2, "verbose": 0}, samples=128)


def forecast_from_arrays() -> Program:
    x, y = window_arrays(temperatures(), HISTORY)
    return Program(forecaster(), x, y, {"epochs": 2, "batch_size": 128, "verbose": 0}, samples=128)


# -- callbacks -------------------------------------------------------------------------------------------------------


class WeightStatistics(keras.callbacks.Callback):
    """Writes percentiles, higher moments and a histogram of every layer's weights to a table."""

    def __init__(self, path: Path, per_batch: bool) -> None:
        super().__init__()
        self.path, self.per_batch = path, per_batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.per_batch:
            self.write(batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self.per_batch:
            self.write(epoch)

    def write(self, when: int) -> None:
        from scipy.stats import kurtosis, skew

        with open(self.path, "a", newline="") as file:
            writer = csv.writer(file)
            for layer in self.model.layers:
                for number, values in enumerate(layer.get_weights()):
                    spread = np.percentile(values, [1, 5, 25, 50, 75, 95, 99])
                    moments = [
                        values.mean(),
                        values.std(),
                        skew(values, axis=None),
                        kurtosis(values, axis=None),
                    ]
                    counts, _ = np.histogram(values, bins=30)
                    writer.writerow([when, layer.name, number, *moments, *spread, *counts])


def autoencoder(per_batch: bool) -> Callable[[], Program]:
    def make() -> Program:
        from sklearn.datasets import load_digits

        keras.utils.set_random_seed(0)
        clean = np.tile((load_digits().data / 16.0).astype("float32"), (4, 1))[:7168]
        noise = np.random.default_rng(0).normal(size=clean.shape)
        noisy = np.clip(clean + 0.2 * noise, 0, 1).astype("float32")
        encoder = keras.Sequential([layers.Dense(256, activation="relu"), layers.Dense(16)], name="encoder")
        decoder = keras.Sequential([layers.Dense(256, activation="relu"), layers.Dense(64)], name="decoder")
        model = keras.Sequential([keras.Input((64,)), encoder, decoder, layers.Activation("sigmoid")])
        model.compile(optimizer="adam", loss="binary_crossentropy")
        callback = WeightStatistics(Path(tempfile.mkdtemp()) / "weights.csv", per_batch)
        settings = {"epochs": 2, "batch_size": 128, "verbose": 0, "callbacks": [callback]}
        return Program(model, noisy, clean, settings, samples=128)

    return make


USERS, ITEMS, RATING_BATCH = 400, 120, 512
TESTED = 15 if keras.backend.backend() == "tensorflow" else 80


class HitRate(keras.callbacks.Callback):
    """HR@10 of the held-out item of every test user."""

    def __init__(self, test: dict[int, int]) -> None:
        super().__init__()
        self.test = test
        self.history: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        hits = 0
        items = np.arange(ITEMS)
        for user, item in self.test.items():
            scores = self.model.predict([np.full(ITEMS, user), items], verbose=0)[:, 0]
            if item in np.argsort(-scores)[:10]:
                hits += 1
        self.history.append(hits / len(self.test))


class BatchedHitRate(HitRate):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        users, held_out = np.array(list(self.test)), np.array(list(self.test.values()))
        pairs = [np.repeat(users, ITEMS), np.tile(np.arange(ITEMS), len(users))]
        scores = self.model.predict(pairs, batch_size=4096, verbose=0).reshape(len(users), ITEMS)
        best = np.argpartition(-scores, 10, axis=1)[:, :10]
        self.history.append(float((best == held_out[:, None]).any(axis=1).mean()))


def recommender(callback: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(1)
        user, item = keras.Input((), dtype="int32", name="user"), keras.Input((), dtype="int32", name="item")
        u = layers.Embedding(USERS, 32)(user)
        i = layers.Embedding(ITEMS, 32)(item)
        x = layers.Concatenate()([u, i])
        x = layers.Dense(128, activation="relu")(x)
        x = layers.Dense(64, activation="relu")(x)
        model = keras.Model([user, item], layers.Dense(1, activation="sigmoid")(x))
        model.compile("adam", "binary_crossentropy")
        rng = np.random.default_rng(1)
        count = RATING_BATCH * 60
        users, items = rng.integers(0, USERS, count), rng.integers(0, ITEMS, count)
        liked = ((users + items) % 5 == 0).astype("float32")[:, None]
        test = {int(u): int(i) for u, i in zip(range(TESTED), rng.integers(0, ITEMS, TESTED), strict=True)}
        settings = {"epochs": 2, "batch_size": RATING_BATCH, "verbose": 0, "callbacks": [callback(test)]}
        return Program(model, [users, items], liked, settings, samples=RATING_BATCH)

    return make


# -- layers, metrics, steps ------------------------------------------------------------------------------------------

ATOMS, MOLECULES = 40, 16


class GraphAttention(layers.Layer):
    """Graph attention, as in the paper: a score from both ends of every edge, then a softmax over the neighbours."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, shapes: Any) -> None:
        self.kernel = self.add_weight(shape=(shapes[0][-1], self.units), name="kernel")
        self.attention = self.add_weight(shape=(2 * self.units, 1), name="attention")

    def scores(self, h: Any) -> Any:
        n = h.shape[1]
        h_i = ops.repeat(ops.expand_dims(h, 2), n, axis=2)
        h_j = ops.repeat(ops.expand_dims(h, 1), n, axis=1)
        pairs = ops.concatenate([h_i, h_j], axis=-1)
        return ops.squeeze(ops.matmul(pairs, self.attention), axis=-1)

    def call(self, inputs: Any) -> Any:
        nodes, adjacency = inputs
        h = ops.matmul(nodes, self.kernel)
        e = ops.leaky_relu(self.scores(h), negative_slope=0.2)
        e = ops.where(adjacency > 0, e, -1e9)
        return ops.elu(ops.matmul(ops.softmax(e, axis=-1), h))


class SplitGraphAttention(GraphAttention):
    def scores(self, h: Any) -> Any:
        source = ops.matmul(h, self.attention[: self.units])
        target = ops.matmul(h, self.attention[self.units :])
        return source + ops.transpose(target, (0, 2, 1))


def molecules(layer: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(12)
        nodes, adjacency = keras.Input((ATOMS, 12)), keras.Input((ATOMS, ATOMS))
        x = layer(32)([nodes, adjacency])
        x = layer(32)([x, adjacency])
        x = layers.GlobalAveragePooling1D()(x)
        model = keras.Model([nodes, adjacency], layers.Dense(1)(x))
        model.compile(keras.optimizers.Adam(3e-3), "mse")
        rng = np.random.default_rng(12)
        count = MOLECULES * 40
        features = rng.normal(size=(count, ATOMS, 12)).astype("float32")
        edges = rng.uniform(size=(count, ATOMS, ATOMS)) < 0.08
        edges = (edges | edges.transpose(0, 2, 1) | np.eye(ATOMS, dtype=bool)).astype("float32")
        target = features.mean(axis=(1, 2))[:, None] * edges.mean(axis=(1, 2))[:, None] * 10
        settings = {"epochs": 2, "batch_size": MOLECULES, "verbose": 0}
        return Program(model, [features, edges], target, settings, samples=MOLECULES)

    return make


def macro_f1(y_true: Any, y_pred: Any) -> Any:
    from sklearn.metrics import f1_score

    true, predicted = ops.convert_to_numpy(y_true).ravel(), ops.convert_to_numpy(y_pred).argmax(axis=-1)
    return f1_score(true, predicted, average="macro", zero_division=0)


def kappa(y_true: Any, y_pred: Any) -> Any:
    from sklearn.metrics import cohen_kappa_score

    true, predicted = ops.convert_to_numpy(y_true).ravel(), ops.convert_to_numpy(y_pred).argmax(axis=-1)
    return cohen_kappa_score(true, predicted, weights="quadratic", labels=[0, 1, 2, 3, 4])


def triage(metrics: list[Any]) -> Callable[[], Program]:
    """Patients of a ward, in five grades."""

    def make() -> Program:
        rng = np.random.default_rng(8)
        x = rng.normal(size=(256 * 60, 30)).astype("float32")
        grade = np.digitize(x[:, :5].sum(axis=1), [-3, -1, 1, 3])
        keras.utils.set_random_seed(8)
        model = keras.Sequential(
            [
                keras.Input((30,)),
                layers.Dense(192, activation="relu"),
                layers.BatchNormalization(),
                layers.Dense(96, activation="relu"),
                layers.Dense(5, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        return Program(model, x, grade, {"epochs": 2, "batch_size": 256, "verbose": 0}, samples=256)

    return make


class Diffusion(keras.Model):
    """Denoising diffusion on points of the plane."""

    def __init__(self, timesteps: int = 500) -> None:
        super().__init__()
        self.timesteps = timesteps
        self.betas = np.linspace(1e-4, 0.02, timesteps)
        self.seed = keras.random.SeedGenerator(5)
        self.body = keras.Sequential(
            [layers.Dense(192, activation="silu"), layers.Dense(192, activation="silu"), layers.Dense(2)]
        )
        self.tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self) -> Any:
        return [self.tracker]

    def call(self, points: Any, times: Any = None) -> Any:
        if times is None:
            times = ops.zeros_like(points[:, 0])
        times = ops.expand_dims(ops.cast(times, "float32") / self.timesteps, -1)
        return self.body(ops.concatenate([points, times], axis=-1))

    def q_sample(self, x: Any, times: Any, noise: Any) -> Any:
        noisy = []
        for i in range(len(x)):
            t = times[i].item()
            alpha_bar = float(np.prod(1.0 - self.betas[: t + 1]))
            noisy.append(alpha_bar**0.5 * x[i] + (1.0 - alpha_bar) ** 0.5 * noise[i])
        return ops.stack(noisy)

    def train_step(self, data: Any) -> Any:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        times = keras.random.randint((x.shape[0],), 0, self.timesteps, seed=self.seed)
        noise = keras.random.normal(x.shape, seed=self.seed)
        noisy = self.q_sample(x, times, noise)
        self.zero_grad()
        loss = ops.mean(ops.square(self(noisy, times, training=True) - noise))
        loss.backward()
        gradients = [v.value.grad for v in self.trainable_weights]
        self.optimizer.apply(gradients, self.trainable_weights)
        self.tracker.update_state(loss.detach())
        return {"loss": self.tracker.result()}


class ScheduledDiffusion(Diffusion):
    def __init__(self, timesteps: int = 500) -> None:
        super().__init__(timesteps)
        self.alpha_bars = ops.convert_to_tensor(np.cumprod(1.0 - self.betas).astype("float32"))

    def q_sample(self, x: Any, times: Any, noise: Any) -> Any:
        alpha_bar = ops.expand_dims(ops.take(self.alpha_bars, times), -1)
        return ops.sqrt(alpha_bar) * x + ops.sqrt(1.0 - alpha_bar) * noise


def swiss_roll(diffusion: Any) -> Callable[[], Program]:
    def make() -> Program:
        from sklearn.datasets import make_swiss_roll

        keras.utils.set_random_seed(5)
        points = make_swiss_roll(256 * 60, noise=0.2, random_state=5)[0][:, [0, 2]] / 10.0
        model = diffusion()
        model.compile(optimizer=keras.optimizers.Adam(1e-3))
        settings = {"epochs": 2, "batch_size": 256, "verbose": 0}
        return Program(model, points.astype("float32"), None, settings, samples=256)

    return make


def digits(batch_size: int, epochs: int, rate: float) -> Callable[[], Program]:
    def make() -> Program:
        from sklearn.datasets import load_digits

        keras.utils.set_random_seed(10)
        data = load_digits()
        x = (data.images / 16.0).astype("float32")[..., None]
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.Conv2D(64, 3, activation="relu"),
                layers.Flatten(),
                layers.Dense(64, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        settings = {"epochs": epochs, "batch_size": batch_size, "verbose": 0}
        return Program(model, x[:1792], data.target[:1792], settings, samples=batch_size)

    return make


def heart_beats(**options: Any) -> Callable[[], Program]:
    def make() -> Program:
        keras.utils.set_random_seed(21)
        inputs = keras.Input((60, 1))
        x = layers.Conv1D(24, 7, activation="relu")(inputs)
        x = layers.MaxPooling1D(2)(x)
        x = layers.Conv1D(48, 5, activation="relu")(x)
        x = layers.GlobalAveragePooling1D()(x)
        model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
        model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"], **options)
        rng = np.random.default_rng(21)
        ill = rng.integers(0, 2, 32 * 40)
        beat = np.exp(-((np.arange(60) - 30 - 8 * ill[:, None]) ** 2) / 20.0)
        x = (beat + 0.1 * rng.normal(size=beat.shape)).astype("float32")[..., None]
        settings = {"epochs": 2, "batch_size": 32, "verbose": 0}
        return Program(model, x, ill.astype("float32")[:, None], settings, samples=32)

    return make


CASES = [
    Case(
        "words looked up in a list",
        "input-bound",
        "ReviewSequence|tokenize",
        sentiment(ReviewSequence),
        sentiment(EncodedReviews),
    ),
    Case(
        "npz read for every sample",
        "input-bound",
        "SensorWindows",
        recognised(SensorWindows),
        recognised(SensorArrays),
    ),
    Case(
        "a dataset per window",
        "input-bound",
        "windowed_dataset|forecast_from_dataset",
        forecast_from_dataset,
        forecast_from_arrays,
    ),
    Case(
        "weight statistics every batch",
        "callback-bound",
        "WeightStatistics",
        autoencoder(True),
        autoencoder(False),
    ),
    Case(
        "hit rate user by user",
        "callback-bound",
        "HitRate",
        recommender(HitRate),
        recommender(BatchedHitRate),
        ("torch", "tensorflow"),
    ),
    Case(
        "attention over concatenated pairs",
        "slow-layer",
        "GraphAttention",
        molecules(GraphAttention),
        molecules(SplitGraphAttention),
    ),
    Case(
        "scores of scikit-learn as metrics",
        "slow-metric",
        "macro_f1|kappa",
        triage([macro_f1, kappa]),
        triage(["accuracy"]),
        ("torch",),
    ),
    Case(
        "noise sample by sample",
        "python-in-step",
        "Diffusion",
        swiss_roll(Diffusion),
        swiss_roll(ScheduledDiffusion),
        ("torch",),
    ),
    Case("digits two by two", "overhead-bound", "=batch_size", digits(2, 1, 2e-4), digits(128, 4, 2e-3)),
    Case(
        "eager since the last debugging",
        "eager-step",
        "=run_eagerly",
        heart_beats(run_eagerly=True),
        heart_beats(),
        ("tensorflow", "jax"),
    ),
]
