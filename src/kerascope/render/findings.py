"""One finding as blocks: what is wrong and how sure, where, the evidence, why, and what was tried."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerascope.render.blocks import Block, BodyBlock, Code, Excerpt, Fact, Facts, Line, More, Span, Style
from kerascope.render.clean import shorten
from kerascope.render.numbers import change, duration, figure, number
from kerascope.values import Evidence, Finding, Fix, SourceSpan

NAME_CELLS = 60
"""Columns of a path or layer name; longer ones lose their middle."""

LABEL_CELLS = 40

MOST_FINDINGS = 5
MOST_EVIDENCE = 8
MOST_FIXES = 3
MOST_PATCH_LINES = 16
MOST_VALUES = 8


def blocks(findings: Sequence[Finding], full: bool) -> list[Block]:
    """Returns the findings in order of their rank, those without one last; all of them only in full."""
    ordered = sorted(findings, key=lambda finding: finding.rank if finding.rank > 0 else 10**9)
    shown = ordered if full else ordered[:MOST_FINDINGS]
    return [_block(number_, finding, full) for number_, finding in enumerate(shown, 1)]


def _block(position: int, finding: Finding, full: bool) -> Block:
    body: list[BodyBlock] = list(_where(finding.location))
    # What was asked for by `replay` is the comparison itself.
    brief = finding.severity == "note" and finding.kind != "replay" and not full
    if not brief:
        body += _evidence(finding.evidence, full)
    if finding.explanation:
        body.append(Line((Span(finding.explanation),)))
    if not brief:
        for fix in finding.fixes if full else finding.fixes[:MOST_FIXES]:
            body += _fix(fix, full)
        if not full and len(finding.fixes) > MOST_FIXES:
            body.append(More(len(finding.fixes) - MOST_FIXES, "fixes"))
    if full:
        body.append(Line((Span(f"Kind: {finding.kind}", "dim"),)))
    title = Line((Span(finding.title, "strong"),), right=_certainty(finding))
    return Block(position, title, tuple(body))


def _certainty(finding: Finding) -> Span:
    words: list[str] = [] if finding.severity == "fault" else [finding.severity]
    share = number(finding.confidence)
    if 0 <= share <= 1:
        # Rounding must not claim what was not: 100 % only where it is certain.
        points = 100 if share == 1 else min(99, round(100 * share))
        words.append(f"sure {points} %")
    return Span(", ".join(words), "dim")


def _where(location: SourceSpan) -> list[BodyBlock]:
    if location.code is not None and location.file is not None and len(location.columns) == 2:
        return [excerpt(location)]
    return list(_place(location))


def excerpt(location: SourceSpan) -> Excerpt:
    """Returns the line of source at a place, without its indentation, and what to point at in it."""
    code = (location.code or "").expandtabs(1)
    indent = len(code) - len(code.lstrip())
    start, end = (max(0, column - indent) for column in location.columns)
    place = f"{shorten(location.file or '', NAME_CELLS)}:{location.line}"
    return Excerpt(Span(place, "accent"), Span(code.strip(), "code"), start, end)


def _place(location: SourceSpan) -> list[Line]:
    parts = []
    if location.layer is not None:
        parts.append(f"layer {shorten(location.layer, NAME_CELLS)}")
    if location.step is not None:
        parts.append(f"step {figure(location.step)}")
    within = ", ".join(parts)
    if location.file is None:
        spans = [Span(within, "accent")] if within else []
        if location.expression:
            spans += [Span("   ")] if spans else []
            spans.append(Span(location.expression, "code", whole=True))
        return [Line(tuple(spans))] if spans else []
    place = shorten(location.file, NAME_CELLS)
    if location.line is not None:
        place += f":{location.line}"
    if not location.expression:
        rest = (Span("   " + within),) if within else ()
        return [Line((Span(place, "accent"), *rest))]
    lines = [
        Line((Span(place, "accent"), Span("   "), Span(location.expression, "code", whole=True)), hang=2)
    ]
    return [*lines, Line((Span(within),))] if within else lines


def _evidence(evidence: Sequence[Evidence], full: bool) -> list[BodyBlock]:
    shown = evidence if full else evidence[:MOST_EVIDENCE]
    if not shown:
        return []
    facts = Facts(tuple(_fact(item) for item in shown))
    rest = len(evidence) - len(shown)
    return [facts, More(rest, "measurements")] if rest else [facts]


def _fact(item: Evidence) -> Fact:
    label = Span(shorten(item.label, LABEL_CELLS))
    return Fact(label, Span(amount(item.value, item.unit), _tone(item.value)), _steps(item.steps), item.plot)


def _tone(value: Any) -> Style:
    return "bad" if isinstance(value, float) and figure(value) in ("NaN", "inf", "-inf") else "plain"


def _steps(steps: Sequence[int]) -> Span:
    if not steps:
        return Span("")
    if len(steps) == 1:
        return Span(f"at step {figure(steps[0])}", "dim")
    if len(steps) <= 4:
        return Span("at steps " + ", ".join(map(figure, steps)), "dim")
    return Span(f"at {len(steps):,} steps, {figure(steps[0])} to {figure(steps[-1])}", "dim")


def amount(value: Any, unit: str | None = None, depth: int = 0) -> str:
    """Returns a measured value in words: a figure with its unit, or several of them."""
    if value is None:
        return unit or ""
    if isinstance(value, (Mapping, list, tuple)):
        text = _several(value, depth)
    elif unit == "s" and not isinstance(value, (str, bool)):
        return duration(value)
    else:
        text = figure(value)
    return f"{text} {unit}" if unit else text


def _several(values: Mapping[str, Any] | Sequence[Any], depth: int) -> str:
    # What is nested deeper than a row can show would only grow without end.
    if depth > 1:
        return "..."
    if isinstance(values, Mapping):
        texts = [f"{key} {amount(item, depth=depth + 1)}" for key, item in _first(values.items())]
    else:
        texts = [amount(item, depth=depth + 1) for item in _first(values)]
    texts += ["..."] if len(values) > MOST_VALUES else []
    # Figures read as a row, words as a list.
    words = isinstance(values, Mapping) or any(isinstance(item, str) for item in values)
    return (", " if words else " ").join(texts)


def _first(items: Iterable[Any]) -> list[Any]:
    return list(itertools.islice(items, MOST_VALUES))


def _fix(fix: Fix, full: bool) -> list[BodyBlock]:
    out: list[BodyBlock] = [Line(())]
    # What is told apart from before has been tried; what merely runs now passes, which is less.
    opening = "Suggested: " if not fix.verified else "Tried: " if fix.before else "Passes: "
    out.append(Line((Span(opening, "strong"), Span(fix.description)), hang=2))
    if fix.patch:
        out += _patch(fix.patch, full)
    effect = [Span(_effect(key, fix), whole=True) for key in dict.fromkeys([*fix.before, *fix.after])]
    if fix.verified and fix.before:
        effect.append(Span("verified", "good"))
    elif effect and not fix.verified:
        effect.append(Span("not verified", "dim"))
    spans = [piece for span in effect for piece in (Span("   "), span)][1:]
    return [*out, Line(tuple(spans), indent=2)] if spans else out


def _effect(key: str, fix: Fix) -> str:
    name = shorten(key, LABEL_CELLS)
    if key in fix.before and key in fix.after:
        return f"{name}: {change(fix.before[key], fix.after[key])}"
    if key in fix.before:
        return f"{name}: {amount(fix.before[key])} before"
    return f"{name}: {amount(fix.after[key])}" + (" after" if fix.before else "")


_DIFF_STYLES: dict[str, Style] = {"+": "good", "-": "bad", "@": "dim"}


def _patch(patch: str, full: bool) -> list[BodyBlock]:
    lines = patch.expandtabs(4).splitlines()
    if not full:
        # The file and line stand above; two lines of names and one of numbers would only push the edit down.
        if len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ "):
            lines = lines[2:]
        lines = [line for line in lines if not line.startswith("@@")]
        lines = [line for line in lines if line[:1] in ("+", "-")] or lines
    shown = lines if full else lines[:MOST_PATCH_LINES]
    code = Code(tuple(Span(line.rstrip(), _DIFF_STYLES.get(line[:1], "code")) for line in shown))
    rest = len(lines) - len(shown)
    return [code, More(rest, "lines of the edit")] if rest else [code]
