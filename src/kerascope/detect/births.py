"""What running the bad step again has shown, told with the finding that something is not finite."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.reading import listing, mapping, show, thin
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding, Fix, SourceSpan

_GROWN = 10.0
"""Times that something has to have grown or shrunk over the run-up to be worth a sentence."""
_BEYOND = 1e12
"""A size that no value of a training has that is not running away."""


def told(view: RunView, model: ModelView, finding: Finding) -> Finding:
    """Returns the finding with line, operand, rows, run-up and tried changes, as far as they were found out."""
    event = next(
        (e for e in view.events("birth") if e.model == model.id and e.step == finding.location.step), None
    )
    if event is None:
        return finding
    facts = event.facts
    cause = _cause(facts)
    title = f"{finding.title.partition(', first in')[0]}: {cause}" if cause else finding.title
    location = finding.location
    if isinstance(facts.get("line"), int):
        location = dataclasses.replace(
            location,
            file=_text(facts.get("file")),
            line=facts["line"],
            end_line=_whole(facts.get("end_line")),
            expression=_text(facts.get("expression")),
            code=_text(facts.get("code")),
            columns=tuple(c for c in listing(facts.get("columns")) if isinstance(c, int)),
        )
    explanation = " ".join(part for part in (_how(facts), *_grown(facts), finding.explanation) if part)
    evidence = (*_operands(facts), *_run_up(facts), *finding.evidence)
    fixes = (*_fixes(facts), *finding.fixes)
    return dataclasses.replace(
        finding, title=title, explanation=explanation, location=location, evidence=evidence, fixes=fixes
    )


def cause(view: RunView, model: ModelView, finding: Finding) -> Finding | None:
    """Returns the operation that a told finding comes from as a finding of its own; None when there is no line.

    What is told of the non-finite loss then stands under it: the operation is what a person would change.
    """
    if finding.location.line is None or _line(view, model) is None:
        return None
    if all(ran_away(e.facts) for e in view.events("birth") if e.model == model.id and e.facts.get("line")):
        return None
    return dataclasses.replace(finding, kind="nan-operation", severity="fault", confidence=1.0)


def ran_away(facts: Mapping[str, Any]) -> bool:
    """Tells whether an operation only overflowed because all it was given had grown beyond all bounds before.

    No operation is safe from that, and none is to blame for it: what made the weights grow is.
    """
    sizes = [
        max(abs(float(low)), abs(float(high)))
        for operand in map(mapping, listing(facts.get("operands")))
        if isinstance(low := operand.get("min"), (int, float))
        and isinstance(high := operand.get("max"), (int, float))
    ]
    return bool(sizes) and min(sizes) > _BEYOND and any("weights" in said for said in _grown(facts))


def _line(view: RunView, model: ModelView) -> int | None:
    """Returns the line a value stopped being finite at, None when no line was found."""
    lines = (e.facts.get("line") for e in view.events("birth") if e.model == model.id)
    return next((line for line in lines if isinstance(line, int)), None)


def has_line(view: RunView, model: ModelView) -> bool:
    """Tells whether the line at which a value stopped being finite has been found by running the step again."""
    return _line(view, model) is not None


def of_metrics(view: RunView, model: ModelView) -> Iterator[Finding]:
    """Yields a finding for a metric that is not finite while loss and weights are."""
    for event in view.events("birth"):
        metric = _text(event.facts.get("metric"))
        if event.model == model.id and metric and event.step is not None:
            plain = Finding(
                kind="nan-loss",
                severity="warning",
                confidence=0.95,
                title=f"The metric `{metric}` is not finite from step {event.step:,} on",
                explanation="Loss and weights are finite: the training goes on as if nothing were wrong.",
                location=SourceSpan(step=event.step),
            )
            yield told(view, model, plain)
            return


def _cause(facts: Mapping[str, Any]) -> str | None:
    direction, expression = facts.get("direction"), _short(facts.get("expression"))
    what = ""
    if _text(facts.get("operand")) and _text(facts.get("text")):
        what = f"`{_short(facts['operand'])}` {facts['text']}"
    if direction == "forward" and expression:
        return f"`{expression}` is not finite" + (f", where {what}" if what else "")
    if direction == "backward" and expression:
        return f"the derivative of `{expression}` is not finite" + (f", where {what}" if what else "")
    data = [mapping(item) for item in listing(facts.get("data"))]
    if direction in ("input", "arrived", "layer") and data:
        return _data(data[0])
    if direction == "none":
        return (
            "run again, the step is finite"
            if facts.get("again") is True
            else "only the compiled step shows it"
        )
    grown = next(iter(_grown(facts)), None)
    return None if grown is None else f"the training ran away: {grown[0].lower()}{grown[1:].rstrip('.')}"


def _data(item: Mapping[str, Any]) -> str:
    rows = [str(r) for r in listing(item.get("rows"))]
    more = ", ..." if isinstance(item.get("count"), int) and item["count"] > len(rows) else ""
    return (
        f"`{item.get('name')}` itself is not finite in row{'s' * (len(rows) != 1)} {', '.join(rows)}{more} "
        f"({item.get('count')} of {item.get('batch')})"
    )


def _how(facts: Mapping[str, Any]) -> str:
    direction = facts.get("direction")
    if direction == "forward":
        return "The step was run again line by line: all operands of this expression are finite, its value is not."
    if direction == "backward":
        return (
            "The step was run again line by line: values and loss are finite, and the gradient that reaches this "
            "expression is, but not the one that leaves it."
        )
    if direction == "none":
        return _only_compiled(facts)
    if direction == "update":
        return (
            "Loss and gradients of that step are finite; the optimizer's update makes the weights overflow."
        )
    return ""


def _only_compiled(facts: Mapping[str, Any]) -> str:
    if facts.get("again") is True:
        return (
            "Run again, with the training's own program and eagerly, the same step on the same state and batch stays "
            "finite: it depends on something that is no part of the model's state. That is a Python value (an "
            "attribute, a global, a setting) that has been changed since, or random numbers whose seed is no "
            "variable of the model."
        )
    said = (
        "Run again eagerly, the same step on the same state and batch stays finite; run again with the compiled "
        "program it does not. "
    )
    if facts.get("anew") is True:
        return (
            f"{said}A second program that was compiled later from the same code stays finite, too: the training's "
            "program is not what the code says now. Something that it reads from Python (an attribute, a global, a "
            "setting) has been changed since it was compiled, or it draws other random numbers."
        )
    return (
        f"{said}What differs is what the compiler made of it (fused or reordered operations, other intermediate "
        "precision, other random numbers; `jit_compile=False` is what to try), or something that it reads from Python "
        "and that was changed after compiling."
    )


def _grown(facts: Mapping[str, Any]) -> Iterator[str]:
    for row in listing(facts.get("run_up")):
        values, steps = _series(row)
        if len(values) > 1 and "norm" in str(mapping(row).get("label")):
            first, last = values[0], values[-1]
            if first > 0 and last > _GROWN * first:
                label = str(mapping(row).get("label"))
                begun = steps[0] + ("weights" in label)  # those are the weights after a step
                over = f"over steps {begun:,} to {steps[-1]:,}" if begun < steps[-1] else f"in step {begun:,}"
                yield f"The {label} grew from {show(first)} to {show(last)} {over}."


def _series(row: Any) -> tuple[list[float], list[int]]:
    pairs = [
        (float(v), int(s))
        for v, s in zip(listing(mapping(row).get("values")), listing(mapping(row).get("steps")), strict=False)
        if isinstance(v, (int, float)) and isinstance(s, int)
    ]
    return [v for v, _ in pairs], [s for _, s in pairs]


def _operands(facts: Mapping[str, Any]) -> Iterator[Evidence]:
    for item in listing(facts.get("operands")):
        operand = mapping(item)
        low, high = operand.get("min"), operand.get("max")
        if isinstance(low, (int, float)) and isinstance(high, (int, float)):
            shape = "x".join(str(n) for n in listing(operand.get("shape")))
            yield Evidence(
                f"`{_short(operand.get('source'))}`",
                f"{show(low)} .. {show(high)}" + (f"   ({shape})" if shape else ""),
            )
    rows = [r for r in listing(facts.get("rows")) if isinstance(r, int)]
    if rows:
        yield Evidence(
            "rows of the batch",
            ", ".join(map(str, rows)) + f"   ({facts.get('row_count')} of {facts.get('batch')})",
        )


def _run_up(facts: Mapping[str, Any]) -> Iterator[Evidence]:
    for row in listing(facts.get("run_up")):
        values, steps = _series(row)
        if len(values) > 1:
            shown = " ".join(show(v) for v in values[-6:])
            yield Evidence(f"{mapping(row).get('label')}", shown, steps=tuple(steps[-6:]), plot=thin(values))


def _fixes(facts: Mapping[str, Any]) -> Iterator[Fix]:
    for item in listing(facts.get("fixes")):
        fix = mapping(item)
        yield Fix(
            description=str(fix.get("description")),
            patch=_text(fix.get("patch")),
            verified=True,
            before=dict(mapping(fix.get("before"))),
            after=dict(mapping(fix.get("after"))),
        )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _short(value: Any) -> str:
    text = " ".join(str(value or "").split())
    return text if len(text) <= 60 else f"{text[:57]}..."
