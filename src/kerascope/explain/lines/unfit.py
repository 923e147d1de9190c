"""A training that died because labels, outputs and loss do not fit together: which of them a person would change.

The exception names an operation inside of Keras and two shapes; the cause lies in the program, in a layer or `compile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.values import Evidence, Finding, Lever, SourceSpan

Layer = Mapping[str, Any]
Shape = Sequence[int | None]

_SURE = 0.95
_FLATTENING = ("Flatten", "Reshape")
_SPATIAL = ("Conv", "Pool", "Embedding")
_ONE_HOT, _NUMBERED = "categorical_crossentropy", "sparse_categorical_crossentropy"
_BINARY = "binary_crossentropy"
_ALIKE = (_ONE_HOT, _BINARY, "mse", "mae", "mean_squared_error", "mean_absolute_error", "huber")
"""Losses that compare each value of a label with one unit."""


def judged(facts: Mapping[str, Any], label: Shape, whole: bool | None) -> Iterator[Finding]:
    """Yields what does not fit, of a model with one output.

    Args:
        facts: of the model, as a recording holds them.
        label: shape of the label of one row.
        whole: whether labels are whole numbers, None where that is not known.
    """
    outputs = facts.get("program", {}).get("outputs") or []
    if len(outputs) != 1 or not outputs[0].get("shape"):
        return
    answer = list(outputs[0]["shape"])[1:]
    known = {layer["path"]: layer for layer in facts.get("layers") or ()}
    chain = [known[path] for path in outputs[0].get("before") or () if path in known]
    loss = _loss(facts)
    wanted = list(label)
    if wanted and wanted[-1] == 1 and (loss == _NUMBERED or len(wanted) > len(answer)):
        wanted = wanted[:-1]
    if len(answer) > len(wanted) + (loss == _NUMBERED or answer[-1:] == [1] or not wanted):
        yield from _axes_too_many(chain, answer, label)
    yield from _other_labels(loss, chain, answer, wanted, label, whole)


def _loss(facts: Mapping[str, Any]) -> str:
    losses = facts.get("program", {}).get("losses") or []
    named = losses[0].get("function") or losses[0].get("class") if len(losses) == 1 else None
    name = str(named or facts.get("compile", {}).get("loss") or "")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _axes_too_many(chain: Sequence[Layer], answer: Shape, label: Shape) -> Iterator[Finding]:
    """The model answers for each step or place of a row, and there is one label for the row."""
    keeper = next((a for a in chain if a.get("config", {}).get("return_sequences") is True), None)
    shapes = [
        Evidence("shape of the answer to one row", str(list(answer))),
        Evidence("shape of its label", str(list(label))),
    ]
    if keeper is not None:
        yield _finding(
            "wrong-layer",
            f"`{keeper['name']}` hands on all steps, and there is one label for each row",
            "With `return_sequences=True` each step of a row gets an answer of its own, while the loss expects one for "
            "the whole row. Without it the layer hands on its last step.",
            Lever("layer", "return_sequences", "False", keeper["path"]),
            shapes,
        )
        return
    order = list(reversed(chain))
    if any(layer.get("class") in _FLATTENING for layer in order):
        return
    last = max(
        (i for i, one in enumerate(order) if any(s in str(one["class"]) for s in _SPATIAL)), default=None
    )
    if last is None or last + 1 >= len(order):
        return
    following = next((one for one in order[last + 1 :] if one.get("class") == "Dense"), order[last + 1])
    yield _finding(
        "wrong-layer",
        f"Nothing flattens or pools what comes to `{following['name']}`: it answers for each place of a row",
        "A dense layer works on the last axis and keeps all others, so that the model gives an answer for each place "
        "(or step) of a row, while there is one label for the row. Put `Flatten()` or a global pooling before it.",
        Lever("layer", None, None, following["path"]),
        shapes,
    )


def _other_labels(
    loss: str, chain: Sequence[Layer], answer: Shape, wanted: Shape, label: Shape, whole: bool | None
) -> Iterator[Finding]:
    """Loss, labels and units do not go together: one-hot rows or numbers, so many classes or others."""
    units = answer[-1] if answer else None
    shapes = [Evidence("shape of one label", str(list(label))), Evidence("units of the last layer", units)]
    numbers = len(wanted) == len(answer) - 1 and whole is not False
    pair = whole is not False and units == 2 and (numbers or wanted[-1:] == [1])
    other = (
        _NUMBERED
        if (loss == _ONE_HOT and numbers and units != 1) or (loss == _BINARY and pair)
        else _ONE_HOT
        if loss == _NUMBERED and list(label) == list(answer) and units != 1
        else None
    )
    if other is not None:
        yield _finding("wrong-loss", *_WORDS[loss], Lever("compile", "loss", f'"{other}"'), shapes)
        return
    last = next((a for a in chain if isinstance(a.get("config", {}).get("units"), int)), None)
    if last is None or loss not in _ALIKE or len(wanted) != len(answer) or wanted[-1:] == [units]:
        return
    if loss != _ONE_HOT and 1 in (units, wanted[-1]):
        return  # NumPy's rules make them fit: it is not what the script died of
    yield _finding(
        "wrong-output-units",
        f"`{last['name']}` has {units} units for labels of {wanted[-1]} values",
        "Each value of a label is compared with one unit, so that there must be as many of them.",
        Lever("layer", "units", str(wanted[-1]), last["path"]),
        shapes,
    )


_WORDS = {
    _ONE_HOT: (
        "Categorical cross-entropy expects one-hot rows, and the labels are numbers of classes",
        f"The loss does not go with the labels: `{_NUMBERED}` is the same loss for labels that are written as numbers.",
    ),
    _NUMBERED: (
        "Sparse categorical cross-entropy expects numbers of classes, and the labels are rows of one value a unit",
        f"The loss does not go with the labels: `{_ONE_HOT}` is the same loss for labels that are one-hot rows.",
    ),
    _BINARY: (
        "Binary cross-entropy expects one output for two classes, and there are two",
        f"With two units and labels that are numbers `{_NUMBERED}` fits, or one unit with a sigmoid.",
    ),
}


def _finding(kind: str, title: str, text: str, lever: Lever, evidence: Sequence[Evidence]) -> Finding:
    return Finding(
        kind=kind,
        severity="fault",
        confidence=_SURE,
        title=title,
        explanation=text,
        location=SourceSpan(layer=lever.layer),
        evidence=tuple(evidence),
        levers=((lever,),),
    )
