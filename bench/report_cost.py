"""What the judgement of a long training costs: detectors, ranking, and the whole report.

    python bench/report_cost.py [--steps 100000] [--repeat 3] [--json FILE]

Each training is real and short, and its recording is stretched: all facts of program and data stay, its steps, checks,
statistics and time measurements are repeated at the pace at which a long run records them. Prints CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
from keras import layers

import kerascope
from kerascope.api.report import build_report
from kerascope.detect.registry import run_detectors
from kerascope.explain.rank import rank
from kerascope.record.reader import ModelView, RunView
from kerascope.record.writer import Writer

CHECK_EVERY, SAMPLE_EVERY, EPOCH = 50, 120, 1000


def train(depth: int, rate: float, path: Path) -> None:
    """Records a classifier of `depth` hidden layers; with a tiny rate it learns nothing."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2048, 20)).astype("float32")
    y = (x @ rng.normal(size=(20, 4))).argmax(1)
    hidden = [layers.Dense(32, activation="relu") for _ in range(depth)]
    model = keras.Sequential([keras.Input((20,)), *hidden, layers.Dense(4, activation="softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with kerascope.watch(out=path):
        model.fit(x, y, validation_split=0.25, epochs=6, batch_size=32, verbose=0)


def stretch(source: RunView, path: Path, steps: int) -> None:
    """Writes a recording like `source` with that many steps."""
    writer = Writer(path, source.meta)
    for name, text in source.sources().items():
        writer.source(name, text)
    for model in source.models:
        _stretch(writer, model, steps)
    writer.close()


def _stretch(writer: Writer, model: ModelView, steps: int) -> None:
    number = writer.model(model.name, model.class_name, model.facts)
    row = model.trainings()[-1]
    training = writer.training(number, row.method, 1, 0.0, row.facts)
    table, checks, timings = model.steps(), model.checks(), model.timings()
    logs = writer.layout(number, "logs", list(table.logs))
    state = writer.layout(number, "state", checks.names)
    phases = writer.layout(number, "timing", timings.names)
    parts = {part: model.samples(part) for part in ("gradient", "weight", "update", "output")}
    layouts = {part: writer.layout(number, part, rows.names) for part, rows in parts.items()}
    own = (table.seconds, table.busy, table.learning_rate, table.batch_size, *table.logs.values())
    for step in range(1, steps + 1):
        at = (step - 1) * len(table.step) // steps
        values = [step * 0.01, *(float(column[at]) for column in own)]
        writer.step(number, step, training, step // EPOCH, logs, values)
        if len(timings.step):
            chosen = at % len(timings.step)
            writer.timing(
                number, step, phases, list(map(float, timings.seconds[chosen])), int(timings.flags[chosen])
            )
        if step % CHECK_EVERY == 1:
            chosen = min(at * len(checks.step) // len(table.step), len(checks.step) - 1)
            writer.check(number, step, state, checks.norms[chosen], True)
        if step % SAMPLE_EVERY == 1:
            for part, rows in parts.items():
                if len(rows.step):
                    chosen = at * len(rows.step) // len(table.step)
                    writer.sample(number, step, part, layouts[part], rows.stats[chosen])
        if step % EPOCH == 0:
            epoch = model.epochs()[(step // EPOCH - 1) % len(model.epochs())]
            writer.epoch(training, step // EPOCH - 1, step, 10.0, epoch.logs)
    for step, facts in model.batches():
        writer.batch(number, step, facts)
    writer.training_ended(training, steps * 0.01, "finished", {})


def measure(path: Path) -> dict[str, float]:
    """Returns CPU seconds of reading with detectors and ranking, and of the whole report, each from a fresh file."""
    view = RunView.open(path)
    began = time.process_time()
    rank(run_detectors(view))
    judged = time.process_time() - began
    view.close()
    view = RunView.open(path)
    began = time.process_time()
    build_report(view)
    reported = time.process_time() - began
    view.close()
    return {"judged": judged, "reported": reported}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, depth, rate in (
            ("learns", 2, 1e-3),
            ("does not learn", 2, 1e-7),
            ("20 layers, does not learn", 20, 1e-7),
        ):
            short, long = (Path(folder) / f"{depth}-{rate}-{kind}.kscope" for kind in ("short", "long"))
            train(depth, rate, short)
            stretch(RunView.open(short), long, args.steps)
            runs = [measure(long) for _ in range(args.repeat)]
            best = {key: min(run[key] for run in runs) for key in ("judged", "reported")}
            rows.append({"training": name, "steps": args.steps, **best})
            print(
                f"{name:28} {args.steps:>9,} steps   detectors and ranking {best['judged']:.2f} s   "
                f"whole report {best['reported']:.2f} s",
                flush=True,
            )
    if args.json is not None:
        machine = {"processors": os.cpu_count(), "python": platform.python_version()}
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
