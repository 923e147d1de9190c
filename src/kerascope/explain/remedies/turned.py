"""Edits that put things back in their order: rows that a line has reordered, and arguments the wrong way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain import scopes
from kerascope.explain.remedies import edits
from kerascope.explain.remedies.edits import Change
from kerascope.explain.scopes import Module

_REORDERS = ("permutation", "shuffle", "roll", "sort", "sorted", "flip", "choice")
_REPEATS = {"tile": "repeat", "repeat": "tile"}


def rows(module: Module, nodes: list[ast.expr | ast.stmt]) -> Iterator[tuple[str, list[Change]]]:
    """Takes away what puts labels, or their index, in another order than the inputs have."""
    for node in nodes:
        if isinstance(node, ast.Call) and node.args and scopes.called(node) in _REORDERS:
            parent = module.parents.get(node)
            if isinstance(parent, ast.Expr):
                yield "without this shuffle", [edits.replaced(module, parent, "pass")]
            else:
                inner = edits.source_of(module, node.args[0])
                yield f"without `{scopes.called(node)}`", [edits.replaced(module, node, inner)]
        elif isinstance(node, ast.Call) and scopes.called(node) in _REPEATS and len(node.args) == 2:
            other = _REPEATS[scopes.called(node)]
            function = edits.source_of(module, node.func).removesuffix(scopes.called(node)) + other
            yield f"`{function}`, in the order of the pieces", [edits.replaced(module, node.func, function)]
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            step = node.slice.step
            if isinstance(step, ast.UnaryOp) and node.slice.lower is None and node.slice.upper is None:
                text = edits.source_of(module, node.value)
                yield "without turning the order round", [edits.replaced(module, node, text)]


def arguments(module: Module, nodes: list[ast.expr | ast.stmt]) -> Iterator[tuple[str, list[Change]]]:
    """Swaps the two arguments of a call, or what a logarithm is taken of and what weighs it."""
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and len(node.args) == 2
            and all(isinstance(a, ast.Name) for a in node.args)
        ):
            one, two = node.args
            yield (
                "the arguments the other way round",
                [
                    edits.replaced(module, one, edits.source_of(module, two)),
                    edits.replaced(module, two, edits.source_of(module, one)),
                ],
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for weight, log in ((node.left, node.right), (node.right, node.left)):
                if not (isinstance(log, ast.Call) and scopes.called(log) == "log" and len(log.args) == 1):
                    continue
                inner = log.args[0]
                if isinstance(weight, ast.Name) and isinstance(inner, ast.Name):
                    yield (
                        "the logarithm of the other one",
                        [edits.replaced(module, weight, inner.id), edits.replaced(module, inner, weight.id)],
                    )
