"""Recordings of profiles without a training: what the phases took is what the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascope.record.writer import Writer

SCRIPT = "/home/me/train.py"


def record(
    path: Path,
    phases: Mapping[str, float],
    *,
    steps: int = 60,
    once: Mapping[str, float] | None = None,
    facts: Sequence[tuple[str, Mapping[str, Any]]] = (),
    experiments: Mapping[str, float] | None = None,
    batch: int = 64,
    compiles: Sequence[tuple[int, Mapping[str, Any]]] = (),
    trainings: int = 1,
    last: Mapping[str, float] | None = None,
    noise: float = 0.02,
    profile: bool = True,
    seed: int = 0,
) -> Path:
    """Writes a recording in which every step takes `phases` (seconds) and the training `once` beside them.

    The last step of each training takes `last` beside its phases.
    """
    rng = np.random.default_rng(seed)
    writer = Writer(
        path, {"subject": "train.py", "backend": "numpy", "outcome": "finished", "profile": profile}
    )
    model = writer.model("net", "Functional", {})
    names = sorted(phases)
    time, logs = writer.layout(model, "time", names), writer.layout(model, "logs", [])
    total = dict.fromkeys(names, 0.0)
    writer.source(SCRIPT, "import keras\n\ndef batches():\n    yield slow()\n")
    for number in range(trainings):
        training = writer.training(model, "fit", 1 + number * steps, 0.0, {})
        for step in range(1 + number * steps, 1 + (number + 1) * steps):
            took = [phases[name] * float(1 + noise * abs(rng.standard_normal())) for name in names]
            if step == (number + 1) * steps:
                took = [
                    seconds + (last or {}).get(name, 0.0) for name, seconds in zip(names, took, strict=True)
                ]
            writer.step(model, step, training, 0, logs, [0.1 * step, sum(took), 0.0, 1e-3, batch])
            writer.timing(model, step, time, took, step % 3 == 0)
            for name, seconds in zip(names, took, strict=True):
                total[name] += seconds
        account = {name: value / (number + 1) for name, value in total.items()} | dict(once or {})
        wall = sum(account.values())
        writer.training_ended(
            training, wall, "finished", {"time": {"wall": wall, "cpu": wall, "phases": account}}
        )
    for what, fact in facts:
        writer.event("profile", 1.0, {"what": what, **fact}, model)
    for name, seconds in (experiments or {}).items():
        fact = {
            "what": "experiment",
            "name": name,
            "seconds": seconds,
            "batch": batch,
            "times": 8,
            "steps": 20,
            "spread": 0.0,
            "first": 0.02,
        }
        writer.event("profile", 1.0, fact, model)
    for step, fact in compiles:
        writer.event("compile", 1.0, fact, model, step)
    writer.close()
    return path


def lines(phase: str, line: int, seconds: float, plain: float = 0.0) -> tuple[str, dict[str, Any]]:
    """A line of the script in which the stack was seen for so long."""
    row = {
        "phase": phase,
        "file": SCRIPT,
        "line": line,
        "function": "batches",
        "seconds": seconds,
        "plain": plain,
    }
    return "stacks", {"lines": [row], "seconds": {phase: seconds}}
