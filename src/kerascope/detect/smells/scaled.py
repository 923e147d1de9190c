"""Numbers that scale the wrong way: a temperature or a root of the width that multiplies, a variance that divides.

Scores are divided by a temperature (Hinton et al., 2015) and by the root of the width (Vaswani et al., 2017); what is
normalised is divided by the standard deviation, the root of the variance.
"""

from __future__ import annotations

import ast
import re

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Activation, Site
from kerascope.values import Evidence

_TEMPERATURE = re.compile(r"^(temperature|temp|softmax_temp(erature)?)$")
_INVERSE = re.compile(r"inverse|1 ?/ ?(self\.)?temp|sharpness", re.IGNORECASE)
_NORMALISES = re.compile(r"norm|standardi|whiten|z.?score", re.IGNORECASE)
_PRODUCTS = ("matmul", "einsum", "dot", "bmm")
_SPREADS = ("var", "variance")


def concerns(site: Site) -> bool:
    """Products and quotients."""
    return isinstance(site.node, ast.BinOp) and isinstance(site.node.op, (ast.Mult, ast.Div))


def judge(moment: Moment) -> Verdict:
    """Each of the three is told by names, or by the width of what was multiplied."""
    if isinstance(moment.node.op, ast.Div):
        return _by_variance(moment)
    return _by_temperature(moment) or _by_root(moment)


def _by_temperature(moment: Moment) -> Verdict:
    for side in (moment.node.left, moment.node.right):
        name = getattr(side, "attr", getattr(side, "id", ""))
        number = moment.number(side)
        if not _TEMPERATURE.search(name) or number is None or number == 1:
            continue
        if not _scores(moment) or _INVERSE.search(source.words(moment.site)):
            return None
        return _hit(
            f"`{moment.site.source}` multiplies scores by a temperature",
            f"Scores are divided by `{ast.unparse(side)}`: the higher the temperature, the flatter the softmax. Here "
            "it is the other way round.",
            Evidence("temperature", number),
        )
    return None


def _scores(moment: Moment) -> bool:
    """Tells whether a softmax or a loss of scores is what becomes of it."""
    return any(
        "softmax" in (what := names.called(node)) or "entropy" in what or what in ("sigmoid", "logsumexp")
        for way in source.destinations(moment.site)
        for node in way
    )


def _by_root(moment: Moment) -> Verdict:
    for product, side in ((moment.node.left, moment.node.right), (moment.node.right, moment.node.left)):
        operand, number = moment.part(product), moment.number(side)
        if operand is None or number is None or number <= 1:
            continue
        made = flow.behind(operand.event.site, moment.activation)
        width = _width(made, moment.activation)
        if width is None or abs(number - width**0.5) > 1e-3 * number or not _scores(moment):
            continue
        return _hit(
            f"`{moment.site.source}` makes scores larger by the root of their width",
            f"Sums over {width} products grow with the root of {width}, and are divided by it so that the softmax is "
            f"not saturated; here they are multiplied by {number:.4g}.",
            Evidence("width of the vectors", width),
        )
    return CLEAR


def _width(site: Site, activation: Activation) -> int | None:
    """Returns over how many products a product of matrices sums, told by the last axis of its first factor."""
    node = site.node
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    if not product and names.called(node) not in _PRODUCTS:
        return None
    factors = [c for c in site.children if activation.last.get(c) is not None]
    shape = activation.last[factors[0]].facts.shape if factors else None
    return shape[-1] if shape and isinstance(shape[-1], int) else None


def _by_variance(moment: Moment) -> Verdict:
    """`(x - mean) / var` where something is normalised."""
    if moment.role != "layer" or not _NORMALISES.search(source.words(moment.site)):
        return None
    terms = moment.terms()
    if terms is None:
        return None
    top = flow.behind(terms[0].event.site, moment.activation).node
    spread = flow.sources(terms[1].event, moment.activation)
    if not _centred(top) or spread.calls() & {"sqrt", "rsqrt", "std"}:
        return None
    powers = [s for s in spread.sites if isinstance(s.node, ast.BinOp) and isinstance(s.node.op, ast.Pow)]
    if not spread.calls() & set(_SPREADS) or any(moment.number(p.node.right) == 0.5 for p in powers):  # type: ignore[attr-defined]
        return None
    values = np.asarray(terms[1].event.facts.mean or 0.0)
    return _hit(
        f"`{moment.site.source}` divides by a variance",
        f"`{terms[1].event.site.source}` is a variance. What is normalised is divided by the standard deviation, its "
        "root; divided by the variance it has a spread of one over the standard deviation.",
        Evidence("mean of the variance", float(values)),
    )


def _centred(node: ast.AST) -> bool:
    """Tells whether something is taken away, also below a factor."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _centred(node.left) or _centred(node.right)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)


def _hit(title: str, why: str, evidence: Evidence) -> Hit:
    return Hit("wrong-argument", "warning", 0.85, title, why, (evidence,))
