"""Python and NumPy on what has no values yet: a compiler's tensors, symbolic ones, those that gradients follow."""

from __future__ import annotations

import ast
import re
import types

import numpy as np

from kerascope._keras import objects
from kerascope.explain.lines.failure import underlying
from kerascope.explain.lines.operands import Tensor
from kerascope.explain.lines.reading import MISSING, Operation
from kerascope.explain.lines.rules.registry import Broken, first

_BOOLEAN = (
    "TracerBoolConversionError",
    "OperatorNotAllowedInGraphError",
    "ConcretizationTypeError",
    "TracerIntegerConversionError",
)
_ARRAY = ("TracerArrayConversionError",)


def _without_values(operation: Operation) -> Tensor | None:
    return next((t for t in operation.tensors if t.mode != "eager"), None)


def _is_numpy(operation: Operation) -> bool:
    node = operation.node
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("numpy", "tolist", "__array__"):
        return True
    root: ast.AST = node.func
    while isinstance(root, ast.Attribute):
        root = root.value
    found = operation.found(root)
    if isinstance(found, types.ModuleType):
        return found.__name__.split(".")[0] in ("numpy", "scipy", "sklearn", "cv2", "PIL", "math")
    return str(getattr(found, "__module__", "")).split(".")[0] in ("numpy", "scipy", "math")


@first
def numpy_in_call(operation: Operation) -> Broken | None:
    """NumPy takes values: there are none while code is compiled, and gradients do not go through it."""
    name = type(underlying(operation.error)).__name__
    message = operation.message
    conversion = (
        name in _ARRAY
        or "numpy" in message.lower()
        or "to a numpy array" in message
        or "KerasTensor" in message
        or name in _BOOLEAN
        # On torch NumPy hands its own arguments to the tensor's method of that name.
        or (isinstance(underlying(operation.error), TypeError) and _without_values(operation) is not None)
    )
    if not conversion or not _is_numpy(operation):
        return None
    tensor = _without_values(operation) or next(iter(operation.tensors), None)
    if tensor is None:
        return None
    if tensor.mode == "eager":
        why = f"{tensor.text} is a tensor that gradients follow, and NumPy would cut them"
    else:
        why = f"{tensor.text} has none here: it is {_MODES[tensor.mode]}"
    text = f"NumPy works on values, but {why}. Use keras.ops, which works on both, in the place of NumPy."
    return Broken(
        "numpy-in-call", text, (tensor,), title=f"`{operation.source}` leaves the backend for NumPy"
    )


_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}


@first
def array_beside_tensor(operation: Operation) -> Broken | None:
    """An operator between a tensor and a NumPy array is NumPy's: PyTorch hands over, and gradients end there."""
    node = operation.node
    if not isinstance(node, ast.BinOp) or "numpy" not in operation.message.lower():
        return None
    sides = (node.left, node.right)
    arrays = [side for side in sides if isinstance(operation.found(side), np.ndarray)]
    others = [t for side in sides if side not in arrays for t in operation.tensors_in(side)]
    if len(arrays) != 1 or not others:
        return None
    array = ast.unparse(arrays[0])
    sign = _SIGNS.get(type(node.op), "this")
    text = (
        f"`{array}` is a NumPy array, so NumPy computes `{sign}` and asks for the values of {others[0].text}, which "
        f"gradients follow. Make it a tensor, `ops.convert_to_tensor({array})`, or a weight of the layer's, "
        "`self.add_weight(...)`."
    )
    title = f"`{array}` is a NumPy array beside a tensor"
    return Broken("numpy-in-call", text, tuple(others[:1]), title=title)


_MODES = {
    "traced": "traced, so that the step can be compiled",
    "symbolic": "symbolic, it stands for inputs that are still to come",
}


