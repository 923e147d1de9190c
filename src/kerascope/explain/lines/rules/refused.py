"""What Keras itself refuses, wherever it says so: in a layer called at once, in a `Sequential`, inside `fit`."""

from __future__ import annotations

import ast
import re
from typing import Any

from kerascope.explain.lines.failure import underlying
from kerascope.explain.lines.operands import Tensor, differ, shown
from kerascope.explain.lines.reading import MISSING, Operation, attribute_of
from kerascope.explain.lines.rules.joining import broadcast
from kerascope.explain.lines.rules.registry import Broken, first, last, on

KIND = "shape-mismatch"

_UNFIT = re.compile(r"of layer '?([\w.]+)'? is incompatible with the layer: (.*)", re.DOTALL)
_WANTED = re.compile(r"expected (min_ndim|max_ndim|ndim)=(\d+), found ndim=(\d+)")
_SIZE = re.compile(r"expected axis (-?\d+) of input shape to have value (\d+)")
_SHAPE = re.compile(r"(?:shape received:|with shape) (\([^)]*\))")
_TWO = re.compile(r"target\.shape=[^\dN]*([\dNone, ]+).*?output\.shape=[^\dN]*([\dNone, ]+)", re.DOTALL)
_SEVERAL = re.compile(r"Layer \"?([\w.]+)\"? expects (\d+) input\(s\), but it received (\d+) input tensors")
_COUNTS = re.compile(r"'(\w+)' sizes: ([\d, ]+)")


def _whole(operation: Operation) -> str:
    return str(underlying(operation.error))


def _like(operation: Operation, shape: str) -> tuple[Tensor, ...]:
    """Returns the operand of a shape that a message names, where there is just one."""
    found = [t for t in operation.tensors if re.sub(r"\?|\bB\b", "None", shown(t.shape)) == shape]
    return tuple(found) if len(found) == 1 else ()


@last
def incompatible(operation: Operation) -> Broken | None:
    """A layer takes the number of axes, and the sizes of those, that it was made or built for."""
    text = _whole(operation)
    unfit = _UNFIT.search(text)
    if unfit is None:
        return None
    who = f"The {operation.layer}" if operation.layer else f"The layer `{unfit.group(1)}`"
    shape = _SHAPE.search(unfit.group(2))
    given = _like(operation, shape.group(1)) if shape is not None else ()
    what = given[0].text if given else "what it is given"
    here = f": {shape.group(1)}" if shape is not None else ""
    wanted, size = _WANTED.search(unfit.group(2)), _SIZE.search(unfit.group(2))
    if wanted is not None:
        word = {"min_ndim": "at least ", "max_ndim": "at most ", "ndim": ""}[wanted.group(1)]
        rule = (
            f"{who} takes inputs with {word}{wanted.group(2)} axes, but {what} has {wanted.group(3)}{here}."
        )
        return Broken(KIND, rule, given)
    if size is not None:
        axis = int(size.group(1))
        rule = (
            f"{who} was built for inputs with shape[{axis}] == {size.group(2)}, but {what} is another{here}."
        )
        return Broken(KIND, rule, given, axes=(axis,) if given else ())
    return None


