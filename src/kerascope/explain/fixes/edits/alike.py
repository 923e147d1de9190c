"""Edits that make a statement like those beside it: `v = self.value(x)` where `q` and `k` are put through more."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields what statements of one form have around them, put around one that lacks it; or taken off."""
    yield from _as_the_others(context, function)
    yield from _another_of_its_kind(context, function)
    values = [s.value for s in ast.walk(function) if isinstance(s, ast.Assign) and len(s.targets) == 1]
    forms = {id(value): form(value) for value in values}
    for value in values:
        wrapped: Counter[str] = Counter()
        for other in values:
            if other is value or not isinstance(other, ast.Call):
                continue
            inner = next((a for a in other.args if form(a) == forms[id(value)]), None)
            if inner is None or not isinstance(value, ast.Call):
                continue
            whole, part = context.text(other), context.text(inner)
            if whole.count(part) == 1:
                wrapped[whole.replace(part, context.text(value))] += 1
        for text, count in wrapped.items():
            yield context.swap(0.6 if count > 1 else 0.8, value, text)


def _as_the_others(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """A call that is given something else than most calls of the same function are, beside their first argument."""
    given: dict[str, list[ast.Call]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.args and context.shape(node.args[0]) is not None:
            given.setdefault(ast.unparse(node.func), []).append(node)
    yield from _with_the_same_added(context, [call for calls in given.values() for call in calls])
    for name, calls in given.items():
        settings = {call: _settings(context, call) for call in calls}
        count = Counter(settings.values())
        for call, own in settings.items():
            most, times = count.most_common(1)[0]
            if most and own != most and count[own] == 1 < times:
                new = ", ".join((context.text(call.args[0]), *most))
                yield context.swap(0.7, call, f"{name}({new})")


def _another_of_its_kind(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`self.query(x)` twice, and a `self.key` that is made in the same way and that nothing calls."""
    owner = context.owner(function)
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and n.args]
    texts = Counter(map(ast.unparse, calls))
    if owner is None or max(texts.values(), default=0) < 2:
        return
    made = {
        ast.unparse(s.targets[0]): form(s.value)
        for s in ast.walk(owner)
        if isinstance(s, ast.Assign) and isinstance(s.value, ast.Call)
    }
    called = {ast.unparse(n.func) for n in ast.walk(owner) if isinstance(n, ast.Call)}
    for call in reversed(calls):
        name = ast.unparse(call.func)
        for other in made if texts[ast.unparse(call)] > 1 and name in made else ():
            if other != name and made[other] == made[name] and other not in called:
                yield context.swap(0.4, call.func, other)


def _with_the_same_added(context: Context, calls: list[ast.Call]) -> Iterator[Proposal]:
    """`log(y_pred) - log(y_true + 1)`: a number that is added in one call and not in the other of the same function."""
    for call in calls:
        for other in calls:
            inner, plain = other.args[0], call.args[0]
            if (
                ast.unparse(other.func) == ast.unparse(call.func)
                and isinstance(inner, ast.BinOp)
                and isinstance(inner.op, ast.Add)
                and isinstance(inner.right, ast.Constant)
                and isinstance(plain, (ast.Name, ast.Attribute))
            ):
                yield context.swap(0.5, plain, f"{context.text(plain)} + {context.text(inner.right)}")


def _settings(context: Context, call: ast.Call) -> tuple[str, ...]:
    named = (f"{k.arg}={context.text(k.value)}" for k in call.keywords if k.arg is not None)
    return (*(context.text(a) for a in call.args[1:]), *named)


def form(node: ast.AST) -> str:
    """Returns the shape of an expression: what is called and how, without the names of attributes and variables."""
    if isinstance(node, ast.Name):
        return "name"
    if isinstance(node, ast.Attribute):
        held = isinstance(node.value, ast.Name) and node.value.id == "self"
        return "self." if held else f"{form(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        given = [*map(form, node.args), *(f"{k.arg}={form(k.value)}" for k in node.keywords)]
        return f"{form(node.func)}({', '.join(given)})"
    return type(node).__name__ + "".join(map(form, ast.iter_child_nodes(node)))
