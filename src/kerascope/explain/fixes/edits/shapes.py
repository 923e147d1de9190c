"""Edits of shapes and places: targets of a reshape, sizes of what is made, indices and slices."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import math
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer
from kerascope.explain.fixes.edits.slices import off_by_one

_RESHAPING = {"reshape", "view", "Reshape"}
_MOST_TURNED = 3
"""Of tensors with more axes than these behind the batch, only two are exchanged: there are too many orders."""
_MAKING = {"zeros", "ones", "full", "normal", "uniform", "broadcast_to", "tile", "rand", "randn", "eye"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        if called(node) in _RESHAPING:
            yield from _targets(context, node)
        if called(node) in _MAKING:
            yield from _batch_first(context, node)
        if called(node) in _MAKING | _RESHAPING:
            yield from _fixed_batch(context, node)
    elif isinstance(node, ast.Subscript):
        yield from _indices(context, node)


def _operand(context: Context, call: ast.Call) -> tuple[ast.expr | None, list[ast.expr], str]:
    """Returns the tensor that is reshaped, the elements of the target, and the brackets these stand in."""
    args = list(call.args)
    tensor: ast.expr | None = None
    if (
        isinstance(call.func, ast.Attribute)
        and context.kind(call.func.value) is None
        and called(call) != "Reshape"
    ):
        tensor = call.func.value
        elements = args
        if len(args) == 1 and isinstance(args[0], (ast.Tuple, ast.List)):
            return tensor, args[0].elts, context.text(args[0])[0]
        return tensor, elements, ""
    if called(call) != "Reshape" and args:
        tensor = args.pop(0)
    named = [k.value for k in call.keywords if k.arg in ("newshape", "shape", "target_shape")]
    target = next(iter([*args, *named]), None)
    if isinstance(target, (ast.Tuple, ast.List)):
        return tensor, target.elts, context.text(target)[0]
    return tensor, [], ""


def _targets(context: Context, call: ast.Call) -> Iterator[Proposal]:
    tensor, elements, _ = _operand(context, call)
    if (
        elements
        and "-1" not in map(context.text, elements)
        and called(call) != "Reshape"
        and tensor is not None
    ):
        edit = context.swap(0.5, elements[0], f"-1, {context.text(elements[0])}")  # the batch was forgotten
        yield Proposal(0.5, "-1 in front of the sizes", edit.edits)
    if not elements or len(elements) > 5:
        return
    texts = [context.text(e) for e in elements]
    shape = context.shape(tensor)
    first, last = elements[0], elements[-1]
    seen = {tuple(texts)}
    targets = itertools.chain(
        _with_features(context, texts, tensor, last, shape),
        _target_texts(context, texts, elements, shape, called(call) == "Reshape"),
    )
    for cost, new in targets:
        if tuple(new) in seen:
            continue
        seen.add(tuple(new))
        place = (first.lineno, last.end_lineno or last.lineno, first.col_offset, last.end_col_offset or 0)
        dropped = [t for t in texts if not t.lstrip("-").isdigit() and not any(t in n for n in new)]
        numbers = [t for t in texts if t.isdigit() and t not in new]
        cost += 0.5 * bool(dropped) + 0.3 * bool(numbers and not dropped) + 0.4 * _scrambles(new, shape)
        cost -= 0.25 * _keeps_order(new, shape)
        same = shape is not None and ["-1" if size == "B" else str(size) for size in shape] == new
        cost += 0.5 * same  # a reshape that changes nothing
        edit = context.replace(cost, place, ", ".join(texts), ", ".join(new))
        yield edit
    if shape is not None and tensor is not None:
        plain = list(range(1, len(shape)))
        for order in itertools.permutations(plain):
            moved = sum(a != b for a, b in zip(order, plain, strict=True))
            if moved and (moved == 2 or len(plain) <= _MOST_TURNED):
                axes = ", ".join(map(str, (0, *order)))
                text = context.spell("transpose", call, context.text(tensor), f"({axes})")
                if text is not None:
                    turned = tuple(shape[axis] for axis in (0, *order))
                    cost = 0.8 if _reordered(texts, shape, turned) else 1.3
                    yield context.swap(cost + 0.5 * (len(shape) != len(texts)), call, text)
    if tensor is not None and (named := _own_axes(context, texts, tensor)):
        text = context.spell("transpose", call, context.text(tensor), f"({', '.join(map(str, named))})")
        if text is not None:  # what the names say, without the mix-up
            yield context.swap(0.6, call, text)


def _own_axes(context: Context, texts: list[str], tensor: ast.expr) -> list[int]:
    """Returns which axes of a tensor a reshape's target names, as by `b, t, d = ops.shape(x)`, if it names all of them.

    Empty where it does not, or in the order in which they are: that is no mix-up.
    """
    function = context.function(tensor)
    for node in ast.walk(function) if function is not None else ():
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        value, of = node.value, None
        if isinstance(value, ast.Attribute) and value.attr == "shape":
            of = value.value
        elif isinstance(value, ast.Call) and called(value) == "shape" and value.args:
            of = value.args[0]
        names = [context.text(e) for e in node.targets[0].elts]
        if of is not None and context.text(of) == context.text(tensor) and sorted(names) == sorted(texts):
            order = [names.index(text) for text in texts]
            return order if order != sorted(order) else []
    return []


def _reordered(texts: list[str], shape: Shape, turned: Shape) -> bool:
    """Tells whether a target names all axes in another order, as only a transposition can do without a mix-up."""
    wanted = ["B" if text == "-1" else text for text in texts]
    sizes = [str(size) for size in shape]
    if sorted(wanted) != sorted(sizes) or wanted == sizes:
        return False
    return [w for w in wanted if w != "B"] == [str(size) for size in turned[1:]]


def _keeps_order(target: list[str], shape: Shape | None) -> bool:
    """Tells whether a target only merges or splits neighbouring axes of a tensor, and leaves the batch in front."""
    if not shape or shape[0] != "B" or target[0] != "-1" or len(target) < 3:
        return False
    wanted = [int(text) for text in target[1:] if text.isdigit()]
    sizes = [size for size in shape[1:] if isinstance(size, int)]
    if len(wanted) != len(target) - 1 or math.prod(wanted) != math.prod(sizes):
        return False
    # Where one has an axis that is merged in the other, the other cuts at the same places.
    ours = {math.prod(wanted[:at]) for at in range(1, len(wanted))}
    theirs = {math.prod(sizes[:at]) for at in range(1, len(sizes))}
    return ours <= theirs or theirs <= ours


def _scrambles(target: list[str], shape: tuple[int | str | None, ...] | None) -> bool:
    """Tells whether a target has the sizes the tensor has, in another order: that is hardly ever meant."""
    if shape is None or len(shape) != len(target):
        return False
    sizes = [str(size) for size in shape[1:]]
    return sorted(sizes) == sorted(target[1:]) and sizes != target[1:]


def _target_texts(
    context: Context,
    texts: list[str],
    elements: list[ast.expr],
    shape: tuple[int | str | None, ...] | None,
    no_batch: bool,
) -> Iterator[tuple[float, list[str]]]:
    count = len(texts)
    for order in itertools.permutations(range(count)):
        new = [texts[i] for i in order]
        yield 1.1 + (0.4 if new[0] != "-1" else 0.0), new
    for at in range(count):  # exactly one size left open, the batch first of all
        if "-1" in texts and texts[at] != "-1":
            continue
        again = 0.1 * (
            texts[at] in texts[:at]
        )  # of a size that stands there twice, the second is the wrong one
        yield (1.3 if no_batch else 1.1 if at == 0 else 1.5) - again, [*texts[:at], "-1", *texts[at + 1 :]]
    if shape is None or no_batch:
        return
    sizes = list(shape[1:]) if shape and shape[0] == "B" else list(shape)
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) != len(sizes):
        return
    total = math.prod(known)
    yield 1.3, ["-1", str(total)]
    values = [integer(e) for e in elements]
    product = math.prod(v for v in values[1:] if v is not None)
    if (
        None not in values[1:] and 0 < product < total and total % product == 0
    ):  # what is not accounted for yet
        for at in range(1, count + 1):
            yield 1.3, ["-1", *texts[1:at], str(total // product), *texts[at:]]
    for at in range(1, count):
        others = [v for i, v in enumerate(values) if i not in (0, at)]
        if all(v is not None and v > 0 for v in others):
            product = math.prod(v for v in others if v is not None)
            if product and total % product == 0:
                yield 1.25, ["-1", *texts[1:at], str(total // product), *texts[at + 1 :]]
    for size in sorted(set(known)):  # an axis that was forgotten
        for at in range(1, count + 1):
            yield 1.5 if at == count else 1.6, ["-1", *texts[1:at], str(size), *texts[at:]]
    yield from _in_own_words(context, texts, elements)


def _in_own_words(
    context: Context, texts: list[str], elements: list[ast.expr]
) -> Iterator[tuple[float, list[str]]]:
    """Targets with sizes as the file itself writes them, those of its other targets among them."""
    count = len(texts)
    for name in context.sizes_near(elements[0]):
        for at in range(1, count + 1):
            yield 1.4 if at < count else 1.45, [*texts[:at], name, *texts[at:]]
            if at < count:
                yield 1.6, [*texts[:at], name, *texts[at + 1 :]]
    for at in range(1, count):
        for divisor in context.sizes_near(elements[0]):
            if divisor != texts[at]:
                # The features are shared out among groups or heads; rows and columns rarely are.
                yield (
                    1.5 + 0.1 * (at < count - 1),
                    [*texts[:at], f"{texts[at]} // {divisor}", *texts[at + 1 :]],
                )
        for cost, longer in _longer(context, elements[at]):
            yield cost, [*texts[:at], longer, *texts[at + 1 :]]
        for other in _other_targets(context, elements[at]):
            if other not in texts:
                yield 0.8, [*texts[:at], other, *texts[at + 1 :]]


def _other_targets(context: Context, element: ast.expr) -> list[str]:
    """Returns the sizes that are computed for other targets in the function, such as `c // (r * r)`."""
    function = context.function(element)
    found: dict[str, None] = {}
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Call) and called(node) in _RESHAPING:
            sizes = [e for e in _operand(context, node)[1] if isinstance(e, ast.BinOp) and e is not element]
            found.update(dict.fromkeys(context.text(e) for e in sizes))
    return list(found)


def _longer(context: Context, element: ast.expr) -> Iterator[tuple[float, str]]:
    """A product with one factor more: one that it has already, as in `p * p * c`, or another size that has a name."""
    text = context.text(element)
    if not isinstance(element, (ast.Name, ast.Attribute)) and not (
        isinstance(element, ast.BinOp) and isinstance(element.op, ast.Mult)
    ):
        return
    factors = dict.fromkeys(part.strip() for part in text.split("*"))
    for factor in factors:
        yield 1.2, f"{factor} * {text}"
    for name in context.sizes_near(element):
        if name not in factors:
            yield 1.55, f"{text} * {name}"


def _with_features(
    context: Context, texts: list[str], tensor: ast.expr | None, last: ast.expr, shape: Shape | None
) -> Iterator[tuple[float, list[str]]]:
    """A last axis that sizes are merged into without the features: `p * p` for `p * p * x.shape[-1]`."""
    known = shape is not None and isinstance(shape[-1], int) and shape[-1] > 1
    if known and isinstance(last, ast.BinOp) and isinstance(last.op, ast.Mult) and "-1" in texts[:-1]:
        assert tensor is not None
        yield 0.9, [*texts[:-1], f"{texts[-1]} * {context.atom(tensor)}.shape[-1]"]


def _batch_first(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Sizes of what is made, with that of the batch in front."""
    for value in (*call.args, *(k.value for k in call.keywords if k.arg == "shape")):
        if not isinstance(value, (ast.Tuple, ast.List)):
            continue
        texts = [context.text(element) for element in value.elts]
        of_batch = [t for t in texts if (t.endswith("[0]") and "shape" in t) or "batch" in t.lower()]
        if of_batch and texts[0] not in of_batch:
            order = [of_batch[0], *(t for t in texts if t != of_batch[0])]
            left, right = ("(", ")") if isinstance(value, ast.Tuple) else ("[", "]")
            yield context.swap(0.7, value, f"{left}{', '.join(order)}{right}")


