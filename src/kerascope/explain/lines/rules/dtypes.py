"""Data types that an operation does not take together."""

from __future__ import annotations

import ast
import re

from kerascope.explain.lines.operands import Tensor
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.lookup import take
from kerascope.explain.lines.rules.registry import Broken, last, on

KIND = "dtype-mismatch"

_ABOUT_TYPES = re.compile(
    r"dtype|data type|expected to be an? \w+ tensor|scalar type|integer type|same type|Tindices|must be of type"
    r"|type mismatch|not in the list of allowed values|expected .* tensor|not implemented for"
    r"|has type \w+ that does not match",
    re.IGNORECASE,
)


def _list(tensors: list[Tensor]) -> str:
    return " and ".join(f"{tensor.text} is {tensor.dtype}" for tensor in tensors)


@on(
    "take",
    "gather",
    "index_select",
    "take_along_axis",
    "embedding_lookup",
    "embedding",
    "subscript",
    "one_hot",
)
def indices(operation: Operation) -> Broken | None:
    """Positions are integers; the entries of a dict are asked for by words."""
    if isinstance(getattr(operation.node, "slice", None), ast.Constant):
        return None
    picked = (
        operation.tensors[:1] if operation.site.name in ("embedding", "one_hot") else operation.tensors[1:]
    )
    wrong = next((t for t in picked if t.dtype.startswith(("float", "bfloat"))), None)
    if wrong is None or take(operation) is not None:
        return None
    return Broken(
        KIND, f"{operation.shown} needs positions as integers, but {wrong.text} is {wrong.dtype}.", (wrong,)
    )


@last
def mixed(operation: Operation) -> Broken | None:
    """Frameworks other than Keras's own operations do not convert between types."""
    tensors = operation.tensors
    kinds = {tensor.dtype for tensor in tensors if tensor.dtype}
    if len(kinds) < 2 or not _ABOUT_TYPES.search(operation.message):
        return None
    first = tensors[0]
    other = next(tensor for tensor in tensors if tensor.dtype != first.dtype)
    text = f"{operation.shown} needs operands of one dtype here, but {_list([first, other])}."
    return Broken(KIND, text, (first, other))


@last
def unknown(operation: Operation) -> Broken | None:
    """The name of a dtype exists."""
    found = re.search(r"(?:Invalid|Unknown|Unsupported) dtype:? ?'?(\w+)'?", operation.message)
    if found is None:
        return None
    wanted = operation.plain(1, "dtype")
    if wanted is MISSING or not isinstance(wanted, str):
        return None
    import difflib

    names = [
        "float16",
        "float32",
        "float64",
        "bfloat16",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "complex64",
    ]
    near = difflib.get_close_matches(wanted, names, 1)
    meant = f" The nearest one is `{near[0]}`." if near else ""
    return Broken(KIND, f"There is no dtype `{wanted}`.{meant}")


@last
def plain_value(operation: Operation) -> Broken | None:
    """A text or a list beside a tensor is no number."""
    node = operation.node
    if not isinstance(node, ast.BinOp) or len(operation.tensors) != 1:
        return None
    for side in (node.left, node.right):
        value = operation.value(side)
        if isinstance(value, str) or (isinstance(value, tuple) and value):
            kind = "a text" if isinstance(value, str) else "a list"
            text = (
                f"{operation.shown} works on numbers and tensors, but `{ast.unparse(side)}` is {kind} and "
                f"{operation.tensors[0].text} is {operation.tensors[0].dtype}."
            )
            return Broken(KIND, text, (operation.tensors[0],))
    return None


@last
def bits(operation: Operation) -> Broken | None:
    """`&`, `|` and `^` are about integers and truth values."""
    wrong = next((t for t in operation.tensors if t.dtype.startswith(("float", "bfloat"))), None)
    if wrong is None or not isinstance(
        getattr(operation.node, "op", None), (ast.BitAnd, ast.BitOr, ast.BitXor)
    ):
        return None
    text = f"{operation.shown} works on integers and truth values, but {wrong.text} is {wrong.dtype}."
    return Broken(KIND, text, tuple(operation.tensors))


@last
def single(operation: Operation) -> Broken | None:
    """One operand whose dtype the operation does not take."""
    if len(operation.tensors) != 1 or not _ABOUT_TYPES.search(operation.message):
        return None
    tensor = operation.tensors[0]
    if not tensor.dtype.startswith(("int", "uint", "bool")):
        return None
    if "float" not in operation.message.lower() and "not implemented for" not in operation.message:
        return None
    return Broken(KIND, f"{operation.shown} works on floats, but {tensor.text} is {tensor.dtype}.", (tensor,))


@last
def truth(operation: Operation) -> Broken | None:
    """Truth values are no numbers to most frameworks."""
    flags = next((tensor for tensor in operation.tensors if tensor.dtype == "bool"), None)
    if (
        flags is None
        or not isinstance(operation.node, (ast.BinOp, ast.UnaryOp))
        or "bool" not in operation.message
    ):
        return None
    text = f"{operation.shown} works on numbers, but {flags.text} is bool."
    return Broken(KIND, text, (flags,))
