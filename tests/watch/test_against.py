"""One step in two programs: another version of the script, and another backend."""

from __future__ import annotations

import json
import re

import keras
import pytest

BACKEND = keras.backend.backend()
OTHER = "torch" if BACKEND != "torch" else "jax"

SCRIPT = """
import numpy as np, keras
from keras import layers, ops
keras.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")

class Mine(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")
    def call(self, x):
        h = ops.tanh(x) * self.w
        return h + 0.5 * x

model = keras.Sequential([keras.Input((8,)), layers.Dense(8), Mine(), layers.Dropout(RATE), layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, :1], batch_size=16, epochs=1, verbose=0)
"""


def recorded(kerascope, folder, rate):
    (folder / "train.py").write_text(SCRIPT.replace("RATE", rate))
    done = kerascope("run", "--examine", "0", "--out", "run.kscope", "train.py")
    assert done.returncode == 0, done.stderr


def compared(kerascope, folder, what):
    done = kerascope("replay", "run.kscope", "--step", "6", "--against", what, "--json", "found.json")
    assert done.returncode in (0, 1), done.stderr
    (finding,) = json.loads((folder / "found.json").read_text())["findings"]
    return done, finding, {e["label"]: e["value"] for e in finding["evidence"]}


@pytest.mark.catalogue
@pytest.mark.backend
def test_another_version_of_the_script(kerascope, tmp_path):
    recorded(kerascope, tmp_path, "0.0")
    (tmp_path / "other.py").write_text(SCRIPT.replace("RATE", "0.0").replace("+ 0.5 * x", "+ 0.6 * x"))
    done, finding, evidence = compared(kerascope, tmp_path, "other.py")
    assert done.returncode == 1
    assert finding["title"].endswith("the first to differ is the layer output `sequential/mine`")
    assert evidence["first gradient"].startswith("`sequential/dense/kernel`")
    assert "`0.6 * x in Mine.call`" in evidence["only in other.py"]
    assert "`0.5 * x in Mine.call`" in evidence["only in the recorded train.py"]
    gone = kerascope("replay", "run.kscope", "--step", "6", "--against", "nowhere.py")
    assert gone.returncode == 2
    assert "no such backend or script" in gone.stderr
    own = kerascope("replay", "run.kscope", "--step", "6", "--against", BACKEND)
    assert "the step was recorded on it" in own.stderr


@pytest.mark.backend
def test_another_backend(kerascope, tmp_path):
    """Weights are carried over; random numbers are not the same, which is said."""
    recorded(kerascope, tmp_path, "0.5")
    _, finding, evidence = compared(kerascope, tmp_path, OTHER)
    assert re.search(r"the first to differ is the layer output `(sequential/)?dropout`$", finding["title"])
    assert "each backend draws its own" in finding["explanation"]
    assert "first layer output in inference" not in evidence
    assert "4 layer outputs in inference" in evidence["compared"]
