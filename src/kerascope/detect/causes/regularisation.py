"""Too much that holds the network back, or too little: dropout, penalties, noise, learning by heart."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kerascope.detect.causes.common import broken, cause, curve, harm, on, on_layer, standing_evidence
from kerascope.detect.node import Node
from kerascope.detect.reading import Checks, Samples, mapping, number, show, thin, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.detect.standing import standing, worst
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding, Lever

_HARM = 0.15
_DROPOUT = (
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "AlphaDropout",
)
_STRONG = 0.8
_FEW_INPUTS = 8
_DECAY = 0.5


@detector(kinds=("over-regularised", "dropout-misuse", "overfitting"), slug="regularisation")
def regularisation(view: RunView) -> Iterator[Finding]:
    """Finds what leaves nothing to learn (dropout, penalties, noise, decay), misplaced dropout, learning by heart."""
    for situation in situations(view):
        misplaced = list(_misplaced(situation))
        yield from misplaced
        places = {finding.location.layer for finding in misplaced}
        yield from (f for f in _dropped(situation) if f.location.layer not in places)
        yield from _penalised(situation)
        yield from _noisy(situation)
        yield from _decayed(situation)
        found = list(_by_heart(situation))
        yield from found or _remembers(situation)


def rate_of(node: Node) -> float:
    """Returns the share that a dropout layer drops, NaN for other layers."""
    return number(node.config.get("rate")) if node.kind in _DROPOUT else math.nan


def _dropped(situation: Situation) -> Iterator[Finding]:
    strong = [node for node in situation.working if rate_of(node) >= _STRONG]
    damage = harm(situation)
    if not strong or not damage > _HARM / 2:
        return
    node = max(strong, key=rate_of)
    rate = rate_of(node)
    levers = tuple(Lever("layer", "rate", "0.3", each.path) for each in strong)
    yield cause(
        situation,
        "over-regularised",
        0.9,
        f"`{node.path}` drops {show(100 * rate)} % of what it gets",
        f"In training only {show(100 * (1 - rate))} % of the units pass, scaled up "
        f"{show(1 / max(1e-3, 1 - rate))} times. "
        "What is left is mostly noise, from which nothing can be learnt. Rates of 0.1 to 0.5 are usual.",
        levers,
        tuple(Lever("layer", None, None, each.path) for each in strong),
        layer=node.path,
        evidence=[Evidence("rate", rate), *curve(situation), *standing_evidence(worst(situation))],
    )


def _misplaced(situation: Situation) -> Iterator[Finding]:
    """Dropout between the last weights and the loss, or on a handful of inputs."""
    for index in range(len(situation.chains)):
        for path in situation.chains[index]:
            node = situation.nodes.get(path)
            if node is None or node.parameters or node.custom:
                break
            if node.kind in _DROPOUT:
                yield _on_outputs(situation, node)
    first = next((n for n in situation.working if n.kind not in ("Flatten", "Reshape")), None)
    width = first.shape[-1] if first is not None and len(first.shape) == 2 else None
    if first is not None and rate_of(first) >= 0.2 and width is not None and 1 < width <= _FEW_INPUTS:
        damage = harm(situation)
        yield cause(
            situation,
            "dropout-misuse",
            0.8 if damage > _HARM else 0.4,
            f"`{first.path}` drops {show(100 * rate_of(first))} % of only {width} inputs",
            "Each input is one of a few facts about a row; without some of them the row often cannot be "
            "answered at all.",
            (Lever("layer", None, None, first.path),),
            on_layer(first, "rate", "0.05"),
            severity=None if damage > _HARM else "note",
            layer=first.path,
            evidence=[Evidence("inputs", width), *standing_evidence(worst(situation))],
        )


def _on_outputs(situation: Situation, node: Node) -> Finding:
    return cause(
        situation,
        "dropout-misuse",
        0.93,
        f"`{node.path}` drops {show(100 * rate_of(node))} % of the model's answers",
        "Nothing with weights comes after this dropout, so in training a part of the answers is replaced by 0 "
        "before the loss "
        "sees it, and the rest is scaled up. The model learns to make up for that, and its answers are wrong "
        "when it is "
        "used. Dropout belongs between hidden layers.",
        (Lever("layer", None, None, node.path),),
        layer=node.path,
        evidence=[Evidence("rate", rate_of(node)), *curve(situation), *standing_evidence(worst(situation))],
    )


# -- penalties ---------------------------------------------------------------------------------------------------


def _penalised(situation: Situation) -> Iterator[Finding]:
    """A penalty on weights that outweighs the loss itself."""
    damage = harm(situation)
    strengths = [(node, name, *s) for node in situation.working for name, s in _penalties(node)]
    if not strengths or not damage > _HARM / 2:
        return
    weights = Samples.of(situation.model, "weight")
    losses = situation.losses[np.isfinite(situation.losses)]
    shrunk = [_shrunk(situation, node) for node, *_ in strengths]
    known = [s for s in shrunk if math.isfinite(s)]
    penalty = 0.0
    for node, _, l1, l2 in strengths:
        for path in node.weights:
            if path.endswith("kernel") and len(weights.step):
                norm = float(weights.column(path)[0])
                size = math.prod(situation.shapes.get(path, (1,)))
                penalty += l2 * norm**2 + l1 * 0.8 * norm * math.sqrt(size)
    share = penalty / float(losses[0]) if len(losses) and losses[0] > 0 else math.nan
    collapsed = bool(known) and min(known) < 0.2
    if not (share > 0.5 or collapsed):
        return
    node, argument = strengths[0][0], strengths[0][1]
    levers = tuple(Lever("layer", name, None, each.path) for each, name, *_ in strengths)
    yield cause(
        situation,
        "over-regularised",
        0.9 if share > 0.5 and collapsed else 0.75,
        f"The penalty on the weights of `{node.path}` outweighs the loss",
        "The optimizer lowers the sum of loss and penalty. Where the penalty is the larger part, the cheapest "
        "answer is weights "
        "near zero, and then the model answers the same for every row. Penalties of 1e-5 to 1e-3 are usual.",
        levers,
        on_layer(node, argument, '"keras.regularizers.L2(1e-4)"'.strip('"')),
        layer=node.path,
        evidence=[
            Evidence("penalty / whole loss, first step", round(share, 3) if math.isfinite(share) else None),
            *([Evidence("norm of these weights, end / start", round(min(known), 4))] if known else []),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


def _penalties(node: Node) -> Iterator[tuple[str, tuple[float, float]]]:
    for name in ("kernel_regularizer", "recurrent_regularizer", "activity_regularizer", "bias_regularizer"):
        config = mapping(mapping(node.config.get(name)).get("config"))
        l1, l2 = number(config.get("l1")), number(config.get("l2"))
        l1, l2 = (l1 if l1 > 0 else 0.0), (l2 if l2 > 0 else 0.0)
        if l1 or l2:
            yield name, (l1, l2)


def _shrunk(situation: Situation, node: Node) -> float:
    """Returns the norm of a layer's kernel at the end over that at the beginning."""
    path = next((p for p in node.weights if p.endswith("kernel")), "")
    samples = Samples.of(situation.model, "weight").column(path)
    checks = Checks.of(situation.model).weight(path)
    first = samples[0] if len(samples) and math.isfinite(samples[0]) else math.nan
    return float(checks[-1] / first) if checks is not None and len(checks) and first else math.nan


