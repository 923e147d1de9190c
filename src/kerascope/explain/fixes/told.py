"""A finding with what was tried for it: the changes that pass, and the line that the first of them changes."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import Any

from kerascope.explain.fixes.patch import Patch
from kerascope.explain.fixes.search import Repairs
from kerascope.values import Evidence, Finding, SourceSpan


def with_fixes(finding: Finding, repairs: Repairs) -> Finding:
    """Returns the finding with the changes that pass, and how many were tried.

    Where the first of them changes a line that nothing was said of, that line is named: what fails often stands
    elsewhere than what is wrong, and that it passes with this change has been seen.
    """
    # That it failed before stands above each of them already.
    fixes = tuple(dataclasses.replace(fix, before={}, after=_shown(fix.after)) for fix in repairs.fixes)
    tried = Evidence("edits tried", repairs.tried)
    told = f"{finding.explanation} {_elsewhere(finding, repairs.patches[0])}" if repairs.patches else ""
    return dataclasses.replace(
        finding,
        explanation=told.strip() or finding.explanation,
        fixes=fixes,
        evidence=(*finding.evidence, tried),
    )


def changed_lines(patch: Patch) -> dict[int, str]:
    """Returns the lines that a change replaces, takes out or stands before, by their numbers."""
    old = patch.before.splitlines()
    blocks = difflib.SequenceMatcher(None, old, patch.after.splitlines(), autojunk=False).get_opcodes()
    numbers = [i for tag, a, b, _, _ in blocks if tag != "equal" for i in range(a, max(b, a + 1))]
    return {i + 1: old[i].strip() for i in numbers if i < len(old)}


def _elsewhere(finding: Finding, patch: Patch) -> str:
    lines = changed_lines(patch)
    place = finding.location
    named = {int(number) for number in re.findall(r"\bline (\d+)", finding.explanation)}
    if place.line is not None and place.file == patch.file:
        named |= set(range(place.line, _end(place) + 1))
    if not lines or lines.keys() & named:
        return ""
    number, text = next(iter(lines.items()))
    more = len(patch.after.splitlines()) > len(patch.before.splitlines())
    return f"It passes with {'a line more before' if more else 'a change of'} line {number}: `{text}`."


def _end(place: SourceSpan) -> int:
    return place.end_line or place.line or 0


def _shown(after: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if key != "tried"}
