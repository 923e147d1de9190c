"""How long `kerascope.check` takes on sound layers, after everything has been imported.

    python bench/check.py --backends jax torch tensorflow

Each layer is checked in a process of its own, `--repeats` times; the first check of the process is what counts, since
that is what a user waits for. Processor time is measured beside time by the clock: it says the same on a machine that
others work on too. Writes bench/check.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUBJECTS = {
    "projection": """
class Subject(keras.layers.Layer):
    def build(self, shape):
        self.gate = self.add_weight(shape=(shape[-1], 1))
        self.w = self.add_weight(shape=(shape[-1], 4))

    def call(self, x):
        return keras.ops.sigmoid(keras.ops.matmul(x, self.gate)) * keras.ops.matmul(x, self.w)
""",
    "residual block": """
class Subject(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = keras.layers.LayerNormalization()
        self.up = keras.layers.Dense(8, activation="relu")
        self.down = keras.layers.Dense(6)
        self.drop = keras.layers.Dropout(0.1)

    def build(self, shape):
        self.norm.build(shape)
        self.up.build(shape)
        self.down.build((*shape[:-1], 8))

    def call(self, x, training=False):
        return x + self.drop(self.down(self.up(self.norm(x))), training=training)
""",
    "attention": """
class Subject(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attention = keras.layers.MultiHeadAttention(2, 4)
        self.norm = keras.layers.LayerNormalization()

    def build(self, shape):
        self.attention.build(shape, shape)
        self.norm.build(shape)

    def call(self, x, mask=None):
        allowed = None if mask is None else mask[:, None, :]
        return self.norm(x + self.attention(x, x, attention_mask=allowed))
""",
    "convolution": """
class Subject(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)
        self.norm = keras.layers.BatchNormalization()

    def build(self, shape):
        self.conv.build(shape)
        self.norm.build((*shape[:-1], 4))

    def call(self, x, training=False):
        return keras.activations.relu(self.norm(self.conv(x), training=training))
""",
    "LSTM": """
Subject = keras.layers.LSTM(4)
""",
}
SHAPES = {"attention": (3, 5, 4), "LSTM": (3, 5, 4), "convolution": (3, 8, 8, 3)}
PROGRAM = """
import json, sys, time
import keras, kerascope
from kerascope.api.check import check
from kerascope.detect.contracts.registry import contracts
contracts()
{code}
start, used = time.monotonic(), time.process_time()
found = check(Subject, {shape})
seconds, used = time.monotonic() - start, time.process_time() - used
slowest = sorted(((row.seconds, row.name) for row in found.contracts), reverse=True)[:3]
print(json.dumps(dict(seconds=seconds, cpu=used, ok=found.ok, contracts=len(found.contracts), slowest=slowest)))
"""


def measure(backend: str, name: str) -> dict:
    """Returns what one process measured."""
    env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    env["PYTHONPATH"] = str(HERE.parent / "src")
    program = PROGRAM.replace("{code}", SUBJECTS[name]).replace("{shape}", str(SHAPES.get(name, (3, 6))))
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["torch", "jax", "tensorflow"])
    parser.add_argument("--layers", nargs="+", default=list(SUBJECTS), choices=list(SUBJECTS))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for name in options.layers:
        for backend in options.backends:
            runs = [measure(backend, name) for _ in range(options.repeats)]
            assert all(run["ok"] for run in runs), (name, backend)
            seconds = [run["seconds"] for run in runs]
            rows.append(
                {
                    "layer": name,
                    "backend": backend,
                    "seconds": [round(s, 2) for s in seconds],
                    "median": round(statistics.median(seconds), 2),
                    "cpu": round(statistics.median(run["cpu"] for run in runs), 2),
                    "slowest": runs[0]["slowest"],
                }
            )
            print(
                f"{name:16s} {backend:11s} median {rows[-1]['median']:6.2f} s, {rows[-1]['cpu']:6.2f} s of a "
                f"processor   {rows[-1]['seconds']}",
                flush=True,
            )
    result = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rows": rows,
    }
    (HERE / "check.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
