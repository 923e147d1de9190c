"""Edits of what an operation works on: operands turned, swapped, given or relieved of an axis, cast, or replaced."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called
from kerascope.explain.fixes.edits.joins import JOINS

MATMULS = {"matmul", "dot", "bmm", "mm", "matvec"}
_ELEMENTWISE = {
    "add", "subtract", "multiply", "divide", "true_divide", "maximum", "minimum", "where", "equal", "power", "mul",
    "sub", "div", "not_equal", "greater", "less", "squared_difference", "logical_and", "logical_or",
}  # fmt: skip
_SHAPING = {
    "squeeze",
    "expand_dims",
    "unsqueeze",
    "transpose",
    "swapaxes",
    "permute",
    "reshape",
    "flatten",
    "ravel",
}
_TURNING = ("swapaxes", "transpose", "matrix_transpose")
_OTHERS = {
    "multiply": "matmul", "concatenate": "stack", "stack": "concatenate", "concat": "stack", "cat": "stack",
}  # fmt: skip


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield from _products(context, node, node.left, node.right)
    elif isinstance(node, ast.Call) and called(node) in MATMULS and len(node.args) >= 2:
        yield from _products(context, node, node.args[0], node.args[1])
    elif isinstance(node, ast.BinOp):
        yield from lined_up(context, node, node.left, node.right)
        yield from _elementwise(context, node)
    elif isinstance(node, ast.Compare):
        yield from lined_up(context, node, node.left, node.comparators[0])
    elif isinstance(node, ast.Call) and called(node) in _ELEMENTWISE and len(node.args) >= 2:
        yield from lined_up(context, node, node.args[-2], node.args[-1])
    if called(node) == "where" and isinstance(node, ast.Call) and len(node.args) == 3:
        yield from lined_up(context, node, node.args[0], node.args[1])
    if called(node) in ("masked_fill", "masked_fill_") and isinstance(node, ast.Call) and node.args:
        assert isinstance(node.func, ast.Attribute)
        yield from lined_up(context, node, node.func.value, node.args[0])
    if isinstance(node, ast.Call):
        yield from _unwrapped(context, node)
        yield from _renamed(context, node)
        yield from _operand_axes(context, node)


def _products(context: Context, node: ast.expr, a: ast.expr, b: ast.expr) -> Iterator[Proposal]:
    swapped = _replaced(context, node, a, context.atom(b), b, context.atom(a))
    worked = 0.5 if context.shape(node) is not None else 0.0
    one, two = context.shape(a), context.shape(b)
    fits = _multiply(one, two)
    yield from _batched(context, node, a, b)
    yield Proposal(
        worked + (1.1 if _multiply(two, one) else 1.9),
        f"{context.text(node)} -> operands swapped",
        swapped.edits,
    )
    yield from _other_turned(context, a, b)
    for operand, other, cost in ((b, a, 1.15), (a, b, 1.3)):
        shape = context.shape(operand)
        if shape is not None and len(shape) < 2:
            continue
        new = context.spell("swap", node, context.text(operand))
        if called(operand) in _TURNING and isinstance(operand, ast.Call):
            yield context.swap(cost, operand, context.text(operand.args[0]))
        if new is not None and not (fits and shape is not None and shape[-1] == shape[-2]):
            turned = None if shape is None else (*shape[:-2], shape[-1], shape[-2])
            good = _multiply(turned, context.shape(other)) if operand is a else _multiply(one, turned)
            # A weight that lies the wrong way round is rather made the right way round.
            weight = 0.35 if shape is not None and "B" not in shape else 0.0
            yield context.swap(cost + weight + 0.6 * worked + (0.0 if good else 0.7), operand, new)


def _other_turned(context: Context, a: ast.expr, b: ast.expr) -> Iterator[Proposal]:
    """Rows against rows where features against features were meant, or the reverse: the other operand turned."""
    for operand, other in ((a, b), (b, a)):
        if called(operand) in _TURNING and called(other) not in _TURNING and operand.args:  # type: ignore[attr-defined]
            inner = operand.args[0]  # type: ignore[attr-defined]
            shown = context.text(operand)
            turned = shown.replace(context.text(inner), context.text(other), 1)
            edits = (
                *context.swap(0, operand, context.atom(inner)).edits,
                *context.swap(0, other, turned).edits,
            )
            yield Proposal(1.05, f"{shown} -> {turned}", edits)


def _batched(context: Context, node: ast.expr, a: ast.expr, b: ast.expr) -> Iterator[Proposal]:
    """A stack of matrices with fewer axes than the other one: the axis that it lacks goes behind the batch."""
    for operand, other in ((b, a), (a, b)):
        shape, target = context.shape(operand) or (), context.shape(other) or ()
        if len(target) == len(shape) + 1 > 3 and shape[0] == target[0] == "B":
            text = context.spell("expand", node, context.text(operand), "1")
            if text is not None:
                yield context.swap(0.9, operand, text)


def _multiply(a: Shape | None, b: Shape | None) -> bool:
    """Tells whether two shapes can be multiplied as matrices; False when one is not known."""
    if not a or not b:
        return False
    inner = b[-2] if len(b) > 1 else b[0]
    return a[-1] == inner and (len(a) < 3 or len(b) < 3 or a[:-2] == b[:-2])


def _replaced(context: Context, node: ast.expr, a: ast.expr, for_a: str, b: ast.expr, for_b: str) -> Proposal:
    one, two = context.swap(0, a, for_a), context.swap(0, b, for_b)
    return Proposal(0.0, "", (*one.edits, *two.edits))


def lined_up(context: Context, node: ast.expr, left: ast.expr, right: ast.expr) -> Iterator[Proposal]:
    """Yields the edits after which two operands of one element-wise operation broadcast."""
    for operand, other in ((left, right), (right, left)):
        shape, target = context.shape(operand), context.shape(other)
        if shape is None or target is None:
            continue
        for cost, grown in _given_axes(context, node, operand, shape, target):
            yield context.swap(cost, operand, grown)
        cut = _cut(context, node, operand, other)
        if cut is not None:
            yield context.swap(0.7, operand, cut)
        for axis, size in enumerate(shape):
            if size == 1 and len(shape) > len(target) >= 1:
                text = context.spell("squeeze", node, context.text(operand), _axis(axis, len(shape)))
                rest = (*shape[:axis], *shape[axis + 1 :])
                if text is not None and _broadcast(rest, target) is not None:
                    cost = 0.9 if rest == target else 1.2 + 0.1 * (axis == 0)
                    yield context.swap(cost, operand, text)
        reduced = shape[: len(target)] == target and shape[-1:] != (1,)
        if len(shape) > len(target) > 0 and reduced and context.in_loss(node):
            text = context.spell("mean", node, context.text(operand), "-1")
            if text is not None:  # a value per element meets a value per sample or step
                yield context.swap(1.0, operand, text)
                if _adds_up(context, node):
                    yield context.swap(0.95, operand, text.replace("mean", "sum", 1))
        if len(shape) >= 2 and len(shape) == len(target):
            turned = (*shape[:-2], shape[-1], shape[-2])
            text = context.spell("swap", node, context.text(operand))
            if text is not None and _broadcast(turned, target) is not None and turned != shape:
                given = 0.05 * _is_given(context, operand)  # rather what was computed than what came in
                yield context.swap((1.4 if 1 not in turned else 1.8) + given, operand, text)


def _is_given(context: Context, operand: ast.expr) -> bool:
    """Tells whether an operand is a parameter of the function that was not set anew."""
    function = context.function(operand)
    given = function is not None and isinstance(operand, ast.Name) and not context.given(operand)
    return given and operand.id in {a.arg for a in function.args.args}  # type: ignore[union-attr,attr-defined]


def _adds_up(context: Context, node: ast.AST) -> bool:
    """Tells whether the function a node stands in adds up along the last axis elsewhere, and takes no mean."""
    function = context.function(node)
    made = [n for n in ast.walk(function) if isinstance(n, ast.Call)] if function is not None else []
    names = {
        called(n).removeprefix("reduce_")
        for n in made
        if any(k.arg in ("axis", "dim") and context.text(k.value) == "-1" for k in n.keywords)
    }
    return "sum" in names and "mean" not in names


def _given_axes(
    context: Context, node: ast.expr, operand: ast.expr, shape: Shape, target: Shape
) -> Iterator[tuple[float, str]]:
    """Yields ways to give an operand the axes that it lacks so that it lines up with the other one."""
    outer = len(shape) == len(target) == 1 and "B" not in target
    missing = max(
        len(target) - len(shape), 1 if len(target) == len(shape) and (len(shape) > 1 or outer) else 0
    )
    if not shape or not 1 <= missing <= 3:
        return
    rank = len(shape) + missing
    weight = 0.4 if _is_weight(operand, shape) else 0.0
    lacking = _broadcast(shape, target) is None and not weight
    if missing > 1 and "B" not in shape:
        yield from _trailing(context, operand, shape, target, 0.8 if lacking else 1.1 + weight)
    if outer and lacking:  # each of the one with each of the other
        text = context.spell("expand", node, context.text(operand), "-1")
        if text is not None:
            yield 0.8 + 0.1 * (getattr(node, "right", None) is operand), text
    for index, places in enumerate(itertools.combinations(range(rank), missing)):
        rest = iter(shape)
        grown = tuple(1 if axis in places else next(rest) for axis in range(rank))
        result = _broadcast(grown, target)
        if result is None or (grown[0] != "B" and "B" in shape) or "B" in result[1:]:
            continue
        base = (1.1 if len(result) == len(target) else 1.8) + weight
        if lacking and result == target:
            base = 0.8  # all of its sizes are there in the other one, on other axes
        # Where the batch already lines up, the new axis belongs behind it.
        cost = base + 0.02 * index + (0.6 if grown == (1,) * missing + shape else 0.0)
        if missing == 1:
            text = context.spell("expand", node, context.text(operand), _axis(places[0], rank))
            if text is not None:
                yield cost, text
                continue
        parts = ["None" if axis in places else ":" for axis in range(rank)]
        yield cost, f"{context.atom(operand)}[{', '.join(parts)}]"


def _cut(context: Context, node: ast.expr, operand: ast.expr, other: ast.expr) -> str | None:
    """Returns how a table, such as of positions, is cut to the length of what it is added to; None where it fits."""
    shape, target = context.shape(operand) or (), context.shape(other) or ()
    gap = len(target) - len(shape)
    longer = [
        axis
        for axis, size in enumerate(shape)
        if gap >= 0
        and isinstance(size, int)
        and isinstance(target[axis + gap], int)
        and size > target[axis + gap] > 1  # type: ignore[operator]
    ]
    if len(longer) != 1 or "B" in shape or longer[0] == len(shape) - 1:  # features are not cut
        return None
    axis = longer[0]
    rest = (*shape[:axis], target[axis + gap], *shape[axis + 1 :])
    size = context.spell("size", node, context.text(other), str(axis + gap))
    if size is None or _broadcast(rest, target) != target:
        return None
    return f"{context.atom(operand)}[{', '.join([*[':'] * axis, f':{size}'])}]"


def _trailing(
    context: Context, operand: ast.expr, shape: Shape, target: Shape, cost: float
) -> Iterator[tuple[float, str]]:
    """Yields the axes that are needed behind a tensor without a batch; those in front come by themselves."""
    for count in range(1, len(target) - len(shape)):
        if _broadcast((*shape, *(1,) * count), target) == target:
            yield cost - 0.01, f"{context.atom(operand)}[{', '.join([':'] * len(shape) + ['None'] * count)}]"


def _axis(axis: int, rank: int) -> str:
    return "-1" if axis == rank - 1 else str(axis)


def _is_weight(node: ast.expr, shape: Shape | None) -> bool:
    """Tells a weight: an attribute whose shape has nothing of the batch. It can be made to fit."""
    return isinstance(node, ast.Attribute) and shape is not None and "B" not in shape


def _broadcast(a: Shape, b: Shape) -> Shape | None:
    """Returns the shape two operands broadcast to, None when they do not."""
    result: list[int | str | None] = []
    for x, y in itertools.zip_longest(reversed(a), reversed(b), fillvalue=1):
        if x != y and 1 not in (x, y):
            return None
        result.append(y if x == 1 else x)
    return tuple(reversed(result))


def _elementwise(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    if not isinstance(node.op, ast.Mult):
        return
    one, two = context.shape(node.left), context.shape(node.right)
    if one and two and len(two) > 1 and _multiply(one, two):
        text = context.spell("matmul", node, context.text(node.left), y=context.text(node.right))
        if text is not None:
            sure = _broadcast(one, two) is None and _is_weight(node.right, two)
            yield context.swap(0.8 if sure else 2.0, node, text)


def _unwrapped(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A call that changes only the shape may be one too many."""
    if called(call) in _SHAPING:
        inner: ast.AST | None = call.args[0] if call.args else None
        if isinstance(call.func, ast.Attribute) and context.kind(call.func.value) is None:
            inner = call.func.value
        if inner is not None:
            yield context.swap(1.5, call, context.atom(inner))


