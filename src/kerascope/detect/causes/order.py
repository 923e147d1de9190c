"""Labels in another order than their rows, features that know later targets, codes that mean two things."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import cause, harm, on, standing_evidence
from kerascope.detect.reading import listing, mapping, number, whole
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, Target, situations
from kerascope.detect.standing import standing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_HARM = 0.15
_TELLS, _AGREE = 0.1, 0.5
_ORDERS = {
    "reversed": "in the reverse order",
    "sorted as text": "in the order in which numbers are sorted as text (1, 10, 100, 2)",
    "repeated one by one": "each repeated as often as its row has pieces, one after the other",
    "repeated as a whole": "repeated as a whole, all of them once and then again",
}


@detector(kinds=("wrong-labels", "data-leakage", "train-val-mismatch"), slug="order")
def order(view: RunView) -> Iterator[Finding]:
    """Finds what shows in the order of the rows as they were given, and in codes of the two parts."""
    for situation in situations(view):
        facts = mapping(situation.data.get("order"))
        if len(situation.targets) != 1 or not facts:
            continue
        target = situation.targets[0]
        turned = mapping(facts.get("turned"))
        if turned and not harm(situation, target) <= _HARM:
            yield _turned(situation, target, turned)
        if knows := mapping(facts.get("knows_later")):
            yield _knows_later(situation, knows)
        yield from _codes(situation, target, [mapping(one) for one in listing(facts.get("codes"))])


def _turned(situation: Situation, target: Target, turned: Mapping[str, Any]) -> Finding:
    name = str(turned.get("order"))
    words = _ORDERS.get(name, name)
    gain = number(turned.get("gain"))
    evidence = [Evidence("in the order that fits", words)]
    if math.isfinite(gain):
        evidence += [
            Evidence("simple methods above chance, order as given", round(number(turned.get("own")), 3)),
            Evidence("simple methods above chance, order that fits", round(gain, 3)),
        ]
    moved = "x" if name == "sorted as text" or name.startswith("shifted") else "y"
    return cause(
        situation,
        "wrong-labels",
        0.95,
        f"The labels are in another order than their rows: they fit when they are taken {words}",
        "Each row is trained with the label of another one. "
        + (
            "As given, the inputs tell nothing about the labels; in the other order simple methods predict them. "
            if math.isfinite(gain)
            else "Rows that belong together stand in one order, equal labels in the other. "
        )
        + "Bring inputs and labels into one order where they are put together.",
        on("order" if name == "sorted as text" else "data", moved, None),
        evidence=[*evidence, *standing_evidence(standing(target))],
    )


def _knows_later(situation: Situation, knows: Mapping[str, Any]) -> Finding:
    column, later = whole(knows.get("column")), whole(knows.get("later"))
    return cause(
        situation,
        "data-leakage",
        0.88,
        f"Column {column} of the inputs is computed from the row's own target and {later} later ones",
        "The column is, to the last digit, a weighted sum of the targets around its row: of the one that is asked for "
        "and of some that come after it, as a centred average is. When the model is used these are not known yet, and "
        "it will do worse than here. Use what lies before the row only.",
        on("data", str(knows.get("input")), None),
        evidence=[Evidence("column", column), Evidence("later targets in it", later)],
    )


def out_of_order(situation: Situation) -> bool:
    """Tells whether labels are known to come in another order, or codes to mean two things: what that brings about."""
    facts = mapping(situation.data.get("order"))
    return bool(mapping(facts.get("turned"))) or any(
        map(_renumbered, map(mapping, listing(facts.get("codes"))))
    )


def _renumbered(one: Mapping[str, Any]) -> bool:
    shares = [number(share) for share in listing(one.get("shares"))]
    return len(shares) == 2 and min(shares) > _TELLS and number(one.get("agree")) < _AGREE


def _codes(situation: Situation, target: Target, columns: list[Mapping[str, Any]]) -> Iterator[Finding]:
    for one in columns:
        shares = [number(share) for share in listing(one.get("shares"))]
        if not _renumbered(one):
            continue
        yield cause(
            situation,
            "train-val-mismatch",
            0.9,
            f"The codes of `{one.get('input')}` mean something else in the validation rows",
            "Within the training rows and within the validation rows the code tells about the target, but not the "
            "same: a code that stands for high targets in one part stands for low ones in the other. The values were "
            "numbered separately for each part; number them once and use those numbers for both.",
            on("part", "validation_data[0]", None),
            evidence=[
                Evidence("agreement of the targets' means, by code", round(number(one.get("agree")), 3)),
                Evidence("share of the targets told by the code, training rows", round(shares[0], 3)),
                Evidence("validation rows", round(shares[1], 3)),
            ],
        )
        return
