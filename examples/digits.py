"""Handwritten digits for the examples: MNIST, or scikit-learn's small set where there is no network."""

import socket

import keras
import numpy as np


def load():
    """Returns ((x_train, y_train), (x_val, y_val), batch_size): flat 28x28 pictures from 0 to 1, labels 0 to 9.

    `batch_size` cuts an epoch into about fifty steps, whichever of the two sets it is.
    """
    waiting = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # a firewall that swallows packets must not hang the example
    try:
        (x, y), _ = keras.datasets.mnist.load_data()
        batch_size = 1024
    except Exception as error:  # Keras raises a bare Exception when the download fails
        reason = str(error).splitlines()[0].rsplit("--", 1)[-1].strip()
        print(f"MNIST could not be loaded ({reason}); using scikit-learn's 1,797 digits, scaled to 28x28.")
        x, y = _small_digits()
        batch_size = 32
    finally:
        socket.setdefaulttimeout(waiting)
    x = x.reshape(len(x), 784).astype("float32") / 255
    split = len(x) * 9 // 10
    return (x[:split], y[:split]), (x[split:], y[split:]), batch_size


def _small_digits():
    """Returns scikit-learn's 8x8 digits, each pixel doubled, in the middle of 28x28; values from 0 to 255."""
    from sklearn.datasets import load_digits  # only needed offline

    digits = load_digits()
    large = np.kron(digits.images, np.ones((2, 2))) * (255 / 16)
    order = np.random.default_rng(0).permutation(len(large))  # neighbours come from one writer
    return np.pad(large, ((0, 0), (6, 6), (6, 6)))[order], digits.target.astype("int32")[order]


def choose(variants, arguments):
    """Returns the variant named on the command line, the first of `variants` when none is named."""
    chosen = arguments[0] if arguments else variants[0]
    if chosen not in variants:
        raise SystemExit(f"Received: {chosen!r}. Choose one of {', '.join(variants)}.")
    return chosen
