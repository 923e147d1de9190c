"""Weights and layers that an object makes, keeps in an attribute, and that no code reads again."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import sys
import types
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kerascope.explain.fixes.edits.alike import form
from kerascope.explain.fixes.edits.context import position
from kerascope.record.lines import LineLog, Site
from kerascope.whose import is_users

if TYPE_CHECKING:
    from kerascope.explain.fixes.outcome import Trial

_ATTRIBUTES = frozenset(
    {
        "__dict__",
        "__getattribute__",
        "attrgetter",
        "get_weights",
        "trainable_variables",
        "trainable_weights",
        "variables",
        "weights",
    }
)
_SIZES = re.compile(r"^(k|n|num|dim|units)$|^(num|n)_|_(dim|units)$|classes")
"""Sizes are often told by the data as well."""
_CONFIGURING = frozenset({"get_config", "from_config", "__repr__", "__str__"})
_FUNCTIONS = frozenset({"attrgetter", "getattr", "vars"})
"""What is read through one of these cannot be told from the source."""


def weight(trial: Trial, demerits: Mapping[str, float]) -> str | None:
    """Returns the attribute that holds a weight without effect which nothing reads; None where there is none.

    Nobody makes a weight to leave it alone, while one that is read and without effect may be so in sound layers, as
    the bias before a softmax is.
    """
    without = [text for text in demerits if text.startswith("weight ") and text.endswith("has no effect")]
    if not without or trial.subject.make is None or trial.subject.kind not in ("layer", "model"):
        return None
    instance = trial.subject.make()
    args, kwargs = trial.inputs(trial.sizes[0])
    trial.subject.call(instance, args, kwargs)
    idle = {
        id(w) for w in instance.trainable_weights if any(t.startswith(f"weight {w.name!r} ") for t in without)
    }
    kept = {
        **vars(instance),
        **(vars(instance).get("_modules") or {}),
    }  # where torch keeps the parts of a module
    held = [name for name, value in kept.items() if id(value) in idle or _all_of(value, idle)]
    return next((name for name in held if not is_read(type(instance), name)), None)


def _all_of(value: object, idle: set[int]) -> bool:
    """Tells a layer all of whose weights are without effect."""
    made = list(getattr(value, "trainable_weights", ())) if hasattr(value, "build") else []
    return bool(made) and all(id(w) in idle for w in made)


def made(logs: Sequence[LineLog], cls: type, name: str) -> Site | None:
    """Returns the expression that an attribute of the object is set to, that of a layer read off the source."""
    traced = next((site for site, _ in logs[0].rows if f"self.{name}" in site.targets), None)
    return traced or next((_site(file, value) for file, value in _stores(cls, name)), None)


def in_its_place(logs: Sequence[LineLog], cls: type, name: str) -> Site | None:
    """Returns a call of another layer, made in the same way, that stands there twice: one may be of this one."""
    alike = {form(value) for _, value in _stores(cls, name)}
    calls = Counter(site.source for site, _ in logs[0].rows if site.kind == "call")
    for site, _ in logs[0].rows:
        node = site.node
        other = _held_as(node.func) if isinstance(node, ast.Call) else ""
        if other and calls[site.source] > 1 and {form(value) for _, value in _stores(cls, other)} & alike:
            return site
    return None


def _stores(cls: type, name: str) -> Iterator[tuple[str, ast.expr]]:
    for file in {_file(base) for base in cls.__mro__ if is_users(_file(base))}:
        for node in ast.walk(ast.parse("".join(linecache.getlines(file)))):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                for statement in ast.walk(node):
                    if isinstance(statement, ast.Assign) and any(
                        _held_as(t) == name for t in statement.targets
                    ):
                        yield file, statement.value


def _site(file: str, node: ast.expr) -> Site:
    return Site(file, position(node), ast.unparse(node), "call", "", node)


def setting(cls: type) -> Site | None:
    """Returns where a parameter of the class is kept that nothing reads but its configuration; None if all are read.

    Only parameters that do nothing else in `__init__`: `units` is often kept beside the layer that is made with it.
    """
    file = _file(cls)
    if not is_users(file) or "__init__" not in vars(cls):
        return None
    tree = ast.parse("".join(linecache.getlines(file)))
    owner = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__), None)
    init = next((n for n in owner.body if getattr(n, "name", "") == "__init__"), None) if owner else None
    if not isinstance(init, ast.FunctionDef):
        return None
    given = {a.arg for a in (*init.args.args, *init.args.kwonlyargs)}
    used = Counter(n.id for n in ast.walk(init) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    for statement in init.body:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(value, ast.Name) or value.id not in given or used[value.id] != 1:
            continue
        name = _held_as(statement.targets[0])  # type: ignore[attr-defined]
        if name and not _SIZES.search(name) and not is_read(cls, name, besides=_CONFIGURING):
            return _site(file, value)
    return None


def stays_unread(cls: type, name: str) -> bool:
    """Tells whether the code of a class, as it is now, reads an attribute nowhere but in its configuration."""
    functions = [
        f for key, f in vars(cls).items() if isinstance(f, types.FunctionType) and key not in _CONFIGURING
    ]
    codes = [f.__code__ for f in functions]
    while codes:
        code = codes.pop()
        codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
        if code.co_name != "__init__" and name in code.co_names:
            return False
    return True


def is_read(cls: type, name: str, besides: Collection[str] = ()) -> bool:
    """Tells whether an attribute may be read, by the class, by one related to it, or from outside of any.

    `besides` are names of functions that do not count.
    """
    lineage = {base.__name__ for base in cls.__mro__}
    own = {base.__name__ for base in cls.__mro__ if is_users(_file(base))}
    files = {_file(base) for base in cls.__mro__ if base is not object} - {""}
    others = {str(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())}
    if not own or any(not linecache.getlines(_file(base)) for base in cls.__mro__ if base.__name__ in own):
        return True
    known = re.compile(rf"\b(?:{'|'.join(own | {cls.__module__.rpartition('.')[2]})})\b")
    for file in files | {file for file in others if is_users(file)}:
        text = "".join(linecache.getlines(file))
        if file not in files and not known.search(text):
            continue  # another file has to do with the class only if it names it, or its module
        if not re.search(rf"\b{name}\b", text) and not (file in files and is_users(file)):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return True
        # A class of that name that another file defines is another class.
        here = {n.name for n in tree.body if isinstance(n, ast.ClassDef)} if file not in files else set()
        if any(_reads(tree, name, lineage - here, own - here, besides, hidden=is_users(file))):
            return True
    return False


def _file(cls: type) -> str:
    """Returns the file a class stands in, also a notebook's cell; "" where it has no code."""
    functions = (inspect.unwrap(f) for f in vars(cls).values() if isinstance(f, types.FunctionType))
    return next((f.__code__.co_filename for f in functions), "")


