"""What is drawn together and what apart, the wrong way round: a margin loss of distances, or of similarities.

The distance to the positive is to be smaller than that to the negative by a margin (Schroff et al., FaceNet, 2015), a
similarity larger.
"""

from __future__ import annotations

import ast
import re

from kerascope.detect.smells import names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence

_DISTANCE = re.compile(r"(^|_)d(ist(ance)?s?)?(_|$)|(^|_)d[pn]$|^d(pos|neg)")
_LIKENESS = re.compile(r"(^|_)(s|sims?|similarit(y|ies)|cos|scores?)(_|$)|^s(pos|neg)")
_CUTTING = ("relu", "maximum", "softplus", "clip")


def concerns(site: Site) -> bool:
    """`d_neg - d_pos`, in what is cut off at zero."""
    return _kind(site) is not None


def judge(moment: Moment) -> Verdict:
    """By the names of the two, which of them is to be the smaller."""
    kind, node = _kind(moment.site), moment.node
    if kind is None or not _is_cut(moment.site):
        return None
    first = _sign(node.left)
    if (first == "pos") == (kind == "distance"):
        return CLEAR
    positive, negative = (node.left, node.right) if first == "pos" else (node.right, node.left)
    more, less = (positive, negative) if kind == "distance" else (negative, positive)
    return Hit(
        "wrong-argument",
        "warning",
        0.85,
        f"`{moment.site.source}` draws the negative near and pushes the positive away",
        f"By their names these are {'distances' if kind == 'distance' else 'similarities'}: what is least when "
        f"`{ast.unparse(positive)}` is {'small' if kind == 'distance' else 'large'} is "
        f"`{ast.unparse(more)} - {ast.unparse(less)}`.",
        (Evidence("difference", moment.site.source),),
    )


def _kind(site: Site) -> str | None:
    node = site.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return None
    if not all(isinstance(n, (ast.Name, ast.Attribute)) for n in (node.left, node.right)):
        return None
    texts = [ast.unparse(n).lower() for n in (node.left, node.right)]
    if {_sign(node.left), _sign(node.right)} != {"pos", "neg"}:
        return None
    if all(_DISTANCE.search(t) for t in texts):
        return "distance"
    return "likeness" if all(_LIKENESS.search(t) for t in texts) else None


def _sign(node: ast.expr) -> str | None:
    text = ast.unparse(node).lower()
    return "pos" if "pos" in text else "neg" if "neg" in text else None


def _is_cut(site: Site) -> bool:
    return any(names.called(node) in _CUTTING for way in source.destinations(site) for node in way)
