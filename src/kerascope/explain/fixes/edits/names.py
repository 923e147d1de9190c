"""Edits of which name stands where: two exchanged within a statement, one brought into the form of the other."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called

_MOST_PAIRS = 10


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(context.parents.get(node), (ast.Assign, ast.Return, ast.Expr, ast.AugAssign)):
        yield from _exchanged(context, node)
    if isinstance(node, ast.BinOp):
        yield from _formed_alike(context, node.left, node.right)
    elif isinstance(node, ast.Compare):
        yield from _formed_alike(context, node.left, node.comparators[0])
    elif isinstance(node, ast.Call) and len(node.args) == 2:
        yield from _formed_alike(context, *node.args)


def _exchanged(context: Context, whole: ast.expr) -> Iterator[Proposal]:
    """Two tensors of a statement that stand in each other's place: both attributes, or both local names."""
    function = context.function(whole)
    held = context.tensors_near(function, whole) if function is not None else []
    found: dict[str, list[ast.expr]] = {}
    for node in context.nodes(whole):
        if isinstance(node, (ast.Name, ast.Attribute)) and context.text(node) in held:
            found.setdefault(context.text(node), []).append(node)
    once = [nodes[0] for nodes in found.values() if len(nodes) == 1]
    pairs = [(a, b) for a, b in itertools.combinations(once, 2) if type(a) is type(b)]
    for a, b in pairs[:_MOST_PAIRS]:
        edits = (*context.swap(0, a, context.text(b)).edits, *context.swap(0, b, context.text(a)).edits)
        yield Proposal(1.25, f"{context.text(a)}, {context.text(b)} -> exchanged", edits)


def _formed_alike(context: Context, left: ast.expr, right: ast.expr) -> Iterator[Proposal]:
    """An operand that lacks what the other one was put through, such as `one_hot`."""
    for lacking, other in ((left, right), (right, left)):
        shape, wanted = context.shape(lacking), context.shape(other)
        if shape is None or wanted is None or len(shape) >= len(wanted):
            continue
        for made in _made_by(context, other):
            if not made.args or context.shape(made.args[0]) != shape or context.shape(made) != wanted:
                continue
            head = context.text(made)
            first = context.text(made.args[0])
            start = head.index(first)
            for node in (lacking, *_inner(context, lacking, shape)):
                text = context.text(node)
                yield context.swap(0.75, node, f"{head[:start]}{text}{head[start + len(first) :]}")


def _made_by(context: Context, node: ast.expr) -> Iterator[ast.Call]:
    """Yields the call that an operand is the result of, through names and casts."""
    sources = context.given(node) if isinstance(node, ast.Name) else [node]
    for source in sources:
        while (
            isinstance(source, ast.Call) and called(source) in ("cast", "convert_to_tensor") and source.args
        ):
            source = source.args[0]
        if isinstance(source, ast.Call):
            yield source


def _inner(context: Context, node: ast.expr, shape: object) -> Iterator[ast.expr]:
    """Yields what a name was made of before it was cast: the place at which the other operand took its form."""
    for made in _made_by(context, node):
        if context.shape(made) == shape:
            yield made
