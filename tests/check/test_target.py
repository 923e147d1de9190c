"""Files on the command line are executed as far as their objects need it."""

from __future__ import annotations

import pytest

from kerascope.api import target

pytestmark = pytest.mark.backend

SCRIPT = """
import keras
import numpy as np

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones((4, 1)))
trained = True
"""


def test_a_file_is_executed_up_to_its_first_training(tmp_path):
    (tmp_path / "trains_at_once.py").write_text(SCRIPT)
    module = target.load_module(str(tmp_path / "trains_at_once.py"))
    assert target.lookup(module, "model").optimizer.iterations == 0
    assert not hasattr(module, "trained")
