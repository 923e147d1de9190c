"""What a docstring or comment says and the code does not: which rows a mask keeps, that predictions are scores."""

from __future__ import annotations

import ast
import re

import numpy as np

from kerascope.detect.smells import source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, floats, span
from kerascope.promises import hides, threshold
from kerascope.record.lines import Site
from kerascope.values import Evidence

_KEPT = r"(real|valid|true|actual|token|word|keep|kept|data|present|observed|use|step)"
_LEFT_OUT = r"(pad|ignore|missing|masked|hidden|hide|empty|left out)"
_SAYS = r"mask[^.]{{0,60}}?(?<!axis )(?<!dim )\b{}\.?0?\s*(?:=|:|->|for|is|are|means|marks?|where)+\s*(?:an? |the )?{}"
_ONE_IS_KEPT = re.compile(f"{_SAYS.format(1, _KEPT)}|{_SAYS.format(0, _LEFT_OUT)}", re.IGNORECASE)
_ONE_IS_LEFT_OUT = re.compile(f"{_SAYS.format(1, _LEFT_OUT)}|{_SAYS.format(0, _KEPT)}", re.IGNORECASE)


def concerns_mask(site: Site) -> bool:
    """`mask * -1e9`, `(1 - mask) * -1e9`: what makes a score too small to count."""
    return hides(site.node) is not None


def judge_mask(moment: Moment) -> Verdict:
    """The text near it says what a one in the mask stands for."""
    hidden = hides(moment.node)
    text = source.words(moment.site)
    kept, left_out = (bool(said.search(text)) for said in (_ONE_IS_KEPT, _ONE_IS_LEFT_OUT))
    if hidden is None or kept == left_out:
        return None
    _, name, of_ones = hidden
    if of_ones != kept:
        return CLEAR
    meaning = "kept" if kept else "left out"
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"`{moment.site.source}` hides what `{name}` {'keeps' if kept else 'does not leave out'}",
        f"By the text of the class a one in `{name}` is {meaning}, and here the "
        f"{'ones' if of_ones else 'zeros'} are made too small to count. Turn the mask round.",
        (Evidence("a one in the mask is", meaning),),
    )


def concerns_threshold(site: Site) -> bool:
    """`y_pred > 0.5`."""
    return threshold(site.node) is not None


def _scores(text: str, name: str) -> bool:
    """Tells whether a text says that predictions are scores, and does not turn them into probabilities elsewhere."""
    return "logit" in text and f"sigmoid({name.lower()})" not in text


def judge_threshold(moment: Moment) -> Verdict:
    """The text near it says that predictions are scores, and some are below zero."""
    side = threshold(moment.node)
    operand = moment.part(side)
    values = floats(operand.value) if operand is not None else None
    sides = moment.sides()
    limit = None if sides is None else moment.number(sides[1])
    if side is None or values is None or limit is None or not 0 < limit < 1:
        return None
    if not _scores(source.words(moment.site).lower(), ast.unparse(side)):
        return None
    if np.nanmin(values) >= 0:
        return CLEAR
    name = ast.unparse(side)
    return Hit(
        "logits-mismatch",
        "fault",
        0.9,
        f"`{moment.site.source}` asks scores whether they are above {limit:g}",
        f"{limit:g} is a threshold of probabilities; `{name}` holds scores (logits), {span(values)}, whose middle is "
        "0. Compare with 0, or take the sigmoid first.",
        (Evidence(f"range of `{name}`", span(values)),),
    )
