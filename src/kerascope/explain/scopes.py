"""The syntax tree of one file of the user's: calls by position, assignments by name, functions and their parameters."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.values import SourceSpan

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Module:
    """One file: its text, its tree, and who is whose parent."""

    def __init__(self, name: str, text: str, tree: ast.Module) -> None:
        self.name = name
        self.text = text
        self.lines = text.splitlines()
        self.tree = tree
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    @classmethod
    @functools.lru_cache(maxsize=64)
    def of(cls, name: str, text: str) -> Module | None:
        """Returns the file, None when it is not Python (cut short, or a notebook's magic)."""
        try:
            return cls(name, text, ast.parse(text))
        except (SyntaxError, ValueError, RecursionError):
            return None

    def calls(self) -> Iterator[ast.Call]:
        """Yields every call of the file."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def call_at(self, frame: Mapping[str, Any]) -> ast.Call | None:
        """Returns the call that a frame stood at: by its exact position, else the only one on the line."""
        line, columns = frame.get("line"), frame.get("columns")
        if not isinstance(line, int):
            return None
        if isinstance(columns, list) and len(columns) == 2:
            wanted = (line, frame.get("end_line"), *columns)
            for call in self.calls():
                if (call.lineno, call.end_lineno, call.col_offset, call.end_col_offset) == wanted:
                    return call
        on_line = [call for call in self.calls() if call.lineno <= line <= (call.end_lineno or call.lineno)]
        inner = [c for c in on_line if not any(o is not c and _inside(o, c) for o in on_line)]
        return inner[0] if len(inner) == 1 else None

    def enclosing(self, node: ast.AST) -> Function | None:
        """Returns the innermost function around a node, None at module level."""
        above = self.parents.get(node)
        while above is not None and not isinstance(
            above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
        ):
            above = self.parents.get(above)
        return above

    def assigned(self, name: str, function: Function | None, before: ast.AST | None) -> ast.expr | None:
        """Returns what a name was given last in a scope: before a node, or at all when `before` is None.

        For a loop's variable that is what the loop runs over; a name from a tuple gets its own element where the tuple
        is written out, otherwise the whole right-hand side.
        """
        found = self.binding(name, function, before)
        return found[0] if found is not None else None

    def binding(
        self, name: str, function: Function | None, before: ast.AST | None
    ) -> tuple[ast.expr, tuple[int, ...]] | None:
        """Returns what `assigned` does, with the places in it when the name gets an element of it only."""
        limit = _start(before) if before is not None else None
        best: tuple[tuple[int, int], tuple[ast.expr, tuple[int, ...]]] | None = None
        for node in ast.walk(function if function is not None else self.tree):
            for target, value in _bindings(node):
                place = _end(node) if not isinstance(node, (ast.For, ast.comprehension)) else _start(target)
                if limit is not None and place > limit:
                    continue
                if self.enclosing(target) is not function:
                    continue
                found = _bound(target, value, name)
                if found is not None and (best is None or place > best[0]):
                    looped = isinstance(node, (ast.For, ast.comprehension))
                    best = (place, (found[0], () if looped else found[1]))
        return best[1] if best is not None else None

    def definition(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | None:
        """Returns the function or class of this name, None when there is none or more than one."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = [n for n in ast.walk(self.tree) if isinstance(n, kinds) and n.name == name]
        return found[0] if len(found) == 1 else None

    def imports(self, name: str) -> str | None:
        """Returns the original name of something imported by ``from module import name``, None otherwise."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return alias.name
        return None


def _inside(inner: ast.AST, outer: ast.AST) -> bool:
    return _start(outer) <= _start(inner) and _end(inner) <= _end(outer)


def _start(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _end(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "end_lineno", 0) or 0, getattr(node, "end_col_offset", 0) or 0


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields (target, value) for everything that gives a name a value."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield target, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)):
        if node.value is not None:
            yield node.target, node.value
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.target, node.iter


def _bound(target: ast.expr, value: ast.expr, name: str) -> tuple[ast.expr, tuple[int, ...]] | None:
    """Returns the part of `value` that a name in `target` gets, and which element of it; None when it gets none."""
    if isinstance(target, ast.Name):
        return (value, ()) if target.id == name else None
    if isinstance(target, ast.Starred):
        return _bound(target.value, value, name)
    if isinstance(target, ast.Subscript):  # x[:, 2] = ... changes x
        return (value, ()) if isinstance(target.value, ast.Name) and target.value.id == name else None
    if isinstance(target, (ast.Tuple, ast.List)):
        whole = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
        for index, part in enumerate(target.elts):
            own = value.elts[index] if whole and isinstance(value, (ast.Tuple, ast.List)) else value
            if (found := _bound(part, own, name)) is not None:
                return found if whole else (found[0], (index, *found[1]))
    return None


def result(function: ast.AST) -> ast.expr | None:
    """Returns what a function gives back last, by `return` or `yield`, or what a lambda stands for."""
    if isinstance(function, ast.Lambda):
        return function.body
    found: ast.expr | None = None
    nested = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    waiting = list(ast.iter_child_nodes(function))
    line = 0
    while waiting:
        node = waiting.pop()
        if isinstance(node, nested):
            continue
        if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None and node.lineno > line:
            found, line = node.value, node.lineno
        waiting += ast.iter_child_nodes(node)
    return found


def filled(node: ast.List | ast.Dict) -> bool:
    """Tells whether a list or dictionary is written out with something in it."""
    return bool(node.elts if isinstance(node, ast.List) else node.keys)


def called(call: ast.Call) -> str:
    """Returns the last name of what is called, e.g. "Dense" of ``keras.layers.Dense(3)``."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def argument(call: ast.Call, name: str, order: Sequence[str]) -> ast.expr | None:
    """Returns the expression given for a parameter, by keyword or by its place in `order`."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if name in order:
        index = list(order).index(name)
        if index < len(call.args) and not any(isinstance(a, ast.Starred) for a in call.args[: index + 1]):
            return call.args[index]
    return None


def unpacked(call: ast.Call) -> ast.expr | None:
    """Returns the expression of ``**expression`` in a call, None without one."""
    return next((keyword.value for keyword in call.keywords if keyword.arg is None), None)


def constant(node: ast.AST) -> object:
    """Returns the value of a literal, None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def entry(node: ast.AST | None, key: object) -> ast.expr | None:
    """Returns the value under a key of a dictionary that is written out, as ``{...}`` or ``dict(...)``."""
    if isinstance(node, ast.Dict):
        for held, value in zip(node.keys, node.values, strict=True):
            if held is not None and constant(held) == key and key is not None:
                return value
    if isinstance(node, ast.Call) and called(node) in ("dict", "SimpleNamespace", "Namespace"):
        return next((k.value for k in node.keywords if k.arg is not None and k.arg == key), None)
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(key, int) and 0 <= key < len(node.elts):
        return node.elts[key]
    return None


def attribute_values(module: Module, node: ast.Attribute) -> list[ast.expr]:
    """Returns what may have been given to an attribute: assignments to it, class fields, options."""
    found: list[ast.expr] = []
    for other in ast.walk(module.tree):
        if isinstance(other, ast.Assign):
            for target in other.targets:
                if isinstance(target, ast.Attribute) and target.attr == node.attr and target is not node:
                    found.append(other.value)
        if isinstance(other, ast.ClassDef):
            for line in other.body:
                for target, value in _bindings(line):
                    if isinstance(target, ast.Name) and target.id == node.attr:
                        found.append(value)
        if isinstance(other, ast.Call):
            found += _option(other, node.attr)
    return found if len(found) == 1 else found[-1:]


def _option(call: ast.Call, name: str) -> list[ast.expr]:
    if called(call) in ("SimpleNamespace", "Namespace"):
        return [keyword.value for keyword in call.keywords if keyword.arg == name]
    if called(call) == "add_argument" and call.args:
        option = constant(call.args[0])
        if isinstance(option, str) and option.lstrip("-").replace("-", "_") == name:
            return [keyword.value for keyword in call.keywords if keyword.arg == "default"]
    return []


def is_parameter(function: Function, name: str) -> bool:
    """Tells whether a function has a parameter of this name."""
    args = function.args
    return any(a.arg == name for a in (*args.posonlyargs, *args.args, *args.kwonlyargs))


def positional(function: Function) -> list[str]:
    """Returns the names of a function's positional parameters, without `self`."""
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names[:1] == ["self"] else names


def default(function: Function, name: str) -> ast.expr | None:
    """Returns a parameter's default, None when it has none."""
    args = function.args
    plain = [*args.posonlyargs, *args.args]
    for parameter, value in zip(plain[len(plain) - len(args.defaults) :], args.defaults, strict=True):
        if parameter.arg == name:
            return value
    for parameter, keyword_value in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if parameter.arg == name:
            return keyword_value
    return None


def span(module: Module, node: ast.AST, layer: str | None, first_line_only: bool = False) -> SourceSpan:
    """Returns a node's place, with its text and the source line it begins on."""
    line, end = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if line is None:
        return SourceSpan(file=module.name, layer=layer)
    code = module.lines[line - 1] if line <= len(module.lines) else ""
    text = ast.get_source_segment(module.text, node) or ""
    begin = len(code.encode()[: node.col_offset].decode(errors="ignore"))  # type: ignore[attr-defined]
    width = len(text.splitlines()[0]) if text else 0
    return SourceSpan(
        file=module.name,
        line=line,
        end_line=line if first_line_only else end,
        expression=text,
        layer=layer,
        code=code.strip("\n"),
        columns=(begin, begin + width),
    )
