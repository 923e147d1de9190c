"""Losses that are small somewhere else: far from the targets, or where every sample is given the same answer."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

import numpy as np

from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.pairs import Pair, typical
from kerascope.values import Evidence, Finding

_ROWS = 9
_FAR = (3.0, 30.0)
_SURE = 0.98


def elsewhere(case: Case) -> Iterator[Finding]:
    """Yields a finding when a loss is as small as at the targets where nothing is learnt from them."""
    pair = typical(case, _ROWS)
    if pair.y_true.shape != pair.y_pred.shape or pair.y_true.dtype.kind != "f":
        return
    if pair.like == pair.true_like == "normal":
        yield from _without_end(case, pair)
    # Made-up targets of several columns may be meant to have one case in each row.
    one_of_many = pair.y_pred.shape[-1] > 1 and case.subject.guessed
    if pair.true_like == "positive" and pair.like != "normal" and not one_of_many:
        yield from _one_answer(case, pair)


def _per_sample(case: Case, pair: Pair) -> np.ndarray:
    from kerascope.detect.contracts.losses import values

    found = values(case, pair)
    return found.reshape(len(found), -1).mean(-1) if found.ndim else found.reshape(1)


def _without_end(case: Case, pair: Pair) -> Iterator[Finding]:
    spread = float(np.std(pair.y_true)) or 1.0
    here = _per_sample(case, pair._replace(y_pred=pair.y_true))
    for sign in (1.0, -1.0):
        moved = [(pair.y_true + sign * step * spread).astype(pair.y_pred.dtype) for step in _FAR]
        near, far = (_per_sample(case, pair._replace(y_pred=y_pred)) for y_pred in moved)
        if len(here) > 1 and np.all(far < near) and np.all(near < here - 1e-4 * np.abs(here)):
            yield case.broken(
                f"{case.subject.name} falls without end, away from the targets",
                "It is not smallest where the predictions equal the targets: in one direction it gets smaller for "
                "every sample the further the predictions move away, so that is where training goes. Errors of both "
                "signs must count: square them, or take their absolute value.",
                evidence=[
                    Evidence("loss at the targets", float(here.mean())),
                    Evidence(f"loss {_FAR[1]:g} standard deviations away", float(far.mean())),
                ],
                fixes=["ops.mean(ops.square(y_true - y_pred), axis=-1)"],
            )
            return


def _one_answer(case: Case, pair: Pair) -> Iterator[Finding]:
    """Predictions that are sure of the same answer for all targets must cost more than right ones."""
    hard = np.zeros_like(pair.y_true)
    hard[::2] = 1  # samples of either kind, and columns too
    if hard.shape[-1] > 1:
        hard[..., ::2] = 1 - hard[..., ::2]
    known = pair._replace(y_true=hard)
    right = float(_per_sample(case, known._replace(y_pred=np.clip(hard, 1 - _SURE, _SURE))).mean())
    wrong = float(_per_sample(case, known._replace(y_pred=1 - np.clip(hard, 1 - _SURE, _SURE))).mean())
    if not np.isfinite(right) or not np.isfinite(wrong) or wrong <= right or of_distances(case):
        return
    for answer in (_SURE, 1 - _SURE):
        same = float(_per_sample(case, known._replace(y_pred=np.full_like(hard, answer))).mean())
        if np.isfinite(same) and same <= right + 1e-5 * abs(right):
            kind, other = (0, 1) if answer > 0.5 else (1, 0)
            yield case.broken(
                f"{case.subject.name} is as small for predictions of {other} throughout as for right ones",
                f"Half of the targets were 0 and half were 1. Those of {kind} cost nothing when they are predicted as "
                f"{other}: a model that always says {other} has reached the smallest loss. A cross-entropy of two "
                "classes has a term for each.",
                evidence=[
                    Evidence("loss of right predictions", right),
                    Evidence(f"loss of {answer:g} throughout", same),
                ],
                fixes=["-(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p))"],
                severity="warning",
            )
            return


def of_distances(case: Case) -> bool:
    """Tells whether a loss speaks of distances or margins: what it takes for right is a matter of convention then."""
    try:
        text = inspect.getsource(case.cls or case.original)
    except (OSError, TypeError):
        return False
    return any(word in textwrap.dedent(text).lower() for word in ("distance", "margin", "contrastive"))
