"""Where did the first NaN or infinity come from: rewind a clean snapshot with the training's own program."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope._backends.base import Sample
from kerascope.probe import data as batches
from kerascope.probe.rerun import Point, Rerun

if TYPE_CHECKING:
    from kerascope.probe.stepper import Stepper

RUN_UP = 8
"""Steps before the bad one that are kept, as far as they are held."""

FINITE = 6  # column of a statistics row


def trace(stepper: Stepper, seen: int) -> None:
    """Finds the exact first non-finite step at or before `seen`, and what in it came first; records both."""
    why = stepper.window.off or "no finite state was held any more"
    if stepper.window.off is None:
        with stepper.window.aside(stepper._returned):
            start = stepper.window.clean_before(seen)
            if start is not None and stepper.raw is not None:
                if _trace_from(stepper, start, seen):
                    return
                why = f"run again from step {start.step} on, the same steps stay finite"
                entries = [e for e in stepper.window.rerun(stepper.raw, start).entries if e.step <= seen]
                stepper.looking.broken = (start, entries, seen)
    stepper.journal.nonfinite(
        seen,
        {
            "exact": False,
            "last_finite_step": None,
            "first": "state",
            "tensor": None,
            "layer": None,
            "order": [],
            "how": f"seen at step {seen}; not rewound: {why}",
        },
    )


def _trace_from(stepper: Stepper, start: Point, seen: int) -> bool:
    window, backend = stepper.window, stepper.backend
    assert stepper.raw is not None
    bad: dict[str, Any] = {}

    def is_bad(step: int, logs: Any, state: Any) -> bool:
        norms = backend.host(backend.norms(stepper.model, state))
        plain = stepper.rows.plain_logs(logs)
        loss = [name for name, value in plain.items() if "loss" in name and not math.isfinite(value)]
        leaves = [
            leaf
            for leaf, norm in zip(backend.leaves(stepper.model), norms, strict=False)
            if not np.isfinite(norm) and (leaf.role != "metric" or "loss" in leaf.path)
        ]
        if loss or leaves:
            bad.update(step=step, loss=loss, leaves=[leaf.name for leaf in leaves])
        return bool(bad)

    rerun = window.rerun(stepper.raw, start)
    rerun.walk(stepper.number, is_bad)
    if not bad:
        return False
    step = bad["step"]
    entry = rerun.entry(step)
    state = _keep_runup(stepper, rerun, step)
    if stepper.examines:
        stepper.before_bad = Point(step, backend.save(stepper.model, state), entry.data)
    sample = (
        stepper.journal.guard("probe.sample", lambda: backend.sample(stepper.model, state, entry.data))
        or Sample()
    )
    stepper._record_sample(step, sample)
    facts = batches.batch_facts(backend, backend.batch(entry.data))
    stepper.journal.batch(step, facts)
    order = _order(sample, facts, backend.host, bad)
    first = order[0] if order else {"part": "state", "name": None}
    stepper.journal.nonfinite(
        step,
        {
            "exact": True,
            "last_finite_step": step - 1,
            "first": first["part"],
            "tensor": first["name"],
            "layer": _layer(stepper.model, first),
            "order": order[:50],
            "how": f"rewound from step {start.step} with the training's own program",
        },
    )
    return True


def _keep_runup(stepper: Stepper, rerun: Rerun, step: int) -> Any:
    """Keeps the steps up to the bad one, in the recording and for the story after the training.

    Returns the state before the bad step. What is kept begins `RUN_UP` steps before it.
    """
    window, backend = stepper.window, stepper.backend
    begin = max(rerun.start.step, step - RUN_UP)
    point = rerun.start
    if begin > point.step:
        state = rerun.before(begin)
        point = Point(begin, backend.save(stepper.model, state), rerun.entry(begin).data, True)
    late = [entry for entry in rerun.entries if begin <= entry.step <= step + 2]
    stepper.looking.broken = (point, late, step)
    stepper.journal.guard("probe.capture", lambda: stepper.keeper.nonfinite(stepper.model, point, late))
    assert stepper.raw is not None
    return Rerun(backend, window.model, stepper.raw, point, late).before(step)


def _order(sample: Sample, facts: dict[str, Any], host: Any, bad: dict[str, Any]) -> list[dict[str, Any]]:
    """What was not finite, in the order in which a step computes it."""
    order = [{"part": "input", "name": a["name"]} for a in facts["arrays"] if a.get("finite", 1.0) < 1.0]
    parts = {name: (part.names, host(part.stats)) for name, part in sample.parts.items()}
    weights = parts.get("weight")
    if weights is not None:
        order += _bad_names("weight", *weights)
    for part in ("output", "loss", "gradient"):
        if part in parts:
            order += _bad_names(part, *parts[part])
    if "update" in parts:
        order += [{"part": "weight", "name": item["name"]} for item in _bad_names("update", *parts["update"])]
    order += [
        {"part": "loss", "name": name} for name in bad["loss"] if not any(o["part"] == "loss" for o in order)
    ]
    known = {item["name"] for item in order}
    for name in bad["leaves"]:
        role, _, path = name.partition(":")
        if path not in known and role != "metric":
            order.append({"part": "weight" if role == "weight" else "state", "name": path})
    return order


def _bad_names(part: str, names: Any, stats: np.ndarray) -> list[dict[str, Any]]:
    # A row of NaN throughout says that there was no gradient at all; a NaN gradient still has its finite share.
    shares = stats[:, FINITE]
    return [{"part": part, "name": name} for name, share in zip(names, shares, strict=False) if share < 1.0]


def _layer(model: Any, first: dict[str, Any]) -> str | None:
    if first["part"] == "output":
        return str(first["name"]).partition("#")[0].partition("[")[0]
    if first["part"] in ("gradient", "weight", "state") and first["name"]:
        return str(first["name"]).rpartition("/")[0] or None
    return None
