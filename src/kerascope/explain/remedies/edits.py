"""Small changes of a user's source, each as replacements of exact pieces of text; everything else stays as it is."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence

from kerascope.explain import scopes
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.scopes import Module

Change = tuple[str, Edit]
"""The file's name in the recording, and what is replaced in it."""


def replaced(module: Module, node: ast.AST, text: str) -> Change:
    """Puts `text` in the place of an expression or statement."""
    return module.name, Edit((node.lineno, node.end_lineno, node.col_offset, node.end_col_offset), text)  # type: ignore[attr-defined]


def inserted(module: Module, statement: ast.stmt, lines: Sequence[str], *, after: bool = False) -> Change:
    """Puts lines before or after a statement, indented like it."""
    indent = module.lines[statement.lineno - 1].encode()[: statement.col_offset].decode()
    indent = indent if not indent.strip() else ""
    if after:
        end = (statement.end_lineno or statement.lineno, statement.end_col_offset or 0)
        text = "".join(f"\n{indent}{line}" for line in lines)
        return module.name, Edit((end[0], end[0], end[1], end[1]), text)
    start = (statement.lineno, statement.col_offset)
    for decorator in getattr(statement, "decorator_list", ()):
        start = min(start, (decorator.lineno, decorator.col_offset - 1))
    text = "".join(f"{line}\n{indent}" for line in lines)
    return module.name, Edit((start[0], start[0], start[1], start[1]), text)


def deleted(module: Module, statement: ast.stmt) -> Change:
    """Takes a statement out, with its line when nothing else stands on it; a block is never left empty."""
    parent = module.parents.get(statement)
    for field in ("body", "orelse", "finalbody"):
        if getattr(parent, field, None) == [statement]:
            return replaced(module, statement, "pass")
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    before = module.lines[first - 1].encode()[: statement.col_offset].decode()
    behind = module.lines[last - 1].encode()[statement.end_col_offset or 0 :].decode().strip()
    if before.strip() or (behind and not behind.startswith("#")) or last >= len(module.lines):
        return replaced(module, statement, "pass")
    return module.name, Edit((first, last + 1, 0, 0), "")


def with_argument(module: Module, call: ast.Call, name: str, value: str) -> Change:
    """Adds a keyword to a call, on a line of its own where the arguments stand so."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    end_line, end_column = call.end_lineno or 0, (call.end_col_offset or 1) - 1
    new = f"{name}={value}"
    if not given:
        return module.name, Edit((end_line, end_line, end_column, end_column), new)
    last = max(given, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
    line, column = last.end_lineno or 0, last.end_col_offset or 0
    between = _text(module, (line, column), (end_line, end_column))
    if _is_generator(last, between):
        return module.name, Edit((end_line, end_line, end_column, end_column), f", {new}")
    if (comma := between.find(",")) >= 0 and "#" not in between[:comma]:
        column += len(between[: comma + 1].encode())
        own_line = end_line > line
        text = f"\n{_indent(module, last)}{new}," if own_line else f" {new},"
        return module.name, Edit((line, line, column, column), text)
    own_line = last.lineno != call.lineno and len({node.lineno for node in given}) == len(given)
    text = f",\n{_indent(module, last)}{new}" if own_line else f", {new}"
    return module.name, Edit((line, line, column, column), text)


def _is_generator(last: ast.expr, between: str) -> bool:
    return isinstance(last, ast.GeneratorExp) and ")" in between


def without_argument(module: Module, call: ast.Call, name: str) -> Change | None:
    """Takes a keyword out of a call, with its comma; None when the call has none of that name."""
    keywords = sorted(call.keywords, key=lambda k: (k.lineno, k.col_offset))
    keyword = next((k for k in keywords if k.arg == name), None)
    if keyword is None:
        return None
    return module.name, Edit(_with_comma(module, keyword, call), "")


def without_element(module: Module, container: ast.AST, element: ast.expr) -> Change:
    """Takes an element out of a list, a tuple or a call's arguments, with its comma."""
    return module.name, Edit(_with_comma(module, element, container), "")


