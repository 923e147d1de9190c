"""Findings with the file, line and expression that a person would change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kerascope.explain.source import places
from kerascope.values import Finding


def placed(finding: Finding, facts: Mapping[str, Any], sources: Mapping[str, str]) -> Finding:
    """Returns the finding at the place of its likeliest way to mend it; one that has a line stays as it is.

    Args:
        finding: with `levers`.
        facts: facts of the model it is about.
        sources: text of the user's files by name.
    """
    if finding.location.line is not None:
        return finding
    for way in finding.levers:
        for lever in way:
            found = next(iter(places(facts, sources, lever)), None)
            if found is not None:
                span = found.span(finding.location.layer or lever.layer)
                return dataclasses.replace(
                    finding, location=dataclasses.replace(span, step=finding.location.step)
                )
    return finding
