"""The story of a value that is not finite: the step is run again eagerly and traced, and what it shows is told.

Everything runs on a copy, after the training. The steps before the bad one are run in the same way: an expression that
is not finite in them, too, is meant so (a mask), and what its operands did in them is the run-up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import linecache
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from kerascope.explain.birth.listening import Birth, Listener
from kerascope.explain.birth.values import Blame, blame
from kerascope.probe.lines.session import recording
from kerascope.record.lines import Site
from kerascope.values import STATS_FIELDS

SECONDS = 20.0
"""What looking at the bad step and those before it may take, the first look aside."""

MOST_RUN_UP = 6

_FINITE = STATS_FIELDS.index("finite")


class Steps(Protocol):
    """The steps that can be run again: `probe.rerun.Rerun`."""

    model: Any
    start: Any

    @property
    def steps(self) -> list[int]: ...
    def eager(self, step: int, around: Any = None, change: Any = ..., count: int = 1) -> Any: ...
    def parts(self, step: int, *, eager: bool) -> dict[str, Any]: ...
    def arrays_before(self, step: int) -> dict[str, np.ndarray]: ...
    def compiled(self, step: int) -> Any: ...


@dataclasses.dataclass
class Seen:
    """One step that was run eagerly and traced."""

    step: int
    listener: Listener
    outcome: Any

    @property
    def loss_is_finite(self) -> bool:
        return all(np.isfinite(v) for name, v in self.outcome.logs.items() if "loss" in name)

    @property
    def gradients_are_finite(self) -> bool:
        return all(np.isfinite(g).all() for g in self.outcome.gradients.values() if g.dtype.kind == "f")

    @property
    def weights_are_finite(self) -> bool:
        return all(
            np.isfinite(a).all()
            for name, a in self.outcome.state.items()
            if a.dtype.kind == "f" and not name.startswith("metric:")
        )

    @property
    def is_finite(self) -> bool:
        return self.loss_is_finite and self.weights_are_finite


@dataclasses.dataclass
class Story:
    """What is to be told. `birth` is None when no expression of the user's is to blame."""

    step: int
    direction: str
    birth: Birth | None = None
    blame: Blame | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


def look(steps: Steps, step: int) -> Seen:
    """Runs one step eagerly and traced. Only inside `aside`."""
    listener = Listener()
    return Seen(step, listener, steps.eager(step, _following(listener)))


@contextlib.contextmanager
def _following(listener: Listener) -> Iterator[None]:
    with recording(listeners=[listener]) as recorder, np.errstate(all="ignore"):
        recorder.probe = listener.probe
        yield


def story(steps: Steps, step: int, batch: Sequence[tuple[str, np.ndarray]]) -> Story:
    """Returns what is to be told of the step at which the first value that is not finite was seen.

    Args:
        steps: the steps that can be run again.
        step: the bad one.
        batch: its arrays by name; the first tells the batch size.
    """
    began = time.perf_counter()
    again = steps.compiled(step)  # before the trace, for which compiled code may be compiled anew
    seen = look(steps, step)
    size = int(batch[0][1].shape[0]) if batch and batch[0][1].ndim else 0
    earlier = _earlier(steps, step, began)
    found = _told(seen, earlier, size)
    first = min(one.step for one in (*earlier, seen))
    found.facts |= _run_up(found, earlier, seen, (first - 1, _norm(steps.arrays_before(first))))
    found.facts |= _in_data(batch, size)
    if found.direction != "none" and not found.birth and found.facts.get("data"):
        found.direction = "input"
    if found.direction == "none":
        found.facts["again"] = Seen(step, seen.listener, again).is_finite
        found.facts["anew"] = _finite_anew(steps, step)
    found.facts["seconds"] = round(time.perf_counter() - began, 2)
    return found


def _finite_anew(steps: Steps, step: int) -> bool | None:
    """Tells whether a second program, compiled later from the same code, stays finite; None when it cannot be run."""
    try:
        parts = steps.parts(step, eager=False)
    except Exception:  # it is one more witness, no more
        return None
    shares = [stats[:, _FINITE] for _, stats in parts.values()]
    return not any((share < 1.0).any() for share in shares) if shares else None


def _earlier(steps: Steps, step: int, began: float) -> list[Seen]:
    """Returns the steps before, newest first, as far as the time reaches."""
    found: list[Seen] = []
    for number in sorted((n for n in steps.steps if n < step), reverse=True)[:MOST_RUN_UP]:
        if time.perf_counter() - began > SECONDS:
            break
        found.append(look(steps, number))
    return found


