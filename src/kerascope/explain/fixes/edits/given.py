"""Edits of what is handed on: an argument that a call lacks, class numbers where an entry for each class is wanted."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from kerascope.explain.fixes.edits.context import Context, Proposal, called, short

_MOST = 6
_TUPLES = ("newshape", "shape", "axes", "target_shape", "dims", "repeats", "perm")
_PICKING = ("one_hot", "take", "gather", "take_along_axis", "sparse_categorical_crossentropy")
_TARGETS = ("y_true", "target", "targets", "labels")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _lacking(context, node)
        yield from _as_tuple(context, node)
        yield from _mask_for_each(context, node)
        yield from _over_all(context, node)
    elif isinstance(node, ast.Name):
        yield from _one_hot(context, node)


# -- arguments that a call lacks --------------------------------------------------------------------------------------


def _lacking(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`attention(x)` where it takes two tensors, `Dense()` where it takes a size."""
    function = context.function(call)
    if function is None or context.shape(call) is not None or context.parts(call):
        return  # it did work
    if any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return
    required = _required(context, call)
    given = {k.arg for k in call.keywords}
    missing = [name for name in required[len(call.args) :] if name not in given]
    if not missing or len(missing) > 2 or (len(missing) > 1 and not call.args):
        return
    for cost, texts in _values(context, call, function, missing):
        positional = not call.keywords
        added = [text if positional else f"{name}={text}" for name, text in zip(missing, texts, strict=True)]
        insert = context.insert(cost, call, ", ".join(added))
        yield Proposal(cost, f"{short(context.text(call))} -> add {', '.join(added)}", insert.edits)


