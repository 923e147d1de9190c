"""Listens to a trace, shows each expression to the rules it concerns, and sums up what they say."""

from __future__ import annotations

import dataclasses
import threading
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from kerascope.detect.smells import (
    alignment,
    attention,
    axes,
    beyond,
    cancellation,
    causal,
    channels,
    cuts,
    domains,
    flat,
    gradient,
    leaving,
    logits,
    masked,
    mode,
    order,
    overflow,
    padded,
    promised,
    ranges,
    residual,
    roles,
    saturation,
    scaled,
    scales,
    several,
    shapes,
    smoothed,
    spread,
    squeezed,
    through,
    told,
    turns,
    twice,
    unmoved,
    whole,
)
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict
from kerascope.record.lines import Event, Site
from kerascope.values import SEVERITIES, Evidence, Finding, SourceSpan


@dataclasses.dataclass(frozen=True)
class Rule:
    """One kind of fault. `concerns` is asked once for each expression, `judge` in each execution of those.

    Of the executions that were judged at least `share` must have been hits.
    """

    kinds: tuple[str, ...]
    concerns: Callable[[Site], bool]
    judge: Callable[[Moment], Verdict]
    share: float = 0.0


RULES = (
    Rule(("scale-mismatch",), scales.concerns, scales.judge, 0.5),
    Rule(("broadcast-shape",), shapes.concerns, shapes.judge, 1.0),
    Rule(("broadcast-shape",), alignment.concerns, alignment.judge, 1.0),
    Rule(("nan-operation",), domains.concerns, domains.judge),
    Rule(("saturated-activation", "softmax-one-unit"), saturation.concerns, saturation.judge, 0.9),
    Rule(("float16-overflow",), overflow.concerns_float16, overflow.judge_float16),
    Rule(("integer-overflow",), overflow.concerns_integers, overflow.judge_integers),
    Rule(("cancellation",), cancellation.concerns, cancellation.judge, 0.5),
    Rule(("wrong-axis",), axes.concerns, axes.judge, 0.9),
    Rule(("wrong-axis",), turns.concerns, turns.judge, 1.0),
    Rule(("wrong-axis",), spread.concerns, spread.judge, 1.0),
    Rule(("wrong-axis",), attention.concerns, attention.judge, 1.0),
    Rule(("wrong-axis",), flat.concerns, flat.judge, 1.0),
    Rule(("wrong-axis",), squeezed.concerns, squeezed.judge, 1.0),
    Rule(("wrong-axis",), squeezed.concerns_order, squeezed.judge_order, 1.0),
    Rule(("wrong-axis",), unmoved.concerns, unmoved.judge, 1.0),
    Rule(("wrong-argument",), causal.concerns, causal.judge, 1.0),
    Rule(("wrong-argument",), told.concerns_mask, told.judge_mask, 1.0),
    Rule(("logits-mismatch",), told.concerns_threshold, told.judge_threshold, 0.9),
    Rule(("wrong-argument",), masked.concerns, masked.judge, 1.0),
    Rule(("wrong-argument",), masked.concerns_late, masked.judge_late, 1.0),
    Rule(("wrong-argument",), promised.concerns, promised.judge, 1.0),
    Rule(("wrong-argument",), promised.concerns_divergence, promised.judge_divergence, 1.0),
    Rule(("wrong-argument",), ranges.concerns, ranges.judge, 0.9),
    Rule(("wrong-argument",), smoothed.concerns, smoothed.judge, 0.9),
    Rule(("wrong-argument",), scaled.concerns, scaled.judge, 1.0),
    Rule(("wrong-argument",), padded.concerns, padded.judge, 0.9),
    Rule(("wrong-argument",), padded.concerns_largest, padded.judge_largest, 0.9),
    Rule(("wrong-argument",), whole.concerns, whole.judge),
    Rule(("wrong-axis",), channels.concerns, channels.judge, 1.0),
    Rule(("wrong-argument",), residual.concerns, residual.judge, 1.0),
    Rule(("training-flag",), mode.concerns, mode.judge, 1.0),
    Rule(("nan-operation",), beyond.concerns, beyond.judge),
    Rule(("numpy-in-call",), leaving.concerns, leaving.judge),
    Rule(("wrong-argument",), twice.concerns, twice.judge, 1.0),
    Rule(("wrong-argument",), twice.concerns_sides, twice.judge_sides, 1.0),
    Rule(("wrong-argument",), twice.concerns_difference, twice.judge_difference, 1.0),
    Rule(("wrong-argument",), order.concerns, order.judge, 1.0),
    Rule(("wrong-argument",), several.concerns, several.judge, 1.0),
    Rule(("disconnected-gradient",), cuts.concerns, cuts.judge, 0.9),
    Rule(("disconnected-gradient",), through.concerns, through.judge, 0.9),
    Rule(("logits-mismatch",), logits.concerns, logits.judge, 0.9),
)
KINDS = tuple(dict.fromkeys(kind for rule in RULES for kind in rule.kinds))
"""Every kind of finding that a trace's numbers can lead to."""

