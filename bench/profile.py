"""What a profile costs: profiled and plain `fit` of the same model in turns, CPU time of the training itself.

    python bench/profile.py [--backends jax,tensorflow,torch] [--models mlp,cnn,transformer] [--steps N] [--json FILE]

Each backend runs in a process of its own. A round trains a fresh model plainly, watched (the light account that
`kerascope run` keeps) and profiled, in random order; the time counts from `on_train_begin` to `on_train_end`, compiling
included, what is measured after the training (counterfactuals, layers) not. The ratio is the median over the rounds of
the CPU time against the plain training of the same round; `plain 2` is a second plain training: the noise floor.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    # `import profile` from a script of this folder means Python's own module (cProfile needs it).
    import importlib.util
    import sysconfig

    spec = importlib.util.spec_from_file_location(
        "profile", Path(sysconfig.get_path("stdlib")) / "profile.py"
    )
    assert spec is not None and spec.loader is not None
    sys.modules[__name__] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[__name__])

HERE = Path(__file__).resolve().parent
VARIANTS = ("plain", "plain 2", "watched", "profiled")
STEPS = {"mlp": 400, "cnn": 60, "transformer": 60}


def seconds(name: str, variant: str, steps: int) -> tuple[float, float]:
    """CPU and wall seconds of one training."""
    import keras
    import models
    import numpy as np

    import kerascope

    class Span(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.began = time.process_time(), time.perf_counter()

        def on_train_end(self, logs: Any = None) -> None:
            self.took = time.process_time() - self.began[0], time.perf_counter() - self.began[1]

    model, span = models.MODELS[name](), Span()
    batches = models.batches(name, 20)
    x, y = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    fit = {"batch_size": len(batches[0][0]), "epochs": steps // 20, "verbose": 0, "callbacks": [span]}
    out = Path(tempfile.mkdtemp()) / "bench.kscope"
    if variant == "profiled":
        kerascope.profile(model, x, y, out=out, **fit)
    elif variant == "watched":
        with kerascope.watch(model, out=out):
            model.fit(x, y, **fit)
    else:
        model.fit(x, y, **fit)
    return span.took


def measure(name: str, rounds: int, steps: int) -> dict[str, dict[str, float]]:
    order = random.Random(0)
    seconds(name, "plain", steps)  # what only the first training of a process does
    took: dict[str, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        for variant in order.sample(VARIANTS, len(VARIANTS)):
            took[variant].append(seconds(name, variant, steps))
    return {
        variant: {
            "cpu": statistics.median(a[0] / b[0] for a, b in zip(took[variant], took["plain"], strict=True)),
            "wall": statistics.median(a[1] / b[1] for a, b in zip(took[variant], took["plain"], strict=True)),
            "seconds": statistics.median(a[0] for a in took[variant]),
        }
        for variant in VARIANTS
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default="jax,tensorflow,torch")
    parser.add_argument("--models", default="mlp,cnn,transformer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="steps of a training; multiples of 20")
    parser.add_argument("--json", help="write the figures here")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        for name in options.models.split(","):
            row = {"model": name, **measure(name, options.rounds, options.steps or STEPS[name])}
            print("ROW " + json.dumps(row), flush=True)
        return
    rows = []
    print("| model | backend | plain, CPU | noise | watched | profiled |\n|---|---|---|---|---|---|")
    for backend in options.backends.split(","):
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, __file__, *sys.argv[1:], "--run"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not line.startswith("ROW "):
                    continue
                row = {"backend": backend, **json.loads(line[4:])}
                rows.append(row)
                ratios = " | ".join(f"x{row[v]['cpu']:.2f}" for v in VARIANTS[1:])
                plain = f"{row['plain']['seconds']:.2f} s"
                print(f"| {row['model']} | {backend} | {plain} | {ratios} |", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