def _noisy(situation: Situation) -> Iterator[Finding]:
    for node in situation.working:
        if (
            node.kind == "GaussianNoise"
            and number(node.config.get("stddev")) >= 1.0
            and harm(situation) > _HARM
        ):
            yield cause(
                situation,
                "over-regularised",
                0.8,
                f"`{node.path}` adds noise of spread {show(number(node.config.get('stddev')))}",
                "The noise is as large as what it is added to, so that hardly anything of the input is left.",
                on_layer(node, "stddev", "0.1"),
                (Lever("layer", None, None, node.path),),
                layer=node.path,
                evidence=[*curve(situation), *standing_evidence(worst(situation))],
            )


def _decayed(situation: Situation) -> Iterator[Finding]:
    """A decay that pulls the weights to 0 faster than gradients can move them away."""
    config = mapping(situation.anatomy.optimizer.get("config"))
    decay = number(config.get("weight_decay"))
    share = decay * situation.rate
    if not (decay >= _DECAY and share * situation.updates > 1 and harm(situation) > _HARM / 2):
        return
    yield cause(
        situation,
        "over-regularised",
        0.85,
        f"`weight_decay={decay:.3g}` takes {show(100 * share)} % off every weight in each step",
        "Every step multiplies the weights by 1 minus learning rate times decay, whatever the gradients say. With an "
        f"optimizer of the Adam family a weight cannot stay above about 1 / {decay:.3g} then, which is too little to "
        "tell the rows apart. 0.004 is Keras's default, 0.01 to 0.1 are usual.",
        on("optimizer", "weight_decay", "0.004"),
        on("optimizer", "weight_decay", None),
        evidence=[
            Evidence("weight decay", decay),
            Evidence(
                "decay of a weight over the run, times its size", float(f"{share * situation.updates:.3g}")
            ),
            *curve(situation),
            *standing_evidence(worst(situation)),
        ],
    )


