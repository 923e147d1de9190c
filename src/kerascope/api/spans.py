"""The steps of a recording as a Chrome trace, for Perfetto and chrome://tracing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from kerascope.api.files import write_text
from kerascope.detect.timing import label_of
from kerascope.record.reader import RunView


def write_trace(recording: str | Path, path: str | Path) -> None:
    """Writes every recorded step with its phases as a Chrome trace.

    A recording holds how long each phase of a step took, not when: within a step they stand one after the other, data
    first, then the step, then the rest by length.

    Raises:
        UsageError: the file cannot be written.
        RecordingError: `recording` is none.
    """
    view = RunView.open(recording)
    try:
        write_text(
            str(path), json.dumps({"traceEvents": events(view), "displayTimeUnit": "ms"}), overwrite=True
        )
    finally:
        view.close()


def events(view: RunView) -> list[dict[str, Any]]:
    """Returns the trace's events: one process for each model, times in microseconds."""
    found: list[dict[str, Any]] = []
    for model in view.models:
        common = {"pid": model.id, "tid": 0}
        found.append(
            {"ph": "M", "name": "process_name", **common, "args": {"name": f"{model.name} (kerascope)"}}
        )
        steps, timings = model.steps(), model.timings()
        began = dict(zip(steps.step.tolist(), steps.at.tolist(), strict=True))
        for row, step in enumerate(timings.step.tolist()):
            at = began.get(step)
            if at is None or not np.isfinite(at):
                continue
            parts = [
                (n, s) for n, s in zip(timings.names, timings.seconds[row].tolist(), strict=True) if s > 0
            ]
            parts.sort(key=lambda part: (part[0] != "step", part[0] != "data", -part[1]))
            whole = sum(seconds for _, seconds in parts)
            found.append(_span(f"step {step}", at, whole, common, {"flags": int(timings.flags[row])}))
            for name, seconds in parts:
                found.append(_span(label_of(name), at, seconds, common, {"phase": name}))
                at += seconds
    for event in view.events("stall"):
        found.append(
            {"ph": "i", "name": "stall", "ts": 1e6 * event.at, "pid": event.model or 0, "tid": 0, "s": "g"}
        )
    return found


def _span(
    name: str, at: float, seconds: float, common: dict[str, int], args: dict[str, Any]
) -> dict[str, Any]:
    return {"ph": "X", "name": name, "ts": 1e6 * at, "dur": 1e6 * seconds, **common, "args": args}
