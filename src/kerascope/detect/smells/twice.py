"""What stands there twice, where one of two was meant to be another: a copied line or call that was not changed.

One part of a tensor is taken twice under two names, and the rest of it never; or both sides of an operator are one call
of one name, while another name is made in the same way and used beside it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import numpy as np

from kerascope.detect.smells import source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, array
from kerascope.detect.smells.shapes import shown
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Parts of a tensor that have been given another name before."""
    return isinstance(site.node, ast.Subscript) and len(site.targets) == 1 and _before(site) is not None


def judge(moment: Moment) -> Verdict:
    """Some of the tensor must be left over: what is read of it is told by the source."""
    site = moment.site
    before, operand = _before(site), moment.part(site.node.value)  # type: ignore[attr-defined]
    if before is None or operand is None:
        return None
    whole, part = operand.event.facts.shape, moment.event.facts.shape
    if not whole or part is None or not _left_over(site, whole, part):
        return CLEAR
    text = operand.event.site.source
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"`{site.targets[0]}` is the same part of `{text}` as `{before}`",
        f"`{site.source}` is taken twice, as `{before}` and as `{site.targets[0]}`, and another part of `{text}` is "
        "never read.",
        (Evidence(f"shape of `{text}`", shown(whole)), Evidence("part", str(part))),
    )


def _reads(site: Site) -> list[ast.Subscript] | None:
    """Returns all that a function reads of a name; None where it reads the whole, or sets the name more than once."""
    scope, held = source.function(site), site.node.value  # type: ignore[attr-defined]
    if scope is None or not isinstance(held, ast.Name):
        return None
    found = [n for n in ast.walk(scope) if isinstance(n, ast.Subscript) and ast.unparse(n.value) == held.id]
    named = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == held.id]
    stored = [n for n in named if isinstance(n.ctx, ast.Store)]
    return found if len(named) - len(stored) == len(found) and len(stored) <= 1 else None


def _before(site: Site) -> str | None:
    """Returns the other name of the same part."""
    scope = source.function(site)
    if scope is None or _reads(site) is None:
        return None
    text = ast.unparse(site.node)
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign) and statement.lineno < site.line:
            target = statement.targets[0]
            if ast.unparse(statement.value) == text and isinstance(target, ast.Name):
                return target.id if target.id != site.targets[0] else None
    return None


def _left_over(site: Site, whole: tuple[int | str | None, ...], part: tuple[int | str | None, ...]) -> bool:
    reads = _reads(site) or []
    texts = {ast.unparse(n.slice) for n in reads}
    if len(texts) == 1:
        return part != whole
    places = [_number(n.slice) for n in reads]
    axes = {axis for axis, _ in places}
    size = whole[axes.pop()] if len(axes) == 1 and None not in axes else None  # type: ignore[index]
    return isinstance(size, int) and len({place % size for _, place in places}) < size


