"""Objects of the user's: made without their base class, attributes that are not there, tensors kept where they die."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import re
import types
from typing import Any

from kerascope._backends import tensors
from kerascope._keras import objects
from kerascope.explain.lines import source
from kerascope.explain.lines.failure import underlying
from kerascope.explain.lines.reading import Operation
from kerascope.explain.lines.rules.registry import Broken, first, last
from kerascope.probe.lines.install import is_users

_FORGOTTEN = re.compile(r"super\(\)\.__init__|before Module\.__init__\(\)")
_LEAKS = ("UnexpectedTracerError", "InaccessibleTensorError")
_PLACES = re.compile(r"out of scope|leaked|device meta|meta tensor", re.IGNORECASE)


@first
def missing_super(operation: Operation) -> Broken | None:
    """A class of Keras's keeps its books from `super().__init__()` on."""
    frame = operation.failure.frame
    file = operation.site.file
    owner = source.class_named(file, frame.f_code.co_qualname) if frame is not None else None
    obj = next(iter(frame.f_locals.values()), None) if frame is not None else None
    error = underlying(operation.error)
    if isinstance(error, AttributeError) and owner is None:
        obj = getattr(error, "obj", None)
    if _FORGOTTEN.search(operation.message) or isinstance(error, AttributeError):
        held = getattr(error, "obj", None)
        obj = obj if held is None else held
        owner = owner or _class_of(obj)
        file = _file_of(obj) or file
    if owner is None or not (_FORGOTTEN.search(operation.message) or _is_inner(error)):
        return None
    made = source.method_named(owner, "__init__")
    if made is None:
        return None
    calls = [node for node in ast.walk(made) if isinstance(node, ast.Call) and _is_super_init(node)]
    if any(call.lineno <= operation.site.line for call in calls) and operation.site.function.endswith(
        "__init__"
    ):
        return None
    if calls and not operation.site.function.endswith("__init__"):
        return None
    return _without_super(owner, made, "comes after this line" if calls else "is missing")


def _without_super(owner: ast.ClassDef, made: ast.FunctionDef, where: str) -> Broken:
    text = (
        f"`{owner.name}.__init__` has to call `super().__init__()` before anything is set: Keras tracks attributes, "
        f"layers and weights from there on. Here it {where}."
    )
    cause = (made.lineno, f"Cause, line {made.lineno}: `def __init__` of {owner.name}")
    return Broken(
        "missing-super-init",
        text,
        title=f"{owner.name} does not call `super().__init__()` first",
        cause=cause,
    )


def unprepared(error: BaseException) -> tuple[str, ast.FunctionDef, Broken] | None:
    """Returns the constructor that forgets its base class, where only Keras says so when the object is called.

    None of the user's expressions has failed then.
    """
    inner = underlying(error)
    missed = _FORGOTTEN.search(str(inner)) is not None
    if not missed and not _is_inner(inner):
        return None
    trail = inner.__traceback__
    while trail is not None:
        obj = trail.tb_frame.f_locals.get("self")
        file = _file_of(obj) if obj is not None else None
        owner = _class_of(obj) if file is not None and is_users(file) else None
        made = source.method_named(owner, "__init__") if owner is not None else None
        if file is not None and owner is not None and made is not None and (missed or not _prepares(made)):
            return file, made, _without_super(owner, made, "is missing")
        trail = trail.tb_next
    return None


def _prepares(made: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.Call) and _is_super_init(node) for node in ast.walk(made))


def _is_inner(error: BaseException) -> bool:
    """Tells whether an attribute is missing that a base class of Keras's makes."""
    name = getattr(error, "name", None)
    if not isinstance(error, AttributeError) or not isinstance(name, str):
        return False
    obj = getattr(error, "obj", None)
    inner = str(getattr(type(obj).__mro__[1] if len(type(obj).__mro__) > 1 else None, "__module__", ""))
    return inner.startswith("keras") and (
        name.startswith("_") or name in ("name", "dtype", "built", "reduction")
    )


def _is_super_init(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
        and not (isinstance(node.func.value, ast.Attribute) and node.func.value.attr == "self")
    )


def _file_of(obj: Any) -> str | None:
    """Returns the file that an object's class was written in."""
    for made in vars(type(obj)).values():
        code = getattr(getattr(made, "__wrapped__", made), "__code__", None)
        if code is not None:
            return str(code.co_filename)
    return None


def _class_of(obj: Any) -> ast.ClassDef | None:
    file = _file_of(obj)
    return source.class_named(file, f"{type(obj).__name__}.__init__") if file else None


@first
def kept_tensor(operation: Operation) -> Broken | None:
    """A tensor made while code is traced, or in `build`, is not a state: it dies with the trace."""
    error = underlying(operation.error)
    if type(error).__name__ not in _LEAKS and not _PLACES.search(str(error)):
        return None
    owner = source.class_named(operation.site.file, operation.site.function)
    for node in ast.walk(operation.node):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
            and owner
        ):
            added = next(source.additions(owner, node.attr), None)
            if added is not None:
                return _added(f"self.{node.attr}", *added)
            for method, statement in source.stores(owner, node.attr):
                if not _is_weight(statement.value) and not isinstance(statement.value, ast.Constant):
                    return _kept(f"self.{node.attr}", method, statement)
    return _kept_in_model(operation)


