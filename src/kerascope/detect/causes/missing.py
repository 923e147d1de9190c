"""Data that hold values which are no numbers, and with which the training breaks down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.causes.common import broken, cause, on
from kerascope.detect.reading import listing, mapping, number, show
from kerascope.detect.registry import detector
from kerascope.detect.situation import Situation, situations
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding


@detector(kinds=("nan-operation",), slug="missing")
def missing(view: RunView) -> Iterator[Finding]:
    """Finds inputs and labels with NaN or infinity in them, where the loss is not finite either.

    Where it is, something takes them out: a loss that skips missing labels, a layer that fills them in.
    """
    for situation in situations(view):
        if broken(situation):
            yield from _arrays(situation)


def _arrays(situation: Situation) -> Iterator[Finding]:
    part = mapping(situation.data.get("train"))
    for which, what in (("x", "inputs"), ("y", "labels")):
        for array in map(mapping, listing(part.get(which))):
            share = number(array.get("finite"))
            if share < 1:
                yield _found(situation, array, what, share)
                return


def _found(situation: Situation, array: Mapping[str, Any], what: str, share: float) -> Finding:
    return cause(
        situation,
        "nan-operation",
        0.97,
        f"{show(max(100 * (1 - share), 0.01))} % of the {what} are NaN or infinite before the training begins",
        "Whatever is computed from a NaN is one, too: the first batch that holds such a row makes loss, gradients and "
        "then all weights NaN. They come from rows with missing values, or from a division by 0 or a logarithm of 0 "
        "when the data are prepared (the spread of a column that never varies is 0). Fill them in, leave out these "
        "rows, or keep the divisor above 0.",
        on("unsafe", str(array.get("name")), None),
        evidence=[Evidence(f"share of the {what} that is finite", round(share, 5)), *_columns(array)],
    )


def _columns(array: Mapping[str, Any]) -> Iterator[Evidence]:
    means = [number(value) for value in listing(mapping(array.get("features")).get("mean"))]
    bad = [str(column) for column, mean in enumerate(means) if not math.isfinite(mean)]
    if bad:
        more = f" and {len(bad) - 8} more" if len(bad) > 8 else ""
        yield Evidence("columns with such values", ", ".join(bad[:8]) + more)
