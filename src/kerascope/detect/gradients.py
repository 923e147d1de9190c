"""Gradients that run away: far beyond the run's own first ones, and the loss with them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.context import adversarial, gradient_norms, shifting_targets
from kerascope.detect.numerics import loss_span
from kerascope.detect.reading import Anatomy, Samples, model_tag, show, thin
from kerascope.detect.registry import detector
from kerascope.detect.trend import trend
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding, SourceSpan

_GREW = 100.0
_RISE = 1.0


@detector(kinds=("exploding-gradient",), slug="exploding-gradient")
def exploding(view: RunView) -> Iterator[Finding]:
    """Finds gradients that grow far beyond the run's own first ones while the loss leaves its band upwards."""
    for model in view.models:
        finding = _exploding(view, model)
        if finding is not None:
            yield finding


def _exploding(view: RunView, model: ModelView) -> Finding | None:
    steps, norms = gradient_norms(model)
    known = ~np.isnan(norms) & (norms > 0)
    steps, norms = steps[known], norms[known]
    if len(norms) < 4:
        return None
    early = float(np.median(norms[: max(1, min(5, len(norms) // 4))]))
    above = norms >= _GREW * early
    broken = loss_span(model)
    moves = trend(model.batch_loss())
    rose = moves is not None and moves.rose(_RISE)
    # Persistence: two norms far above, the newest among them, or one and a loss that grew as much. Second signal:
    # what became of the loss.
    far = moves is not None and moves.rose(_GREW)
    lasting = above[-1] and (above.sum() >= 2 or far or broken is not None)
    if not (math.isfinite(early) and lasting and (rose or broken)):
        return None
    if broken is None and (adversarial(view, model) or shifting_targets(model)):
        return None
    since = int(steps[np.argmax(above)])
    finite = norms[np.isfinite(norms)]
    largest = float(finite.max())
    end = "the loss is not finite any more"
    if broken is None and moves is not None:
        end = f"the loss rose from {show(moves.start)} to {show(moves.end)}"
    return Finding(
        kind="exploding-gradient",
        severity="fault",
        confidence=0.95,
        title=f"Gradients grew {show(largest / early)} times, and {end}",
        explanation=(
            f"The norm of all gradients together was {show(early)} in the first sampled steps and reached "
            f"{show(largest)} from step {since:,} on, while {end}. Each step makes the next one larger. A smaller "
            "learning rate, gradient clipping (`clipnorm`), or inputs and targets of a moderate scale are what to "
            "try first."
        ),
        location=SourceSpan(layer=_largest(model), step=since),
        evidence=(
            *model_tag(view, model),
            Evidence(
                "gradient norm, all layers",
                float(finite[-1]),
                steps=tuple(int(s) for s in steps[-8:]),
                plot=thin(np.log10(np.maximum(finite, 1e-30))),
            ),
            Evidence("first sampled norms", early, steps=tuple(int(s) for s in steps[:4])),
        ),
    )


def _largest(model: ModelView) -> str | None:
    """Returns the layer with the largest gradient in the last finite sample."""
    samples = Samples.of(model, "gradient")
    norms = samples.figure("norm")
    for row in reversed(norms):
        if np.isfinite(row).any():
            name = samples.names[int(np.argmax(np.where(np.isfinite(row), row, -1.0)))]
            return Anatomy(model.facts).layer_of(name) or None
    return None
