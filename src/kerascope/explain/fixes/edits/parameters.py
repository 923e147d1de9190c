"""Where a function takes what: the names of its parameters, and the place for one more."""

from __future__ import annotations

import ast

from kerascope.explain.fixes.edits.context import position
from kerascope.record.lines import Position


def names_of(function: ast.FunctionDef) -> list[str]:
    """Returns the names of a function's parameters."""
    return [a.arg for a in (*function.args.args, *function.args.kwonlyargs)]


def end_of_parameters(function: ast.FunctionDef) -> Position | None:
    """Returns where a further parameter with a default can be put; None where something must stand last."""
    arguments = function.args
    if arguments.kwonlyargs or arguments.vararg or arguments.kwarg or not arguments.args:
        return None
    last: ast.AST = arguments.defaults[-1] if arguments.defaults else arguments.args[-1]
    _, line, _, end = position(last)
    return line, line, end, end
