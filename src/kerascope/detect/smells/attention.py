"""Weights of an attention that add up to one along another axis than the one that is summed over."""

from __future__ import annotations

import ast

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Operand, Verdict
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Activation, Site
from kerascope.values import Evidence

_PRODUCTS = ("matmul", "bmm", "einsum", "dot")
_PASSING = ("dropout", "cast", "identity")


def concerns(site: Site) -> bool:
    """Products of matrices."""
    product = isinstance(site.node, ast.BinOp) and isinstance(site.node.op, ast.MatMult)
    return product or names.called(site.node) in ("matmul", "einsum")


def judge(moment: Moment) -> Verdict:
    """A product sums over the last axis of its first factor: the weights have to add up to one there.

    An `einsum` sums over each letter that its result lacks.
    """
    if moment.role != "layer":
        return None
    for factor, summed in _factors(moment):
        site = softmax_of(factor.event.site, moment.activation)
        shape = factor.event.facts.shape
        if site is None or not shape or not isinstance(site.node, ast.Call):
            continue
        given = [k.value for k in site.node.keywords if k.arg in ("axis", "dim")] + site.node.args[1:2]
        axis = moment.number(given[0]) if given else -1
        if axis is None or int(axis) % len(shape) in summed or not summed:
            return CLEAR
        return _judged(moment, site, shape, int(axis), summed)
    return None


def _factors(moment: Moment) -> list[tuple[Operand, set[int]]]:
    """Returns what is multiplied, each with its axes that are summed over."""
    if names.called(moment.node) != "einsum":
        terms = moment.terms()
        return [] if terms is None else [(terms[0], {len(terms[0].event.facts.shape or ()) - 1})]
    equation = moment.node.args[0]
    text = str(equation.value).replace(" ", "") if isinstance(equation, ast.Constant) else ""
    letters, _, result = text.partition("->")
    found = []
    for part, node in zip(letters.split(","), moment.node.args[1:], strict=False):
        operand = moment.part(node)
        if operand is not None and len(part) == len(operand.event.facts.shape or ()):
            found.append((operand, {i for i, letter in enumerate(part) if letter not in result}))
    return found


def _judged(
    moment: Moment, site: Site, shape: tuple[int | str | None, ...], axis: int, summed: set[int]
) -> Verdict:
    if not _compares(site, moment.activation) or any(isinstance(n, ast.For) for n in source.above(site)):
        return None  # such as the routing between capsules, which shares out what each one gives
    last = len(shape) - 1
    place = -1 if last in summed else min(summed)
    return Hit(
        "wrong-axis",
        "fault",
        0.9,
        f"`{site.source}` adds up to one along another axis than `{moment.site.source}` sums over",
        f"`{moment.site.source}` sums over axis {place} of the weights, which add up to one along axis {axis}: "
        f"what comes out is no average. Take the softmax along axis={place}.",
        (Evidence("shape of the weights", shown(shape)), Evidence("axis", axis)),
        site=site,
    )


def softmax_of(site: Site, activation: Activation) -> Site | None:
    """Returns the softmax that weights come from, through names and a dropout."""
    for _ in range(6):
        known = activation.definitions.get(site.source) if site.kind == "name" else None
        if known is not None and known.site is not site:
            site = known.site
            continue
        name = names.called(site.node)
        if name == "softmax":
            return site
        if isinstance(site.node, ast.Subscript) and site.children:
            site = site.children[0]  # looked at along another axis
            continue
        if not any(word in name for word in _PASSING) or not site.children:
            return None
        inner = [c for c in site.children if isinstance(site.node, ast.Call) and c.node in site.node.args]
        if not inner:
            return None
        site = inner[0]
    return None


def _compares(site: Site, activation: Activation) -> bool:
    """Tells whether the scores are products of queries and keys."""
    event = activation.last.get(site)
    if event is None:
        return False
    sizes = (event.facts.shape or ())[-2:]
    square = len(sizes) == 2 and sizes[0] == sizes[1]  # of each step to each, however they came about
    return square or bool(flow.sources(event, activation).calls() & set(_PRODUCTS))
