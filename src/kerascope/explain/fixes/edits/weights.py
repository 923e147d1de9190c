"""Edits of sizes that are set when an object is made or built: shapes of weights, numbers of units."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, short
from kerascope.explain.lines.source import MAKERS

_SIZED = {
    "units",
    "filters",
    "output_dim",
    "input_dim",
    "num_heads",
    "key_dim",
    "strides",
    "num_classes",
    "k",
}
_NOT_SIZES = {"axis", "dim", "axes", "seed", "name", "dtype", "rate", "keepdims"}
_SMALL = {
    "strides",
    "kernel_size",
    "pool_size",
    "size",
    "dilation_rate",
    "groups",
    "padding",
    "num_heads",
    "k",
}
"""Sizes that are never those of a tensor's axis."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, (ast.Constant, ast.Name)):
        yield from _held_size(context, node)
    if isinstance(node, ast.BinOp):
        yield from _whole(context, node)
        yield from _by_one(context, node)
    if not isinstance(node, ast.Call):
        return
    if called(node) in MAKERS:
        yield from _weight(context, node)
    else:
        yield from _numbers(context, node)


def _whole(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`channels / groups`: a size is a whole number."""
    if not isinstance(node.op, ast.Div):
        return
    beside = context.parents.get(node)
    tensor = any(context.shape(n) is not None for n in (node, node.left, node.right, beside) if n is not None)
    if tensor or any(isinstance(n, ast.Constant) and n.value in (1, 1.0) for n in (node.left, node.right)):
        return
    if isinstance(node.right, ast.Constant) and isinstance(node.right.value, float):
        return
    text = f"{context.text(node.left)} // {context.text(node.right)}"
    yield Proposal(0.6, f"{short(context.text(node))} -> {short(text)}", context.swap(0.6, node, text).edits)


def _by_one(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`steps - 1`, `steps + 1`: a size that is off by one."""
    if (
        not isinstance(node.op, (ast.Add, ast.Sub))
        or integer(node.right) != 1
        or context.shape(node) is not None
    ):
        return
    text = context.text(node.left)
    yield context.swap(0.95, node, text)
    yield context.swap(1.4, node, f"{text} {'-' if isinstance(node.op, ast.Add) else '+'} 1")


def _shared_out(context: Context, value: ast.Name) -> Iterator[Proposal]:
    """`self.depth = dim`, where each head has its share of it."""
    parent, function = context.parents.get(value), context.function(value)
    target = parent.targets[0] if isinstance(parent, ast.Assign) else None
    if (
        function is None
        or function.name not in ("__init__", "build")
        or not isinstance(target, ast.Attribute)
    ):
        return
    if target.attr == value.id:  # it is kept as it is given
        return
    for name in (a.arg for a in function.args.args[1:]):
        if name != value.id and name in context.sizes_near(value):
            yield context.swap(1.0, value, f"{value.id} // {name}")


def _held_size(context: Context, value: ast.Constant | ast.Name) -> Iterator[Proposal]:
    """A number that is kept under a name when an object is made or built, and used as a size from there."""
    parent, function = context.parents.get(value), context.function(value)
    if isinstance(value, ast.Name):
        yield from _shared_out(context, value)
        return
    now = integer(value)
    if not isinstance(parent, ast.Assign) or function is None or now is None or now < 1:
        return
    if function.name == "build":
        for name in context.sizes_near(value):
            yield context.swap(1.2 if "-1]" in name else 1.35, value, name)
    if function.name in ("build", "__init__"):
        for size in context.dims:
            if size != now:
                yield context.swap(1.4, value, str(size))


def _weight(context: Context, call: ast.Call) -> Iterator[Proposal]:
    values = [k.value for k in call.keywords if k.arg == "shape"] + call.args[:1]
    if context.shape(call) is None and not any(k.arg == "initializer" for k in call.keywords):
        yield context.insert(0.7, call, 'initializer="zeros"')  # a metric has none by itself
    if not values or context.text(values[0]) == "()":
        for name in context.sizes_near(call):
            if "[" not in name and name not in ("name", "dtype"):
                edit = (
                    context.swap(0.6, values[0], f"({name},)")
                    if values
                    else context.insert(0.6, call, f"shape=({name},)")
                )
                yield edit
        inner = [name for name in context.sizes_near(call) if name.endswith("[-1]")] if not values else []
        for name in (n for n in context.sizes_near(call) if "[" not in n and inner):
            yield context.insert(0.7, call, f"shape=({inner[0]}, {name})")
    for value in values[:1]:
        if isinstance(value, (ast.Tuple, ast.List)):
            yield from _elements(context, call, value)
        else:  # the whole input shape, say
            text = context.atom(value)
            if isinstance(value, (ast.Name, ast.Attribute, ast.Constant, ast.BinOp)):
                yield context.swap(0.9, value, f"({context.text(value)},)")
            yield context.swap(1.2, value, f"{text}[1:]")
            yield context.swap(1.3, value, f"({text}[-1],)")


def _elements(context: Context, call: ast.Call, shape: ast.Tuple | ast.List) -> Iterator[Proposal]:
    parts = [context.text(e) for e in shape.elts]

    def written(new: list[str]) -> str:
        return f"({', '.join(new)}{',' if len(new) == 1 else ''})"

    if len(parts) <= 4:
        for order in itertools.permutations(range(len(parts))):
            moved = sum(a != b for a, b in enumerate(order))
            if moved:
                # Kernels are (inputs, outputs) by custom; a change away from it needs more reason.
                away = 0.25 if len(parts) == 2 and "-1]" in parts[0] else 0.0
                yield context.swap(1.1 + 0.1 * (moved - 2) + away, shape, written([parts[i] for i in order]))
    sizes = context.sizes_near(call)
    for other in _other_weights(context, call, len(parts)):
        for at, part in enumerate(other):
            if part != parts[at]:
                yield context.swap(1.05 if at else 1.15, shape.elts[at], part)
    for at, part in enumerate(parts):
        for name in sizes:
            if name != part:  # a size that stands there twice is likelier wrong in one of the two places
                twice = 0.1 if parts.count(part) > 1 and name.endswith("[-1]") and name not in parts else 0.0
                yield context.swap(1.2 - twice, shape.elts[at], name)
        if integer(shape.elts[at]) is None:
            yield context.swap(1.35, shape.elts[at], f"2 * {context.atom(shape.elts[at])}")
            made = context.shape(call)
            size = made[at] if made is not None and len(made) == len(parts) else None
            if not isinstance(size, int) or size % 2 == 0:  # nobody halves an odd number
                yield context.swap(1.5, shape.elts[at], f"{context.atom(shape.elts[at])} // 2")
    yield from _one_more(context, call, shape)
    for element in shape.elts:
        if isinstance(element, ast.BinOp) and isinstance(element.op, (ast.Mult, ast.FloorDiv)):
            yield context.swap(1.4, element, context.text(element.left))
            yield context.swap(1.4, element, context.text(element.right))
    for at, element in enumerate(shape.elts):
        if integer(element) is not None:
            for size in context.dims:
                if size != integer(element):
                    yield context.swap(1.5, shape.elts[at], str(size))
    if len(parts) > 1:
        for at in range(len(parts)):
            yield context.swap(1.5, shape, written(parts[:at] + parts[at + 1 :]))
    for name in sizes:
        yield context.swap(1.6, shape, written([*parts, name]))
        if parts:
            yield context.swap(1.65, shape, written([name, *parts]))


def _one_more(context: Context, call: ast.Call, shape: ast.Tuple | ast.List) -> Iterator[Proposal]:
    """A size that is one short of an axis that was seen, or one too large: a token in front, a last one left out."""
    made = context.shape(call)
    if made is None or len(made) != len(shape.elts):
        return
    for element, size in zip(shape.elts, made, strict=True):
        if integer(element) is None and isinstance(size, int):
            for step, sign, cost in ((1, "+", 1.05), (-1, "-", 1.45)):
                if size + step in context.dims:
                    yield context.swap(cost, element, f"{context.text(element)} {sign} 1")


def _other_weights(context: Context, call: ast.Call, rank: int) -> list[list[str]]:
    """Returns the shapes, as they are written, of the other weights of the same rank that the function makes."""
    function = context.function(call)
    found = []
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Call) and node is not call and called(node) == called(call):
            values = [k.value for k in node.keywords if k.arg == "shape"] + node.args[:1]
            if values and isinstance(values[0], (ast.Tuple, ast.List)) and len(values[0].elts) == rank:
                found.append([context.text(e) for e in values[0].elts])
    return found if rank > 1 else []


