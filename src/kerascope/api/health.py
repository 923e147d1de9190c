"""A recorded run's findings and figures, put on the calls of the layers they are about."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import Any

from kerascope.api.layers import layer_rows
from kerascope.api.report import Run, build_report, load
from kerascope.render.numbers import figure, percent
from kerascope.values import CallFacts, Finding, LayerRow, Topology

DEAD = 0.99
"""Share of zeros in a layer's output from which it says nothing."""


def with_health(graph: Topology, run: Any) -> Topology:
    """Returns the graph with `health` filled: "bad: ...", "warn: ..." or "good: ..." for layers of the run.

    `run` is a path to a recording or what `kerascope.load` returned. Layers are matched by path, and by name where that
    names one layer only. What the report says of the run as a whole becomes `verdict`.
    """
    if isinstance(run, (str, Path)):
        with load(run) as opened:
            return with_health(graph, opened)
    view = run.view if isinstance(run, Run) else run
    report = run.report() if isinstance(run, Run) else build_report(view)
    rows = layer_rows(view)
    rows = tuple(row for row in rows if row.model == graph.name) or rows
    layers = [row.layer for row in rows]
    texts = {
        row.layer: _health(row, [f for f in report.findings if row.layer in _named(f, layers)])
        for row in rows
    }
    calls = tuple(
        dataclasses.replace(call, health=health_of(call, texts))
        if call.category in ("layer", "model")
        else call
        for call in graph.calls
    )
    titles = [finding.title for finding in report.findings if finding.severity != "note"]
    verdict = ": ".join([report.verdict, "; ".join(titles)]) if titles else report.verdict
    return dataclasses.replace(graph, calls=calls, verdict=verdict)


_CALL = re.compile(r"#\d+")


def health_of(call: CallFacts, texts: dict[str, str]) -> str | None:
    """Returns what is said of the layer of a call; the name alone counts only where one layer bears it."""
    path = _CALL.sub("", call.path)
    if path in texts:
        return texts[path]
    for matches in (
        [layer for layer in texts if _same(layer, path)],
        [layer for layer in texts if layer.rpartition("/")[2] == call.name],
    ):
        if len(matches) == 1:
            return texts[matches[0]]
    return None


def _named(finding: Finding, layers: list[str]) -> list[str]:
    """Returns the layers that a finding is about."""
    place = finding.location.layer
    if place is None or place in layers:
        return [place] if place is not None else []
    return [layer for layer in layers if _same(place, layer)]


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
