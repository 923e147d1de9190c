"""What keeping steps to run again costs: trainings watched with and without it take turns in one process.

    KERAS_BACKEND=jax python bench/capture.py [--model mlp] [--steps 200] [--pairs 5]

CPU time of whole trainings, the writing at their end included; the ratio is the median over the pairs. A second run
without keeping is the noise floor.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    import keras
    import models
    import numpy as np

    batches = models.batches(options.model, 4)
    repeated = [batches[i % 4] for i in range(options.steps)]
    x, y = (np.concatenate([b[i] for b in repeated]) for i in (0, 1))
    size = len(batches[0][0])
    variants: dict[str, dict[str, Any]] = {
        "kept": {},
        "not kept": {"keep_batches": 0},
        "not kept 2": {"keep_batches": 0},
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    written = 0
    for turn in range(options.pairs + 1):
        for name, settings in variants.items():
            keras.utils.set_random_seed(1)
            spent, size_of = trained(models.MODELS[options.model](), x, y, size, settings)
            if turn:  # the first warms up
                seconds[name].append(spent)
            written = size_of if name == "kept" else written
    base = seconds["not kept"]
    for name, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(values, base, strict=True))
        print(
            f"{keras.backend.backend()} {options.model} {name:10} {statistics.median(values):7.2f} s  x{ratio:.3f}"
        )
    print(f"{written / 2**20:.1f} MiB of states and batches in the recording, {options.steps} steps")
    return 0


def trained(model: Any, x: Any, y: Any, size: int, settings: dict[str, Any]) -> tuple[float, int]:
    """Returns the CPU seconds of one watched training and the bytes it kept."""
    from kerascope.api.watching import Recorder

    path = Path(tempfile.mkdtemp()) / "run.kscope"
    began = time.process_time()
    recorder = Recorder(path, {"every": 0, "examine": 0.0, **settings}, {"subject": "bench"})
    recorder.start([model])
    model.fit(x, y, batch_size=size, epochs=1, verbose=0, shuffle=False)
    recorder.stop()
    spent = time.process_time() - began
    assert recorder.writer is not None
    with contextlib.closing(recorder.writer.view()) as view:
        kept = sum(n for one in view.models for _, _, n in one.captures())
    recorder.finish()
    os.unlink(path)
    return spent, kept


if __name__ == "__main__":
    raise SystemExit(main())
