"""A recorded run's findings and figures, put on the calls of the layers they are about."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from kerascope.api.layers import layer_rows
from kerascope.api.report import Run, build_report, load
from kerascope.render.numbers import figure, percent
from kerascope.values import Finding, LayerRow, Topology

DEAD = 0.99
"""Share of zeros in a layer's output from which it says nothing."""


def with_health(graph: Topology, run: Any) -> Topology:
    """Returns the graph with `health` filled: "bad: ...", "warn: ..." or "good: ..." for layers of the run.

    `run` is a path to a recording or what `kerascope.load` returned. Layers are matched by path, then by name.
    """
    if isinstance(run, (str, Path)):
        with load(run) as opened:
            return with_health(graph, opened)
    view = run.view if isinstance(run, Run) else run
    rows = layer_rows(view)
    findings = run.findings if isinstance(run, Run) else build_report(view).findings
    by_name: dict[str, str] = {}
    for row in rows:
        text = _health(row, [f for f in findings if f.location.layer and _same(f.location.layer, row.layer)])
        by_name[row.layer] = text
        by_name.setdefault(row.layer.rpartition("/")[2], text)
    calls = tuple(
        dataclasses.replace(call, health=by_name.get(call.path.partition("#")[0]) or by_name.get(call.name))
        if call.category in ("layer", "model")
        else call
        for call in graph.calls
    )
    return dataclasses.replace(graph, calls=calls)


def _same(one: str, other: str) -> bool:
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def _health(row: LayerRow, findings: list[Finding]) -> str:
    figures = _figures(row)
    if findings:
        worst = "bad" if any(f.severity == "fault" for f in findings) else "warn"
        return f"{worst}: {findings[0].title}. {figures}".strip()
    if row.finite is not None and row.finite < 1:
        return f"bad: {percent(1 - row.finite)} of the output is not finite. {figures}"
    values = (row.gradient, row.weight)
    if any(value is not None and not math.isfinite(value) for value in values):
        return f"bad: not finite. {figures}"
    if row.zeros is not None and row.zeros >= DEAD:
        return f"warn: {percent(row.zeros)} of the output is zero. {figures}"
    return f"good: {figures}" if figures else "good: nothing to remark"


def _figures(row: LayerRow) -> str:
    named = (
        ("gradient", row.gradient),
        ("weight", row.weight),
        ("update/weight", row.update_ratio),
        ("output mean", row.output_mean),
        ("output std", row.output_std),
    )
    return ", ".join(f"{name} {figure(value)}" for name, value in named if value is not None)
