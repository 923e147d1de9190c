"""Hidden layers that cannot learn what they should: without a bend, saturated, or dead from the start."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import broken, cause, curve, harm, on_layer, standing_evidence
from kerascope.detect.causes.optimisation import fast
from kerascope.detect.causes.scales import unscaled
from kerascope.detect.node import RECURRENT, SQUASHING, Node
from kerascope.detect.reading import Samples, median, number
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15
_RELU = ("relu", "relu6", "ReLU")
_STACK = 3
_DECAY = 0.1
_TOWER = 8


@detector(
    kinds=(
        "missing-activation",
        "wrong-hidden-activation",
        "wrong-layer",
    ),
    slug="architecture",
)
def architecture(view: RunView) -> Iterator[Finding]:
    """Finds hidden layers that are linear, saturated or dead from the start."""
    for situation in situations(view):
        yield from _linear(situation)
        yield from _squashed(situation)
        yield from _dead_from_start(situation)
        yield from _recurrent(situation)


def _other(node: Node) -> bool:
    """Tells whether a layer bends in a way of its own."""
    return node.custom or node.kind in RECURRENT or "Attention" in node.kind


def _linear(situation: Situation) -> Iterator[Finding]:
    hidden = situation.hidden
    if not situation.targets or not hidden or any(_other(n) for n in situation.working):
        return
    if not situation.has_graph and not _answers_as_a_linear_map(situation):
        return
    bent = [n for n in hidden if situation.activation_after(n) not in ("linear", "")]
    if bent:
        return
    damage = harm(situation)
    target = situation.targets[0] if situation.targets else None
    yard = target.yardstick if target is not None else {}
    curved = number(yard.get("neighbours")) - number(yard.get("linear")) > 0.1
    bad = damage > _HARM and not broken(situation)  # a linear map makes nothing infinite
    levers = tuple(Lever("layer", "activation", '"relu"', node.path) for node in hidden)
    yield cause(
        situation,
        "missing-activation",
        (0.93 if curved else 0.75) if bad else 0.3,
        f"`{hidden[0].path}` has no activation: the whole network is one linear map",
        "A linear map of a linear map is a linear map again, so hidden layers without an activation add "
        "weights but nothing "
        "that one layer could not express: no bend, no corner, no interaction of inputs. Give each hidden layer an "
        "activation such as relu.",
        levers,
        severity=None if bad else "note",
        layer=hidden[0].path,
        evidence=[
            Evidence("hidden layers without activation", len(hidden)),
            *standing_evidence(worst(situation)),
        ],
    )


def _answers_as_a_linear_map(situation: Situation) -> bool:
    """Tells whether a model whose `call` is the user's own knows what a linear map does, and neighbours much more.

    What its methods call between the layers is read in the source: anything that bends speaks against it.
    """
    yard, own = situation.targets[0].yardstick, worst(situation)
    line, near = number(yard.get("validation_linear")), number(yard.get("validation_neighbours"))
    alike = own is not None and abs(own.own - line) < _ALIKE * (near - line)
    return near - line > _CURVED and alike and not any(map(_bends, situation.view.sources().values()))


def _bends(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return True
    methods = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in ("call", "forward")]
    inside = [node for method in methods for node in ast.walk(method)]
    names = {
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in inside
        if isinstance(n, (ast.Attribute, ast.Name))
    }
    return bool(names & _BENT)


_ALIKE, _CURVED = 0.1, 0.2
_BENT = {
    "activation", "act", "relu", "gelu", "elu", "selu", "silu", "swish", "tanh", "sigmoid", "softmax", "softplus",
    "leaky_relu", "maximum", "minimum", "max", "abs", "where", "exp", "sin", "cos", "square", "sqrt", "clip",
    "multiply",
}  # fmt: skip


# -- saturation and vanishing ------------------------------------------------------------------------------------


def _squashed(situation: Situation) -> Iterator[Finding]:
    """Sigmoid or tanh units one behind the other, through which hardly any gradient comes back."""
    hidden = situation.hidden
    squashed = [n for n in hidden if situation.activation_after(n) in SQUASHING]
    soft = [n for n in hidden if situation.activation_after(n) == "softmax"]
    damage = harm(situation)
    if soft and not any("Attention" in n.kind or n.custom for n in situation.nodes.values()):
        yield _soft(situation, soft, damage)
    if not squashed or not damage > _HARM or broken(situation):
        return
    decay, first, _ = _decay(situation)
    deep = len(squashed) >= _STACK
    sigmoids = [n for n in squashed if "sigmoid" in situation.activation_after(n)]
    moves = situation.trend
    still = moves is not None and moves.flat(0.1)
    if not (
        (deep and (decay < _DECAY or still)) or (len(sigmoids) >= 1 and (decay < 0.3 or still) and still)
    ):
        return
    sure = (
        0.5
        + 0.2 * (deep and decay < _DECAY)
        + 0.15 * still
        + 0.1 * (len(squashed) >= 5)
        - 0.25 * (unscaled(situation) is not None)
    )
    yield _vanishing(situation, squashed, min(0.92, sure), decay, first)
    if len(hidden) >= _TOWER:
        yield _tower(situation, decay)


def _vanishing(
    situation: Situation, squashed: list[Node], sure: float, decay: float, first: float
) -> Finding:
    levers = tuple(
        Lever("layer", "activation", '"relu"', node.path) for node in _setters(situation, squashed)
    )
    name = situation.activation_after(squashed[0])
    return cause(
        situation,
        "wrong-hidden-activation",
        sure,
        f"{len(squashed)} hidden layer{'s' if len(squashed) > 1 else ''} of {name} let hardly any gradient through",
        f"The slope of {name} is at most {'a quarter' if 'sigmoid' in name else '1'} and near zero for large "
        "inputs, and each "
        "layer multiplies the gradient by it: what reaches the first layers is too small to teach them. relu "
        "has the slope "
        "1 for every positive input.",
        levers,
        layer=_setters(situation, squashed)[0].path,
        evidence=[
            Evidence("gradient norm, first / last layer", float(f"{decay:.3g}")),
            *(
                [Evidence(f"gradient norm of `{squashed[0].path}`", float(f"{first:.3g}"))]
                if math.isfinite(first)
                else []
            ),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


def _tower(situation: Situation, decay: float) -> Finding:
    hidden = situation.hidden
    return cause(
        situation,
        "wrong-layer",
        0.5,
        f"{len(hidden)} hidden layers one behind the other, without a way around them",
        "Each further layer weakens the signal on its way up and the gradient on its way back. A few wider "
        "layers learn "
        "the same faster.",
        tuple(Lever("layer", None, None, node.path) for node in hidden[1:-1]),
        layer=hidden[1].path,
        evidence=[
            Evidence("hidden layers", len(hidden)),
            Evidence("gradient, first over last", float(f"{decay:.3g}")),
        ],
    )


def _setters(situation: Situation, nodes: list[Node]) -> list[Node]:
    """Returns the layers whose `activation` argument makes those of `nodes`: themselves, or the one behind."""
    found = []
    for node in nodes:
        if node.activation not in ("", "linear"):
            found.append(node)
            continue
        after = situation.working[situation.working.index(node) + 1 :]
        found.append(next((n for n in after if n.kind == "Activation"), node))
    return found


def _soft(situation: Situation, soft: list[Node], damage: float) -> Finding:
    bad = damage > _HARM
    return cause(
        situation,
        "wrong-hidden-activation",
        0.85 if bad else 0.35,
        f"`{soft[0].path}` is a hidden layer with a softmax",
        "A softmax lets units compete for a sum of 1: all but one are near zero, and so are their gradients. "
        "It is made for "
        "answers, not for hidden units.",
        tuple(Lever("layer", "activation", '"relu"', node.path) for node in _setters(situation, soft)),
        severity=None if bad else "note",
        layer=_setters(situation, soft)[0].path,
        evidence=[*curve(situation), *standing_evidence(worst(situation))],
    )


def _decay(situation: Situation) -> tuple[float, float, float]:
    """Returns gradient norm of the first over the last weight matrix, early in the run, and the two norms."""
    gradients = Samples.of(situation.model, "gradient")
    early = (
        gradients.step <= max(50, int(gradients.step[-1] * 0.3)) if len(gradients.step) else gradients.step
    )
    kernels = [
        path
        for node in situation.working
        if node.weighted
        for path in node.weights
        if path.endswith("kernel") and path in gradients.index
    ]
    if len(kernels) < 2 or not len(gradients.step):
        return math.nan, math.nan, math.nan
    first, last = (median(gradients.column(path)[early]) for path in (kernels[0], kernels[-1]))
    return (first / last if last else math.nan), first, last


def _dead_from_start(situation: Situation) -> Iterator[Finding]:
    """relu units that answer 0 for all rows from the first step on, without odd weights or inputs to blame."""
    if not harm(situation) > _HARM:
        return
    outputs = Samples.of(situation.model, "output")
    for node in situation.hidden:
        if situation.activation_after(node) not in _RELU:
            continue
        setter = _setters(situation, [node])[0]
        zeros = outputs.column(setter.path, "zeros")
        known = np.isfinite(zeros)
        if not known.any() or not (zeros[known][: max(1, known.sum() // 2)] >= 0.995).all():
            continue
        if int(outputs.step[known][0]) > 2 or fast(situation):
            continue
        scaled = unscaled(situation) is not None
        yield cause(
            situation,
            "wrong-hidden-activation",
            0.5 if scaled else 0.75,
            f"All units of `{setter.path}` answer 0 from the first step on",
            "A relu has no slope below zero: a unit that is below zero for every row stays there. With few "
            "units it happens by "
            "bad luck that all of them begin on that side. An activation with a slope below zero "
            "(`leaky_relu`, `elu`), more "
            "units or other first weights bring the layer to life.",
            on_layer(setter, "activation", '"leaky_relu"'),
            on_layer(node, "kernel_initializer", '"he_normal"'),
            layer=setter.path,
            evidence=[Evidence("share of zeros in the outputs", 1.0), *curve(situation)],
        )
        return


def _recurrent(situation: Situation) -> Iterator[Finding]:
    """Recurrent layers without the tanh that keeps their state within bounds."""
    if not harm(situation) > _HARM:
        return
    for node in situation.working:
        if node.kind in ("LSTM", "GRU", "SimpleRNN") and node.activation in ("relu", "linear", "elu"):
            yield cause(
                situation,
                "wrong-hidden-activation",
                0.65,
                f"The state of `{node.path}` is not kept within bounds: its activation is {node.activation}",
                "A recurrent layer applies the same weights at every time step. Without tanh its state grows "
                "or dies out over the "
                "sequence, and so do gradients.",
                on_layer(node, "activation", '"tanh"'),
                layer=node.path,
                evidence=[*curve(situation), *standing_evidence(worst(situation))],
            )
            return