# -- overfitting -------------------------------------------------------------------------------------------------


def _by_heart(situation: Situation) -> Iterator[Finding]:
    """The validation loss turns and climbs far above its best while the training loss keeps falling."""
    held, own = situation.epoch_logs("val_loss"), situation.epoch_logs("loss")
    if len(held) < 8 or not np.isfinite(held).all() or broken(situation) or held.min() <= 0:
        return
    best = int(np.argmin(held))
    end = float(np.median(held[-3:]))
    later = held[best:]
    if len(later) < 4:
        return
    rise = end / float(held[best])
    noise = float(np.median(np.abs(np.diff(held[best:])))) if len(later) > 2 else 0.0
    i, j = np.triu_indices(len(later), 1)
    steady = float(np.sign(later[j] - later[i]).mean())
    learnt = own[-1] < own[best] and own[-1] < 0.7 * end
    if not (rise > 1.25 and steady > 0.5 and learnt and end - held[best] > 3 * noise):
        return
    scores = [standing(target) for target in situation.targets]
    # Where the answers themselves are as good as simple methods', the loss only says that it is too sure of itself.
    fine = any(s.score == "accuracy" and math.isfinite(s.gap) and s.own >= s.simple - 0.02 for s in scores)
    sure = 0.85 if rise > 1.6 else 0.6
    if fine:
        sure = 0.6 if rise > 2 else 0.3
    widest = max((n.units or 0 for n in situation.hidden), default=0)
    largest = next((n for n in situation.hidden if 2 * (n.units or 0) >= widest), None)
    rows = situation.rows
    weights = sum(n.parameters for n in situation.working)
    yield cause(
        situation,
        "overfitting",
        sure,
        f"The validation loss rose from {show(float(held[best]))} to {show(end)} while the training loss fell",
        f"From epoch {best + 1} on, what the model learns holds for the training rows only: "
        f"{whole(weights):,} weights learn {whole(rows) if math.isfinite(rows) else 'few'} rows by heart. Stop at "
        "the best epoch, "
        "make the network smaller, regularise it, or get more rows.",
        on("fit", "callbacks", "[keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)]"),
        on("fit", "epochs", str(best + 1)),
        layer=largest.path if largest is not None else None,
        evidence=[
            Evidence("validation loss by epoch", round(end, 4), plot=thin(held)),
            Evidence("training loss by epoch", round(float(own[-1]), 4), plot=thin(own)),
            Evidence("weights per training row", round(weights / rows, 2) if rows > 0 else None),
        ],
    )


def _remembers(situation: Situation) -> Iterator[Finding]:
    """Training rows answered next to perfectly, others worse than simple methods answer them."""
    found = worst(situation)
    if found is None or not found.poor or found.poor_fit or broken(situation):
        return
    rows = situation.rows
    weights = sum(n.parameters for n in situation.working)
    if not (found.fitted > 0.93 and found.fitted - found.own > 0.2 and weights > rows):
        return
    yield cause(
        situation,
        "overfitting",
        0.55,
        f"Training rows are answered right ({show(found.fitted)}), new ones much less often ({show(found.own)})",
        "The network knows its training rows by heart, and simple methods do better on new ones: what it has "
        "learnt is special "
        "to the rows it saw. Fewer weights, regularisation, or more rows.",
        on("fit", "callbacks", "[keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)]"),
        evidence=[
            Evidence("weights per training row", round(weights / rows, 2) if rows > 0 else None),
            *standing_evidence(found),
        ],
    )
