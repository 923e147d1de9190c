"""The three models of the overhead benchmark, each compiled, with data for a number of steps."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

LOSS = keras.losses.SparseCategoricalCrossentropy


def mlp(**options: Any) -> Any:
    """The guide's MLP: 784-256-10."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((784,)), layers.Dense(256, activation="relu"), layers.Dense(10)])
    model.compile(keras.optimizers.Adam(1e-3), LOSS(from_logits=True), metrics=["accuracy"], **options)
    return model


def cnn(**options: Any) -> Any:
    """A small convolutional network for 28x28 images."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), LOSS(from_logits=True), metrics=["accuracy"], **options)
    return model


def transformer(**options: Any) -> Any:
    """Four layers of width 128 over 64 tokens."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((64,), dtype="int32")
    x = layers.Embedding(1000, 128)(inputs)
    for _ in range(4):
        h = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 32, dropout=0.1)(h, h)
        h = layers.LayerNormalization()(x)
        h = layers.Dense(128)(layers.Dense(512, activation="gelu")(h))
        x = x + layers.Dropout(0.1)(h)
    outputs = layers.Dense(10)(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), LOSS(from_logits=True), metrics=["accuracy"], **options)
    return model


def batches(name: str, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns `count` batches of random data for a model."""
    size, shape = {"mlp": (1024, (784,)), "cnn": (128, (28, 28, 1)), "transformer": (32, (64,))}[name]
    random = np.random.default_rng(0)
    result = []
    for _ in range(count):
        x = (
            random.integers(0, 1000, (size, *shape))
            if name == "transformer"
            else random.normal(size=(size, *shape))
        )
        result.append(
            (
                x.astype("int32" if name == "transformer" else "float32"),
                random.integers(0, 10, size).astype("int32"),
            )
        )
    return result


MODELS = {"mlp": mlp, "cnn": cnn, "transformer": transformer}
