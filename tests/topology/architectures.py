"""Models of every form, as users write them; none is trained. `ZOO` gives each with what it is called with."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops


class Residual(layers.Layer):
    """A custom layer with layers in a list and plain operations between them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.steps = [layers.Dense(units), layers.LayerNormalization()]

    def call(self, x):
        y = x
        for step in self.steps:
            y = step(y)
        return ops.relu(x + y) * 2.0


class Net(keras.Model):
    """Residual blocks, a slice, a reshape that doubles the batch, outputs in a dict."""

    def __init__(self, blocks=4):
        super().__init__(name="net")
        self.first = layers.Dense(8, name="first")
        self.blocks = [Residual(8, name=f"block{i}") for i in range(blocks)]
        self.heads = {"a": layers.Dense(2, name="head_a")}

    def call(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return {"a": self.heads["a"](x[:, 1:]), "b": ops.reshape(x, (-1, 4))}


class Sampling(layers.Layer):
    """Asks for the size of the batch, draws noise and adds a loss, as in a variational autoencoder."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, pair):
        mean, log_variance = pair
        noise = keras.random.normal((ops.shape(mean)[0], ops.shape(mean)[1]), seed=self.seed)
        self.add_loss(ops.mean(ops.square(mean)))
        return mean + ops.exp(0.5 * log_variance) * noise


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__(name="vae")
        self.mean = layers.Dense(2, name="mean", kernel_regularizer="l2")
        self.spread = layers.Dense(2, name="spread")
        self.sampling = Sampling(name="sampling")
        self.decoder = keras.Sequential(
            [layers.Dense(4, name="d1"), layers.Dense(6, name="d2")], name="decoder"
        )

    def call(self, x):
        return self.decoder(self.sampling([self.mean(x), self.spread(x)]))


class Block(layers.Layer):
    """A transformer block."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, width // 2, name="attention")
        self.norms = [layers.LayerNormalization(name=f"norm{i}") for i in range(2)]
        self.mlp = keras.Sequential(
            [layers.Dense(2 * width, activation="gelu", name="up"), layers.Dense(width, name="down")],
            name="mlp",
        )

    def call(self, x):
        y = self.norms[0](x)
        x = x + self.attention(y, y)
        return x + self.mlp(self.norms[1](x))


class Transformer(keras.Model):
    """Adds its own position weights, masks padding."""

    def __init__(self, blocks=3, length=6, width=8):
        super().__init__(name="transformer")
        self.tokens = layers.Embedding(20, width, name="tokens")
        self.blocks = [Block(width, name=f"block{i}") for i in range(blocks)]
        self.out = layers.Dense(20, name="out")
        self.positions = self.add_weight(shape=(length, width), name="positions")

    def call(self, x):
        x = self.tokens(x) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.out(x)


class Gan(keras.Model):
    """Two models and no `call`."""

    def __init__(self):
        super().__init__(name="gan")
        self.generator = keras.Sequential([layers.Input((4,)), layers.Dense(6, name="g")], name="generator")
        self.critic = keras.Sequential([layers.Input((6,)), layers.Dense(1, name="c")], name="critic")


class Recurrent(keras.Model):
    """Masking through recurrent layers."""

    def __init__(self):
        super().__init__(name="recurrent")
        self.tokens = layers.Embedding(20, 4, mask_zero=True, name="tokens")
        self.first = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")
        self.second = layers.GRU(5, name="gru")

    def call(self, x):
        return self.second(self.first(self.tokens(x)))


class Siamese(keras.Model):
    """One layer called on two inputs of different lengths; its arguments are separate."""

    def __init__(self):
        super().__init__(name="siamese")
        self.tower = layers.Dense(4, name="tower")

    def call(self, left, right):
        return ops.sum(self.tower(left), axis=-1), self.tower(right)


class Native(layers.Layer):
    """Uses the backend's own function, which takes no placeholder."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3, name="inner")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(native_sin(self.dense(x)))


def native_sin(x):
    backend = keras.backend.backend()
    if backend == "jax":
        import jax.numpy as jnp

        return jnp.sin(x)
    if backend == "torch":
        import torch

        return torch.sin(x)
    import tensorflow as tf

    return tf.sin(x)


class Broken(keras.Model):
    """Fails at an addition, two layers deep."""

    def __init__(self):
        super().__init__(name="broken")
        self.first = layers.Dense(4, name="first")
        self.block = Residual(8, name="block")
        self.never = layers.Dense(2, name="never")

    def call(self, x):
        return self.never(self.block(self.first(x)))


class Untracked(keras.Model):
    """Hides a layer where Keras does not look, and has one that it never calls."""

    def __init__(self):
        super().__init__(name="untracked")
        self.known = layers.Dense(3, name="known")
        self.idle = layers.Dense(3, name="idle")
        self.idle.build((None, 3))
        self.box = type("Box", (), {})()
        self.box.hidden = layers.Dense(3, name="hidden")

    def call(self, x):
        return self.box.hidden(self.known(x))


class BadShape(layers.Layer):
    """Raises when it is asked for its output shape, as `model.summary()` does."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")
        self.built = True

    def call(self, x):
        return x * self.scale

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[7])


