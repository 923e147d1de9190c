"""Edits of what says less than is needed: one size for two, widths without the batch, a choice with one outcome."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.arguments import REDUCTIONS
from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.edits.guards import prefix_of

_SIZES = ("size", "target_size", "crop_size", "shape", "newshape")
_COUNTS = ("N", "M", "num_classes", "stop", "num", "repeats")
_COMPLEX = ("fft", "fft2", "ifft2")
_OUT_OF = ("item", "numpy", "tolist", "detach", "cpu")
"""Methods that take a tensor's values out of the backend."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _axes_apart(context, node)
        yield from _widths(context, node)
        yield from _other_outcome(context, node)
        yield from _two_sizes(context, node)
        yield from _size_of(context, node)
        yield from _taken_out(context, node)
        yield from _outer(context, node)
        yield from _for_each_row(context, node)
        yield from _two_parts(context, node)
    elif isinstance(node, ast.BinOp):
        yield from _rounded(context, node)
        yield from _rest_of(context, node)
        yield from _side_by_side(context, node)


def _axes_apart(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`mean(x, 1, 2)`: the second axis is taken for `keepdims`."""
    places = [integer(a) for a in call.args[1:]]
    if called(call) in REDUCTIONS and len(places) > 1 and None not in places and prefix_of(context, call):
        first, last = call.args[1], call.args[-1]
        edits = (
            *context.swap(0, first, f"axis=({context.text(first)}").edits,
            *context.swap(0, last, f"{context.text(last)})").edits,
        )
        yield Proposal(0.4, f"{', '.join(map(context.text, call.args[1:]))} -> axes in a tuple", edits)


def _widths(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Widths of a padding for fewer axes than there are: none for the batch, none for the features."""
    widths = call.args[1] if called(call) == "pad" and len(call.args) > 1 else None
    rank = len(context.shape(call.args[0]) or ()) if call.args else 0
    if not isinstance(widths, (ast.Tuple, ast.List)) or not rank:
        return
    parts = [context.text(e) for e in widths.elts]
    if len(parts) == 2 and None not in map(integer, widths.elts):
        parts = [f"({', '.join(parts)})"]
    lacking = rank - len(parts)
    # Where the batch is there already, it is the features that are lacking.
    first = 0 if "".join(parts[0].split()) in ("(0,0)", "[0,0]") else 1
    for front in range(first, lacking + 1) if lacking > 0 else ():
        every = ["(0, 0)"] * front + parts + ["(0, 0)"] * (lacking - front)
        yield context.swap(0.5 + 0.1 * (front - first), widths, f"({', '.join(every)})")


def _other_outcome(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`where(c, x)`: nothing is said of the others."""
    if called(call) == "where" and len(call.args) == 2 and not call.keywords and prefix_of(context, call):
        yield context.insert(0.4, call, "0.0")


def _two_sizes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`image.resize(x, 32)`, `reshape(x, (n))`: one number where several are wanted."""
    for name, value in _named(context, call):
        if name not in _SIZES or isinstance(value, (ast.Tuple, ast.List)) or context.shape(value):
            continue
        text = context.text(value)
        if called(call) == "reshape":
            yield context.swap(0.9, value, f"({text}, -1)")
        elif integer(value) is not None or isinstance(value, (ast.Name, ast.Attribute)):
            yield context.swap(0.6, value, f"({text}, {text})")


def _size_of(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`eye(x)`: the size of one of its axes."""
    for name, value in _named(context, call):
        if name in _COUNTS and context.shape(value):
            yield context.swap(0.6, value, f"{context.atom(value)}.shape[-1]")
            yield context.swap(0.7, value, f"{context.atom(value)}.shape[1]")


def _named(context: Context, call: ast.Call) -> list[tuple[str, ast.expr]]:
    found = list(zip(context.parameters(call), call.args, strict=False))
    return found + [(k.arg, k.value) for k in call.keywords if k.arg is not None]


def _taken_out(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`x.item()`, `x.numpy()`: left out."""
    func = call.func
    if (
        isinstance(func, ast.Attribute)
        and func.attr in _OUT_OF
        and not call.args
        and context.shape(func.value)
    ):
        yield context.swap(0.4, call, context.text(func.value))


def _two_parts(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`fft(x)` of numbers without an imaginary part: Keras takes both."""
    prefix = prefix_of(context, call)
    if (
        called(call) in _COMPLEX
        and len(call.args) == 1
        and context.shape(call.args[0])
        and prefix is not None
    ):
        text = context.text(call.args[0])
        yield context.swap(0.4, call.args[0], f"({text}, {prefix}.zeros_like({text}))")


def _outer(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`outer(x, y)` of vectors for each row: NumPy's takes all in a row."""
    ranks = [len(context.shape(a) or ()) for a in call.args]
    prefix = prefix_of(context, call)
    if called(call) == "outer" and ranks == [2, 2] and prefix is not None:
        one, two = call.args
        left = context.spell("expand", call, context.text(one), "2")
        right = context.spell("expand", call, context.text(two), "1")
        if left is not None and right is not None:
            yield context.swap(0.5, call, f"{left} * {right}")


def _for_each_row(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`h = zeros((units,))` where each row of the batch has a state of its own."""
    target, function = call.args[0] if call.args else None, context.function(call)
    if (
        called(call) not in ("zeros", "ones", "full")
        or function is None
        or function.name in ("__init__", "build")
    ):
        return
    rows = next((a.arg for a in function.args.args if context.is_tensor(function, a.arg)), None)
    if (
        rows is None
        or not isinstance(target, (ast.Tuple, ast.List))
        or "B" in (context.shape(call) or ("B",))
    ):
        return
    text = context.spell("rows", call, rows)
    if text is not None:
        sizes = ", ".join([text, *(context.text(e) for e in target.elts)])
        yield context.swap(0.8, target, f"({sizes})")


def _rounded(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`units * 1.5`: a size is a whole number."""
    if not isinstance(node.op, ast.Mult) or any(
        context.shape(n) is not None for n in (node, node.left, node.right)
    ):
        return
    numbers = [n.value for n in (node.left, node.right) if isinstance(n, ast.Constant)]
    parent = context.parents[node]
    if (
        any(isinstance(n, float) for n in numbers)
        and called(parent) != "int"
        and not isinstance(parent, ast.BinOp)
    ):
        yield context.swap(0.9, node, f"int({context.text(node)})")


def _rest_of(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`x[:, 1:] - x`: what is left of it at the other end."""
    for part, whole in ((node.left, node.right), (node.right, node.left)):
        if not isinstance(part, ast.Subscript) or context.text(part.value) != context.text(whole):
            continue
        index = part.slice
        for piece in index.elts if isinstance(index, ast.Tuple) else [index]:
            if not isinstance(piece, ast.Slice):
                continue
            other = _other_end(context, piece)
            (first, last, start, _), (line, _, begin, end) = position(part), position(piece)
            if other is not None and first == last == line:
                text = context.text(part).encode()
                new = text[: begin - start] + other.encode() + text[end - start :]
                yield context.swap(0.5, whole, new.decode())


def _other_end(context: Context, piece: ast.Slice) -> str | None:
    if piece.lower is not None and piece.upper is None and (integer(piece.lower) or 0) > 0:
        return f":-{context.text(piece.lower)}"
    if piece.upper is not None and piece.lower is None and (integer(piece.upper) or 0) < 0:
        return f"{context.text(piece.upper)[1:]}:"
    return None


def _side_by_side(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`x + h` of different widths: joined, where they agree in all other axes; mostly `h` has the wrong width."""
    one, two = context.shape(node.left), context.shape(node.right)
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    if not isinstance(node.op, ast.Add) or not one or not two or prefix is None:
        return
    if (
        len(one) == len(two) > 1
        and one[:-1] == two[:-1]
        and one[-1] != two[-1]
        and 1 not in (one[-1], two[-1])
    ):
        text = f"{prefix}.concatenate([{context.text(node.left)}, {context.text(node.right)}], axis=-1)"
        yield context.swap(2.0, node, text)