@on("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
def merged(operation: Operation) -> Broken | None:
    """Layers that put their inputs together element by element."""
    return broadcast(operation) if operation.layer else None


@on("Dot")
def dotted(operation: Operation) -> Broken | None:
    """A `Dot` layer sums over one axis of each of its two inputs."""
    axes: Any = attribute_of(operation.callee, "axes")
    if axes is MISSING and isinstance(func := getattr(operation.node, "func", None), ast.Call):
        given = [k.value for k in func.keywords if k.arg == "axes"] or func.args[:1]
        axes = operation.value(given[0]) if given else MISSING
    pair = (axes, axes) if isinstance(axes, int) else axes
    if len(operation.tensors) != 2 or not isinstance(pair, (tuple, list)) or len(pair) != 2:
        return None
    (a, b), (i, j) = operation.tensors, pair
    if not (-a.rank <= i < a.rank and -b.rank <= j < b.rank) or not differ(a.shape[i], b.shape[j]):
        return None
    text = f"Dot needs {a.read}.shape[{i}] == {b.read}.shape[{j}], but {a.shape[i]} != {b.shape[j]}."
    return Broken(KIND, text, (a, b), axes=(i, j))


@on("Reshape")
def reshaped(operation: Operation) -> Broken | None:
    """A `Reshape` layer keeps how many elements each sample has."""
    found = re.search(r"input_shape=(\([^)]*\)), target_shape=(\([^)]*\))", _whole(operation))
    if found is None:
        return None
    return Broken(
        KIND,
        f"Reshape keeps the number of elements of a sample, but {found.group(1)} are to become {found.group(2)}.",
        tuple(operation.tensors[:1]),
    )


@last
def too_small(operation: Operation) -> Broken | None:
    """A window that is moved over something fits into it."""
    found = re.search(r"inputs shape=(\([^)]*\))`, `kernel shape=(\([^)]*\))`", _whole(operation))
    if found is None:
        return None
    given = _like(operation, found.group(1))
    what = f"{given[0].text} is {found.group(1)}" if given else f"the input is {found.group(1)}"
    text = (
        f"Without padding a kernel has to fit into what it is moved over, but {what}, the kernel {found.group(2)}. "
        'Use padding="same", a smaller kernel, or fewer steps that make the input smaller.'
    )
    return Broken(KIND, text, given)


@last
def heads(operation: Operation) -> Broken | None:
    """Attention looks along the steps of a sequence."""
    if operation.layer not in ("MultiHeadAttention", "GroupedQueryAttention", "GroupQueryAttention"):
        return None
    flat = next((t for t in operation.tensors[:3] if t.rank < 3), None)
    if flat is not None and operation.argument(99, "attention_mask") is None:
        text = (
            f"{operation.layer} needs (batch, steps, features), but {flat.text} has {flat.rank} axes: "
            f"{shown(flat.shape)}."
        )
        return Broken(KIND, text, (flat,))
    mask = operation.tensor(99, "attention_mask")
    if mask is None or not operation.tensors or operation.tensors[0].rank < 3:
        return None
    query, keys = operation.tensors[0], operation.tensors[min(1, len(operation.tensors) - 2)]
    wanted = (query.shape[0], query.shape[1], keys.shape[1] if keys.rank > 2 else query.shape[1])
    if mask.rank >= 3 and not any(
        differ(x, y) and 1 not in (x, y) for x, y in zip(mask.shape[-2:], wanted[1:], strict=True)
    ):
        return None
    text = (
        f"attention_mask says of each step which steps it looks at, {shown(wanted)} or what broadcasts to it, but "
        f"{mask.text} is {shown(mask.shape)}."
    )
    return Broken(KIND, text, (query, mask))


@last
def several_inputs(operation: Operation) -> Broken | None:
    """A layer that takes one tensor is given the several results of another."""
    found = _SEVERAL.search(_whole(operation))
    if found is None:
        return None
    names = ", ".join(dict.fromkeys(t.text for t in operation.tensors))
    text = f"The layer takes {found.group(2)} tensor, but it is given {found.group(3)}: {names}."
    origin = operation.made_by(operation.tensors[0]) if operation.tensors else None
    if origin is not None:
        text += f" `{origin.source}`, line {origin.line}, gives that many."
    return Broken("wrong-argument", text, tuple(operation.tensors), culprit=origin)


@last
def no_tensor(operation: Operation) -> Broken | None:
    """A layer is given what is no tensor."""
    found = re.search(
        r"Inputs to a layer should be tensors\. Got '?(.{1,60}?)'? \(of type", _whole(operation)
    )
    if found is None or not isinstance(operation.node, ast.Call) or not operation.node.args:
        return None
    given = operation.node.args[0]
    text = f"A layer takes tensors, but `{ast.unparse(given)}` is {found.group(1)}."
    if found.group(1) == "None" and isinstance(given, ast.Call):
        text += " It returns nothing: a `return` may be missing at its end."
    return Broken("wrong-argument", text, title=f"`{ast.unparse(given)}` is {found.group(1)}, no tensor")


@first
def as_many_samples(operation: Operation) -> Broken | None:
    """Every sample has its target."""
    text = _whole(operation)
    if "cardinality is ambiguous" not in text:
        return None
    counts = ", ".join(f"{name} has {sizes.strip(', ')}" for name, sizes in _COUNTS.findall(text))
    rule = f"All data is cut into batches together, so each part needs as many samples; here {counts}."
    return Broken(KIND, rule, tuple(operation.tensors))


@last
def targets(operation: Operation) -> Broken | None:
    """A loss compares each output of the model with a target of its shape."""
    text = _whole(operation)
    found = _TWO.search(text)
    numbers = "up until the last dimension" in text or "must have rank (ndim) `target.ndim" in text
    if found is None or not (numbers or "`target` and `output`" in text):
        return None
    true, pred = (f"({sizes.strip()})" for sizes in found.groups())
    rule = (
        f"The loss takes targets that are class numbers, one for each output, but they are {true}, the outputs {pred}."
        if numbers
        else f"The loss needs targets of the shape of the model's outputs, but they are {true}, the outputs {pred}."
    )
    if numbers and true == pred:
        rule += " Targets that are one-hot belong to the loss that is not sparse."
    elif not numbers and pred.count(",") > true.count(","):
        rule += " Something in the model may be missing that takes an axis away, such as Flatten or pooling."
    return Broken(KIND, rule, _like(operation, true))