def _numbers(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Numbers of units and the like: replaced by sizes that were seen, or by what the constructor knows."""
    function = context.function(call)
    if function is None:
        return
    inside = function.name in ("__init__", "build")
    names = context.parameters(call)
    # Of a layer every number may be a size; of a function of tensors only what is named so.
    layer = called(call)[:1].isupper()
    slots = [(k.arg or "", k.value) for k in call.keywords]
    slots += [(names[i] if i < len(names) else "", value) for i, value in enumerate(call.args)]
    for name, value in slots:
        if name in _NOT_SIZES or not (layer or name in _SIZED or name == "num_classes"):
            continue
        now = integer(value)
        if now is None and not isinstance(value, (ast.Name, ast.Attribute, ast.BinOp)):
            continue
        if now is not None and isinstance(getattr(value, "value", None), bool):
            continue
        if isinstance(value, (ast.Name, ast.Attribute)) and not inside:
            continue
        for proposal in _sizes(context, value, now, name in _SMALL):
            # `output_dim=dim` says what it is: a name like the parameter's is likely right, another one is not.
            hint = _alike(proposal.edits[0].text, name) - _alike(context.text(value), name)
            yield dataclasses.replace(proposal, cost=proposal.cost - 0.2 * hint)


def _alike(text: str, parameter: str) -> bool:
    """Tells whether a name and a parameter share a word, such as `dim` and `output_dim`."""
    words = set(text.removeprefix("self.").lower().split("_"))
    return bool(words & set(parameter.lower().split("_"))) and not text.isdigit()


def _sizes(context: Context, value: ast.expr, now: int | None, small: bool) -> Iterator[Proposal]:
    text = context.text(value)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        for side in (value.left, value.right):
            number = integer(side)
            if number is not None:
                for new in (number + 1, number - 1, number * 2):
                    if new > 0:
                        yield context.swap(1.3, side, str(new))
        yield context.swap(1.5, value, context.text(value.right if integer(value.left) else value.left))
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        yield context.swap(1.25, value, f"{context.atom(value.left)} * {context.atom(value.right)}")
    for name in context.sizes_near(value):
        if name != text and ("shape" not in name or name.endswith("[-1]")):
            yield context.swap(1.33 if "shape" in name else 1.3, value, name)
    for size in () if small else context.dims:
        if size != now:  # a number for one that is worked out fits this input alone
            yield context.swap(1.65 if isinstance(value, ast.BinOp) else 1.35, value, str(size))
    if now is not None:
        for new in (now // 2, now * 2, now + 1, now - 1):
            if new > 0 and (small or new not in context.dims) and new != now:
                step = 0.01 * new if new in (now // 2, now * 2) else 0.06 + 0.01 * new
                yield context.swap((1.3 if small else 1.6) + step, value, str(new))
    elif isinstance(value, (ast.Name, ast.Attribute)):
        yield context.swap(1.5, value, f"2 * {text}")
        yield context.swap(1.7, value, f"{text} // 2")
