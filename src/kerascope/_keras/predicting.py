"""What a model answers, without leaving a trace in it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def predict(model: Any, x: Any) -> list[np.ndarray]:
    """Returns the outputs of a call with ``training=False``, as float64 arrays in the order of Keras.

    The call runs in a stateless scope: no weight, statistic or seed of the model changes.
    """
    with keras.StatelessScope():
        outputs = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=False)
    return [
        np.asarray(keras.ops.convert_to_numpy(output)).astype(np.float64)
        for output in keras.tree.flatten(outputs)
    ]
