"""The user's source around a place: the statement that stands there, and where an attribute is set."""

from __future__ import annotations

import ast
import functools
import linecache
import types
from collections.abc import Iterator

from kerascope.probe.lines.install import site_at, twins
from kerascope.record.lines import Position, Site

MAKERS = ("add_weight", "add_variable", "Variable")
"""What makes a variable of an object."""
Place = tuple[int | None, int | None, int | None, int | None]


def site_of(frame: types.FrameType, place: Place) -> Site | None:
    """Returns the expression at a place of a frame's code.

    Where it is none that is traced (the targets of an unpacking, a `raise`), the statement there as a site of the kind
    "unpack", "raise" or "statement". Files that were never traced are read now.
    """
    code = frame.f_code
    known = twins(code.co_filename, code.co_flags)  # compiled before when the trace has run
    found = site_at(code, place)
    if found is not None:
        return found
    node: ast.stmt | ast.expr | None = _node_at(code.co_filename, place)
    if isinstance(node, (ast.If, ast.While)) and _position(node) == place:
        # Before Python 3.12 a condition stands where its whole statement does.
        return site_at(code, _position(node.test)) or site_of(frame, _position(node.test))
    if node is not None and hasattr(node, "body"):  # a loop's or condition's head
        heads = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr) and _covers(n, place)]
        node = heads[0] if heads else None
    if node is None:
        return None
    exact = next((n for n in ast.walk(node) if isinstance(n, ast.expr) and _position(n) == place), None)
    inside = [site for site in known.sites if site.kind != "arguments" and _within(site, node)]
    tops = [site for site in inside if site.parent is None or site.parent not in inside]
    kind = "statement"
    if isinstance(node, ast.Raise):
        kind = "raise"
    elif isinstance(node, ast.Assign) and any(_covers(t, place) for t in node.targets):
        kind = "unpack" if isinstance(node.targets[0], (ast.Tuple, ast.List)) else "set"
    if exact is not None and kind == "statement":
        parts = [site for site in tops if _within(site, exact)]
        text = ast.get_source_segment("\n".join(lines(code.co_filename)), exact) or ast.unparse(exact)
        what = type(exact).__name__.lower()
        return Site(code.co_filename, _position(exact), text, what, code.co_qualname, exact, children=parts)
    text = "\n".join(lines(code.co_filename)[node.lineno - 1 : node.end_lineno]).strip()
    return Site(code.co_filename, _position(node), text, kind, code.co_qualname, node, children=tops)


def _position(node: ast.stmt | ast.expr) -> Position:
    return node.lineno, node.end_lineno or node.lineno, node.col_offset, node.end_col_offset or 0


def lines(file: str) -> list[str]:
    """Returns the lines of a file, without their ends."""
    return [line.rstrip("\r\n") for line in linecache.getlines(file)]


def tree(file: str) -> ast.Module | None:
    """Returns a file's syntax tree; None when it cannot be read."""
    return _parsed("".join(linecache.getlines(file)))


@functools.lru_cache(maxsize=32)
def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _node_at(file: str, place: Place) -> ast.stmt | None:
    """Returns the smallest statement that covers a place."""
    parsed = tree(file)
    found: ast.stmt | None = None
    for node in ast.walk(parsed) if parsed is not None and place[0] is not None else ():
        if isinstance(node, ast.stmt) and _covers(node, place):
            found = node if found is None or node.lineno >= found.lineno else found
    return found


def _covers(node: ast.AST, place: Place) -> bool:
    first, last, start, end = place
    if first is None or last is None:
        return False
    begin = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    stop = (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))
    return begin <= (first, start or 0) and (last, end or 0) <= stop


def _within(site: Site, node: ast.stmt | ast.expr) -> bool:
    first, last, start, end = site.position
    return (node.lineno, node.col_offset) <= (first, start) and (last, end) <= (
        node.end_lineno or node.lineno,
        node.end_col_offset or 0,
    )


def class_named(file: str, qualname: str) -> ast.ClassDef | None:
    """Returns the class that a method of this qualified name stands in."""
    name = qualname.rsplit(".", 1)[0].rsplit(".", 1)[-1] if "." in qualname else ""
    parsed = tree(file)
    for node in ast.walk(parsed) if parsed is not None else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    return None


def method_named(owner: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    """Returns a method of a class."""
    return next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def stores(owner: ast.ClassDef, attribute: str) -> Iterator[tuple[ast.FunctionDef, ast.Assign]]:
    """Yields method and statement of everything that sets `self.attribute` in a class."""
    for method in owner.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        for node in ast.walk(method):
            if isinstance(node, ast.Assign) and any(_is_own(t, attribute) for t in node.targets):
                yield method, node


def additions(owner: ast.ClassDef, attribute: str) -> Iterator[tuple[ast.FunctionDef, ast.stmt]]:
    """Yields method and statement of everything that puts something into `self.attribute`, outside of `__init__`."""
    for method in owner.body:
        if not isinstance(method, ast.FunctionDef) or method.name in ("__init__", "build"):
            continue
        for node in ast.walk(method):
            if not isinstance(node, (ast.Expr, ast.Assign)):
                continue
            call = node.value if isinstance(node, ast.Expr) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                puts = call.func.attr in (
                    "append",
                    "extend",
                    "add",
                    "insert",
                    "appendleft",
                    "setdefault",
                    "update",
                )
                if puts and _is_own(call.func.value, attribute):
                    yield method, node
            elif isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Subscript) and _is_own(t.value, attribute) for t in node.targets
            ):
                yield method, node


def _is_own(target: ast.expr, attribute: str) -> bool:
    return (
        isinstance(target, ast.Attribute)
        and target.attr == attribute
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    )


def short(text: str, most: int = 90) -> str:
    """Returns source text on one line, cut in the middle when it is long."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    keep = most - 5
    return f"{text[: keep * 2 // 3]} ... {text[-keep // 3 :]}"
