"""Where what a failing expression reads was set, or what it calls is defined, when no rule knows more.

A name that holds a layer, a tuple of one or half a number where a size is wanted was set wrongly; a function that
does not take what it is given may lack `self`; a method under a wrong name is never called.
"""

from __future__ import annotations

import ast
import difflib
import re
import traceback
from typing import Any

from kerascope._keras import objects
from kerascope.explain.lines import source
from kerascope.explain.lines.failure import Failure, underlying
from kerascope.explain.lines.reading import MISSING, lookup
from kerascope.probe.lines.install import is_users
from kerascope.record.lines import Site

HOOKS = (
    "__init__",
    "build",
    "call",
    "update_state",
    "result",
    "reset_state",
    "compute_output_shape",
    "get_config",
)
"""The methods that Keras calls."""
ABROAD = {"forward": "call", "reset_states": "reset_state", "compute": "result", "update": "update_state"}
"""What other libraries and earlier versions call them."""
_SIGNATURE = re.compile(r"([\w.]+)\(\) (?:takes|got|missing)")
_UNNAMED = re.compile(r"missing a required argument|too many positional|multiple values for argument")
_LIKE = 0.75
_SIZES = ("units", "filters", "output_dim")


def suspect(failure: Failure, *, shapes: bool, cls: type | None = None) -> Site | None:
    """Returns the place to blame beside the failing expression.

    `shapes` says that sizes disagree there; `cls` is the class of what was traced, where that is known.
    """
    if failure.error is None:
        return None
    error = underlying(failure.error)
    if isinstance(error, TypeError) and (found := _defined(error, cls)) is not None:
        return found
    if (found := _misnamed(error)) is not None:
        return found
    site, frame = failure.site, failure.frame
    if site is None or frame is None:
        return None
    computed: list[Site] = []
    for node in ast.walk(site.node):
        if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
            continue
        value = lookup(frame, node)
        if isinstance(value, (type, tuple)) and _is_called(site.node, node):
            made = _setting(site, node)
            if made is not None:  # a class that nothing was made of, a layer with a comma behind it
                return made
            continue
        stateless = isinstance(value, (int, float)) and "has no attribute 'assign" in str(error)
        if value is MISSING or (_is_called(site.node, node) and not stateless):
            continue
        setting = _setting(site, node)
        if setting is not None and stateless:
            return setting
        if setting is not None and _is_list(value) and _is_computed_with(site.node, node):
            return setting
        if setting is not None and (_odd(value) or (_is_shape(value) and _is_part(site.node, node))):
            return setting
        number = isinstance(value, (int, float)) and setting is not None
        if setting is not None and (
            (number and _is_worked_out(setting.node, node)) or setting.name in source.MAKERS
        ):
            computed.append(setting)
    return computed[0] if shapes and len({s.position for s in computed}) == 1 else None


def maker_of(site: Site) -> Site | None:
    """Returns where the layer that an expression calls, an attribute, was made with a size of its own."""
    func = getattr(site.node, "func", None)
    made = _setting(site, func) if isinstance(func, ast.Attribute) else None
    call = made.node if made is not None else None
    if not isinstance(call, ast.Call) or not (call.args or any(k.arg in _SIZES for k in call.keywords)):
        return None
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return made if name[:1].isupper() else None


def size_of(site: Site) -> Site | None:
    """Returns where the one size of a weight is worked out that is kept under a name."""
    call = site.node
    if site.name not in source.MAKERS or not isinstance(call, ast.Call):
        return None
    shapes = [k.value for k in call.keywords if k.arg == "shape"] + call.args[:1]
    parts = shapes[0].elts if shapes and isinstance(shapes[0], (ast.Tuple, ast.List)) else []
    named = [part for part in parts if isinstance(part, (ast.Name, ast.Attribute))]
    found = [made for part in named if (made := _setting(site, part)) is not None]
    found = [made for made in found if isinstance(made.node, ast.BinOp)]
    return found[0] if len(found) == 1 else None


def _is_called(root: ast.AST, node: ast.AST) -> bool:
    return any(
        (isinstance(n, ast.Call) and n.func is node) or (isinstance(n, ast.Attribute) and n.value is node)
        for n in ast.walk(root)
    )


def _odd(value: Any) -> bool:
    """Tells what is hardly ever meant as an operand: a layer, a method, a tuple of one, half a number."""
    if isinstance(value, tuple):
        return len(value) == 1 and getattr(value[0], "shape", None) is not None
    return objects.kind_of(value) in ("layer", "model") or type(value).__name__ in ("method", "function")


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, (int, float)) for v in value)


def _is_computed_with(root: ast.AST, node: ast.AST) -> bool:
    return any(isinstance(n, ast.BinOp) and node in (n.left, n.right) for n in ast.walk(root))


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(v, (int, type(None))) for v in value)


