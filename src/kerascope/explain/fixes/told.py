"""A finding with what was tried for it: the changes that pass, and the line that the first of them changes."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import Any

from kerascope.explain.fixes.patch import Patch
from kerascope.explain.fixes.search import Repairs
from kerascope.values import Evidence, Finding


def with_fixes(finding: Finding, repairs: Repairs) -> Finding:
    """Returns the finding with the changes that pass, and how many were tried.

    Where the first of them changes another line than the one that fails, that line is named: what is wrong often stands
    elsewhere, and that it passes with this change has been seen.
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
    here = range(place.line, (place.end_line or place.line) + 1) if place.line is not None else range(0)
    if not lines or (place.file == patch.file and lines.keys() & set(here)):
        return ""
    number, text = next(iter(lines.items()))
    if {int(each) for each in re.findall(r"\bline (\d+)", finding.explanation)} == {number}:
        return ""  # of several that are named, one is to blame
    more = len(patch.after.splitlines()) > len(patch.before.splitlines())
    return f"It passes with {'a line more before' if more else 'a change of'} line {number}: `{text}`."


def _shown(after: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if key != "tried"}
