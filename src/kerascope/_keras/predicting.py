"""What a model answers, without leaving a trace in it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerascope._keras.program import keyed


def predict(model: Any, x: Any) -> dict[str, np.ndarray]:
    """Returns the outputs of a call with ``training=False`` by key, as float64 arrays; see `program.keyed`.

    The call runs in a stateless scope: no weight, statistic or seed of the model changes.
    """
    with keras.StatelessScope():
        outputs = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=False)
    return {
        key: np.asarray(keras.ops.convert_to_numpy(output)).astype(np.float64)
        for key, output in keyed(outputs)
    }
