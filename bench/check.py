"""How long `kerascope.check` takes on sound layers, after everything has been imported.

    python bench/check.py --backends jax torch tensorflow

Each layer is checked in a process of its own, `--repeats` times; the first check of the process is what counts, since
that is what a user waits for. Writes bench/check.json.
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
}
PROGRAM = """
import json, sys, time
import keras, kerascope
from kerascope.api.check import check
from kerascope.detect.contracts.registry import contracts
contracts()
{code}
start = time.monotonic()
found = check(Subject, (3, 6))
seconds = time.monotonic() - start
slowest = sorted(((row.seconds, row.name) for row in found.contracts), reverse=True)[:3]
print(json.dumps(dict(seconds=seconds, ok=found.ok, contracts=len(found.contracts), slowest=slowest)))
"""


def measure(backend: str, code: str) -> dict:
    """Returns what one process measured; the source is a file, so that lines can be shown."""
    env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    env["PYTHONPATH"] = str(HERE.parent / "src")
    program = PROGRAM.replace("{code}", code)
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["torch", "jax", "tensorflow"])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = []
    for name, code in SUBJECTS.items():
        for backend in options.backends:
            runs = [measure(backend, code) for _ in range(options.repeats)]
            assert all(run["ok"] for run in runs), (name, backend)
            seconds = [run["seconds"] for run in runs]
            rows.append(
                {
                    "layer": name,
                    "backend": backend,
                    "seconds": [round(s, 2) for s in seconds],
                    "median": round(statistics.median(seconds), 2),
                    "slowest": runs[0]["slowest"],
                }
            )
            print(
                f"{name:16s} {backend:11s} median {rows[-1]['median']:6.2f} s   {rows[-1]['seconds']}",
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
