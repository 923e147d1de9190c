"""Test steps: they leave the weights alone, and run the model in inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.rehearsal import Observed
from kerascope.values import Evidence, Finding


def listed(names: Sequence[str], most: int = 4) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def trains(case: Case, seen: Observed) -> Iterator[Finding]:
    """Yields a finding when a test step leaves other weights behind."""
    if seen.evaluated:
        yield case.broken(
            f"The test step of {case.subject.name} changes weights: {listed(seen.evaluated)}",
            "They were others after a test step than before it. With validation_data fit() goes on from there, and "
            "evaluate() leaves another model behind.",
            location=case.where("test_step"),
            fixes=[
                "Put the weights back before test_step returns, or swap them in a callback's on_test_begin and _end."
            ],
        )


def draws(case: Case, seen: Observed) -> Iterator[Finding]:
    """Yields a finding when a test step hangs on random numbers, as dropout does."""
    if seen.tested is None:
        return
    one, other = seen.tested
    names = [
        name for name in one if abs(one[name] - other.get(name, np.inf)) > 1e-4 * max(abs(one[name]), 1e-3)
    ]
    if names:
        yield case.broken(
            f"The test step of {case.subject.name} runs the model in training mode",
            "It was run twice on the same batch and weights, with other random numbers, and came to something else: "
            "dropout and noise are on while evaluate() and the validation of fit() run.",
            evidence=[Evidence(name, f"{one[name]:.4g}, then {other[name]:.4g}") for name in names[:2]],
            location=case.where("test_step", text="self("),
            fixes=["y_pred = self(x, training=False)"],
            severity="warning",
        )