_MOST_PER_RULE = 200
"""After so many executions a rule looks only at every tenth of an expression's."""


@dataclasses.dataclass(slots=True)
class _Tally:
    site: Site
    rule: Rule
    asked: int = 0
    judged: int = 0
    hits: int = 0
    worst: Hit | None = None


class Smells:
    """A listener for a trace that finds silent numeric faults; `findings` tells them when the trace is over.

    A rule that fails on a value is left out for that expression and named in `failures`.
    """

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        self.failures: list[str] = []
        self._rules = tuple(rules)
        self._concerned: dict[Site, tuple[_Tally, ...]] = {}
        self._others: dict[tuple[str, Site], _Tally] = {}
        self._latest: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event, value: Any, operands: Sequence[Operand], frame: types.FrameType) -> None:
        """Takes in one event of a trace."""
        tallies = self._concerned.get(event.site)
        if tallies is None:
            tallies = tuple(_Tally(event.site, rule) for rule in self._rules if rule.concerns(event.site))
            self._concerned[event.site] = tallies
        if not tallies or event.path:
            return
        moment = Moment(event, value, operands, frame)
        with np.errstate(all="ignore"), self._lock:
            for tally in tallies:
                self._ask(tally, moment)

    def _ask(self, tally: _Tally, moment: Moment) -> None:
        tally.asked += 1
        if tally.asked > _MOST_PER_RULE and tally.asked % 10:
            return
        try:
            verdict = tally.rule.judge(moment)
        except Exception as error:
            tally.asked = -(10**9)
            self.failures.append(f"{tally.rule.kinds[0]} at {tally.site!r}: {type(error).__name__}: {error}")
            return
        if isinstance(verdict, Hit):
            if not self._came_from_inside(verdict, moment):
                _count(self._tally_of(verdict, tally), verdict)
        elif verdict == CLEAR:
            tally.judged += 1

    def _came_from_inside(self, hit: Hit, moment: Moment) -> bool:
        """What a function of the user's returns has been judged where it was computed."""
        begun = max((o.event.number for o in moment.operands), default=0)
        latest = self._latest.get(hit.kind, 0)
        self._latest[hit.kind] = moment.event.number
        return moment.site.kind == "call" and hit.site is None and latest > begun

    def _tally_of(self, hit: Hit, tally: _Tally) -> _Tally:
        """A rule may find that another expression is to blame than the one it was shown."""
        if hit.site is None or hit.site is tally.site:
            return tally
        return self._others.setdefault((hit.kind, hit.site), _Tally(hit.site, tally.rule))

    def findings(self) -> tuple[Finding, ...]:
        """Returns what was found, the worst first, then in the order of the source."""
        tallies = [t for row in self._concerned.values() for t in row] + list(self._others.values())
        found = [finding for tally in tallies if (finding := _finding(tally)) is not None]
        roles.forget()
        gradient.forget()
        order = {severity: place for place, severity in enumerate(SEVERITIES)}
        found.sort(key=lambda f: (order[f.severity], f.location.file or "", f.location.line or 0))
        return tuple(dataclasses.replace(f, rank=rank) for rank, f in enumerate(found, 1))


def _count(tally: _Tally, hit: Hit) -> None:
    tally.judged += 1
    tally.hits += 1
    if tally.worst is None or hit.score > tally.worst.score:
        tally.worst = hit


def _finding(tally: _Tally) -> Finding | None:
    hit = tally.worst
    if hit is None or tally.hits < tally.rule.share * tally.judged:
        return None
    if hit.disproved is not None and hit.disproved():
        hit = hit.instead
        if hit is None:
            return None
    site = tally.site
    place = SourceSpan(site.file, site.line, site.position[1], site.source)
    times = Evidence("executions in which this was so", f"{tally.hits} of {tally.judged}")
    return Finding(
        hit.kind, hit.severity, hit.confidence, hit.title, hit.explanation, place, (*hit.evidence, times)
    )
