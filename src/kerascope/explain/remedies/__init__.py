"""From a finding and its levers to edits of the user's source, as unified diffs."""

from __future__ import annotations

import dataclasses

from kerascope.explain.remedies import code, lines, recipes
from kerascope.explain.remedies.levers import Remedy as Remedy
from kerascope.explain.remedies.levers import describe, pulled
from kerascope.explain.remedies.program import Program as Program
from kerascope.values import Finding

MOST = 8
"""Remedies of one finding at most."""


def remedies(program: Program, finding: Finding, most: int = MOST) -> tuple[Remedy, ...]:
    """Returns changes of the user's source that may mend a finding, the likeliest first.

    The finding's own levers come first, then what mends its kind in general. Each one leaves valid Python.

    Args:
        program: sources and recorded facts.
        finding: what is wrong.
        most: how many to return.
    """
    found: dict[tuple[object, ...], Remedy] = {}
    general = list(recipes.ways(program, finding))
    # A learning rate far from the usual one was most likely meant to be the usual one, unless a callback set it.
    set_by = any(lever.target == "callback" for way in finding.levers for lever in way)
    first = general[:1] if recipes.far(program, finding) and not set_by else []
    for way in [*first, *finding.levers, *general]:
        remedy = pulled(program, finding.kind, way, finding.location)
        if remedy is not None:
            if len(way) > 3:  # the same in many layers
                words = describe(dataclasses.replace(way[0], layer=None))
                remedy = dataclasses.replace(remedy, description=f"{words} in {len(way)} places")
            found.setdefault(_key(program, remedy), remedy)
    for made in (lines.rewrites, code.rewrites):
        for description, changes in made(program, finding):
            remedy = Remedy(finding.kind, description, changes)
            if remedy.sound(program):
                found.setdefault(_key(program, remedy), remedy)
    return tuple(found.values())[:most]


def _key(program: Program, remedy: Remedy) -> tuple[object, ...]:
    return tuple(remedy.after(program).items())
