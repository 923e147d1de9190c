"""How large a recording gets, and what a call of the writer costs.

    python bench/file_size.py [--steps 10000 100000 1000000] [--json FILE]

Records a training of a model with 200 variables and 60 layer outputs that never was: three logs per step, the
norms of 600 state arrays every 50 steps, full statistics (gradient, weight, update, output) every 120 steps.
Prints a table, then the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerascope.record.reader import RunView
from kerascope.record.writer import Writer

VARIABLES, OUTPUTS, STATE = 200, 60, 600
CHECK_EVERY, SAMPLE_EVERY, EPOCH = 50, 120, 1000
TIMED = 500
"""Checks and samples whose times are kept, per run."""


class Training:
    """Makes up the rows of a training and writes them."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path, {"backend": "none", "subject": "bench"})
        self.model = self.writer.model("bench", "Functional", {"layers": []})
        self.training = self.writer.training(self.model, "fit", 1, 0.0, {"loss_log": "mean"})
        names = [f"block_{index}/dense/kernel" for index in range(VARIABLES)]
        self.logs = self.layout("logs", ["loss", "accuracy", "mae"])
        self.state = self.layout("state", [f"optimizer:adam/slot_{index}" for index in range(STATE)])
        self.parts = {part: self.layout(part, names) for part in ("gradient", "weight", "update")}
        self.parts["output"] = self.layout("output", [f"block_{index}/dense" for index in range(OUTPUTS)])
        self.rng = np.random.default_rng(0)
        self.norms = self.rng.random(STATE)
        self.stats = {
            part: self.rng.random((OUTPUTS if part == "output" else VARIABLES, 7)) for part in self.parts
        }
        for stats in self.stats.values():
            stats[:, 6] = 1
        self.batch = {
            "arrays": [
                {
                    "name": name,
                    "dtype": "float32",
                    "shape": [32, 784],
                    "min": 0.0,
                    "max": 1.0,
                    "mean": 0.5,
                    "std": 0.3,
                    "zeros": 0.8,
                    "finite": 1.0,
                }
                for name in ("x", "y")
            ]
        }
        self.seconds: dict[str, list[float]] = {"check": [], "sample": []}

    def layout(self, part: str, names: list[str]) -> int:
        """Returns the number of a layout."""
        return self.writer.layout(self.model, part, names)

    def run(self, steps: int) -> float:
        """Writes that many steps and returns the seconds spent in `Writer.step`, commits included."""
        clock, write, spent = time.perf_counter, self.writer.step, 0.0
        for step in range(1, steps + 1):
            values = [step * 0.01, 0.01, 0.009, 1e-3, 32.0, 1.0 / step, 0.5, 0.25]
            began = clock()
            write(self.model, step, self.training, step // EPOCH, self.logs, values)
            spent += clock() - began
            if step % CHECK_EVERY == 0:
                self.timed(
                    "check", lambda at=step: self.writer.check(self.model, at, self.state, self.norms, True)
                )
            if step % SAMPLE_EVERY == 0:
                self.timed("sample", lambda at=step: self.sample(at))
            if step % EPOCH == 0:
                self.writer.epoch(self.training, step // EPOCH, step, 10.0, {"loss": 0.1, "val_loss": 0.2})
        return spent

    def sample(self, step: int) -> None:
        """Writes the full statistics of a step."""
        for part, layout in self.parts.items():
            self.writer.sample(self.model, step, part, layout, self.stats[part])
        self.writer.batch(self.model, step, self.batch)

    def timed(self, what: str, call: Callable[[], None]) -> None:
        """Calls, and keeps how long that took while there are few times."""
        began = time.perf_counter()
        call()
        if len(self.seconds[what]) < TIMED:
            self.seconds[what].append(time.perf_counter() - began)


def parts_of(path: Path) -> dict[str, int]:
    """Returns the rows of each table."""
    with sqlite3.connect(path) as connection:
        tables = ("steps", "checks", "samples", "batches", "epochs")
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def measure(steps: int, folder: Path) -> dict[str, Any]:
    """Records a training of that many steps and returns its figures."""
    path = folder / f"{steps}.kscope"
    training = Training(path)
    began, processor = time.perf_counter(), time.process_time()
    spent = training.run(steps)
    wall, processor = time.perf_counter() - began, time.process_time() - processor
    log = Path(f"{path}-wal").stat().st_size
    began = time.perf_counter()
    training.writer.close()
    closing = time.perf_counter() - began
    assert training.writer.troubles == [], training.writer.troubles
    began = time.perf_counter()
    model = RunView.open(path).models[0]
    assert len(model.steps().step) == steps
    for part in training.parts:
        model.samples(part)
    model.checks()
    return {
        "steps": steps,
        "file_bytes": path.stat().st_size,
        "log_bytes_before_close": log,
        "rows": parts_of(path),
        "step_microseconds": 1e6 * spent / steps,
        "check_microseconds": 1e6 * statistics.median(training.seconds["check"]),
        "sample_microseconds": 1e6 * statistics.median(training.seconds["sample"]),
        "wall_seconds": wall,
        "cpu_seconds": processor,
        "close_seconds": closing,
        "read_all_seconds": time.perf_counter() - began,
    }


def table(results: list[dict[str, Any]]) -> str:
    """Returns the figures as a table for people."""
    lines = ["    steps      file  samples  checks  us per step  us per check  us per sample  read all"]
    for r in results:
        rows = r["rows"]
        lines.append(
            f"{r['steps']:>9,} {r['file_bytes'] / 1e6:>6.1f} MB {rows['samples'] // 4:>8} {rows['checks']:>7} "
            f"{r['step_microseconds']:>12.1f} {r['check_microseconds']:>13.1f} "
            f"{r['sample_microseconds']:>14.1f} {r['read_all_seconds']:>7.2f} s"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures, prints, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kerascope-bench-") as folder:
        results = [measure(steps, Path(folder)) for steps in arguments.steps]
    print(table(results))
    document = json.dumps(
        {
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "load": os.getloadavg()[0],
            },
            "results": results,
        },
        indent=2,
    )
    print(document)
    if arguments.json:
        arguments.json.write_text(document + "\n")


if __name__ == "__main__":
    main()