class UsesBadShape(keras.Model):
    def __init__(self):
        super().__init__(name="bad_shape")
        self.bad = BadShape(name="bad")

    def call(self, x):
        return self.bad(x)


def tickets():
    """The guide's model with three inputs and two outputs."""
    title = keras.Input((None,), name="title")
    body = keras.Input((None,), name="body")
    tags = keras.Input((12,), name="tags")
    from_title = layers.LSTM(128, name="lstm")(layers.Embedding(10_000, 64, name="embedding")(title))
    from_body = layers.LSTM(32, name="lstm_1")(layers.Embedding(10_000, 64, name="embedding_1")(body))
    everything = layers.Concatenate(name="concatenate")([from_title, from_body, tags])
    priority = layers.Dense(1, name="priority")(everything)
    department = layers.Dense(4, name="department")(everything)
    return keras.Model([title, body, tags], {"priority": priority, "department": department}, name="tickets")


def nested():
    """Model in model in model, the inner one called twice, with a constant built in."""
    small = keras.Sequential([layers.Input((4,)), layers.Dense(4, name="leaf")], name="small")
    x = keras.Input((4,), name="x")
    middle = keras.Model(x, small(x) + np.ones((4,), "float32"), name="middle")
    y = keras.Input((4,), name="y")
    return keras.Model(y, ops.concatenate([middle(y), middle(y * 2.0)], axis=-1)[:, :5], name="outer")


def mixed():
    """Functional, with a user's layer and a layer on each step of a sequence."""
    x = keras.Input((None, 8), name="x")
    y = layers.TimeDistributed(keras.Sequential([layers.Dense(6, name="step")], name="each"), name="td")(
        Residual(8, name="res")(x)
    )
    return keras.Model(x, layers.GlobalAveragePooling1D(name="pool")(y), name="mixed")


def image():
    x = keras.Input((16, 16, 3), name="x")
    y = layers.Conv2D(8, 3, activation="relu", name="conv")(x)
    y = layers.BatchNormalization(name="bn")(layers.DepthwiseConv2D(3, padding="same", name="dw")(y))
    y = layers.MaxPooling2D(name="pool")(layers.SeparableConv2D(4, 3, name="sep")(y))
    y = layers.Conv2DTranspose(5, 3, strides=2, name="up")(y)
    return keras.Model(x, layers.Dense(3, name="out")(layers.Flatten(name="flat")(y)), name="image")


def lora():
    model = keras.Sequential(
        [layers.Input((16,)), layers.Dense(16, name="a"), layers.Dense(4, name="b")], name="lora"
    )
    model.layers[0].enable_lora(2)
    return model


def quantized():
    model = keras.Sequential(
        [layers.Input((16,)), layers.Dense(16, name="a"), layers.Dense(4, name="b")], name="q8"
    )
    model.quantize("int8")
    return model


ZOO = {
    "tickets": (tickets, ()),
    "net": (Net, ((None, 5),)),
    "vae": (Autoencoder, ((None, 6),)),
    "transformer": (Transformer, (np.ones((2, 6), "int32"),)),
    "gan": (Gan, ()),
    "recurrent": (Recurrent, (np.ones((2, 7), "int32"),)),
    "siamese": (Siamese, ((None, 3), (None, 9, 3))),
    "nested": (nested, ()),
    "mixed": (mixed, ()),
    "image": (image, ()),
    "native": (lambda: keras.Sequential([layers.Input((3,)), Native(name="native")], name="seq"), ()),
    "lora": (lora, ()),
    "quantized": (quantized, ()),
    "bad_shape": (UsesBadShape, ((None, 4),)),
    "untracked": (Untracked, ((None, 3),)),
}
"""Name: (how it is made, what it is called with)."""
