"""Edits of Python where tensors are: `max`, `and`, `a < b < c`, `x if c else y`, `if c:` want one truth value."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal

_BUILTINS = {"max": "maximum", "min": "minimum"}
_SYMBOLS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_SETTING = (ast.Assign, ast.Return)
_TENSOR = {"ops": "convert_to_tensor", "jnp": "asarray", "torch": "as_tensor"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] in ("ops", "jnp", "torch")), None)
    if prefix is None:
        return
    if isinstance(node, ast.Name):
        yield from _list_of_numbers(context, node, prefix)
    if isinstance(node, ast.Call):
        yield from _builtin(context, node, prefix)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
        yield from _truths(context, (node.left, node.right), prefix)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield from _truths(context, (node.operand,), prefix)
    elif isinstance(node, ast.BoolOp) and any(context.shape(v) is not None for v in node.values):
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        yield context.swap(0.4, node, _folded(f"{prefix}.{name}", [context.text(v) for v in node.values]))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        if context.shape(node.operand) is not None:
            yield context.swap(0.4, node, f"{prefix}.logical_not({context.text(node.operand)})")
    elif isinstance(node, ast.Compare) and len(node.ops) > 1:
        yield from _chain(context, node, prefix)
        yield from _bound(context, node)
    elif isinstance(node, ast.IfExp) and _holds_tensor(context, node.test):
        parts = (node.test, node.body, node.orelse)
        yield context.swap(0.4, node, f"{prefix}.where({', '.join(context.text(p) for p in parts)})")


def _truths(context: Context, sides: tuple[ast.expr, ...], prefix: str) -> Iterator[Proposal]:
    """`~x`, `x & y` of numbers: of truth values, made where they are read or where their name is set."""
    for side in sides:
        if not context.dtype(side).startswith(("float", "bfloat")):
            continue
        yield context.swap(0.6, side, f'{prefix}.cast({context.text(side)}, "bool")')
        for value in context.given(side) if isinstance(side, ast.Name) else ():
            yield context.swap(0.5, value, f'{prefix}.cast({context.text(value)}, "bool")')


def _list_of_numbers(context: Context, node: ast.Name, prefix: str) -> Iterator[Proposal]:
    """A list that is computed with: a tensor of its numbers, made where its name is set."""
    parent = context.parents.get(node)
    if not isinstance(parent, ast.BinOp) or context.shape(node) is not None:
        return
    for value in context.given(node):
        if _is_list(context, value):
            yield context.swap(
                0.4, value, f"{prefix}.{_TENSOR[prefix.rpartition('.')[2]]}({context.text(value)})"
            )


def _is_list(context: Context, value: ast.expr) -> bool:
    """Tells what is a list or a tuple, by how it is made: here, or where an attribute is set."""
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "self":
        owner = context.owner(value)
        stores = [
            s.value
            for s in ast.walk(owner or ast.Module([], []))
            if isinstance(s, ast.Assign) and any(context.text(t) == context.text(value) for t in s.targets)
        ]
        return any(_is_list(context, s) or _is_given_list(context, s) for s in stores)
    made = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("list", "tuple")
    )
    return made or isinstance(value, (ast.List, ast.Tuple, ast.ListComp))


def _is_given_list(context: Context, value: ast.expr) -> bool:
    return isinstance(value, ast.Name) and any(_is_list(context, v) for v in context.given(value))


def _asked_for(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`if mask:` of a parameter that may be None: `if mask is not None:`."""
    a = function.args
    pairs = [
        *zip(a.args[::-1], a.defaults[::-1], strict=False),
        *zip(a.kwonlyargs, a.kw_defaults, strict=True),
    ]
    may_lack = {x.arg for x, value in pairs if isinstance(value, ast.Constant) and value.value is None}
    for node in ast.walk(function):
        test = node.test if isinstance(node, (ast.If, ast.IfExp)) else None
        turned = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        name = test.operand if isinstance(test, ast.UnaryOp) and turned else test
        if test is not None and isinstance(name, ast.Name) and name.id in may_lack:
            yield context.swap(0.2, test, f"{name.id} is {'' if turned else 'not '}None")


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields, for each `if` that asks a tensor, the choice made for each entry, or whether it is given."""
    yield from _asked_for(context, function)
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] in ("ops", "jnp", "torch")), None)
    for block in _blocks(function):
        for statement, after in zip(block, [*block[1:], None], strict=True):
            if (
                prefix is None
                or not isinstance(statement, ast.If)
                or not _holds_tensor(context, statement.test)
            ):
                continue
            text = _chosen(context, statement, after, prefix)
            if text is not None:
                new, last = text
                edit = context.swap(0.5, statement, new)
                place = (
                    statement.lineno,
                    last.end_lineno or 0,
                    statement.col_offset,
                    last.end_col_offset or 0,
                )
                edits = context.replace(0.5, place, "", new).edits
                yield Proposal(0.5, edit.description, edits)


def _blocks(function: ast.FunctionDef) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(function):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def _chosen(
    context: Context, statement: ast.If, after: ast.stmt | None, prefix: str
) -> tuple[str, ast.stmt] | None:
    """Returns what stands in place of an `if`, and the last statement that it replaces."""
    if len(statement.body) != 1 or not isinstance(statement.body[0], _SETTING):
        return None
    one = statement.body[0]
    other: ast.stmt | None = statement.orelse[0] if len(statement.orelse) == 1 else None
    last: ast.stmt = statement
    if not statement.orelse and isinstance(one, ast.Return) and isinstance(after, ast.Return):
        other = last = after
    test = context.text(statement.test)
    if isinstance(one, ast.Return) and isinstance(other, ast.Return) and one.value and other.value:
        return f"return {prefix}.where({test}, {context.text(one.value)}, {context.text(other.value)})", last
    if not isinstance(one, ast.Assign) or len(one.targets) != 1 or one.value is None:
        return None
    target = context.text(one.targets[0])
    if not statement.orelse:
        return f"{target} = {prefix}.where({test}, {context.text(one.value)}, {target})", last
    if isinstance(other, ast.Assign) and [context.text(t) for t in other.targets] == [target]:
        choice = f"{prefix}.where({test}, {context.text(one.value)}, {context.text(other.value)})"
        return f"{target} = {choice}", last
    return None


def _holds_tensor(context: Context, test: ast.expr) -> bool:
    """Tells whether a condition is a tensor with more than one entry, as far as was seen."""
    nodes = [node for node in ast.walk(test) if isinstance(node, ast.expr)]
    of_shapes = any(isinstance(n, ast.Attribute) and n.attr in ("shape", "ndim", "dtype") for n in nodes)
    return not of_shapes and any(bool(context.shape(node)) for node in nodes)


def _builtin(context: Context, call: ast.Call, prefix: str) -> Iterator[Proposal]:
    func = call.func
    if not isinstance(func, ast.Name) or func.id in context.names or not call.args:
        return
    tensors = [a for a in call.args if context.shape(a) is not None]
    if func.id in _BUILTINS and len(call.args) == 2 and tensors:
        yield context.swap(0.4, func, f"{prefix}.{_BUILTINS[func.id]}")
    if func.id in ("max", "min", "sum") and len(call.args) == 1 and tensors:
        axis = "dim" if prefix == "torch" else "axis"
        for index, place in enumerate(("-1", "1")):
            text = f"{prefix}.{func.id}({context.text(call.args[0])}, {axis}={place})"
            yield context.swap(0.6 + 0.1 * index, call, text)
    if func.id == "len" and tensors:
        yield context.swap(0.8, call, f"{prefix}.shape({context.text(call.args[0])})[0]")
        for cost, at in ((0.7, 1), (0.8, -1)) if len(context.shape(tensors[0]) or ()) > 1 else ():
            yield context.swap(cost, call, f"{context.atom(tensors[0])}.shape[{at}]")
    if func.id in ("int", "float") and tensors:
        kind = "int32" if func.id == "int" else "float32"
        yield context.swap(0.8, call, f'{prefix}.cast({context.text(call.args[0])}, "{kind}")')


def _chain(context: Context, node: ast.Compare, prefix: str) -> Iterator[Proposal]:
    """`a < x < b`, which Python reads as `a < x and x < b`."""
    sides = [node.left, *node.comparators]
    symbols = [_SYMBOLS.get(type(op)) for op in node.ops]
    if None in symbols or not any(context.shape(side) is not None for side in sides):
        return
    parts = [
        f"{context.atom(a)} {sign} {context.atom(b)}"
        for a, sign, b in zip(sides, symbols, sides[1:], strict=False)
    ]
    yield context.swap(0.4, node, _folded(f"{prefix}.logical_and", parts))


def _bound(context: Context, node: ast.Compare) -> Iterator[Proposal]:
    """`x > 0 & x < 2`, which Python reads as `x > (0 & x) < 2`."""
    middle = node.comparators[0]
    if (
        len(node.ops) != 2
        or not isinstance(middle, ast.BinOp)
        or not isinstance(middle.op, (ast.BitAnd, ast.BitOr))
    ):
        return
    one, two = (_SYMBOLS.get(type(op)) for op in node.ops)
    if one is None or two is None:
        return
    sign = "&" if isinstance(middle.op, ast.BitAnd) else "|"
    left = f"({context.text(node.left)} {one} {context.text(middle.left)})"
    right = f"({context.text(middle.right)} {two} {context.text(node.comparators[1])})"
    yield context.swap(0.2, node, f"{left} {sign} {right}")


def _folded(function: str, parts: list[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        text = f"{function}({text}, {part})"
    return text
