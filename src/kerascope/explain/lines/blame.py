"""Which of two operations that disagree is to blame: the one that is unlike its likes, or that takes axes away."""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter

from kerascope.explain.lines.source import MAKERS
from kerascope.record.lines import Event, LineLog, Site

_OWN_SIZES = ("zeros", "ones", "full", "eye", "arange", "one_hot", "stft", "fft", "rfft")


@dataclasses.dataclass(frozen=True)
class Cause:
    """An operation that an operand's shape comes from; `batch` when it is the one that broke the batch axis."""

    event: Event
    sentence: str
    flow: str
    batch: bool


def likeliest(found: list[Cause], log: LineLog, *, entrywise: bool) -> list[Cause]:
    """Returns where two operands that disagree come from, the one more likely to be wrong first.

    Where they meet `entrywise`, axes that one lacks may have been taken away by mistake.
    """
    if len(found) != 2:
        return found
    one, two = sorted(found, key=lambda cause: cause.event.site.name not in MAKERS)
    weight, other = (cause.event.site for cause in (one, two))
    if weight.name in MAKERS and other.name not in MAKERS:
        if _has_sizes_of_its_own(other):
            return [one, two]
        return [two, one] if _rank(two.event) < _rank_of_operand(two.event) else found
    one, two = found
    odd = [_unlike_its_likes(cause.event, log) for cause in found]
    if odd[0] != odd[1]:
        return found if odd[0] else [two, one]
    if not entrywise:
        return found
    lower = [_rank(cause.event) < _rank_of_operand(cause.event) for cause in found]
    if lower[1] and not lower[0] and _rank(two.event) < _rank(one.event):
        return [two, one]
    return found


def _has_sizes_of_its_own(site: Site) -> bool:
    """Tells what makes a size by itself: a layer that was given one, a function that has no choice."""
    own = isinstance(site.node, ast.Call) and ast.unparse(site.node.func).startswith("self.")
    return own or site.name in _OWN_SIZES


def _rank(event: Event) -> int:
    return len(event.facts.shape or ())


def _rank_of_operand(event: Event) -> int:
    """Returns the number of axes of what an operation is done to."""
    ranks = [_rank(e) for e in event.activation.operands(event.site) if e.number < event.number]
    return max(ranks, default=0)


def _unlike_its_likes(event: Event, log: LineLog) -> bool:
    """Tells whether most calls of the same function beside it are given something else than this one."""
    own = _settings(event.site)
    if own is None:
        return False
    sites = {
        e.site: _settings(e.site)
        for e in log.events
        if e.site.file == event.site.file and e.site.function == event.site.function
    }
    alike = Counter(given for given in sites.values() if given is not None and given[0] == own[0])
    return len(alike) == 2 and alike[own] == 1 and sum(alike.values()) > 2


def _settings(site: Site) -> tuple[str, tuple[str, ...]] | None:
    """Returns the function that is called, and what it is given beside its first argument."""
    node = site.node
    if not isinstance(node, ast.Call) or not node.args:
        return None
    given = [ast.unparse(a) for a in node.args[1:]]
    given += [f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords]
    return ast.unparse(node.func), tuple(given)
