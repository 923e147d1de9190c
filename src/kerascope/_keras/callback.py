"""The class a Keras callback must derive from, with the three moments a watch needs."""

from __future__ import annotations

from typing import Any

import keras

from kerascope._keras.steps import Observer, callback_model


class TrainingCallback(keras.callbacks.Callback):
    """Tells an observer about a training from inside `fit`.

    It has no batch hooks on purpose: with one, Keras waits for the device after every step.
    """

    def observer(self) -> Observer:
        """Returns who is told; asked for when a training begins."""
        raise NotImplementedError

    def on_train_begin(self, logs: Any = None) -> None:
        self.observer().fit_begin(callback_model(self), dict(self.params or {}))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.observer().epoch_begin(callback_model(self), epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.observer().epoch_end(callback_model(self), epoch, dict(logs or {}))

    def on_train_end(self, logs: Any = None) -> None:
        model = callback_model(self)
        self.observer().fit_end(model, "stopped" if model.stop_training else "finished")
