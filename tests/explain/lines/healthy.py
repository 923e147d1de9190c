"""Code that is right: no rule may say anything about it, whatever exception it is asked about."""

import keras
import numpy as np
from keras import layers, ops


def expressions(x, images, words):
    """x (2, 5), images (2, 8, 8, 3), words (2, 4) integers below 10."""
    a = ops.matmul(x, ops.ones((5, 3)))
    b = x @ ops.ones((5, 3)) + ops.ones((3,))
    c = ops.matmul(ops.ones((4, 1, 2, 5)), ops.ones((7, 5, 3)))
    d = ops.dot(x, ops.ones((5,))) + ops.dot(2.0, x)[:, 0]
    e = ops.tensordot(x, ops.ones((5, 4)), axes=1) + ops.tensordot(x, ops.ones((4, 5)), axes=[[1], [1]])
    f = ops.einsum("bi,ij->bj", x, ops.ones((5, 3))) + ops.einsum("...i,ij->...j", x, ops.ones((5, 3)))
    g = ops.concatenate([x, x * 2, a], axis=-1), ops.concatenate([x, x], axis=0), ops.concatenate((x, a), 1)
    h = ops.stack([x, -x], axis=2) + ops.stack([x, x], -1)
    i = x / ops.sum(x, axis=-1, keepdims=True) - ops.mean(x) + ops.max(x, axis=(0, 1))
    j = ops.reshape(x, (-1,)), ops.reshape(x, (ops.shape(x)[0], 5, 1)), ops.reshape(x, [5, 2])
    k = (
        ops.transpose(images, (0, 3, 1, 2)),
        ops.transpose(x),
        ops.swapaxes(images, 1, -1),
        ops.moveaxis(x, 0, 1),
    )
    m = ops.conv(images, ops.ones((3, 3, 3, 4)), padding="same"), ops.conv(images, ops.ones((1, 1, 1, 3)))
    n = (
        ops.take(ops.ones((10, 3)), words, axis=0),
        ops.take_along_axis(x, ops.argmax(x, -1, keepdims=True), axis=-1),
    )
    o = ops.split(x, [2], axis=1), ops.split(x, 5, axis=-1), ops.unstack(x, axis=1)
    p = (
        ops.expand_dims(x, -1),
        ops.expand_dims(x, 2),
        ops.squeeze(ops.expand_dims(x, 1), 1),
        ops.expand_dims(x, (0, 1)),
    )
    q = (
        ops.pad(x, ((0, 0), (1, 1))),
        ops.tile(x, (2, 1)),
        ops.repeat(x, 3, axis=1),
        ops.broadcast_to(x, (4, 2, 5)),
    )
    r = ops.where(x > 0, x, 0.0), ops.where(x > 0, x, ops.ones((5,))), ops.maximum(x, x[:, :1])
    s = x[:, 0], x[..., None], x[0, 4], x[:, -5], x[:, None, :], images[:, 1:3, ..., 0], x[-2:]
    t = ops.one_hot(words, 10), ops.cast(words, "float32") * 2, words + 1, ops.cast(x, "int32")
    u = (
        ops.softmax(x, axis=-1),
        ops.logsumexp(x, axis=1),
        ops.cumsum(x, axis=0),
        ops.sort(x),
        ops.norm(x, axis=-1),
    )
    v = ops.sum(x * float(x.shape[1])) + len(x.shape) * ops.mean(images, axis=(1, 2, 3))
    outer = ops.expand_dims(d, 1) - ops.expand_dims(d, 0)
    return a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q, r, s, t, u, v, outer


def losses(y_true, y_pred, classes):
    """y_true and y_pred (4, 3), classes (4,) integers below 3."""
    return [
        keras.losses.MeanSquaredError()(y_true, y_pred),
        keras.losses.mean_squared_error(y_true, y_pred),
        keras.losses.CategoricalCrossentropy(from_logits=True)(ops.softmax(y_true), y_pred),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)(classes, y_pred),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)(ops.expand_dims(classes, -1), y_pred),
        keras.losses.BinaryCrossentropy(from_logits=True)(ops.ones((4,)), y_pred[:, :1]),
        keras.metrics.SparseCategoricalAccuracy()(classes, y_pred),
        keras.metrics.MeanAbsoluteError()(y_true, y_pred),
    ]


class Attention(layers.Layer):
    def __init__(self, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = layers.Dense(8), layers.Dense(8), layers.Dense(8)
        self.norm = layers.LayerNormalization()
        self.drop = layers.Dropout(0.1)
        self.embed = layers.Embedding(10, 8)

    def split(self, tensor):
        batch, time, _ = ops.shape(tensor)
        return ops.transpose(ops.reshape(tensor, (batch, time, self.heads, -1)), (0, 2, 1, 3))

    def call(self, words):
        inputs = self.embed(words)
        q, k, v = self.split(self.query(inputs)), self.split(self.key(inputs)), self.split(self.value(inputs))
        scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / 2.0, axis=-1)
        mixed = ops.transpose(ops.matmul(scores, v), (0, 2, 1, 3))
        batch, time, heads, size = mixed.shape
        flat = ops.reshape(mixed, (batch, time, heads * size))
        out = inputs
        out += self.drop(flat)
        pooled = ops.mean(self.norm(out), axis=1)
        return pooled[:, 0] * np.float32(2.0)


def run():
    random = np.random.default_rng(0)
    x = ops.convert_to_tensor(random.normal(size=(2, 5)).astype("float32"))
    images = ops.convert_to_tensor(random.normal(size=(2, 8, 8, 3)).astype("float32"))
    words = ops.convert_to_tensor(random.integers(0, 10, (2, 4)).astype("int32"))
    expressions(x, images, words)
    y = ops.convert_to_tensor(random.normal(size=(4, 3)).astype("float32"))
    losses(y, y + 1.0, ops.convert_to_tensor(np.array([0, 1, 2, 0], "int32")))
    Attention(2)(words)
