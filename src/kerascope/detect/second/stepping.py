"""The user's lines in one training step: smells, with what else is known of the run to confirm or drop them."""

from __future__ import annotations

import ast
import dataclasses
import re
import time
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope.detect.second import mixing
from kerascope.detect.second.trial import Found, Trial
from kerascope.detect.smells import Smells, names, summands
from kerascope.detect.smells.moment import Moment, Operand, rms
from kerascope.record.lines import Event
from kerascope.values import Evidence, Finding

_TAKEN = ("scale-mismatch", "broadcast-shape", "wrong-axis", "disconnected-gradient", "nan-operation")


def look(trial: Trial) -> Iterator[Found]:
    """Yields what the numbers of the first step's lines show, and what has become of them in a late one."""
    smells = Smells()
    trial.at_begin()
    began = time.monotonic()
    trial.traced(trial.lines, [smells, trial.arguments])
    spent = time.monotonic() - began
    found = smells.findings()
    # The same again takes as long at most; on JAX far less, now that each of its operations has been compiled.
    if any(one.kind == "scale-mismatch" for one in found) and trial.seconds_left() > spent / 2:
        found = _followed(trial, found)
    for one in found:
        if one.kind == "nan-operation" and trial.bad is not None:
            continue  # the step in which it happened tells more
        if one.kind == "wrong-axis" and mixing.mixes(trial) is None:
            continue  # the samples do not change each other's predictions after all
        if one.kind in _TAKEN:
            yield Found(one, "nonfinite" if one.kind == "nan-operation" else "always")
        elif one.kind == "softmax-one-unit":
            yield Found(_of_one(one))


def _of_one(finding: Finding) -> Finding:
    """Returns what is said of a softmax over one element: where rows of several are given, it is the axis."""
    shape = next((str(e.value) for e in finding.evidence if e.label == "shape of the input"), "")
    sizes = [int(size) for size in re.findall(r"\d+", shape)]
    if len(sizes) < 3 or max(sizes[1:-1]) < 2:
        return finding
    return dataclasses.replace(
        finding,
        kind="wrong-axis",
        explanation=f"What goes in has the shape {shape}, and the softmax makes the elements of the last axis share "
        "a sum of 1, of which there is one. All weights are 1 then, whatever is learnt, and no gradient passes. The "
        f"axis over which there are {max(sizes[1:-1])} is probably what is to share: name that one.",
    )


def _followed(trial: Trial, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Returns the findings, those of terms of different scales with their ratio in a late step, too."""
    if not trial.begins or trial.late is None or trial.late.step <= trial.begin.step:
        return tuple(found)
    ratios = [_Ratio.of(one) for one in found]
    trial.at_late()
    data = trial.batch(trial.late)
    trial.traced(lambda: trial.lines(data), [ratio for ratio in ratios if ratio is not None])
    return tuple(
        one if ratio is None else ratio.told(one, trial.begin.step, trial.late.step)
        for one, ratio in zip(found, ratios, strict=True)
    )


@dataclasses.dataclass
class _Ratio:
    """A listener that measures how much larger one term of a sum is than another; of several sums the most."""

    place: tuple[str | None, int | None, str | None]
    large: str
    small: str
    first: float
    late: float = 0.0

    @classmethod
    def of(cls, finding: Finding) -> _Ratio | None:
        """Returns what to measure for a finding, None when it compares nothing."""
        sizes = {
            e.label[len("rms of `") : -1]: float(e.value)
            for e in finding.evidence
            if e.label.startswith("rms of `") and isinstance(e.value, (int, float))
        }
        first = next((e.value for e in finding.evidence if e.label == "ratio"), None)
        if finding.kind != "scale-mismatch" or len(sizes) != 2 or not isinstance(first, (int, float)):
            return None
        small, large = sorted(sizes, key=lambda name: sizes[name])
        at = finding.location
        return cls((at.file, at.line, at.expression), large, small, float(first))

    def __call__(self, event: Event, value: Any, operands: Sequence[Operand], frame: types.FrameType) -> None:
        site = event.site
        if (site.file, site.line, site.source) != self.place or event.path:
            return
        with np.errstate(all="ignore"):
            found = summands.terms(Moment(event, value, operands, frame))
            sizes = {term.source: rms(term.values) for term in found}
        if sizes.get(self.small, 0.0) > 0 and self.large in sizes:
            self.late = max(self.late, sizes[self.large] / sizes[self.small])

    def told(self, finding: Finding, begin: int, late: int) -> Finding:
        """Returns the finding with the ratio in both steps."""
        if not self.late:
            return finding
        said = f"{_times(self.first)} at step {begin:,}, {_times(self.late)} at step {late:,}"
        at = next(i for i, e in enumerate(finding.evidence) if e.label == "ratio") + 1
        over = Evidence("ratio over the steps", said)
        return dataclasses.replace(finding, evidence=(*finding.evidence[:at], over, *finding.evidence[at:]))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def look_at_bad(trial: Trial) -> Iterator[Found]:
    """Yields the operation that made the first number that is not finite."""
    if trial.bad is None:
        return
    smells = Smells()
    trial.at_bad()
    data = trial.batch(trial.bad)
    trial.traced(lambda: trial.lines(data), [smells])
    found = [one for one in smells.findings() if one.kind == "nan-operation" and not _overflows(one)]
    sure = [one for one in found if one.severity == "fault"] or found
    yield from (Found(one, "nonfinite") for one in sure[:2])


_GROWING = {
    "square",
    "sum",
    "mean",
    "multiply",
    "add",
    "subtract",
    "matmul",
    "cumsum",
    "std",
    "var",
    "cumprod",
    "prod",
}


def _overflows(one: Finding) -> bool:
    """Sums and products are infinite only where the numbers were out of hand before: they are not to blame."""
    try:
        node = ast.parse(one.location.expression or "", mode="eval").body
    except SyntaxError:
        return False
    return names.called(node) in _GROWING
