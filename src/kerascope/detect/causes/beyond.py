"""What training rows share with later steps of themselves, with later trainings, and with what a model is used on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from kerascope.detect.causes.common import Way, cause, curve, on, on_layer
from kerascope.detect.node import BINARY, CROSS_ENTROPY, Node
from kerascope.detect.reading import listing, mapping, number, place_of, plural, show, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.record.reader import Event, RunView
from kerascope.values import Evidence, Finding, Lever

_SOME = 0.1
_REAL = 4
_DEPENDS = 0.01
_DEALT = 0.5
_ATTENTION = (
    "MultiHeadAttention",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "Attention",
    "AdditiveAttention",
)


@detector(kinds=("data-leakage", "train-val-mismatch"), slug="beyond")
def beyond(view: RunView) -> Iterator[Finding]:
    """Finds answers that a model can read off later steps, or has been trained on before, and other inputs."""
    for situation in situations(view):
        yield from _ahead(situation)
        yield from _earlier(situation)
        yield from _windows(situation)
        uses = [event for event in view.events("used") if event.model == situation.model.id]
        if uses:
            yield _otherwise(situation, uses[0], len(uses))


# -- later steps -------------------------------------------------------------------------------------------------


def _ahead(situation: Situation) -> Iterator[Finding]:
    """The answer of each step is the input of a later one, and the model looks at later ones."""
    facts = mapping(situation.data.get("ahead"))
    by, depends = number(facts.get("by")), number(facts.get("apart"))
    if by == 0 and any(t.loss in (*CROSS_ENTROPY, *BINARY) for t in situation.targets):
        yield cause(
            situation,
            "data-leakage",
            0.85,
            f"The labels are one of the inputs, `{facts.get('input')}`, step by step",
            "At each step the model is given the very answer that it is asked for, and need only hand it on. A decoder "
            "that is taught with the right answers gets them one step late: its input begins with a mark for the "
            "start and leaves out the last step.",
            on("data", str(facts.get("input")), None),
            evidence=[Evidence("steps by which the labels run ahead", 0), *curve(situation)],
        )
    elif by >= 1 and depends > _DEPENDS:
        node, way = _looks_ahead(situation)
        yield cause(
            situation,
            "data-leakage",
            0.92,
            f"The answer of each step is the input {plural(whole(by), 'step')} later, and the model looks at that",
            f"When only the second half of the {whole(facts.get('steps'))} steps of a row is changed, the answers of "
            "the first half change: "
            + (f"`{node.path}` lets each step see those behind it. " if node is not None else "")
            + "So the model copies what it is to predict, which nobody can do when the next step is not there yet. "
            "Attention needs a causal mask here, convolutions causal padding, and a recurrent layer one direction.",
            *way,
            layer=node.path if node is not None else None,
            evidence=[
                Evidence("change of earlier answers / their spread", float(f"{depends:.3g}")),
                Evidence("steps by which the labels run ahead", whole(by)),
                *curve(situation),
            ],
        )


def _looks_ahead(situation: Situation) -> tuple[Node | None, tuple[Way, ...]]:
    """Returns the first layer that lets steps see later ones, and how it would not."""
    for node in situation.nodes.values():
        if node.kind in _ATTENTION:
            return node, ((Lever("call", "use_causal_mask", "True", node.path),), on_layer(node, None, None))
        if node.kind == "Bidirectional":
            return node, (on_layer(node, None, None),)
        if (
            node.kind == "Conv1D"
            and node.config.get("padding") == "same"
            and node.config.get("kernel_size") != [1]
        ):
            return node, (on_layer(node, "padding", '"causal"'),)
    return None, (on("data", "x", None),)


# -- later trainings ---------------------------------------------------------------------------------------------


def _earlier(situation: Situation) -> Iterator[Finding]:
    """Rows that the same model was trained on in a `fit` before, as when folds share one model."""
    share = number(mapping(situation.data.get("between")).get("earlier"))
    rows = [
        len(listing(mapping(a.get("features")).get("std"))) for a in situation.inputs() if not a.get("whole")
    ]
    pictures = any(len(listing(a.get("shape"))) > 3 for a in situation.inputs())
    if not (share > _SOME and (sum(rows) >= _REAL or pictures)):
        return
    yield cause(
        situation,
        "data-leakage",
        0.9,
        f"{show(100 * share)} % of the validation rows were trained on in an earlier `fit` of the same model",
        "The model goes on from where that training ended, so it has seen these rows together with their answers, and "
        "the scores of this fold say how well it remembers. Make a new model for each fold, or set its weights back "
        "to those it began with.",
        on("model", None, None),
        evidence=[
            Evidence("validation rows that were trained on before", round(share, 3)),
            Evidence("trainings of this model", len(situation.model.trainings())),
        ],
    )


def _windows(situation: Situation) -> Iterator[Finding]:
    """Windows over one series that overlap, dealt out to both parts at random: a remark, since many live with it."""
    share = number(mapping(situation.data.get("between")).get("overlap"))
    if not share > _DEALT:
        return
    yield cause(
        situation,
        "data-leakage",
        0.38,
        f"{show(100 * share)} % of the validation rows are training rows moved by one step",
        "The rows are windows over a series that overlap, and were dealt out to the two parts at random: nearly all "
        "that a validation row holds stands in training rows, too, and their targets are near. Scores on rows of "
        "a later time are what counts; split the series first, then cut windows.",
        on("split", "validation_data[0]", None),
        severity="note",
        evidence=[Evidence("validation rows that are a training row moved by one step", round(share, 3))],
    )


# -- in use ------------------------------------------------------------------------------------------------------


def _otherwise(situation: Situation, event: Event, count: int) -> Finding:
    """The trained model is asked about inputs that were not prepared as those it was trained on."""
    facts = event.facts
    trained, now = (number(value) for value in listing(facts.get("max")))
    method, name = str(facts.get("method")), str(facts.get("input"))
    place = place_of(next(iter(listing(facts.get("site"))), None))
    found = cause(
        situation,
        "train-val-mismatch",
        0.85,
        f"`{method}` is given inputs that reach {show(now)}; the model was trained on ones that reach {show(trained)}",
        "What was done to the training inputs (a division, a standardisation) was not done to these, or they are in "
        "other units. The model answers them all the same, and the answers mean nothing. Prepare them with the same "
        "figures: those of the training rows.",
        evidence=[
            Evidence(f"largest value of `{name}` in training", trained),
            Evidence(f"largest value given to `{method}`", now),
            Evidence("such calls", count),
        ],
    )
    return found if place is None else dataclasses.replace(found, location=place)