def _with_comma(module: Module, node: ast.AST, container: ast.AST) -> tuple[int, int, int, int]:
    """Returns the place of an element and of the comma that goes with it, and of its lines where it has them alone."""
    line, column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    end = (container.end_lineno, container.end_col_offset - 1)  # type: ignore[attr-defined]
    behind = _text(module, (line, column), end)
    first, begin = node.lineno, node.col_offset  # type: ignore[attr-defined]
    before = module.lines[first - 1].encode()[:begin].decode()
    if match := re.match(r"\s*,", behind):
        last, stop = _moved((line, column), match.group())
        rest = module.lines[last - 1].encode()[stop:].decode()
        if not before.strip() and not rest.strip() and last < len(module.lines):
            return first, last + 1, 0, 0
        blank = len(rest) - len(rest.lstrip()) if rest.strip() else 0
        return first, last, begin, stop + blank
    # The last one without a comma behind it: the comma before goes.
    text = _text(module, (container.lineno, container.col_offset), (first, begin))  # type: ignore[attr-defined]
    stripped = text.rstrip()
    if stripped.endswith(","):
        kept = stripped[:-1]
        place = _moved((container.lineno, container.col_offset), kept)  # type: ignore[attr-defined]
        return place[0], line, place[1], column
    return first, line, begin, column


def _moved(start: tuple[int, int], text: str) -> tuple[int, int]:
    lines = text.split("\n")
    if len(lines) == 1:
        return start[0], start[1] + len(text.encode())
    return start[0] + len(lines) - 1, len(lines[-1].encode())


def _text(module: Module, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = module.lines[start[0] - 1 : end[0]]
    data = "\n".join(lines).encode()
    cut = len(lines[-1].encode()) - end[1] if lines else 0
    return data[start[1] : len(data) - cut].decode(errors="replace")


def _indent(module: Module, node: ast.AST) -> str:
    line = module.lines[node.lineno - 1]  # type: ignore[attr-defined]
    return line[: len(line) - len(line.lstrip())]


def statement_of(module: Module, node: ast.AST) -> ast.stmt | None:
    """Returns the statement that an expression stands in."""
    above: ast.AST | None = node
    while above is not None and not isinstance(above, ast.stmt):
        above = module.parents.get(above)
    return above


def source_of(module: Module, node: ast.AST) -> str:
    """Returns the text of an expression as the user wrote it."""
    return ast.get_source_segment(module.text, node) or ast.unparse(node)


def without_layer(module: Module, call: ast.Call) -> Change | None:
    """Takes the layer that a call makes out of its model; None where that cannot be said in one change."""
    parent = module.parents.get(call)
    if isinstance(parent, (ast.List, ast.Tuple)):
        return without_element(module, parent, call)
    if isinstance(parent, ast.Call) and parent.func is call:  # Layer(...)(x)
        inputs = [source_of(module, argument) for argument in parent.args[:1]]
        holder = module.parents.get(parent)
        if not inputs:
            return None
        if isinstance(holder, ast.Assign) and [ast.unparse(t) for t in holder.targets] == inputs:
            return deleted(module, holder)
        return replaced(module, parent, inputs[0])
    if isinstance(parent, ast.Call) and scopes.called(parent) == "add":
        statement = module.parents.get(parent)
        return deleted(module, statement) if isinstance(statement, ast.Expr) else None
    if isinstance(parent, ast.Assign):
        return replaced(module, call, "lambda x, **_: x")
    return None


def overlap(changes: Sequence[Change]) -> bool:
    """Tells whether two changes touch the same text, so that they cannot be made together."""
    spans = sorted(
        (name, (e.position[0], e.position[2]), (e.position[1], e.position[3])) for name, e in set(changes)
    )
    return any(a[0] == b[0] and b[1] < a[2] for a, b in itertools.pairwise(spans))
