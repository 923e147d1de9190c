"""What is odd of an object that runs, and the expression of a trace that shows why it is wrong there."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Sequence

from kerascope.explain.fixes.demerits import CAUSAL, NEGATIVE, OVERLAP, TURNED, UNREAD, UNWEIGHTED
from kerascope.explain.fixes.edits.context import position
from kerascope.explain.fixes.idle import idle
from kerascope.explain.fixes.outcome import Outcome
from kerascope.record.lines import LineLog, Site

IDLE_INPUT = re.compile(r"input (\d+) has no effect$")
ADDING = ("assign_add", "assign_sub", "append")
_OF_ONE_BATCH = ("mean", "average", "std", "var", "all", "any", "max", "min")
"""What these give for two batches does not add up to what they give for both."""


def without_effect(text: str) -> bool:
    return text.startswith("weight ") and text.endswith("has no effect")


def in_vain(log: LineLog) -> tuple[Site, Site | None] | None:
    """Returns the first call whose result nothing uses, and the expression that ought to."""
    trees: dict[str, ast.Module] = {}
    for site, _ in log.rows:
        if site.kind != "call":
            continue
        if site.file not in trees:
            trees[site.file] = ast.parse("".join(linecache.getlines(site.file)))
        for function in ast.walk(trees[site.file]):
            if not isinstance(function, ast.FunctionDef) or function.lineno > site.line:
                continue
            for found in idle(function):
                if position(found.value) == site.position:
                    taker = position(found.taker)
                    return site, next((s for s, _ in log.rows if s.position == taker), None)
    return None


def over_the_batch(log: LineLog, batch: int) -> Site | None:
    """Returns the expression of a metric that is an average of one batch, or that computes with its sum before adding.

    Sums may be added up over batches; averages, and what is computed from a batch's sum, may not. Nor may a state be
    set to what comes of one batch alone.
    """
    anew = next((site for site, _ in log.rows if _sets_anew(site)), None)
    if anew is not None:
        return anew
    for (site, path), row in log.rows.items():
        shape = row.last.facts.shape
        if site.kind != "call" or path or shape is None or batch in shape or is_size(site):
            continue
        taken = [e.facts.shape for e in row.last.activation.operands(site)]
        if not any(s and s[0] == batch for s in taken):
            continue
        outer = site.parent.name if site.parent is not None else ""
        average = site.name.removeprefix("reduce_") in _OF_ONE_BATCH
        if outer in (*ADDING, "cast") and average:
            return site
        if outer not in (*ADDING, "cast", "stack", "where") and (site.parent is not None or site.targets):
            return site
    return _counts_batches(log)


def _sets_anew(site: Site) -> bool:
    """Tells whether a state of the object's gets a value in which it has no part."""
    node = site.node
    if site.name != "assign" or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    held = ast.unparse(node.func.value)
    plain = len(node.args) == 1 and not isinstance(node.args[0], ast.Name)
    return plain and held.startswith("self.") and held not in ast.unparse(node.args[0])


def _counts_batches(log: LineLog) -> Site | None:
    """Returns the expression of a metric that adds one for each batch, however many rows that has."""
    for site, _ in log.rows:
        node = site.node
        value = node.args[0] if isinstance(node, ast.Call) and len(node.args) == 1 else None
        if site.name == "assign_add" and isinstance(value, ast.Constant) and value.value == 1:
            return site
    return None


def is_size(site: Site) -> bool:
    """`ops.shape(x)` is a tensor on some backends, and no step on the way of the data."""
    return (
        site.name in ("shape", "size", "ndim")
        or site.source.endswith((".shape", ".dtype"))
        or ".shape[" in site.source
    )


def cut(logs: Sequence[LineLog]) -> Site | None:
    """Returns what takes the smaller of two, where the larger would be above zero."""
    return next((s for s, _ in logs[0].rows if s.name in ("minimum", "min")), None) or returned(logs)


def of_outcome(outcome: Outcome) -> list[str]:
    """Returns what is odd of an object that passes, the worst first."""
    told = (TURNED, UNWEIGHTED, OVERLAP, NEGATIVE, CAUSAL)
    found = [text for text in outcome.demerits if text in told or "split into batches" in text]
    # A bias may have none in sound layers too.
    found += [text for text in outcome.demerits if without_effect(text) and "bias" not in text]
    return found + [t for t in outcome.demerits if t.startswith(UNREAD) or IDLE_INPUT.match(t)]


def of_rows(reason: str) -> bool:
    """Tells what is wrong with rows and batches from what is not as a name, a text or a setting says."""
    return (
        reason not in (OVERLAP, NEGATIVE, CAUSAL)
        and not reason.startswith(UNREAD)
        and not IDLE_INPUT.match(reason)
    )


def returned(logs: Sequence[LineLog]) -> Site | None:
    """Returns the expression that came out last, where none before it shows what is wrong."""
    found = [site for site, _ in logs[0].rows if "return" in site.targets] if logs else []
    return found[-1] if found else None


def causal(logs: Sequence[LineLog]) -> Site | None:
    """Returns what lets a step see later ones: a padding, a mask of places, a convolution, or what comes out."""
    for names in (("pad",), ("tril", "triu"), ("roll", "flip", "cumsum")):
        for site, _ in logs[0].rows:
            if site.name in names:
                return site
    convolved = (s for s, _ in logs[0].rows if s.kind == "call" and "conv" in s.source.lower())
    return next(convolved, None) or returned(logs)
