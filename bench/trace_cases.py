"""The user's code in the benchmark of `trace`: a layer, a block, a training, each with work of its usual size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops


class Antirectifier(layers.Layer):
    """The guide's first layer."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(2 * shape[-1], shape[-1]), name="kernel")

    def call(self, inputs):
        inputs = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        joined = ops.concatenate([pos, neg], axis=-1)
        return ops.matmul(joined, self.kernel)


class Block(layers.Layer):
    """A transformer block written out."""

    def __init__(self, width=128, heads=4):
        super().__init__()
        self.width, self.heads = width, heads
        self.qkv = layers.Dense(3 * width)
        self.out = layers.Dense(width)
        self.up = layers.Dense(4 * width, activation="gelu")
        self.down = layers.Dense(width)
        self.first, self.second = layers.LayerNormalization(), layers.LayerNormalization()

    def attend(self, x):
        b, t, w = ops.shape(x)
        q, k, v = ops.split(self.qkv(x), 3, axis=-1)
        q = ops.transpose(ops.reshape(q, (b, t, self.heads, w // self.heads)), (0, 2, 1, 3))
        k = ops.transpose(ops.reshape(k, (b, t, self.heads, w // self.heads)), (0, 2, 3, 1))
        v = ops.transpose(ops.reshape(v, (b, t, self.heads, w // self.heads)), (0, 2, 1, 3))
        scores = ops.matmul(q, k) / (w // self.heads) ** 0.5
        weights = ops.softmax(scores, axis=-1)
        mixed = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return self.out(ops.reshape(mixed, (b, t, w)))

    def call(self, inputs):
        x = inputs + self.attend(self.first(inputs))
        hidden = self.up(self.second(x))
        return x + self.down(hidden)


class Custom(keras.Model):
    """An MLP 784-128-128-128-10 with the guide's kind of train_step."""

    def __init__(self):
        super().__init__()
        self.hidden = [layers.Dense(128, activation="relu") for _ in range(3)]
        self.last = layers.Dense(10)
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs, training=None):
        x = inputs
        for dense in self.hidden:
            x = dense(x)
        return self.last(x)

    def loss_of(self, y, pred):
        return ops.mean(keras.losses.sparse_categorical_crossentropy(y, pred, from_logits=True))

    def train_step(self, *args):
        return STEPS[keras.backend.backend()](self, *args)


def torch_step(self, data):
    x, y = data
    self.zero_grad()
    pred = self(x, training=True)
    loss = self.loss_of(y, pred)
    loss.backward()
    weights = list(self.trainable_weights)
    grads = [w.value.grad for w in weights]
    import torch

    with torch.no_grad():
        self.optimizer.apply(grads, weights)
    self.tracker.update_state(loss)
    return {"loss": self.tracker.result()}


def tensorflow_step(self, data):
    import tensorflow as tf

    x, y = data
    with tf.GradientTape() as tape:
        pred = self(x, training=True)
        loss = self.loss_of(y, pred)
    grads = tape.gradient(loss, self.trainable_variables)
    self.optimizer.apply(grads, self.trainable_variables)
    self.tracker.update_state(loss)
    return {"loss": self.tracker.result()}


def jax_loss(trainable, others, self, x, y):
    pred, others = self.stateless_call(trainable, others, x, training=True)
    return self.loss_of(y, pred), others


def jax_step(self, state, data):
    import jax

    trainable, others, slots, metrics = state
    x, y = data
    (loss, others), grads = jax.value_and_grad(jax_loss, has_aux=True)(trainable, others, self, x, y)
    trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
    first = self.tracker.variables[0]
    at = next(i for i, variable in enumerate(self.metrics_variables) if variable is first)
    own = self.tracker.stateless_update_state(metrics[at : at + 2], loss)
    metrics = [*metrics[:at], *own, *metrics[at + 2 :]]
    return {"loss": self.tracker.stateless_result(own)}, (trainable, others, slots, metrics)


STEPS = {"torch": torch_step, "tensorflow": tensorflow_step, "jax": jax_step}


def layer_on(layer: Any, *shape: int) -> Callable[[], Any]:
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape).astype("float32"))
    layer(x)
    wait = WAIT[keras.backend.backend()]
    return lambda: wait(layer(x))


def fit() -> Callable[[], Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(1280, 784)).astype("float32")
    y = random.integers(0, 10, 1280).astype("int32")
    model = Custom()
    model.compile(keras.optimizers.Adam(1e-3), run_eagerly=True)
    model.fit(x, y, batch_size=128, verbose=0)
    return lambda: model.fit(x, y, batch_size=128, verbose=0)


WAIT = {"jax": lambda y: y.block_until_ready(), "tensorflow": lambda y: y, "torch": lambda y: y}
CASES: dict[str, Callable[[], Callable[[], Any]]] = {
    "antirectifier (2, 5)": lambda: layer_on(Antirectifier(), 2, 5),
    "antirectifier (256, 512)": lambda: layer_on(Antirectifier(), 256, 512),
    "transformer block (16, 64, 128)": lambda: layer_on(Block(), 16, 64, 128),
    "eager fit, own train_step": fit,
}
METHODS = [(Antirectifier, "call"), (Block, "call"), (Block, "attend"), (Custom, "call"), (Custom, "loss_of")]
"""What the peers are put on: they follow the functions they are given."""
