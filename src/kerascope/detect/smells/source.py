"""Where an expression stands in its file, and where its value goes: read from the source alone."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import re
from collections.abc import Iterator
from typing import Any, TypeGuard

from kerascope.record.lines import Site

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_DEEP = 5


class _File:
    """The syntax tree of a file with the way up from every node."""

    def __init__(self, text: str) -> None:
        self.parents: dict[ast.AST, ast.AST] = {}
        self.at: dict[tuple[str, int, int, int | None, int | None], ast.AST] = {}
        for node in ast.walk(ast.parse(text)):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            if hasattr(node, "lineno"):
                self.at.setdefault(_key(node), node)


def _key(node: ast.AST) -> tuple[str, int, int, int | None, int | None]:
    n: ast.expr = node  # type: ignore[assignment]
    return type(n).__name__, n.lineno, n.col_offset, n.end_lineno, n.end_col_offset


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> _File | None:
    try:
        return _File(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _file(site: Site) -> _File | None:
    return _parsed("".join(linecache.getlines(site.file)))


def above(site: Site) -> list[ast.AST]:
    """Returns the nodes around an expression from the inside out, itself first; empty when it is not found."""
    file = _file(site)
    node = None if file is None else file.at.get(_key(site.node))
    return [] if file is None or node is None else list(_upwards(file, node))


def _upwards(file: _File, node: ast.AST) -> Iterator[ast.AST]:
    current: ast.AST | None = node
    while current is not None:
        yield current
        current = file.parents.get(current)


def function(site: Site) -> Function | None:
    """Returns the function an expression stands in."""
    return next((n for n in above(site)[1:] if isinstance(n, _FUNCTIONS)), None)


def parameters(site: Site) -> list[str]:
    """Returns the names of the parameters of the function an expression stands in, without `self`."""
    scope = function(site)
    if scope is None:
        return []
    a = scope.args
    return [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs) if x.arg not in ("self", "cls")]


def class_name(site: Site) -> str:
    """Returns the name of the class an expression stands in, "" when it stands in none."""
    return next((n.name for n in above(site) if isinstance(n, ast.ClassDef)), "")


def promise(site: Site) -> str:
    """Returns the name and docstring of the class an expression stands in, "" when it stands in none."""
    owner = next((n for n in above(site) if isinstance(n, ast.ClassDef)), None)
    return "" if owner is None else f"{owner.name} {ast.get_docstring(owner) or ''}"


def destinations(site: Site) -> list[list[ast.AST]]:
    """Returns the ways a value goes: for each, the nodes from the value, or a name that holds it, up to its statement.

    Names are followed through the function, also through further assignments.
    """
    file = _file(site)
    node = None if file is None else file.at.get(_key(site.node))
    if file is None or node is None:
        return []
    scope = next(
        (n for n in _upwards(file, node) if isinstance(n, _FUNCTIONS)),
        None,
    )
    ways: list[list[ast.AST]] = []
    seen: set[str] = set()
    todo = [(node, _DEEP)]
    while todo:
        start, deep = todo.pop()
        way = _to_statement(file, start)
        ways.append(way)
        if scope is None or deep == 0:
            continue
        for name in _bound(way) - seen:
            seen.add(name)
            todo += [(use, deep - 1) for use in _loads(scope, name) if use.lineno >= way[-1].lineno]  # type: ignore[attr-defined]
    return ways


def _to_statement(file: _File, node: ast.AST) -> list[ast.AST]:
    way: list[ast.AST] = []
    for each in _upwards(file, node):
        way.append(each)
        if isinstance(each, (ast.stmt, ast.Lambda)):
            break
    return way


def _bound(way: list[ast.AST]) -> set[str]:
    """Returns the names that a value on this way is kept under."""
    statement = way[-1]
    found = {n.target.id for n in way if isinstance(n, ast.NamedExpr)}
    targets: list[ast.AST] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For)):
        targets = [statement.target]
    for target in targets:
        found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def _loads(scope: ast.AST, name: str) -> list[ast.Name]:
    return [
        n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)
    ]


def is_result(site: Site) -> bool:
    """Tells whether an expression is what its function returns, also one of two in `return a if condition else b`."""
    if "return" in site.targets:
        return True
    if site.parent is not None:
        return False
    way = above(site)
    for inner, outer in itertools.pairwise(way):
        if isinstance(outer, (ast.Return, ast.Lambda)):
            return True
        if not isinstance(outer, ast.IfExp) or inner is outer.test:
            return False
    return False


def is_returned(site: Site) -> bool:
    """Tells whether a value is part of what its function returns."""
    return any(
        isinstance(way[-1], (ast.Return, ast.Lambda))
        and not any(isinstance(n, ast.Call) and "loss" in callee(n) for n in way)
        for way in destinations(site)
    )


def callee(node: ast.Call) -> str:
    """Returns the last part of the name of what is called."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def mentions(node: ast.AST | None, *names: str) -> bool:
    """Tells whether a piece of source reads one of these names or attributes."""
    if node is None:
        return False
    return any(
        (isinstance(n, ast.Name) and n.id in names) or (isinstance(n, ast.Attribute) and n.attr in names)
        for n in ast.walk(node)
    )


_SELECTS = ("where", "select", "cond")


def is_selected(site: Site) -> bool:
    """Tells whether an expression is one of the values that a `where` chooses from, directly or through a name."""
    nodes = above(site)
    if any(_selects(node) for node in nodes[1:]):
        return True
    scope = function(site)
    statement = next((n for n in nodes if isinstance(n, ast.Assign)), None)
    names = {t.id for t in statement.targets if isinstance(t, ast.Name)} if statement is not None else set()
    if scope is None or not names:
        return False
    calls = [n for n in ast.walk(scope) if _selects(n)]
    return any(mentions(value, name) for call in calls for value in call.args[1:] for name in names)


def _selects(node: ast.AST) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call):
        return False
    return (
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    ) in _SELECTS


def words(site: Site) -> str:
    """Returns the lines of the class, or function, that an expression stands in, comments and docstrings with them."""
    around = [n for n in above(site) if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    if not around:
        return ""
    outer: Any = around[-1]
    text = "".join(linecache.getlines(site.file)[outer.lineno - 1 : outer.end_lineno])
    return " ".join(re.sub(r"(?m)^\s*#|\"{3}", " ", text).split())
