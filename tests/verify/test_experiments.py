"""From a run that goes wrong to a verified change, end to end, and silence where nothing is wrong."""

from __future__ import annotations

import json
import subprocess

import pytest
import warm

pytestmark = pytest.mark.backend

SCRIPT = """
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(320, 4)).astype("float32")
y = (x[:, :1] - 2 * x[:, 1:2]).astype("float32")

model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
model.compile(keras.optimizers.SGD(learning_rate={rate}), "mse")
model.fit(x, y, batch_size=32, epochs=8, validation_split=0.25, verbose=0)
"""


def kerascope(*args, env):
    command = [warm.python(), "-m", "kerascope", *args]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)


def test_a_rate_that_is_too_high_is_mended(workdir, subprocess_env):
    script = workdir / "train.py"
    script.write_text(SCRIPT.format(rate=50.0))
    done = kerascope(
        "run",
        "--out",
        "run.kscope",
        "--json",
        "out.json",
        "--experiments",
        "150",
        "train.py",
        env=subprocess_env,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((workdir / "out.json").read_text())
    fixes = [(f["kind"], fix) for f in report["findings"] for fix in f["fixes"] if fix["verified"]]
    assert fixes, done.stderr
    kind, fix = fixes[0]
    assert kind == "lr-too-high" and "+model.compile(keras.optimizers.SGD(learning_rate=" in fix["patch"]
    assert float(fix["after"]["validation loss"]) < 3.0  # the variance of the targets is 5
    assert script.read_text() == SCRIPT.format(rate=50.0)
    assert sorted(path.name for path in workdir.iterdir()) == ["out.json", "run.kscope", "train.py"]
    again = kerascope("fix", "run.kscope", "--apply", env=subprocess_env)
    assert again.returncode == 0 and "learning_rate=50.0" not in script.read_text()


@pytest.mark.catalogue
def test_a_healthy_run_is_left_in_peace(workdir, subprocess_env):
    (workdir / "train.py").write_text(SCRIPT.format(rate=0.02))
    done = kerascope("run", "--out", "run.kscope", "--experiments", "150", "train.py", env=subprocess_env)
    assert "healthy" in done.stderr and "trying changes" not in done.stderr
