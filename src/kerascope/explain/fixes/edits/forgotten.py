"""Edits that read a setting which is kept and forgotten: an axis, a guard, a factor, a divisor, a limit."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import AXES
from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_GUARDS = re.compile(r"^eps|epsilon")
_AXIS = re.compile(r"axis|^dim$")
_DIVISORS = re.compile(r"temp|tau|scale|size|std|sigma|max|width|height|range|norm")
_LIMITS = re.compile(r"margin|thresh|theta|delta|offset|shift|bias|min|mean")
_POWERS = re.compile(r"gamma|power|exponent|^p$")
_GUARDED = ("log", "sqrt", "rsqrt", "reciprocal")


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class."""
    for name in _unread(owner):
        for method in owner.body:
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("__"):
                for node in context.nodes(method):
                    yield from _with(context, node, name)


def _unread(owner: ast.ClassDef) -> list[str]:
    """Returns the parameters that `__init__` keeps under their own names and nothing but a configuration reads."""
    init = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        return []
    kept = [
        s.value.id
        for s in init.body
        if isinstance(s, ast.Assign)
        and isinstance(s.value, ast.Name)
        and ast.unparse(s.targets[0]) == f"self.{s.value.id}"
    ]
    read = Counter(
        node.attr
        for method in owner.body
        if getattr(method, "name", "") != "get_config"
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )
    return [name for name in kept if not read[name]]


def _with(context: Context, node: ast.expr, name: str) -> Iterator[Proposal]:
    setting = f"self.{name}"
    if _AXIS.search(name):
        given = [k.value for k in getattr(node, "keywords", ()) if k.arg in AXES]
        if given and integer(given[0]) is not None:
            yield context.swap(0.4, given[0], setting)
        return
    if _GUARDS.search(name):
        if isinstance(node, ast.Call) and called(node) in _GUARDED and len(node.args) == 1:
            yield context.swap(0.4, node.args[0], f"{context.text(node.args[0])} + {setting}")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and context.shape(node.right):
            yield context.swap(0.4, node.right, f"({context.text(node.right)} + {setting})")
        return
    if not context.shape(node) or not context.dtype(node).startswith(("float", "bfloat", "int")):
        return
    for cost, form in _forms(name):
        if _place(context, node):
            new = form.format(x=context.atom(node), s=setting)
            yield context.swap(cost + _place(context, node), node, new)


def _forms(name: str) -> tuple[tuple[float, str], ...]:
    """Returns what a setting may be for, by its name, the likeliest first."""
    if _DIVISORS.search(name):
        return (0.3, "{x} / {s}"), (0.7, "{x} * {s}")
    if _LIMITS.search(name):
        return (0.3, "({x} - {s})"), (0.6, "({x} + {s})")
    if _POWERS.search(name):
        return (0.4, "{x} ** {s}"), (0.4, "{x} * {s}")
    return (0.3, "{s} * {x}"), (0.7, "{x} / {s}")


def _place(context: Context, node: ast.expr) -> float:
    """Returns what is against a place for a setting; 0 for one that is none at all."""
    parent = context.parents.get(node)
    if isinstance(parent, ast.Call) and node in parent.args and called(parent) in _SQUASHING:
        return 0.1  # `softmax(logits / temperature)`
    if isinstance(node, ast.Name) and node.id == "y_true":
        return 0.15
    if isinstance(parent, (ast.Assign, ast.Return)):
        return 0.2
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, (ast.Add, ast.Sub)):
        return 0.2 if node is parent.right else 0.3
    return 0.4 if isinstance(parent, ast.Call) and node in parent.args[:1] else 0.0


_SQUASHING = ("softmax", "sigmoid", "exp", "tanh", "log_softmax")
