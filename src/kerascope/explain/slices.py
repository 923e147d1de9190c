"""What data are computed from, as far back as it goes: operations that may fail on some values, results thrown away."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from kerascope.explain import scopes
from kerascope.explain.scopes import Module

_MOST = 60
_UNSAFE = (
    "log",
    "log2",
    "log10",
    "sqrt",
    "reciprocal",
    "divide",
    "true_divide",
    "arccos",
    "arcsin",
    "arctanh",
)
_SCALING = ("transform", "fit_transform", "normalize", "minmax_scale", "scale")

Place = tuple[Module, ast.expr]


def computed_from(modules: Mapping[str, Module], module: Module, node: ast.expr) -> Iterator[Place]:
    """Yields the expressions that a value is computed from, the nearest first; functions of the user's are opened."""
    waiting: list[Place] = [(module, node)]
    seen: set[tuple[str, int, int]] = set()
    while waiting and len(seen) < _MOST:
        where, given = waiting.pop(0)
        key = where.name, given.lineno, given.col_offset
        if key in seen:
            continue
        seen.add(key)
        yield where, given
        for part in ast.walk(given):
            if isinstance(part, ast.Name):
                function = where.enclosing(part)
                value = where.assigned(part.id, function, before=part)
                value = value or (
                    where.assigned(part.id, None, before=None) if function is not None else None
                )
                if value is not None:
                    waiting.append((where, value))
            elif isinstance(part, ast.Call):
                waiting += _opened(modules, part)


def _opened(modules: Mapping[str, Module], call: ast.Call) -> Iterator[Place]:
    """Yields what a function of the user's returns, and what it does on lines of their own."""
    found = [(m, d) for m in modules.values() if (d := m.definition(scopes.called(call))) is not None]
    if len(found) != 1 or isinstance(found[0][1], ast.ClassDef):
        return
    where, made = found[0]
    for line in ast.walk(made):
        given = line.value if isinstance(line, (ast.Return, ast.Expr)) else None
        if given is not None:
            yield where, given


def unsafe(modules: Mapping[str, Module], module: Module, node: ast.expr) -> list[Place]:
    """Returns the operations on the way that make no number of some values: logarithms, roots, quotients."""
    return [
        (where, part)
        for where, given in computed_from(modules, module, node)
        for part in ast.walk(given)
        if (isinstance(part, ast.Call) and scopes.called(part) in _UNSAFE)
        or (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div) and not _is_number(part.right))
    ]


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.BinOp)
        and any(isinstance(part, ast.Constant) for part in (node.left, node.right))
    )


def thrown_away(modules: Mapping[str, Module], module: Module, node: ast.expr) -> list[Place]:
    """Returns calls on the way that bring something to scale, and whose result nobody keeps."""
    ways = list(computed_from(modules, module, node))
    names = {part.id for _, given in ways for part in ast.walk(given) if isinstance(part, ast.Name)}
    return [
        (where, line.value)
        for where in modules.values()
        for line in ast.walk(where.tree)
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Call)
        if scopes.called(line.value) in _SCALING
        and any(isinstance(part, ast.Name) and part.id in names for part in line.value.args)
    ]


def raw_instead(modules: Mapping[str, Module], places: list[Place]) -> list[Place]:
    """Returns the places that take something raw of which a scaled copy was made under another name."""
    made: dict[str, ast.expr] = {}
    for module in modules.values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Assign):
                continue
            kept = {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            for part in ast.walk(node.value):
                if (raw := _scaled(part)) is not None and isinstance(part, ast.expr):
                    names = {n.id for n in ast.walk(raw) if isinstance(n, ast.Name)}
                    made |= {name: part for name in names - kept}
    return [
        (module, node)
        for module, node in places
        if (not isinstance(node, ast.Name) or isinstance(module.parents.get(node), ast.Assign))
        and any(
            isinstance(part, ast.Name) and part.id in made and not _inside(part, made[part.id])
            for part in ast.walk(node)
        )
        and not any(isinstance(part, ast.Call) and scopes.called(part) in _SCALING for part in ast.walk(node))
    ]


def _scaled(node: ast.AST) -> ast.expr | None:
    """Returns what an expression brings to scale: the argument of such a call, or `a` in `(a - b) / c`."""
    if isinstance(node, ast.Call) and scopes.called(node) in _SCALING and node.args:
        return node.args[0]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.BinOp):
        difference = node.left
        return difference.left if isinstance(difference.op, ast.Sub) else None
    return None


def _inside(node: ast.AST, scaled: ast.expr) -> bool:
    return any(part is node for part in ast.walk(scaled))


def picked_apart(modules: Mapping[str, Module], module: Module) -> list[Place]:
    """Returns where a data set or generator of the user's hands out inputs and labels picked by different indices."""
    found: list[Place] = []
    for where in {module.name: module, **modules}.values():
        for node in ast.walk(where.tree):
            given = node.value if isinstance(node, (ast.Return, ast.Yield)) else None
            if not isinstance(given, ast.Tuple) or len(given.elts) != 2:
                continue
            one, two = given.elts
            if isinstance(one, ast.Subscript) and isinstance(two, ast.Subscript):
                kinds = {type(one.slice), type(two.slice)}
                if len(kinds) == 2 and ast.Slice in kinds and ast.Constant not in kinds:
                    found.append((where, given))
    return found
