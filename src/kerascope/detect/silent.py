"""Gradients that never arrive: weights cut off from the loss, and relu layers that are dead."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from kerascope.detect.numerics import loss_span, weight_span
from kerascope.detect.reading import (
    Anatomy,
    Checks,
    Samples,
    Variable,
    epoch_steps,
    epochs_done,
    listed,
    mapping,
    model_tag,
    number,
    plural,
    thin,
    thin_steps,
)
from kerascope.detect.registry import detector
from kerascope.detect.trend import trend
from kerascope.record.reader import ModelView, RunView
from kerascope.values import Evidence, Finding, Severity, SourceSpan

_LEAST_SAMPLES = 3
_RELU_ACTIVATIONS = ("relu", "relu6")
_RELU_LAYERS = ("ReLU",)


@detector(kinds=("disconnected-gradient", "dying-relu"), slug="silent-gradients")
def silent(view: RunView) -> Iterator[Finding]:
    """Finds trainable variables whose gradient is missing or exactly zero through at least one epoch."""
    for model in view.models:
        quiet = Quiet.of(model)
        if quiet is None:
            continue
        dead = _dead_layer(quiet)
        if dead is not None:
            yield _dying(view, quiet, *dead)
        missing = [v for v in quiet.variables() if dead is None or not quiet.is_zero(v.path)]
        if missing:
            yield _disconnected(view, quiet, missing)


@dataclasses.dataclass(frozen=True)
class Quiet:
    """The sampled gradients of one model after the first step, up to the first value that is not finite.

    The first step is left out: a head that starts at zero passes no gradient back in it.
    """

    model: ModelView
    anatomy: Anatomy
    checks: Checks
    gradients: Samples
    updates: Samples
    outputs: Samples
    epoch: int

    @classmethod
    def of(cls, model: ModelView) -> Quiet | None:
        """Returns None when there are too few samples, or less than one epoch, to say anything."""
        steps = model.steps()
        if epochs_done(steps, model) < 1:
            return None
        broken = [span.bad for span in (loss_span(model), weight_span(model)) if span is not None]
        last = min(broken, default=2**62)
        parts = []
        for part in ("gradient", "update", "output"):
            samples = Samples.of(model, part)
            rows = (samples.step > 1) & (samples.step < last)
            parts.append(Samples(samples.step[rows], samples.names, samples.stats[rows]))
        if len(parts[0].step) < _LEAST_SAMPLES:
            return None
        gradients, updates, outputs = parts
        return cls(
            model, Anatomy(model.facts), Checks.of(model), gradients, updates, outputs, epoch_steps(steps)
        )

    def call_order(self) -> list[str]:
        """Returns the paths of the layers as they were called."""
        return list(dict.fromkeys(_base(name) for name in self.outputs.names))

    def variables(self) -> list[Variable]:
        """Returns the trainable variables that got no gradient in any sample, and did not move either."""
        order = self.call_order()
        return [
            v
            for v in self.anatomy.trainable()
            if (self.is_missing(v.path) or self.is_zero(v.path))
            and not self.anatomy.zero_by_mathematics(v.path, order)
            and self._stays(v.path)
        ]

    def is_zero(self, path: str) -> bool:
        """Tells whether the gradient is exactly zero in every sample that has it, over at least one epoch."""
        norms = self.gradients.column(path)
        known = ~np.isnan(norms)
        return bool(known.sum() >= _LEAST_SAMPLES and (norms[known] == 0).all() and self._spans(known))

    def is_missing(self, path: str) -> bool:
        """Tells whether the variable got no gradient at all, while others did."""
        if path not in self.gradients.index and self.anatomy.custom_step:
            return False  # the train step never asked for it; see `updates`
        others = np.isfinite(self.gradients.figure("norm")).any(axis=1)
        nothing = np.isnan(self.gradients.column(path)).all()
        return bool(nothing and others.sum() >= _LEAST_SAMPLES and self._spans(others))

    def _spans(self, rows: np.ndarray) -> bool:
        steps = self.gradients.step[rows]
        return bool(steps[-1] - steps[0] + 2 >= self.epoch)

    def _stays(self, path: str) -> bool:
        update = self.updates.column(path)
        known = update[~np.isnan(update)]
        still = self.checks.constant(path)
        decays = number(mapping(self.anatomy.optimizer.get("config")).get("weight_decay"))
        if decays > 0:  # decay alone shrinks weights without any gradient
            return True
        return (
            bool((known == 0).all())
            and still is not False
            and (still is True or len(known) >= _LEAST_SAMPLES)
        )

    def connected(self) -> list[str]:
        """Returns the layers some of whose variables got a gradient."""
        norms = self.gradients.figure("norm")
        some = (norms > 0).any(axis=0)
        return [self.anatomy.layer_of(self.gradients.names[column]) for column in np.flatnonzero(some)]


def _base(name: str) -> str:
    return name.partition("#")[0].partition("[")[0]


def _position(order: Sequence[str], layer: str) -> int | None:
    """Returns where a layer, or one inside it, is called first."""
    return next((i for i, name in enumerate(order) if name == layer or name.startswith(layer + "/")), None)


# -- dead layers -----------------------------------------------------------------------------------------------


def _dead_layer(quiet: Quiet) -> tuple[str, list[str], int] | None:
    """Returns the first relu layer whose output is all zero to the end, its silent variables, and since when."""
    order = quiet.call_order()
    for layer in order:
        known = quiet.anatomy.layers.get(layer)
        if known is None or not (known.activation in _RELU_ACTIVATIONS or known.kind in _RELU_LAYERS):
            continue
        since = _zero_since(quiet, layer)
        names = _own_or_previous_weights(quiet, order, layer)
        silent = [name for name in names if since is not None and _silent_since(quiet, name, since)]
        if since is not None and silent and len(silent) == len(names):
            return layer, silent, since
    return None


def _zero_since(quiet: Quiet, layer: str) -> int | None:
    """Returns the first step from which on every output of the layer is all zero, for at least an epoch."""
    columns = [i for i, name in enumerate(quiet.outputs.names) if _base(name) == layer]
    zeros = quiet.outputs.figure("zeros")[:, columns]
    rows = ~np.isnan(zeros).all(axis=1)
    steps, dead = (
        quiet.outputs.step[rows],
        (np.where(np.isnan(zeros[rows]), 1.0, zeros[rows]) == 1.0).all(axis=1),
    )
    run = len(dead) - (int(np.flatnonzero(~dead)[-1]) + 1 if (~dead).any() else 0)
    if run < _LEAST_SAMPLES or steps[-1] - steps[-run] + 2 < quiet.epoch:
        return None
    return int(steps[-run])


def _own_or_previous_weights(quiet: Quiet, order: Sequence[str], layer: str) -> list[str]:
    """Returns the trainable variables that feed the layer: its own, or those of the nearest layer before it."""
    by_layer: dict[str, list[str]] = {}
    for variable in quiet.anatomy.trainable():
        by_layer.setdefault(variable.layer, []).append(variable.path)
    for name in reversed(order[: order.index(layer) + 1]):
        if name in by_layer:
            return by_layer[name]
    return []


def _silent_since(quiet: Quiet, path: str, since: int) -> bool:
    norms = quiet.gradients.column(path)[quiet.gradients.step >= since]
    known = norms[~np.isnan(norms)]
    return bool(len(known) >= _LEAST_SAMPLES and (known == 0).all())


def _dying(view: RunView, quiet: Quiet, layer: str, silent: list[str], since: int) -> Finding:
    others = len([v for v in quiet.variables() if v.path not in silent])
    also = f" {plural(others, 'more variable')} of the model get no gradient either." if others else ""
    steps = thin_steps(quiet.outputs.step[quiet.outputs.step >= since])
    moves = trend(quiet.model.batch_loss())
    learns = moves is not None and moves.fall > 0 and moves.end < moves.start
    return Finding(
        kind="dying-relu",
        severity="warning" if learns else "fault",
        confidence=0.97,
        title=f"`{layer}` outputs only zeros and gets no gradient any more",
        explanation=(
            f"From step {since:,} on, in every sampled step all outputs of the relu layer `{layer}` are exactly zero "
            f"and so are the gradients of {listed(silent)}: for no sample does a unit get above zero, so nothing can "
            f"change its weights again.{also} A smaller learning rate, inputs of a moderate scale, or an activation "
            "with a slope below zero are what usually keeps units alive."
        ),
        location=SourceSpan(layer=layer, step=since),
        evidence=(
            *model_tag(view, quiet.model),
            Evidence("share of zeros in the output", 1.0, steps=steps),
            Evidence(
                f"gradient norm of {silent[0]}",
                0.0,
                steps=steps,
                plot=thin(quiet.gradients.column(silent[0])),
            ),
        ),
    )


# -- no gradient at all ----------------------------------------------------------------------------------------


def _disconnected(view: RunView, quiet: Quiet, missing: list[Variable]) -> Finding:
    names = [v.path for v in missing]
    layers = list(dict.fromkeys(quiet.anatomy.layer_of(name) for name in names))
    severity, confidence, place = _severity(quiet, layers)
    none = [name for name in names if quiet.is_missing(name)]
    what, each = "a gradient of exactly zero", "each of the"
    if len(none) == len(names):
        what, each = "no gradient at all", "any of the"
    steps = tuple(int(s) for s in quiet.gradients.step)
    total = len(quiet.anatomy.trainable())
    title = (
        f"No weight of `{quiet.model.name}` gets a gradient"
        if len(names) == total
        else f"{listed(layers, 2)} {'gets' if len(layers) == 1 else 'get'} {what}"
    )
    return Finding(
        kind="disconnected-gradient",
        severity=severity,
        confidence=confidence,
        title=title,
        explanation=(
            f"{len(names)} of {plural(total, 'trainable variable')} ({listed(names)}) got {what} in {each} "
            f"{plural(len(steps), 'sampled step')} from step {steps[0]:,} to {steps[-1]:,}, and did not change. {place}"
        ),
        location=SourceSpan(layer=layers[0]),
        evidence=(
            *model_tag(view, quiet.model),
            Evidence("variables without gradient", ", ".join(names[:6]), steps=thin_steps(steps)),
            *_last_connected(quiet, layers),
            Evidence("trainable variables with a gradient", total - len(names)),
        ),
    )


_CUT = (
    "The loss does not depend on them through anything that can be differentiated. Operations that end a gradient "
    "are comparisons, argmax, rounding, casts to integers, `stop_gradient`, conversions to NumPy, and activations "
    "that are constant (softmax over one unit)."
)


def _severity(quiet: Quiet, layers: Sequence[str]) -> tuple[Severity, float, str]:
    """Returns severity, confidence and the sentence that says where the gradient ends.

    A branch that is called but leads nowhere is often meant so (a pooler nobody reads), a network whose
    beginning gets nothing is not.
    """
    order = quiet.call_order()
    places = {layer: _position(order, layer) for layer in layers}
    if order and all(place is None for place in places.values()):
        return "note", 0.7, "No output of theirs was seen in the sampled steps: they seem not to be called."
    connected = [p for p in (_position(order, layer) for layer in quiet.connected()) if p is not None]
    if not connected:
        return "fault", 0.97, _CUT
    first = min(connected)
    if any(place is not None and place < first for place in places.values()):
        return "fault", 0.95, f"They come before `{order[first]}`, the first layer that does get one. {_CUT}"
    moves = trend(quiet.model.batch_loss())
    if moves is not None and moves.fall > 0:
        return (
            "note",
            0.7,
            f"They are called, but the loss, which does fall, gets nothing through them. {_CUT}",
        )
    return "warning", 0.8, _CUT


def _last_connected(quiet: Quiet, layers: Sequence[str]) -> Iterator[Evidence]:
    """Names the first layer behind the silent ones that does get a gradient."""
    order = quiet.call_order()
    behind = [p for p in (_position(order, layer) for layer in layers) if p is not None]
    connected = sorted(p for p in (_position(order, layer) for layer in quiet.connected()) if p is not None)
    after = next((p for p in connected if behind and p > max(behind)), None)
    if after is not None:
        yield Evidence("next layer with a gradient", order[after])
