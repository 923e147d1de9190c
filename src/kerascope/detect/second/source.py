"""The user's source as a syntax tree: a method of a class, calls in it, and where a name was given its value."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import linecache
from collections.abc import Iterator
from typing import Any

from kerascope.probe.lines.install import is_users
from kerascope.values import SourceSpan


def tree(file: str) -> ast.Module | None:
    """Returns the syntax tree of a file, None where it cannot be read."""
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None


def text(file: str, line: int) -> str:
    """Returns a line of a file."""
    return linecache.getline(file, line)


def span(file: str, node: Any, expression: str | None = None) -> SourceSpan:
    """Returns the place of a node."""
    return SourceSpan(file, node.lineno, node.end_lineno, expression or ast.unparse(node))


@dataclasses.dataclass(frozen=True)
class Method:
    """One function of the user's, by its tree."""

    file: str
    node: ast.FunctionDef

    @property
    def span(self) -> SourceSpan:
        """Its first line."""
        return SourceSpan(self.file, self.node.lineno, self.node.lineno)

    @property
    def first(self) -> SourceSpan:
        """Its first statement behind the docstring."""
        body = self.node.body
        documented = (
            isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and len(body) > 1
        )
        return self.span_of(body[1] if documented else body[0])

    def span_of(self, node: Any) -> SourceSpan:
        """Returns the place of a node in it."""
        return span(self.file, node)

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yields the calls in it with the last part of what is called."""
        for node in ast.walk(self.node):
            if isinstance(node, ast.Call):
                yield _called(node), node

    def call_at(self, line: int, *names: str) -> ast.Call | None:
        """Returns the call of one of these names whose lines include `line`."""
        found = [
            node
            for name, node in self.calls()
            if name in names and node.lineno <= line <= (node.end_lineno or line)
        ]
        return found[-1] if found else None

    def last_call(self, *parts: str) -> SourceSpan | None:
        """Returns the last statement with a call whose name contains one of these."""
        found = [
            statement
            for statement in self.statements()
            for node in ast.walk(statement)
            if isinstance(node, ast.Call) and any(part in _called(node) for part in parts)
        ]
        return self.span_of(max(found, key=lambda s: s.lineno)) if found else None

    def last_call_of(self, name: str) -> SourceSpan | None:
        """Returns the statement with the last call of a plain name, such as `self(x)`."""
        found = [
            s
            for s in self.statements()
            for n in ast.walk(s)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
        ]
        return self.span_of(max(found, key=lambda s: s.lineno)) if found else None

    def last_return(self) -> SourceSpan | None:
        """Returns its last return statement."""
        found = [s for s in self.statements() if isinstance(s, ast.Return)]
        return self.span_of(max(found, key=lambda s: s.lineno)) if found else None

    def statements(self) -> Iterator[Any]:
        """Yields every statement in it that holds no others."""
        for node in ast.walk(self.node):
            if isinstance(node, ast.stmt) and not hasattr(node, "body"):
                yield node

    def assigned(self, name: str, before: int) -> ast.Assign | None:
        """Returns the last assignment to a name above a line."""
        found = [
            s
            for s in self.statements()
            if isinstance(s, ast.Assign)
            and s.lineno <= before
            and any(isinstance(n, ast.Name) and n.id == name for t in s.targets for n in ast.walk(t))
        ]
        return max(found, key=lambda s: s.lineno) if found else None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def method(cls: type, name: str) -> Method | None:
    """Returns a method of a class where the user wrote it, None where it is not the user's."""
    for owner in cls.__mro__:
        if name in vars(owner):
            return function(vars(owner)[name])
    return None


def prop(cls: type, name: str) -> Method | None:
    """Returns the getter of a property of a class where the user wrote it."""
    found = next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)
    return function(found.fget) if isinstance(found, property) and found.fget is not None else None


def mentions(cls: type, text: str) -> bool:
    """Tells whether the source of a class contains a text."""
    found = class_node(cls)
    return found is not None and text in ast.unparse(found[1])


def function(code: Any) -> Method | None:
    """Returns a function of the user's by its object."""
    try:
        code = inspect.unwrap(getattr(code, "fget", None) or code)
        file, line = code.__code__.co_filename, code.__code__.co_firstlineno
    except AttributeError:
        return None
    parsed = tree(file) if is_users(file) else None
    if parsed is None:
        return None
    for node in ast.walk(parsed):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if node.name == code.__name__ and line in (first, node.lineno):
                return Method(file, node)  # type: ignore[arg-type]
    return None


def class_node(cls: type) -> tuple[str, ast.ClassDef] | None:
    """Returns file and tree of a class of the user's."""
    try:
        file = inspect.getsourcefile(cls) or ""
    except TypeError:
        return None
    parsed = tree(file) if is_users(file) else None
    if parsed is None:
        return None
    return next(
        ((file, n) for n in ast.walk(parsed) if isinstance(n, ast.ClassDef) and n.name == cls.__name__), None
    )


def keyword(files: Iterator[str] | list[str], name: str, value: str) -> SourceSpan | None:
    """Returns the first place in these files where a call is given this keyword with this value."""
    for file in files:
        parsed = tree(file)
        for node in ast.walk(parsed) if parsed is not None else ():
            for given in node.keywords if isinstance(node, ast.Call) else ():
                if given.arg == name and ast.unparse(given.value).replace("'", '"') == value:
                    return SourceSpan(file, given.value.lineno, given.value.end_lineno, f"{name}={value}")
    return None
