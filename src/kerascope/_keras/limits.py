"""Shorter trainings and other seeds, for programs that kerascope runs on its own account."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from kerascope._keras.steps import Patches, callback_model


def limit_trainings(patches: Patches, epochs: int | None, steps: int | None) -> None:
    """Ends every `fit` after so many epochs or steps, as Keras's own early stopping would; None means no limit.

    A training that is ended by its steps still runs its validation.
    """
    callbacks = keras.callbacks.CallbackList
    done = {"steps": 0, "epochs": 0}

    def begin(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def on_train_begin(self: Any, logs: Any = None) -> None:
            done["steps"] = done["epochs"] = 0
            original(self, logs)

        return on_train_begin

    def batch(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def on_train_batch_end(self: Any, batch: int, logs: Any = None) -> None:
            original(self, batch, logs)
            done["steps"] += 1
            if steps is not None and done["steps"] >= steps:
                callback_model(self).stop_training = True

        return on_train_batch_end

    def epoch(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def on_epoch_end(self: Any, epoch: int, logs: Any = None) -> None:
            original(self, epoch, logs)
            done["epochs"] += 1
            if epochs is not None and done["epochs"] >= epochs:
                callback_model(self).stop_training = True

        return on_epoch_end

    patches.put(callbacks, "on_train_begin", begin(callbacks.on_train_begin))
    if steps is not None:
        patches.put(callbacks, "on_train_batch_end", batch(callbacks.on_train_batch_end))
    patches.put(callbacks, "on_epoch_end", epoch(callbacks.on_epoch_end))


def shift_seeds(patches: Patches, shift: int) -> None:
    """Lets `keras.utils.set_random_seed` set another seed; data that NumPy generators make stay the same."""
    original = keras.utils.set_random_seed

    @functools.wraps(original)
    def set_random_seed(seed: int) -> None:
        original(seed + shift)

    patches.put(keras.utils, "set_random_seed", set_random_seed)
