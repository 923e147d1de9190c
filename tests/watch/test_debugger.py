"""pdb on a terminal: the replay of a recorded step, and a live training that pauses."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time

import pytest
import warm

SCRIPT = """
import numpy as np, keras
from keras import layers, ops
keras.utils.set_random_seed(3)
x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")

class Mine(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones")
    def call(self, x):
        h = ops.tanh(x) * self.w
        return h + 0.5 * x

model = keras.Sequential([keras.Input((8,)), layers.Dense(8), Mine(), layers.Dropout(0.2), layers.Dense(1)])
model.compile("adam", "mse")
model.fit(x, x[:, :1], batch_size=16, epochs=2, verbose=0)
print("weights", " ".join(np.asarray(v).tobytes().hex() for v in model.get_weights()))
"""
SECONDS = 240


def driven(command, folder, env, answers):
    """Runs a command on a terminal of its own and answers the prompts of pdb; returns what was printed and its code."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [warm.python(), "-m", "kerascope", *command],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=folder,
        env={**env, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(its)
    said, told, left, end = "", 0, list(answers), time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            if not select.select([ours], [], [], 1.0)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux tells that the other side has closed it
                break
            if not piece:
                break
            said += piece.decode(errors="replace")
            if left and said[told:].rstrip(" ").endswith("(Pdb)"):
                told = len(said)
                os.write(ours, (left.pop(0) + "\n").encode())
        return said, process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def weights(text):
    found = re.search(r"^weights (.*?)\r?$", text, re.MULTILINE)
    assert found, text[-3000:]
    return found.group(1)


LOOK = ["p x.shape", "n", "n", "p h", "c"]


def assert_looked(said, code):
    """The debugger was in the user's frame and showed values there."""
    assert code == 0, said[-3000:]
    assert re.search(r"> \S*train\.py\(10\)call\(\)", said), said[-3000:]
    assert "16, 8" in said.split("(Pdb) p x.shape", 1)[1].split("(Pdb)", 1)[0]
    shown = said.split("(Pdb) p h", 1)[1].split("(Pdb)", 1)[0]
    assert re.search(r"-?\d\.\d{3}", shown), shown
    assert "train.py(12)call()" in said


@pytest.mark.backend
def test_a_live_training_pauses_and_a_recorded_step_is_replayed(subprocess_env, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    plain = subprocess.run(
        [warm.python(), "train.py"],
        cwd=tmp_path,
        env=subprocess_env,
        capture_output=True,
        text=True,
        check=True,
    )
    run = ["run", "--examine", "0", "--break", "step==5", "--out", "run.kscope", "train.py"]
    said, code = driven(run, tmp_path, subprocess_env, LOOK)
    assert_looked(said, code)
    assert "paused after step 5" in said
    assert weights(said) == weights(plain.stdout)  # to the bit: the training went on as if nothing had been

    said, code = driven(
        ["replay", "run.kscope", "--step", "6", "--mode", "pdb"], tmp_path, subprocess_env, LOOK
    )
    assert_looked(said, code)
    assert "the same to the bit" in " ".join(said.split())

    said, code = driven(
        ["replay", "run.kscope", "--step", "6", "--mode", "pdb"], tmp_path, subprocess_env, ["w", "q"]
    )
    assert code == 0, said[-3000:]
    stack = said.split("(Pdb) w", 1)[1].split("(Pdb)", 1)[0]
    assert "train.py(16)<module>()" in stack
    assert not re.search(r"__main__\.py|replaying\.py|takeover\.py|runpy", stack), stack
    assert "left with `quit`" in said
    assert "Traceback" not in said