@first
def python_on_tensor(operation: Operation) -> Broken | None:
    """`if`, `while`, `and`, `bool`, `int`, `range` need a value; a tensor has one only while code runs eagerly."""
    name = type(underlying(operation.error)).__name__
    message = operation.message
    many = "is ambiguous" in message and "value of" in message
    asked = (
        many
        or name in _BOOLEAN
        or "as a Python `bool`" in message
        or "as a Python boolean" in message
        or "cannot be interpreted as an integer" in message
        or "Iterating over a symbolic" in message
        or "Cannot iterate over" in message
        or "symbolic tensor as a Python" in message
        or "in a context that requires a constant" in message
        or re.search(r"real number, not '\w*Tensor'", message) is not None
    )
    own = operation.failure.activation
    event = own.last.get(operation.site) if own is not None else None
    from kerascope.explain.lines.operands import of_event

    tensor = of_event(event) if event is not None else _without_values(operation) or _gone_through(operation)
    if tensor is None and many and operation.tensors:
        tensor = operation.tensors[0]
    if not asked or tensor is None:
        return None
    title = f"Python needs the value of `{operation.source}`"
    if many and tensor.mode == "eager":
        text = (
            f"A condition is one truth value, but `{tensor.text}` has one per entry: {_shape(tensor)}. Use ops.where "
            "to choose per entry, or ops.any or ops.all to make it one."
        )
        return Broken("python-on-tensor", text, (tensor,), title=title)
    if tensor.mode == "eager":
        return None
    text = (
        f"`if`, `while`, `and`, `not`, `int` and `range` need a value, but {tensor.text} has none here: it is "
        f"{_MODES[tensor.mode]}. Use ops.where or ops.cond to choose, ops.shape for sizes."
    )
    return Broken("python-on-tensor", text, (tensor,), title=title)


def _shape(tensor: Tensor) -> str:
    from kerascope.explain.lines.operands import shown

    return shown(tensor.shape)


def _gone_through(operation: Operation) -> Tensor | None:
    """The tensor without values that a comprehension goes through, or whose size is asked for."""
    node = operation.node
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        return next(iter(operation.held(node.generators[0].iter)), None)
    return next((t for t in operation.parts if t.mode != "eager"), None)


@first
def changed_in_place(operation: Operation) -> Broken | None:
    """Tensors of JAX and TensorFlow stay as they are."""
    if not re.search(r"does not support item assignment|are immutable", operation.message):
        return None
    node = operation.node
    tensor = next(
        iter(operation.tensors_in(node.value) if isinstance(node, ast.Subscript) else operation.tensors), None
    )
    name = operation.source if tensor is None else tensor.text
    text = (
        f"A tensor cannot be changed in place on {objects.backend_name()}, and `{name}` is one. Make a new one, with "
        "ops.slice_update, ops.where or ops.concatenate."
    )
    title = f"`{operation.source}` is set, but tensors cannot be changed in place"
    return Broken("python-on-tensor", text, () if tensor is None else (tensor,), title=title)


@first
def symbolic_elsewhere(operation: Operation) -> Broken | None:
    """A symbolic tensor of Keras's is no tensor of the framework's."""
    if "KerasTensor" not in operation.message or _is_numpy(operation):
        return None
    tensor = next((t for t in operation.tensors if t.mode == "symbolic"), None)
    owner = (
        str(getattr(operation.callee, "__module__", "") or "").split(".")[0]
        if operation.callee is not MISSING
        else ""
    )
    if tensor is None or owner not in ("tensorflow", "jax", "torch"):
        return None
    text = (
        f"{operation.shown} of {owner} takes {owner}'s tensors, but {tensor.text} is a symbolic one of Keras's. "
        "Use the function of keras.ops, or call it inside a layer."
    )
    return Broken("python-on-tensor", text, (tensor,))


@first
def weights_taken_out(operation: Operation) -> Broken | None:
    """On JAX, `fit` holds the weights itself: in a train step the layers have none, and calling one finds None."""
    frame = None
    walked = underlying(operation.error).__traceback__
    while walked is not None:
        frame, walked = walked.tb_frame, walked.tb_next
    owner = frame.f_locals.get("self") if frame is not None and frame.f_code.co_name == "value" else None
    if owner is None or objects.backend_name() != "jax" or not hasattr(owner, "trainable"):
        return None
    # A variable that is still to be made has no value either, but an initializer.
    if getattr(owner, "_value", owner) is not None or getattr(owner, "_initializer", None) is not None:
        return None
    path = getattr(owner, "path", "The variable")
    text = (
        f"`{path}` has no value of its own here: while `fit` runs on JAX, Keras keeps all weights in the `state` that "
        "`train_step` is given. Call `self.stateless_call(trainable_variables, non_trainable_variables, x, "
        "training=True)` with those of the state, inside the function that `jax.value_and_grad` differentiates."
    )
    title = f"`{operation.source}` finds no weights: on JAX they are in the step's `state`"
    return Broken("error-in-user-code", text, title=title)
