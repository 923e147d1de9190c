"""What a change sets outside of functions: names of the module and of classes, defaults of parameters."""

from __future__ import annotations

import ast
import contextlib
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.explain.fixes.edits.settings import is_plain

Defaults = dict[tuple[str, int], tuple[object, ...] | None]


def set_again(old: str, new: str, names: dict[str, Any]) -> list[tuple[Any, str, Any]]:
    """Returns what holds a name that is set otherwise in `new`, the name and its value there.

    Only plain values are worked out again. `names` are the module's.
    """
    found: list[tuple[Any, str, Any]] = []
    for one, two in zip(ast.parse(old).body, ast.parse(new).body, strict=False):
        if isinstance(one, ast.ClassDef) and isinstance(two, ast.ClassDef):
            owner = names.get(two.name)
            pairs = zip(one.body, two.body, strict=False) if len(one.body) == len(two.body) else ()
            if isinstance(owner, type):
                found += [(owner, *s) for a, b in pairs for s in _set(a, b, names, dict(vars(owner)))]
        found += [(names, *setting) for setting in _set(one, two, names, {})]
    return found


def _set(
    old: ast.stmt, new: ast.stmt, names: dict[str, Any], inner: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    if not isinstance(old, ast.Assign) or not isinstance(new, ast.Assign):
        return
    if ast.dump(old) == ast.dump(new) or not is_plain(new.value):
        return
    value = eval(compile(ast.Expression(new.value), "<setting>", "eval"), names, dict(inner))
    yield from ((t.id, value) for t in new.targets if isinstance(t, ast.Name))


def put(settings: Sequence[tuple[Any, str, Any]], stack: contextlib.ExitStack) -> None:
    """Sets names, and back again by `stack`."""
    for holder, name, value in settings:
        if isinstance(holder, dict):
            stack.callback(holder.__setitem__, name, holder[name])
            holder[name] = value
        else:
            stack.callback(setattr, holder, name, vars(holder)[name])
            setattr(holder, name, value)


def defaults(text: str, start: int) -> Defaults:
    """Returns the defaults of each function in a source, by its name and first line; None where they are not plain."""
    found: Defaults = {}
    for node in ast.walk(ast.parse("\n" * (start - 1) + text)):
        if isinstance(node, ast.FunctionDef):
            decorators = [d.lineno for d in node.decorator_list]
            place = node.name, min([node.lineno, *decorators])
            try:
                found[place] = tuple(ast.literal_eval(default) for default in node.args.defaults)
            except ValueError:
                found[place] = None
    return found


def put_defaults(
    old: Defaults,
    new: Defaults,
    live: Sequence[tuple[types.FunctionType, types.CodeType]],
    stack: contextlib.ExitStack,
) -> None:
    """Gives live functions the defaults that they have newly, and takes them away again by `stack`."""
    for function, code in live:
        place = code.co_name, code.co_firstlineno
        values = new.get(place)
        if values is None or old.get(place) is None or repr(values) == repr(old[place]):
            continue
        if len(values) == len(function.__defaults__ or ()):
            stack.callback(setattr, function, "__defaults__", function.__defaults__)
            function.__defaults__ = values