def _told(seen: Seen, earlier: Sequence[Seen], size: int) -> Story:
    usual = {
        b.site
        for one in earlier
        for b in one.listener.births
        if one.weights_are_finite and one.loss_is_finite
    }
    births = [b for b in seen.listener.births if b.site not in usual]
    backward = [b for b in seen.listener.backward_births()]
    step = seen.step
    if births and not seen.loss_is_finite:
        return _of(births[0], step, size)
    if backward and not seen.gradients_are_finite:
        return _of(backward[0], step, size)
    if births and not seen.gradients_are_finite:
        return _of(births[0], step, size)
    if seen.listener.arrivals and not seen.loss_is_finite:
        return Story(step, "arrived", facts={"arrived": _place(seen.listener.arrivals[0])})
    if not seen.loss_is_finite or not seen.gradients_are_finite:
        return Story(step, "layer")
    if not seen.weights_are_finite:
        return Story(step, "update")
    metrics = [name for name, value in seen.outcome.logs.items() if not np.isfinite(value)]
    if births and metrics:
        found = _of(births[0], step, size)
        found.facts["metric"] = metrics[0]
        return found
    return Story(step, "none")


def _of(birth: Birth, step: int, size: int) -> Story:
    found = Story(step, birth.direction, birth, blame(birth, size))
    found.facts = _place(birth.site)
    found.facts["operands"] = [
        {
            "source": site.source,
            "shape": None if array is None else list(array.shape),
            "min": None if array is None or not array.size else float(array.min()),
            "max": None if array is None or not array.size else float(array.max()),
        }
        for site, array in birth.operands
    ]
    if found.blame is not None:
        found.facts |= {
            "operand": found.blame.operand,
            "text": found.blame.text,
            "rows": list(found.blame.rows),
            "row_count": found.blame.count,
            "batch": size,
        }
    return found


def _place(site: Site) -> dict[str, Any]:
    first, last, start, end = site.position
    line = linecache.getline(site.file, first).rstrip("\n")
    raw = line.encode()
    columns = [len(raw[:start].decode(errors="replace"))]
    columns.append(len(raw[: end if first == last else len(raw)].decode(errors="replace")))
    return {
        "file": site.file,
        "line": first,
        "end_line": last,
        "expression": site.source,
        "function": site.function,
        "code": line,
        "columns": columns,
    }


def _run_up(found: Story, earlier: Sequence[Seen], seen: Seen, begun: tuple[int, float]) -> dict[str, Any]:
    """Returns what grew or shrank over the steps before: the operand to blame, the norms of weights and gradients.

    `begun` is the norm of the weights that they begin with, and the step after which it was that.
    """
    run = [*reversed(earlier), seen]
    rows = []
    if found.birth is not None and found.blame is not None:
        source = found.blame.operand
        ranges = [(one.step, _range(one, found.birth.site, source)) for one in run]
        known = [(step, r) for step, r in ranges if r is not None]
        for label, index in (("min", 0), ("max", 1)):
            if len(known) > 1:
                rows.append(_row(f"{label} of `{source}`", [(s, r[index]) for s, r in known]))
    rows.append(_row("norm of the weights", [begun, *((one.step, _norm(one.outcome.state)) for one in run)]))
    gradients = [(one.step, _norm(one.outcome.gradients, "")) for one in run if one.outcome.gradients]
    rows.append(_row("norm of the gradients", gradients))
    return {"run_up": [row for row in rows if row["steps"]]}


def _row(label: str, values: Sequence[tuple[int, float]]) -> dict[str, Any]:
    return {"label": label, "steps": [s for s, _ in values], "values": [float(v) for _, v in values]}


def _range(one: Seen, site: Site, source: str) -> tuple[float, float] | None:
    for name, low, high in one.listener.ranges.get(site, ()):
        if name == source:
            return low, high
    return None


def _norm(arrays: Any, role: str = "weight:") -> float:
    total = 0.0
    with np.errstate(all="ignore"):
        for name, array in arrays.items():
            if name.startswith(role) and array.dtype.kind == "f":
                total += float(np.square(array.astype(np.float64)).sum())
    return float(np.sqrt(total))


def _in_data(batch: Sequence[tuple[str, np.ndarray]], size: int) -> dict[str, Any]:
    """Returns which rows of the batch itself are not finite."""
    found = []
    for name, array in batch:
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            rows = np.unique(np.nonzero(~np.isfinite(array))[0]) if array.ndim else np.asarray([0])
            found.append(
                {"name": name, "rows": [int(r) for r in rows[:8]], "count": len(rows), "batch": size}
            )
    return {"data": found} if found else {}
