"""TensorFlow says nothing to the user about functions of ours."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "tensorflow":
    pytest.skip("needs KERAS_BACKEND=tensorflow", allow_module_level=True)

import keras
import tensorflow as tf

import kerascope


def test_many_models_bring_no_warning_of_frequent_tracing(tmp_path: Path) -> None:
    """TensorFlow counts the traces of a function by its line, over all models of a process."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    x, y = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
    tf.get_logger().addHandler(handler)
    try:
        for number in range(7):
            model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
            schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
            model.compile(keras.optimizers.SGD(schedule), "mse")
            with kerascope.watch(model, out=tmp_path / f"{number}.kscope", every=1):
                model.fit(x, y, batch_size=4, verbose=0)
    finally:
        tf.get_logger().removeHandler(handler)
    assert not [text for text in said if "TensorFlowTrainer" not in text]