def _is_part(root: ast.AST, node: ast.AST) -> bool:
    """Tells whether a node is one of several sizes, or computed with."""
    return any(
        isinstance(n, (ast.Tuple, ast.List, ast.BinOp)) and node in ast.iter_child_nodes(n)
        for n in ast.walk(root)
    )


def _is_worked_out(value: ast.AST, node: ast.Name | ast.Attribute) -> bool:
    """Tells a size that is computed, or that is kept under another name than it is given by."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id
    return isinstance(value, ast.BinOp) or (isinstance(value, ast.Name) and value.id != name)


def _setting(site: Site, node: ast.Name | ast.Attribute) -> Site | None:
    """Returns what a local name or an attribute of `self` is set to, as it is written."""
    owner = source.class_named(site.file, site.function)
    values: list[ast.expr] = []
    qualname = site.function
    if isinstance(node, ast.Name):
        method = source.method_named(owner, site.function.rpartition(".")[2]) if owner is not None else None
        values = [
            s.value
            for s in ast.walk(method or ast.Module([], []))
            if isinstance(s, ast.Assign)
            and s.lineno < site.line
            and any(isinstance(t, ast.Name) and t.id == node.id for t in s.targets)
        ]
    elif owner is not None and isinstance(node.value, ast.Name) and node.value.id == "self":
        stores = list(source.stores(owner, node.attr))
        values = [statement.value for _, statement in stores]
        qualname = f"{owner.name}.{stores[-1][0].name}" if stores else qualname
    return _site(site.file, values[-1], qualname) if values else None


def _defined(error: TypeError, cls: type | None) -> Site | None:
    """Returns the definition of the user's function that does not take what it is given."""
    found = _SIGNATURE.search(str(error))
    if found is None:
        return _of_call(cls) if _UNNAMED.search(str(error)) and cls is not None else None
    name = found.group(1)
    own = _file_of(cls) if cls is not None else None
    for file in dict.fromkeys((*_files(error), *([own] if own is not None else []))):
        owner = source.class_named(file, name)
        made = source.method_named(owner, name.rpartition(".")[2]) if owner is not None else None
        if made is not None:
            return _site(file, made, name)
    return None


def _of_call(cls: type) -> Site | None:
    """Returns the `call` of the user's class that Keras could not hand its arguments to."""
    file = _file_of(cls)
    owner = source.class_named(file, f"{cls.__name__}.x") if file is not None else None
    made = source.method_named(owner, "call") if owner is not None else None
    return _site(file, made, f"{cls.__name__}.call") if file is not None and made is not None else None


def _misnamed(error: BaseException) -> Site | None:
    """Returns a method whose name is nearly that of one that Keras calls, where the class lacks that one."""
    if not isinstance(error, (NotImplementedError, AttributeError)):
        return None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        obj = frame.f_locals.get("self")
        file = _file_of(type(obj))
        if file is not None:
            owner = source.class_named(file, f"{type(obj).__name__}.x")
            own = [n for n in owner.body if isinstance(n, ast.FunctionDef)] if owner is not None else []
            names = {n.name for n in own}
            for method in own:
                if meant(type(obj), method.name, names):
                    return _site(file, method, f"{type(obj).__name__}.{method.name}")
    return None


def meant(cls: type, name: str, own: set[str]) -> list[str]:
    """Returns the methods that Keras calls and a class lacks for which the name of one of its own may be meant."""
    # A layer on torch is a module of torch's too, whose `forward` is Keras's own.
    known = name not in ABROAD and any(hasattr(base, name) for base in cls.__mro__[1:])
    if name in HOOKS or known:
        return []
    free = [hook for hook in HOOKS if hook not in own]
    plain = name.strip("_")
    near = difflib.get_close_matches(plain, [hook.strip("_") for hook in free], 1, _LIKE)
    return [hook for hook in free if hook.strip("_") in (*near, ABROAD.get(plain, ""))]


def _files(error: BaseException) -> list[str]:
    """Returns the user's files that the frames of an exception, and the objects in them, come from."""
    found: dict[str, None] = {}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if is_users(file):
            found.setdefault(file)
        held = _file_of(type(frame.f_locals.get("self")))
        if held is not None:
            found.setdefault(held)
    return list(found)


def _file_of(cls: type) -> str | None:
    for made in vars(cls).values():
        code = getattr(getattr(made, "__wrapped__", made), "__code__", None)
        if code is not None and is_users(code.co_filename):
            return str(code.co_filename)
    return None


def _site(file: str, node: ast.expr | ast.stmt, function: str) -> Site:
    place = (node.lineno, node.end_lineno or node.lineno, node.col_offset, node.end_col_offset or 0)
    if isinstance(node, ast.FunctionDef):
        place = (node.lineno, node.lineno, node.col_offset, node.col_offset)
        return Site(file, place, f"def {node.name}", "statement", function, node)
    return Site(file, place, ast.unparse(node), type(node).__name__.lower(), function, node)