def _fixed_batch(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A literal that is the batch size of the call that was traced."""
    function = context.function(call)
    if function is None:
        return
    names = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    tensor = next((name for name in names if context.is_tensor(function, name)), None)
    for container in (*call.args, *(k.value for k in call.keywords)):
        if not isinstance(container, (ast.Tuple, ast.List)):
            continue
        for index, element in enumerate(container.elts):
            is_batch = context.batch is not None and integer(element) == context.batch
            if (is_batch or index == 0) and tensor is not None:
                rows = context.spell("rows", call, tensor)
                if rows is not None and rows != context.text(element):
                    literal = index == 0 and (integer(element) or 0) > 1 and not is_batch
                    yield context.swap(1.3 if literal else 1.2 if is_batch else 1.6, element, rows)


def _indices(context: Context, node: ast.Subscript) -> Iterator[Proposal]:
    index = node.slice
    text = context.text(index)
    tensor = context.shape(node.value) is not None
    if isinstance(index, ast.Tuple):
        yield from _tuple_indices(context, index)
        return
    number = integer(index)
    yield from _of_several_inputs(context, node, number)
    if tensor and text == "None":  # an axis in front of the batch
        yield context.swap(0.9, index, "..., None")
        yield context.swap(0.95, index, ":, None")
    if tensor and isinstance(index, ast.Name):
        yield dataclasses.replace(context.swap(1.1, index, f":, {text}"), kind="index behind the batch")
    if tensor and (number is not None or isinstance(index, ast.Slice)):
        shape = context.shape(node.value) or ()
        yield dataclasses.replace(context.swap(1.0, index, f":, {text}"), kind="index behind the batch")
        if len(shape) > 2:
            yield dataclasses.replace(context.swap(1.2, index, f"..., {text}"), kind="index at the end")
    if number is not None and not tensor:
        loop = called(context.parents.get(node, node)) in ("range", "arange")
        for value in (1, -1, 2, 0, 3, -2) if loop else (-1, 1, 2, 0, 3, -2):
            if value != number:
                cost = 1.1 if value in (-1, 1) else 1.25 if value == 2 else 1.6
                late = 0.2 if loop and value == -1 else 0.0  # loops go over steps
                yield context.swap(cost + late + (0.15 if number else 0.0), index, str(value))
    elif isinstance(index, ast.Slice):
        yield from _slices(context, index)


def _of_several_inputs(context: Context, node: ast.Subscript, number: int | None) -> Iterator[Proposal]:
    """`input_shape[-1]` in `build`, where the input is a list and so is its shape."""
    function = context.function(node)
    if function is None or function.name != "build" or number is None or not isinstance(node.value, ast.Name):
        return
    if node.value.id in {a.arg for a in function.args.args[1:2]}:
        for index in ("0", "1"):
            text = f"{node.value.id}[{index}][{number}]"
            yield context.swap(1.2 + 0.1 * (index == "1"), node, text)
        if not isinstance(context.parents.get(node), ast.Subscript):
            last = context.swap(1.3, node, f"{context.text(node)}[-1]")
            yield dataclasses.replace(last, kind="last size of an input")


def _tuple_indices(context: Context, index: ast.Tuple) -> Iterator[Proposal]:
    parts = [context.text(e) for e in index.elts]
    node = context.parents.get(index)
    shape = context.shape(node.value) if isinstance(node, ast.Subscript) else None
    if shape is not None and len(shape) > len(parts):
        text = context.text(index)
        if parts[0] not in (":", "...", "None") and "None" not in parts:
            yield dataclasses.replace(context.swap(0.9, index, f":, {text}"), kind="index behind the batch")
        if parts[0] == ":" and "..." not in parts:
            yield dataclasses.replace(context.swap(1.1, index, f"..., {parts[-1]}"), kind="index at the end")
    outer = context.parents.get(node) if node is not None else None
    if parts == [":", "None"] and isinstance(outer, ast.BinOp) and shape is not None:
        other = context.shape(outer.right if outer.left is node else outer.left) or ()
        fits = shape[-len(other) + 1 :] == other[:-1] and len(other) > 1
        yield context.swap(0.7 if fits else 1.2, index, "..., None")
    left = 0.15 if isinstance(outer, ast.BinOp) and outer.left is node else 0.0  # rows first, columns after
    for order in itertools.permutations(parts):
        new = ", ".join(order)
        if list(order) != parts and order[0] != "None":
            yield context.swap(0.95 + left if order[0] == ":" != parts[0] else 1.2 + left, index, new)
    for at, element in enumerate(index.elts):
        number = integer(element)
        if number is not None:
            kept = f"{number}:" if number == -1 else f"{number}:{number + 1}"
            if number == 0:
                kept = ":1"
            yield dataclasses.replace(context.swap(1.2, element, kept), kind="axis kept")
            for value in (0, -1, 1):
                if value != number:
                    yield context.swap(1.6, element, str(value))
        if isinstance(element, ast.Slice):
            yield from _slices(context, element)
            if context.text(element) != ":" and shape is not None:  # a part of the batch is seldom meant
                yield context.swap(0.9 if at == 0 and shape[0] == "B" else 1.5, element, ":")
            if context.text(element) == ":":
                for new in ("1:", ":-1"):
                    yield context.swap(1.75, element, new)
        elif context.text(element) == "None" and len(parts) > 1:
            yield context.swap(1.3, index, ", ".join(parts[:at] + parts[at + 1 :]))


def _slices(context: Context, node: ast.Slice) -> Iterator[Proposal]:
    step = 0.95 if off_by_one(context, node) else 1.5
    for bound in (node.lower, node.upper):
        value = integer(bound)
        if bound is not None and value is not None:
            for new in (value - 1, value + 1):
                if new:
                    # One step alone would be broadcast against all of the other.
                    single = 0.3 if new == 1 and bound is node.upper else 0.0
                    one = 1 if bound is node.lower else -1  # all but the first, all but the last
                    usual = 0.3 * (value == one) - 0.1 * (new == one)
                    yield context.swap(step + single + usual, bound, str(new))
    if integer(node.lower) == 1 and node.upper is None:
        yield context.swap(1.3, node, ":-1")
    if node.lower is None and integer(node.upper) == -1:
        yield context.swap(1.3, node, "1:")
