"""Targets that are changed and no longer add up to one, as labels smoothed by more than is taken from them."""

from __future__ import annotations

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array
from kerascope.record.lines import Site
from kerascope.values import Evidence

_LOGARITHMS = ("log", "log_softmax")


def concerns(site: Site) -> bool:
    """Products."""
    return names.called(site.node) == "multiply"


def judge(moment: Moment) -> Verdict:
    """Rows that added up to one in the targets add up to another number where they meet logarithms."""
    terms = moment.terms()
    if terms is None or moment.role != "loss":
        return None
    for changed, logs in (terms, terms[::-1]):
        made = flow.behind(changed.event.site, moment.activation)
        if names.called(flow.behind(logs.event.site, moment.activation).node) not in _LOGARITHMS:
            continue
        given = _targets(moment)
        values = array(changed.value)
        if (
            given is None
            or values is None
            or values.shape != given.shape
            or values.ndim < 2
            or made.kind == "name"
        ):
            continue
        sums = values.sum(axis=-1, dtype=np.float64)
        if values.min() <= 0 or float(np.ptp(sums)) > 1e-3:
            return None
        if abs(float(sums.mean()) - 1) < 1e-3:
            return CLEAR
        total, text = float(sums.mean()), changed.event.site.source
        return Hit(
            "wrong-argument",
            "warning",
            0.85,
            f"`{text}` adds up to {total:.4g} over the classes, the targets to 1",
            f"`{made.source}` gives every class a share, and more than it takes from the true one. To smooth labels by "
            "s, the true one is multiplied by 1 - s, and s / number of classes is added to each.",
            (Evidence(f"sums of the rows of `{text}`", round(total, 4)), Evidence("of the targets", 1.0)),
            site=made,
        )
    return None


def _targets(moment: Moment) -> np.ndarray | None:
    """Returns the targets of a loss, where their rows add up to one and they are as wide as they are here."""
    name = next(iter(source.parameters(moment.site)), "")
    found = array(moment.frame.f_locals.get(name))
    if found is None or found.ndim < 2 or found.dtype.kind not in "fiu":
        return None
    return found if np.allclose(found.sum(axis=-1, dtype=np.float64), 1, atol=1e-4) else None
