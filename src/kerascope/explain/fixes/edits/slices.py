"""Edits of slices that take a tensor apart: they follow on each other, and none is taken twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call) and called(node) == "range" and len(node.args) == 1:
        yield from _rounds(context, node)
    if not isinstance(node, ast.Subscript) or context.shape(node.value) is None:
        return
    bounds = _bounds(context, node)
    twice = repeated(context, node)
    for part in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
        number = integer(part)
        if number is not None and twice:
            for other in (number + 1, number - 1, -1, 0):
                if other >= -1 and other != number:
                    yield context.swap(0.7, part, str(other))
        if isinstance(part, ast.Subscript) and "shape" in (text := context.text(part.value)):
            yield context.swap(
                0.9, part, f"{text}[{context.text(part.slice)}] - 1"
            )  # entries are counted from zero
        if (
            not isinstance(part, ast.Slice)
            or part.step is not None
            or (part.lower is None and part.upper is None)
        ):
            continue
        if integer(part.lower) is not None and integer(part.upper) is not None:
            continue
        inner = _inner(context, node, part)
        if inner is not None:
            yield context.swap(0.75, part, inner)
        lower, upper = (None if b is None else context.text(b) for b in (part.lower, part.upper))
        # Half that is taken twice, and half that is never taken.
        plain = integer(part.lower) is not None or integer(part.upper) is not None
        if lower is None and (twice or not plain):
            yield context.swap(0.6 if twice else 1.4, part, f"{upper}:")
        elif upper is None and not plain:
            yield context.swap(1.4, part, f":{lower}")
        if isinstance(part.lower, ast.Name) and upper is not None and lower not in upper.split():
            yield context.swap(0.7, part, f"{lower} : {lower} + {upper}")
        for bound in bounds:
            if lower is not None and bound not in (lower, upper):
                yield context.swap(0.8, part, f"{bound}:{upper or ''}")
            if upper is not None and bound not in (lower, upper):
                yield context.swap(0.9, part, f"{lower or ''}:{bound}")


def _inner(context: Context, node: ast.Subscript, part: ast.Slice) -> str | None:
    """`u[:, 1:]` beside `u[:, 2:]` and `u[:, :-2]`: what lies between them, as long as they are."""
    low, high = integer(part.lower), integer(part.upper)
    count = low if low is not None and part.upper is None else -(high or 0) if part.lower is None else None
    if not count or count < 1:
        return None
    statement: ast.AST | None = node
    while statement is not None and not isinstance(statement, ast.stmt):
        statement = context.parents.get(statement)
    beside = {
        "".join(context.text(p).split())
        for n in ast.walk(statement or node)
        if isinstance(n, ast.Subscript) and context.text(n.value) == context.text(node.value)
        for p in (n.slice.elts if isinstance(n.slice, ast.Tuple) else [n.slice])
    }
    around, between = {f"{2 * count}:", f":-{2 * count}"}, f"{count}:-{count}"
    return between if around <= beside and between not in beside else None


def _rounds(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`range(n)` over windows `x[:, i : i + size]`, or over `x[:, t + 1]`: as many rounds as there are whole ones."""
    loop = context.parents.get(call)
    target = getattr(loop, "target", None)
    if not isinstance(loop, (ast.For, ast.comprehension)) or not isinstance(target, ast.Name):
        return
    text = context.text(call.args[0])
    scope = context.parents[loop] if isinstance(loop, ast.comprehension) else loop
    for node in ast.walk(scope):
        ahead = (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Add)
            and context.text(node.left) == target.id
        )
        if not isinstance(node, ast.BinOp) or not ahead:
            continue
        size = context.text(node.right)
        if isinstance(context.parents.get(node), ast.Slice):
            yield context.swap(0.6, call.args[0], f"{text} - {size} + 1")
        else:
            yield context.swap(0.7, call.args[0], f"{text} - {size}")


def _bounds(context: Context, node: ast.Subscript) -> list[str]:
    """Returns the bounds, other than numbers, of the other slices of the same name in a function."""
    function = context.function(node)
    found: dict[str, None] = {}
    for other in ast.walk(function) if function is not None else ():
        if isinstance(other, ast.Subscript) and other is not node and _same(context, other.value, node.value):
            for part in ast.walk(other.slice):
                if isinstance(part, ast.Slice):
                    found.update(
                        dict.fromkeys(
                            context.text(b)
                            for b in (part.lower, part.upper)
                            if b is not None and integer(b) is None
                        )
                    )
    return list(found)


def _same(context: Context, one: ast.expr, other: ast.expr) -> bool:
    return context.text(one) == context.text(other)


def repeated(context: Context, node: ast.Subscript) -> bool:
    """Tells whether another name of the function is set to the same slice before."""
    function = context.function(node)
    text = "".join(context.text(node).split())
    return function is not None and any(
        isinstance(s, ast.Assign)
        and s.value is not node
        and s.lineno < node.lineno
        and "".join(context.text(s.value).split()) == text
        for s in ast.walk(function)
    )


def off_by_one(context: Context, node: ast.Slice) -> bool:
    """Tells whether a slice is one longer or shorter than what it is combined with, and alike on all other axes."""
    outer: ast.AST | None = context.parents.get(node)
    while outer is not None and not isinstance(outer, ast.Subscript):
        outer = context.parents.get(outer)
    parent = context.parents.get(outer) if outer is not None else None
    if not isinstance(parent, ast.BinOp):
        return False
    one, two = context.shape(parent.left), context.shape(parent.right)
    if one is None or two is None or len(one) != len(two):
        return False
    gaps = [(a, b) for a, b in zip(one, two, strict=True) if a != b]
    steps = [abs(a - b) for a, b in gaps if isinstance(a, int) and isinstance(b, int)]
    return len(gaps) == 1 and steps == [1]
