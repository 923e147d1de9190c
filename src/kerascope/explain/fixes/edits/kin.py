"""Edits of which function of a family is called: `cumsum` for `sum`, `zeros` for `zeros_like`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

_MEANT = {
    "cumsum": ("sum",),
    "cumprod": ("prod",),
    "argmax": ("max",),
    "argmin": ("min",),
    "argsort": ("sort",),
    "max": ("argmax",),
    "var": ("mean",),
    "std": ("mean",),
    "dot": ("multiply",),
    "outer": ("multiply", "matmul"),
    "inner": ("multiply",),
    "add": ("concatenate",),
    "concatenate": ("add",),
    "append": ("concatenate",),
    "hstack": ("concatenate",),
    "vstack": ("concatenate", "stack"),
    "take_along_axis": ("take",),
    "repeat": ("tile", "broadcast_to"),
    "tile": ("repeat", "broadcast_to"),
    "expand_dims": ("squeeze",),
    "unstack": ("split",),
    "split": ("unstack",),
    "zeros": ("zeros_like",),
    "ones": ("ones_like",),
    "full": ("full_like",),
    "zeros_like": ("zeros",),
    "ones_like": ("ones",),
    "multi_hot": ("one_hot",),
    "one_hot": ("multi_hot",),
    "broadcast_to": ("reshape",),
    "reshape": ("broadcast_to", "transpose"),
    "transpose": ("swapaxes", "reshape"),
    "swapaxes": ("transpose",),
    "moveaxis": ("swapaxes",),
    "size": ("shape",),
    "ndim": ("shape",),
    "sparse_categorical_crossentropy": ("categorical_crossentropy",),
    "categorical_crossentropy": ("sparse_categorical_crossentropy",),
}
"""What a function of tensors may have been meant to be. Those that `siblings` knows in more detail are not here."""

_LAYERS = {
    "Dense": ("Embedding",),
    "EinsumDense": ("Dense",),
    "Embedding": ("Dense",),
    "Concatenate": ("Add",),
    "Add": ("Concatenate",),
    "Average": ("Concatenate", "Add"),
    "Multiply": ("Concatenate", "Dot"),
    "BatchNormalization": ("LayerNormalization",),
    "MultiHeadAttention": ("Attention",),
    "Attention": ("MultiHeadAttention",),
    "RepeatVector": ("Flatten",),
}
_FAILED, _RAN = 1.0, 1.6


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call):
        return
    module = context.resolve(node.func.value) if isinstance(node.func, ast.Attribute) else None
    if module is None:
        return
    name, text = called(node), context.text(node.func)
    failed = context.shape(node) is None and not context.parts(node)
    tensors = context.kind(node.func.value) is not None  # type: ignore[attr-defined]
    others = _MEANT.get(name, ()) if tensors else (*_LAYERS.get(name, ()), *_turned(name))
    for index, other in enumerate(others):
        if hasattr(module, other) and _may_be(node, name, other):
            cost = (_FAILED if failed and tensors else _RAN - 0.3 * (not tensors)) + 0.05 * index
            if other == f"{name}Transpose":
                cost += 0.7  # what makes a picture smaller, and what makes it larger
            yield context.swap(cost, node.func, text[: len(text) - len(name)] + other)


def _turned(name: str) -> tuple[str, ...]:
    """`Conv2DTranspose` for `Conv2D`, `AveragePooling1D` for the global one, and the reverse."""
    if name.endswith("Transpose"):
        return (name.removesuffix("Transpose"),)
    if name.startswith("Global"):
        return (name.removeprefix("Global"),)
    return (f"{name}Transpose",) if name.startswith("Conv") else ()


def _may_be(call: ast.Call, name: str, other: str) -> bool:
    """Tells whether what is given fits another function: axes in a new order are all different and begin with none."""
    target = call.args[1] if len(call.args) > 1 else None
    if {name, other} & {"reshape", "transpose"} and isinstance(target, (ast.Tuple, ast.List)):
        numbers = [integer(e) for e in target.elts]
        axes = sorted(n for n in numbers if n is not None) == list(range(len(numbers)))
        return axes == (other in ("transpose", "swapaxes")) and (other != "swapaxes")
    if {name, other} == {"transpose", "swapaxes"}:
        return other == "swapaxes" and len(call.args) == 3
    return True