def _number(index: ast.expr) -> tuple[int | None, int]:
    """Returns the axis and the place of an index such as `[:, 1]`; no axis where it is another one."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    axis = len(parts) - 1
    last = parts[-1]
    sign = 1
    if isinstance(last, ast.UnaryOp) and isinstance(last.op, ast.USub):
        sign, last = -1, last.operand
    if not isinstance(last, ast.Constant) or not isinstance(last.value, int):
        return None, 0
    plain = all(isinstance(p, ast.Slice) and p.lower is None and p.upper is None for p in parts[:-1])
    return (axis if plain else None), sign * last.value


# -- both sides of an operator -----------------------------------------------------------------------------------------


def concerns_sides(site: Site) -> bool:
    """The same call on both sides of an operator, which is never made of the other of two names."""
    return _other(site) is not None


def judge_sides(moment: Moment) -> Verdict:
    """What is drawn at random differs on the two sides, though the source does not."""
    terms, names = moment.terms(), _other(moment.site)
    if terms is None or names is None:
        return None
    left, right = (array(term.value) for term in terms)
    if left is None or right is None or not np.array_equal(left, right):
        return CLEAR
    (name, other), (side, _) = names, _sides(moment.node)
    text = "" if side is None else ast.unparse(side)
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"`{text}` stands on both sides, and nowhere is the same done with `{other}`",
        f"`{name}` and `{other}` are made in the same way and used beside each other, but here both sides are computed "
        f"from `{name}`. One of them was copied and is of `{other}` perhaps; if it is meant to be a square, write one.",
        (Evidence("both sides", text),),
    )


def _sides(node: ast.AST) -> tuple[ast.expr, ast.expr] | tuple[None, None]:
    if isinstance(node, ast.BinOp):
        return node.left, node.right
    if isinstance(node, ast.Call) and len(node.args) == 2:
        return node.args[0], node.args[1]
    return None, None


def _other(site: Site) -> tuple[str, str] | None:
    """Returns the name that both sides are computed from, and the one that is missing."""
    left, right = _sides(site.node)
    scope = source.function(site)
    if not isinstance(left, ast.Call) or right is None or not isinstance(scope, ast.FunctionDef):
        return None
    text = ast.unparse(left)
    if ast.unparse(right) != text:
        return None
    calls = {ast.unparse(n) for n in ast.walk(scope) if isinstance(n, ast.Call)}
    read = [n.id for n in ast.walk(left) if isinstance(n, ast.Name)]
    made = _definitions(scope)
    for name in (name for name in made if read.count(name) == 1):
        alike = [other for other in made if other != name and made[other] == made[name] and other not in read]
        for other in alike:
            if _with(left, name, other) not in calls and (name, other) in _beside(scope):
                return name, other
    return None


def _definitions(scope: ast.FunctionDef) -> dict[str, str]:
    """Returns the names that a function sets once, each with the form of what it is set to; targets and predictions."""
    stored = [n.id for n in ast.walk(scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    found = {a.arg: "" for a in scope.args.args if a.arg in ("y_true", "y_pred") and a.arg not in stored}
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.Call, ast.BinOp)):
            target = statement.targets[0]
            if isinstance(target, ast.Name) and stored.count(target.id) == 1 and len(statement.targets) == 1:
                found[target.id] = _form(statement.value)
    return found


def _form(node: ast.AST) -> str:
    """Returns an expression without the names of what it is made of; functions keep theirs."""
    text = ast.parse(ast.unparse(node), mode="eval")
    functions = {id(n) for call in ast.walk(text) if isinstance(call, ast.Call) for n in ast.walk(call.func)}
    for each in ast.walk(text):
        own = isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
        if own:
            each.attr = "_"  # type: ignore[attr-defined]
        elif isinstance(each, ast.Name) and id(each) not in functions:
            each.id = "_"
    return ast.unparse(text)


def _with(node: ast.AST, name: str, other: str) -> str:
    text = ast.parse(ast.unparse(node), mode="eval")
    for each in ast.walk(text):
        if isinstance(each, ast.Name) and each.id == name:
            each.id = other
    return ast.unparse(text)


def _beside(scope: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yields the pairs of names that an operator or a call combines."""
    for node in ast.walk(scope):
        sides = [side for side in _sides(node) if isinstance(side, ast.Name)]
        if isinstance(node, ast.Call) and not sides:
            sides = [a for a in node.args if isinstance(a, ast.Name)]
        names = [side.id for side in sides]
        yield from ((a, b) for a in names for b in names)


# -- a difference of the same ------------------------------------------------------------------------------------------


def concerns_difference(site: Site) -> bool:
    """`x - x`, `x[:, 1:] - x[:, 1:]`."""
    node = site.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Sub, ast.Div)):
        return False
    plain = (ast.Name, ast.Attribute, ast.Subscript)
    if any(re.search(r"zero|one|init|state|start", target) for target in site.targets):
        return False  # as a state begins
    return isinstance(node.left, plain) and ast.unparse(node.left) == ast.unparse(node.right)


def judge_difference(moment: Moment) -> Verdict:
    """Whatever goes in, it is zero, or one where it is a quotient."""
    node, text = moment.node, moment.site.source
    left = moment.part(node.left)
    if left is None or not left.event.facts.shape:
        return None
    what = "0" if isinstance(node.op, ast.Sub) else "1"
    return Hit(
        "wrong-argument",
        "fault",
        0.95,
        f"`{text}` is {what} whatever goes in",
        f"Both sides are `{ast.unparse(node.left)}`; one of them was meant to be something else.",
        (Evidence("both sides", ast.unparse(node.left)),),
    )