def _as_tuple(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`reshape(x, -1, 4)`, `transpose(x, 0, 2, 1)`, `zeros(2, 3)`: sizes and axes that want to be one argument."""
    names = context.parameters(call)
    place = next((i for i, name in enumerate(names) if name in _TUPLES), None)
    if context.shape(call) is not None or place is None or len(call.args) <= place + 1:
        return
    parts = call.args[place:]
    if any(isinstance(a, (ast.Tuple, ast.List, ast.Starred)) or context.shape(a) for a in parts):
        return
    edits = (
        *context.swap(0, parts[0], f"({context.text(parts[0])}").edits,
        *context.swap(0, parts[-1], f"{context.text(parts[-1])})").edits,
    )
    yield Proposal(0.4, f"{', '.join(map(context.text, parts))} -> in a tuple", edits)


def _mask_for_each(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A mask of the steps given to an attention, which wants it for each query."""
    if context.shape(call) is not None or context.parts(call):
        return  # it did work
    for keyword in call.keywords:
        shape = context.shape(keyword.value)
        if keyword.arg is None or "mask" not in keyword.arg or not shape or len(shape) > 3:
            continue
        places = ("[:, None, :]", "[:, None, None, :]") if len(shape) == 2 else ("[:, None, :, :]",)
        for index, place in enumerate(places):
            yield context.swap(0.5 + 0.1 * index, keyword.value, f"{context.atom(keyword.value)}{place}")


def _over_all(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Pooling in windows where one number for each channel is wanted."""
    name = called(call)
    if name.startswith(("AveragePooling", "MaxPooling")):
        text = context.text(call.func)
        yield context.swap(1.0, call, f"{text[: len(text) - len(name)]}Global{name}()")


def _values(
    context: Context, call: ast.Call, function: ast.FunctionDef, missing: Sequence[str]
) -> Iterator[tuple[float, list[str]]]:
    """Yields what may be meant for the missing arguments."""
    own = call.args[-1] if call.args else None
    if called(call) in ("clip", "clamp") and len(missing) == 1 and len(call.args) == 2:
        yield 0.5, [f"1.0 - {context.text(call.args[1])}"]
    if list(missing) in (["axis"], ["dim"]):
        yield from ((0.6 + 0.1 * index, [axis]) for index, axis in enumerate(("-1", "1", "2")))
        return
    if called(call)[:1].isupper():
        for name in context.sizes_near(call):
            yield 0.9 - 0.3 * _akin(name, missing[0]), [name] * len(missing)
        return
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    parameters = [a.arg for a in function.args.args[1:]]
    if own is not None:  # as in attention of a sequence to itself
        yield 0.7, [context.text(own)] * len(missing)
    others = [*context.tensors_near(function, call), *(p for p in parameters if p not in read)]
    for name in list(dict.fromkeys(others))[:_MOST]:
        if own is None or name != context.text(own):
            idle = name in parameters and name not in read
            yield 0.8 - 0.3 * (idle or _akin(name, missing[0])), [name] * len(missing)


def _akin(name: str, parameter: str) -> bool:
    words = set(name.removeprefix("self.").lower().split("_"))
    return bool(words & set(parameter.lower().split("_")))


def _required(context: Context, call: ast.Call) -> list[str]:
    """Returns the names of the parameters without a default of what is called; empty when they are not known."""
    func = call.func
    owner = context.owner(call)
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self":
        for statement in ast.walk(owner) if owner is not None else ():
            if isinstance(statement, ast.FunctionDef) and statement.name == func.attr:
                return _of_source(statement)
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                made = any(context.text(t) == context.text(func) for t in statement.targets)
                layer = context.resolve(statement.value.func) if made else None
                if isinstance(layer, type):
                    return _of_object(getattr(layer, "call", None), bound=True)
        return []
    return _of_object(context.resolve(func), bound=False)


def _of_source(function: ast.FunctionDef) -> list[str]:
    names = [a.arg for a in function.args.args]
    names = names[: len(names) - len(function.args.defaults)]
    return [name for name in names if name not in ("self", "cls")]


def _of_object(what: Any, bound: bool) -> list[str]:
    if not callable(what):
        return []
    try:
        parameters = list(inspect.signature(what).parameters.values())[1 if bound else 0 :]
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]


# -- class numbers ----------------------------------------------------------------------------------------------------


def _one_hot(context: Context, node: ast.Name) -> Iterator[Proposal]:
    """Class numbers that meet a prediction for each class: a one for the class, zeros for the others."""
    function = context.function(node)
    if function is None or not isinstance(node.ctx, ast.Load):
        return
    names = [a.arg for a in function.args.args if a.arg != "self"][:2]
    if len(names) < 2 or node.id != names[0] or not names[0].endswith(_TARGETS) or _asks(context, node):
        return
    labels, scores = context.shape(node), _parameter_shape(context, function, names[1])
    if not labels or not scores or not isinstance(scores[-1], int) or scores[-1] < 2:
        return
    text = context.spell("index", node, node.id)
    if labels == (*scores[:-1], 1) and text is not None:
        text = context.spell("squeeze", node, text, "-1")
    elif labels != scores[:-1]:
        return
    if text is None:
        return
    hot = context.spell("hot", node, text, f"{names[1]}.shape[-1]")
    if hot is not None:
        whole = context.dtype(node).startswith(("int", "uint"))
        yield context.swap(0.3 if whole else 1.1, node, hot)


def _asks(context: Context, node: ast.Name) -> bool:
    """Tells whether only the shape or type of a name is read, or it is turned into classes already."""
    parent: ast.AST | None = context.parents.get(node)
    if _picks(context, node):
        return True
    if isinstance(parent, ast.Attribute) or called(parent) in ("shape", "size"):  # type: ignore[arg-type]
        return True
    while isinstance(parent, ast.Call):
        if called(parent) in _PICKING:
            return True
        parent = context.parents.get(parent)
    return False


def _picks(context: Context, node: ast.Name) -> bool:
    """Tells whether what a name is made of picks entries of something later."""
    outer: ast.AST | None = context.parents.get(node)
    while isinstance(outer, ast.expr):
        outer = context.parents.get(outer)
    targets = outer.targets if isinstance(outer, ast.Assign) else []
    held = {t.id for t in targets if isinstance(t, ast.Name)}
    function = context.function(node)
    calls = [n for n in ast.walk(function) if called(n) in _PICKING] if function is not None and held else []
    return any(isinstance(n, ast.Name) and n.id in held for c in calls for n in ast.walk(c))


def _parameter_shape(
    context: Context, function: ast.FunctionDef, name: str
) -> tuple[int | str | None, ...] | None:
    """Returns the shape of an argument where it is first read."""
    reads = [
        n for n in ast.walk(function)
        if isinstance(n, ast.Name) and n.id == name and context.shape(n) is not None
    ]  # fmt: skip
    return context.shape(min(reads, key=lambda n: n.lineno)) if reads else None