def _kept_in_model(operation: Operation) -> Broken | None:
    """Looks through the layers of the model that was being trained: the line of the user's that used it is lost."""
    model = getattr(operation.callee, "__self__", None)
    for obj in objects.parts_of(model):
        file = _file_of(obj)
        owner = _class_of(obj) if file is not None and is_users(file) else None
        for name, value in list(getattr(obj, "__dict__", {}).items()):
            if owner is None or file is None or not _is_dead(value):
                continue
            for method, added in source.additions(owner, name):
                return dataclasses.replace(_added(f"self.{name}", method, added), at=(file, added))
            for method, statement in source.stores(owner, name):
                if not isinstance(statement.value, ast.Constant):
                    found = _kept(f"self.{name}", method, statement)
                    return dataclasses.replace(found, at=(file, statement))
    return None


def _is_dead(value: Any) -> bool:
    """Tells a tensor without values, or a container that holds one."""
    if tensors.kind(value) not in ("tensor", "container"):
        return False
    return any(tensors.mode(tensors.unwrapped(each)) != "eager" for _, each in tensors.leaves(value))


def _added(name: str, method: ast.FunctionDef, statement: ast.stmt) -> Broken:
    text = source.short(ast.unparse(statement))
    why = (
        f"{name} collects tensors in `{method.name}`, which Keras may run while it traces: when that has ended, they "
        "have no value any more. State that lasts is a variable: make it with self.add_weight(...) and change it with "
        "assign(...)."
    )
    cause = (statement.lineno, f"Cause, line {statement.lineno}: `{text}` in `{method.name}`")
    return Broken(
        "tracer-leak", why, title=f"{name} keeps tensors beyond the trace they belong to", cause=cause
    )


def _kept(name: str, method: ast.FunctionDef, statement: ast.Assign) -> Broken:
    line, text = statement.lineno, source.short(ast.unparse(statement))
    cause = (line, f"Cause, line {line}: `{text}` in `{method.name}`")
    if method.name in ("build", "__init__"):
        why = (
            f"{name} is a plain tensor made in `{method.name}`, which Keras may run while it traces: it is no weight, "
            "is not trained or saved, and its value is gone when the trace ends. Use self.add_weight(...)."
        )
        return Broken(
            "untracked-tensor", why, title=f"{name} is not a weight but a plain tensor", cause=cause
        )
    why = (
        f"{name} was set in `{method.name}` to a tensor of an earlier trace, which has no value any more. State that "
        "lasts is a variable: make it with self.add_weight(...) and change it with assign(...)."
    )
    return Broken(
        "tracer-leak", why, title=f"{name} keeps a tensor beyond the trace it belongs to", cause=cause
    )


def _is_weight(node: ast.expr) -> bool:
    func = getattr(node, "func", None)
    return getattr(func, "attr", "") in source.MAKERS


@last
def leaked(operation: Operation) -> Broken | None:
    """A tensor of another trace, kept somewhere."""
    if type(underlying(operation.error)).__name__ not in _LEAKS:
        return None
    operands = ", ".join(tensor.text for tensor in operation.tensors) or operation.source
    text = f"One of the tensors used here belongs to another trace and has no value any more: {operands}."
    return Broken("tracer-leak", text, tuple(operation.tensors))


@last
def unknown_name(operation: Operation) -> Broken | None:
    """A name, attribute or key that is not there, and the nearest one that is."""
    error = underlying(operation.error)
    name = getattr(error, "name", None)
    if isinstance(error, NameError) and isinstance(name, str):
        frame = operation.failure.frame
        if isinstance(error, UnboundLocalError) or frame is None:
            return None
        known = [*frame.f_locals, *frame.f_globals]
        return _nearest(f"There is no name `{name}` here.", name, known, operation)
    if isinstance(error, AttributeError) and isinstance(name, str):
        obj = getattr(error, "obj", None)
        if obj is None or not _asks_for(operation.node, name):
            return None
        what = (
            f"the module {obj.__name__}" if isinstance(obj, types.ModuleType) else f"a {type(obj).__name__}"
        )
        return _nearest(
            f"{what[:1].upper()}{what[1:]} has no attribute `{name}`.", name, _attributes(obj), operation
        )
    if isinstance(error, KeyError) and error.args and isinstance(operation.node, ast.Subscript):
        held = operation.found(operation.node.value)
        if isinstance(held, dict) and isinstance(error.args[0], str):
            keys = [key for key in held if isinstance(key, str)]
            has = ", ".join(repr(key) for key in keys[:8])
            text = f"`{ast.unparse(operation.node.value)}` has no key {error.args[0]!r}; its keys are {has}."
            return _nearest(text, error.args[0], keys, operation)
    return None


def _asks_for(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr == name for part in ast.walk(node))


def _attributes(obj: Any) -> list[str]:
    names = list(getattr(obj, "__dict__", {}))
    names += [name for owner in getattr(type(obj), "__mro__", ()) for name in vars(owner)]
    for kept in ("_modules", "_parameters"):
        names += list(getattr(obj, "__dict__", {}).get(kept) or {})
    return [name for name in names if not name.startswith("_")]


def _nearest(text: str, name: str, known: list[str], operation: Operation) -> Broken:
    near = difflib.get_close_matches(name, known, 1, 0.7)
    if not near:  # such as `concat` for `concatenate`
        near = [each for each in known if len(name) > 3 and each.startswith(name)][:1]
    if near:
        text += f" The nearest one is `{near[0]}`."
    return Broken("unknown-name", text, title=f"`{operation.source}` asks for `{name}`, which is not there")