def _reads(
    tree: ast.Module,
    name: str,
    lineage: set[str],
    own: set[str],
    besides: Collection[str] = (),
    *,
    hidden: bool,
) -> Iterator[bool]:
    """Yields for each expression whether it may read the attribute; `hidden` asks for reading by another name too."""
    todo: list[tuple[ast.AST, bool, bool]] = [(tree, True, False)]
    while todo:
        node, related, inside = todo.pop()
        if isinstance(node, ast.ClassDef):
            bases = {_last(base) for base in node.bases}
            inside = node.name in own
            related = inside or node.name in lineage or bool(bases & own)
        elif isinstance(node, ast.FunctionDef) and node.name in besides:
            continue
        elif isinstance(node, ast.Attribute) and node.attr == "build" and _held_as(node.value) == name:
            continue  # that a layer is built makes nothing of it
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            on_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            yield node.attr == name and (related or not on_self)
            yield hidden and inside and node.attr in _ATTRIBUTES
        elif isinstance(node, ast.Name):
            yield hidden and inside and node.id in _FUNCTIONS
        todo += [(child, related, inside) for child in ast.iter_child_nodes(node)]


def _held_as(node: ast.expr) -> str:
    """Returns the name of an attribute of `self`, "" for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return node.attr
    return ""


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
