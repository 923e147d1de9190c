"""Calls whose arguments do not fit, and things of which nothing was made."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

from kerascope._keras import objects
from kerascope.explain.lines import source
from kerascope.explain.lines.failure import underlying
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, first, last
from kerascope.probe.lines.install import is_users

KIND = "wrong-argument"

_ABOUT = re.compile(
    r"missing (a |\d+ )?required .*argument|positional arguments? but|unexpected keyword|multiple values for argument"
    r"|too many positional arguments|missing a required|got an unexpected",
)

_WHOSE = re.compile(r"([\w.<>]+)\(\) (.*)")


def _signature(callee: Any) -> tuple[str, list[inspect.Parameter]] | None:
    """Returns what takes the arguments, such as "Merge.call", and its parameters without `self`."""
    target, name = callee, getattr(callee, "__name__", "")
    kind = objects.kind_of(callee)
    if isinstance(callee, type):
        target, name = vars(callee).get("__init__", callee), f"{callee.__name__}.__init__"
        target = getattr(target, "__wrapped__", target)
    elif kind in ("layer", "model", "loss", "metric"):
        method = "update_state" if kind == "metric" else "call"
        target, name = getattr(type(callee), method), f"{type(callee).__name__}.{method}"
        target = getattr(target, "__wrapped__", target)
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):
        return None
    if target is not callee and parameters[:1]:
        parameters = parameters[1:]
    return name, parameters


@first
def arguments(operation: Operation) -> Broken | None:
    """A call gives what the function takes."""
    error = underlying(operation.error)
    if (
        not isinstance(error, TypeError)
        or not _ABOUT.search(operation.message)
        or operation.callee is MISSING
    ):
        return None
    known = _signature(operation.callee)
    node = operation.node
    if known is None or not isinstance(node, ast.Call):
        return None
    name, parameters = known
    if _fits(node, parameters) or _is_another(
        operation, name
    ):  # it is handed on to something that does not take it
        return _handed_on(operation)
    text = f"{name} takes ({', '.join(_shown(p) for p in parameters)}), but here it is given {_given(node)}."
    required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)) and len(required) > 1:
        count = len(node.args[0].elts)
        text += f" A list of {count} is one argument: give its parts separately."
    return Broken(
        KIND, text, tuple(operation.tensors), title=f"`{operation.source}` does not fit what {name} takes"
    )


def _fits(node: ast.Call, parameters: list[inspect.Parameter]) -> bool:
    """Tells whether a call, as it is written, gives what these parameters take."""
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        return False
    try:
        inspect.Signature(parameters).bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
    except (TypeError, ValueError):
        return False
    return True


def _is_another(operation: Operation, name: str) -> bool:
    """Tells whether the message is about another method than the one that is called."""
    found = _WHOSE.search(operation.message)
    last = found.group(1).rpartition(".")[2] if found is not None else ""
    return last in ("call", "build", "__init__") and last != name.rpartition(".")[2]


def _handed_on(operation: Operation) -> Broken | None:
    found = _WHOSE.search(operation.message)
    if found is None or "." not in found.group(1):
        return None
    inner = found.group(1).replace("<locals>.", "")
    text = (
        f"`{operation.source}` calls `{inner}` with what it is given, and that {found.group(2).rstrip('.')}."
    )
    return Broken(
        KIND, text, tuple(operation.tensors), title=f"`{inner}` does not take what it is given here"
    )


def _shown(parameter: inspect.Parameter) -> str:
    stars: dict[Any, str] = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    star = stars.get(parameter.kind, "")
    default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
    return f"{star}{parameter.name}{default}"


def _given(node: ast.Call) -> str:
    parts = [ast.unparse(arg) for arg in node.args] + [ast.unparse(keyword) for keyword in node.keywords]
    count = len(parts)
    if count == 0:
        return "nothing"
    return f"{count} {'argument' if count == 1 else 'arguments'}: `{', '.join(parts)}`"


@first
def step_result(operation: Operation) -> Broken | None:
    """A step of the user's returns its results."""
    model = getattr(operation.callee, "__self__", None)
    names = _STEPS.get(operation.site.name, ())
    if objects.kind_of(model) != "model" or not _NOTHING.search(operation.message):
        return None
    for name in names:
        method = getattr(type(model), name, None)
        code = getattr(method, "__code__", None)
        if code is None or not is_users(code.co_filename):
            continue
        owner = source.class_named(code.co_filename, code.co_qualname)
        step = source.method_named(owner, name) if owner is not None else None
        if step is None or any(isinstance(n, ast.Return) and n.value is not None for n in ast.walk(step)):
            continue
        wanted = (
            "the logs and the state"
            if objects.backend_name() == "jax"
            else "a dict of results, such as the loss"
        )
        text = f"`{type(model).__name__}.{name}`, line {step.lineno}, returns nothing; Keras needs {wanted}."
        return Broken("wrong-return", text, title=f"`{name}` of {type(model).__name__} returns nothing")
    return None


_NOTHING = re.compile("None|Toutput_types.*length 0")
_STEPS = {
    "fit": ("train_step", "test_step"),
    "train_on_batch": ("train_step",),
    "evaluate": ("test_step",),
    "test_on_batch": ("test_step",),
}


@last
def nothing(operation: Operation) -> Broken | None:
    """Something is done with None: the name of what is None, where that can be seen."""
    if "NoneType" not in operation.message:
        return None
    for child in (*operation.site.children, operation.site):
        node = child.node
        if isinstance(node, (ast.Name, ast.Attribute)) and operation.found(node) is None:
            text = f"`{child.source}` is None here, so `{operation.source}` cannot be computed with it."
            return Broken(KIND, text, title=f"`{child.source}` is None")
    for part in ast.walk(operation.node):
        if isinstance(part, ast.expr) and isinstance(part, (ast.Name, ast.Attribute, ast.Subscript)):
            value = operation.found(part) if not isinstance(part, ast.Subscript) else operation.value(part)
            if value is None:
                text = f"`{ast.unparse(part)}` is None here."
                if "shape" in ast.unparse(part):
                    text += " A size that is not known yet is None in `x.shape`; ops.shape(x) gives it as a tensor."
                return Broken(KIND, text, title=f"`{ast.unparse(part)}` is None")
    return None


@last
def container(operation: Operation) -> Broken | None:
    """A list, tuple or dict where one tensor is wanted."""
    error = underlying(operation.error)
    if not isinstance(error, (AttributeError, TypeError, ValueError)) or not isinstance(
        operation.node, ast.Call | ast.BinOp | ast.Attribute | ast.Subscript
    ):
        return None
    match = re.search(
        r"'(list|tuple|dict)' object has no attribute|'(list|tuple|dict)' and|and '(list|tuple|dict)'"
        r"|type[: ']+(list|tuple|dict)'",
        operation.message,
    )
    sides = (operation.node.left, operation.node.right) if isinstance(operation.node, ast.BinOp) else ()
    if match is None and not sides:
        return None
    kinds = ("list", "tuple") if match is None else tuple(part for part in match.groups() if part)
    for part in ast.walk(operation.node) if match is not None else sides:
        held = operation.found(part) if isinstance(part, (ast.Name, ast.Attribute)) else MISSING
        if (kind := type(held).__name__) in kinds:
            name = ast.unparse(part)
            text = f"`{name}` is a {kind} of {len(held)} here, where one tensor is wanted."
            return Broken(
                KIND,
                text,
                tuple(operation.tensors),
                title=f"`{name}` is a {kind}",
                culprit=operation.set_by(name),
            )
    return None