def _renamed(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Another function of the same module: `stack` for `concatenate`, or `ops.tanh` for `np.tanh`."""
    if not isinstance(call.func, ast.Attribute):
        return
    name, base = call.func.attr, call.func.value
    if name in _OTHERS and context.kind(base) is not None:
        new = _OTHERS[name] if name != "stack" or context.kind(base) in ("ops", "jnp") else (
            "cat" if context.kind(base) == "torch" else "concat"
        )  # fmt: skip
        shapes = [context.shape(a) for a in call.args]
        fits = name != "multiply" or (len(shapes) == 2 and _multiply(shapes[0], shapes[1]))
        if fits:
            cost = 1.3
            if name == "multiply":
                fitting = _broadcast(shapes[0] or (), shapes[1] or ()) is not None
                cost = 0.8 if not fitting and _is_weight(call.args[1], shapes[1]) else 2.0
            edit = context.swap(cost, call.func, f"{context.text(base)}.{new}")
            yield edit
            yield from _joined_instead(context, call, edit)
            if new in ("concatenate", "concat", "cat"):
                yield Proposal(1.9, edit.description, edit.edits)
    module = context.resolve(base)
    if getattr(module, "__name__", "") in ("numpy", "numpy.linalg", "math"):
        for prefix in context.prefixes():
            if hasattr(context.resolve(ast.parse(prefix, mode="eval").body), name):
                yield context.swap(0.9, call.func, f"{prefix}.{name}")
                taken = [n for n in ast.walk(call) if called(n) == "numpy" and not n.args]  # type: ignore[attr-defined]
                if taken:  # `np.tanh(x.numpy())`
                    inner = [e for n in taken for e in context.swap(0, n, context.text(n.func.value)).edits]  # type: ignore[attr-defined]
                    whole = context.swap(0.6, call.func, f"{prefix}.{name}")
                    yield Proposal(0.6, whole.description, (*whole.edits, *inner))


def _joined_instead(context: Context, call: ast.Call, edit: Proposal) -> Iterator[Proposal]:
    """`stack(parts, axis=0)` where the features were to be joined: another function, and its usual axis."""
    axis = next((k.value for k in call.keywords if k.arg in ("axis", "dim")), None)
    if called(call) == "stack" and axis is not None and context.text(axis) != "-1":
        edits = (*edit.edits, *context.swap(0, axis, "-1").edits)
        yield Proposal(1.2, f"{edit.description}, {context.text(axis)} -> -1", edits)


def _operand_axes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """An argument that is a tensor: one axis more or less, or its last two turned."""
    if called(call) in JOINS | MATMULS | {"einsum", "zeros", "ones", "cast"}:
        return
    arguments = call.args[:2]
    for index, argument in enumerate(arguments):
        shape = context.shape(argument)
        if shape is None or (isinstance(argument, ast.Call) and called(argument) in _SHAPING):
            continue
        for axis in range(len(shape) - 1, -1, -1):
            if shape[axis] == 1:
                text = context.spell("squeeze", call, context.text(argument), _axis(axis, len(shape)))
                if text is not None:
                    yield context.swap(1.4 + 0.2 * index, argument, text)
        for axis in (len(shape), *range(1, len(shape))):
            text = context.spell("expand", call, context.text(argument), _axis(axis, len(shape) + 1))
            if text is not None:
                yield context.swap(1.8 + 0.2 * index, argument, text)
        if len(shape) == 3:
            text = context.spell("transpose", call, context.text(argument), "(0, 2, 1)")
            if text is not None:
                layer = (
                    0.3 if context.text(call.func).startswith("self.") and not _turns(context, call) else 0.0
                )
                yield context.swap(1.6 + 0.2 * index + layer, argument, text)


def _turns(context: Context, node: ast.AST) -> bool:
    """Tells whether the function that a node stands in transposes something: what is turned is turned back."""
    function = context.function(node)
    return function is not None and any(
        called(n) in ("transpose", "permute", "swapaxes") for n in ast.walk(function)
    )
