"""Edits of which function is called: the one that is mistaken for another, such as `max` for `maximum`."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_ENTRYWISE = {"max": "maximum", "min": "minimum", "amax": "maximum", "amin": "minimum"}
_PRODUCTS = ("dot", "tensordot", "inner", "vdot", "outer")
_TURNED = {"expand_dims": "squeeze", "squeeze": "expand_dims", "unsqueeze": "squeeze"}
_RANKED = re.compile(r"([123])D$")


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) and context.shape(node) is None
    if product:
        text = f"{context.text(node.left)} * {context.text(node.right)}"  # type: ignore[attr-defined]
        summed = called(context.parents.get(node, node)).removeprefix("reduce_") == "sum"
        yield context.swap(0.9 if summed else 1.4, node, text)
    if not isinstance(node, ast.Call):
        return
    if called(node) in ("matmul", "dot", "bmm", "mm") and len(node.args) >= 2:
        yield from _row_dots(context, node, *node.args[:2])
    yield from _ranked(context, node)
    yield from _of_each_entry(context, node)
    yield from _flattened(context, node)
    func = node.func
    if isinstance(func, ast.Attribute) and context.kind(func.value) is not None:
        yield from _of_tensors(context, node, context.text(func.value))


def _of_tensors(context: Context, call: ast.Call, prefix: str) -> Iterator[Proposal]:
    name, module = called(call), context.resolve(call.func.value)  # type: ignore[attr-defined]
    two = len(call.args) == 2
    failed = context.shape(call) is None
    if name in _ENTRYWISE and two and not call.keywords and hasattr(module, _ENTRYWISE[name]):
        other = call.args[1]
        number = isinstance(other, (ast.Constant, ast.UnaryOp))
        if number or context.shape(other) is not None:  # an integer may as well be an axis
            cost = 0.5 if integer(other) in (None, 0) else 0.9
            yield context.swap(cost, call.func, f"{prefix}.{_ENTRYWISE[name]}")
    if name in _PRODUCTS and len(call.args) >= 2 and hasattr(module, "matmul"):
        given = ", ".join(map(context.text, call.args[:2]))
        yield context.swap(0.9, call, f"{prefix}.matmul({given})")
    if name == "matmul" and two and failed and hasattr(module, "multiply"):
        yield context.swap(1.4, call.func, f"{prefix}.multiply")
    if name == "repeat" and two and isinstance(call.args[1], (ast.Tuple, ast.List)):
        yield context.swap(0.5, call.func, f"{prefix}.tile")
    if name == "tile" and any(k.arg in ("axis", "dim") for k in call.keywords):
        yield context.swap(0.5, call.func, f"{prefix}.repeat")
    if name in _TURNED and hasattr(module, _TURNED[name]) and (two or call.keywords):
        yield context.swap(1.3 if failed else 1.6, call.func, f"{prefix}.{_TURNED[name]}")


def _of_each_entry(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`keras.losses.binary_crossentropy`, which is a mean already, where a value for each entry is wanted."""
    text = context.text(call.func)
    if "losses." not in text:
        return
    for prefix in context.prefixes():
        if hasattr(context.resolve(ast.parse(prefix, mode="eval").body), called(call)):
            yield context.swap(0.5, call.func, f"{prefix}.{called(call)}")


def _ranked(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`GlobalAveragePooling1D` of images, `Conv2D` of sequences."""
    found = _RANKED.search(called(call))
    if found is None:
        return
    text = context.text(call.func)
    for rank in "123":
        if rank != found.group(1):
            yield context.swap(1.0, call.func, f"{text[:-2]}{rank}D")


def _row_dots(context: Context, node: ast.expr, a: ast.expr, b: ast.expr) -> Iterator[Proposal]:
    """Every row against every row, where each row against its own was meant."""
    one, two = context.shape(a), context.shape(b)
    if context.shape(node) is None and one == two and one is not None and len(one) == 2 and one[0] == "B":
        text = context.spell("dots", node, context.atom(a), y=context.atom(b))
        if text is not None:
            yield context.swap(0.7, node, text)
            yield context.swap(0.8, node, re.sub(r", keepdims?=True", "", text))
        return
    if one and two and len(one) == 3 and len(two) == 2 and one[0] == two[0] == "B" and one[2] == two[1]:
        against = context.spell("expand", node, context.text(b), "1")  # each step against the one of its row
        text = context.spell("dots", node, context.atom(a), y=against or "")
        if text is not None and against is not None:
            yield context.swap(0.7, node, re.sub(r", keepdims?=True", "", text))
        return
    if (context.shape(node) or ())[:2] != ("B", "B") or called(b) not in ("transpose", "swapaxes", "permute"):
        return
    assert isinstance(b, ast.Call)
    inner = b.args[0] if b.args else None
    if inner is not None and context.shape(inner) is not None:
        text = context.spell("dots", node, context.atom(a), y=context.atom(inner))
        if text is not None:
            yield context.swap(1.2, node, text)


def _flattened(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """What is given to a layer of the object's own that fails: all features of a row in one axis."""
    shape = context.shape(call.args[0]) if len(call.args) == 1 else None
    own = context.text(call.func).startswith("self.")
    if not own or context.shape(call) is not None or not shape or len(shape) < 3 or shape[0] != "B":
        return
    sizes = [size for size in shape[1:] if isinstance(size, int)]
    text = context.spell("reshape", call, context.text(call.args[0]), f"(-1, {math.prod(sizes)})")
    if text is not None and len(sizes) == len(shape) - 1:
        yield context.swap(1.2, call.args[0], text)
