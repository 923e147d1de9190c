"""Losses that layers add: they count in what a training step makes smaller, and count once."""

from __future__ import annotations

from collections.abc import Iterator

from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.rehearsal import Observed, observed
from kerascope.detect.contracts.steps import RUNS, STEP, different, sure
from kerascope.values import Evidence, Finding


@contract("step-added-losses", kinds=STEP, after=RUNS)
def added_losses(case: Case) -> Iterator[Finding]:
    """Regularizers and add_loss count in the loss that is made smaller."""
    seen = observed(case)
    sure(seen, "_regularizer")
    left_out = seen.scaled is not None and not different(seen, *seen.scaled, tolerance=1e-4)
    if seen.regularized is None and seen.scaled is None:
        raise Skip("no weight has a regularizer, and nothing is added to the loss")
    if not any(may and did for may, did in zip(seen.trainable, seen.changed(seen.strode), strict=True)):
        raise Skip("its steps move no weight")
    if left_out or (seen.regularized is not None and not different(seen, *seen.regularized, tolerance=1e-4)):
        what = "add_loss" if left_out else "its regularizers"
        how = (
            "What its layers hand to add_loss was made far larger"
            if left_out
            else f"The regularizer of {seen.regularizes} was replaced by a far stronger one"
        )
        yield case.broken(
            f"{case.subject.name} leaves {what} out of the loss",
            f"{how}, and a training step came to the same weights. What kernel_regularizer, activity_regularizer and "
            "add_loss ask for does nothing.",
            evidence=[] if left_out else [Evidence("weight with a regularizer", seen.regularizes)],
            location=case.where("compute_loss", "train_step"),
            fixes=["Add sum(self.losses) to the loss, or call super().compute_loss(...), which does."],
        )
    elif seen.added is not None:
        yield from _added_twice(case, seen, *seen.added)


def _added_twice(case: Case, seen: Observed, got: float, wanted: float) -> Iterator[Finding]:
    """Yields a finding when a regularizer counts a whole number of times, and more than once."""
    times = got / wanted if wanted else 1.0
    if round(times) < 2 or abs(times - round(times)) > 0.01 * times:
        return
    yield case.broken(
        f"{case.subject.name} counts its regularizers {round(times)} times",
        f"A strong regularizer was put on {seen.regularizes}, and the loss grew by {round(times)} times what it comes "
        "to. Keras's own compute_loss adds self.losses, so adding them once more doubles every regularizer and "
        "add_loss.",
        evidence=[Evidence("the loss grew by", got), Evidence("the regularizer comes to", wanted)],
        location=case.where("compute_loss", "train_step", text="losses"),
        fixes=["Leave self.losses out where super().compute_loss(...) or self.compute_loss(...) is called."],
    )
