"""What people get wrong in custom layers, losses and metrics, as changes that can be made in any source.

`trace_slips.py` makes them: words of other libraries, a function's neighbour, an index one off, a size taken from
another axis or written as a number, a sublayer that is not called, a tuple where a tensor is, a weight turned round,
`self` or `return` or `super().__init__()` forgotten, Python's or NumPy's functions on tensors, and more.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from typing import Any

Slip = tuple[str, ast.AST, str]

WORDS = {
    "concatenate": ("concat", "cat"),
    "expand_dims": ("unsqueeze", "expand_dim"),
    "sum": ("reduce_sum",),
    "mean": ("reduce_mean",),
    "max": ("reduce_max",),
    "transpose": ("permute",),
    "matmul": ("mm", "bmm", "batch_dot"),
    "convert_to_tensor": ("constant", "tensor"),
    "clip": ("clip_by_value", "clamp"),
    "power": ("pow",),
    "repeat": ("repeat_elements", "repeat_interleave"),
    "take": ("gather",),
    "where": ("switch",),
    "one_hot": ("to_categorical", "onehot"),
    "add_weight": ("add_variable", "add_parameter"),
    "Dense": ("Linear",),
    "LayerNormalization": ("LayerNorm",),
    "BatchNormalization": ("BatchNorm",),
    "MultiHeadAttention": ("MultiheadAttention",),
    "square": ("sqr",),
    "softmax": ("Softmax",),
    "norm": ("l2_norm",),
    "log": ("ln",),
    "cast": ("astype", "to"),
    "add": ("add_n",),
    "shape": ("int_shape",),
    "arange": ("range",),
}
"""What is written for a function out of habit: other libraries' names, and earlier versions'."""

NEIGHBOURS = {
    "sum": ("mean", "cumsum", "max"),
    "mean": ("sum", "var"),
    "max": ("argmax", "maximum"),
    "maximum": ("max",),
    "minimum": ("min",),
    "argmax": ("max",),
    "concatenate": ("stack", "add"),
    "stack": ("concatenate",),
    "matmul": ("multiply", "dot", "outer"),
    "multiply": ("matmul", "dot"),
    "take": ("take_along_axis",),
    "take_along_axis": ("take",),
    "squeeze": ("expand_dims",),
    "expand_dims": ("squeeze", "repeat"),
    "softmax": ("sigmoid", "log_softmax"),
    "sigmoid": ("softmax",),
    "repeat": ("tile",),
    "tile": ("repeat",),
    "split": ("unstack",),
    "zeros_like": ("zeros",),
    "ones_like": ("ones",),
    "zeros": ("zeros_like",),
    "ones": ("ones_like",),
    "one_hot": ("multi_hot",),
    "transpose": ("swapaxes", "reshape"),
    "reshape": ("broadcast_to", "transpose"),
    "Conv1D": ("Conv2D",),
    "Conv2D": ("Conv1D", "Conv2DTranspose"),
    "GlobalAveragePooling1D": ("GlobalAveragePooling2D", "AveragePooling1D"),
    "GlobalAveragePooling2D": ("GlobalAveragePooling1D", "AveragePooling2D"),
    "MaxPooling1D": ("MaxPooling2D", "GlobalMaxPooling1D"),
    "MaxPooling2D": ("MaxPooling1D", "GlobalMaxPooling2D"),
    "Dense": ("Embedding", "EinsumDense"),
    "Embedding": ("Dense",),
    "Concatenate": ("Add",),
    "Add": ("Concatenate",),
}
"""The function of the same family that is taken instead."""

KEYWORDS = {
    "axis": ("dim",),
    "axes": ("dims", "perm", "axis"),
    "keepdims": ("keepdim", "keep_dims"),
    "units": ("n_units", "output_dim"),
    "activation": ("act", "activations"),
    "filters": ("out_channels", "kernels"),
    "kernel_size": ("kernel", "filter_size"),
    "initializer": ("init", "initialiser"),
    "num_heads": ("heads", "n_heads"),
    "key_dim": ("head_dim", "dim"),
    "shape": ("size", "input_shape"),
    "dtype": ("type",),
    "return_sequences": ("return_sequence",),
    "input_dim": ("num_embeddings", "vocab_size"),
    "output_dim": ("embedding_dim",),
    "training": ("is_training",),
    "mask": ("attention_mask",),
    "trainable": ("requires_grad",),
    "indices_or_sections": ("num_splits", "sections"),
    "num_classes": ("depth", "classes"),
    "repeats": ("n",),
}
PYTHON = {
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "logical_not": "not {0}",
    "where": "{1} if {0} else {2}",
    "cast": "float({0})",
    "sum": "np.sum({0})",
    "abs": "math.fabs({0})",
    "sqrt": "math.sqrt({0})",
    "exp": "math.exp({0})",
    "log": "math.log({0})",
}
"""What Python has for a function of tensors."""

OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Mult: ("@", "+"),
    ast.MatMult: ("*",),
    ast.FloorDiv: ("/",),
    ast.Sub: ("+",),
    ast.Pow: ("*",),
}


def mutated(
    text: Any, function: ast.FunctionDef, owner: ast.ClassDef | None, draw: random.Random
) -> Iterator[Slip]:
    """Yields changes of a function: the kind, the node that is replaced, and what stands there then."""
    attributes = _attributes(owner)
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield from _of_function(text, node)
            yield from _of_keywords(text, node)
            yield from _of_call(text, node, draw)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield from _of_index(text, node)
        elif isinstance(node, ast.BinOp):
            yield from _of_operator(text, node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield from _of_attribute(text, node, attributes, draw)
        elif isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Store):
            yield from _of_targets(text, node)
        elif isinstance(node, ast.Constant):
            yield from _of_constant(node, text)
        elif isinstance(node, ast.stmt):
            yield from _of_statement(text, node, function)
    yield from _of_signature(text, function)


def _attributes(owner: ast.ClassDef | None) -> list[str]:
    found = [
        node.attr
        for node in (ast.walk(owner) if owner is not None else ())
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", "") == "self"
    ]
    return sorted(set(found))


def _name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _of_function(text: Any, call: ast.Call) -> Iterator[Slip]:
    name, func = _name(call), text(call.func)
    for kind, table in (("word", WORDS), ("neighbour", NEIGHBOURS)):
        for other in table.get(name, ()):
            yield kind, call.func, func[: len(func) - len(name)] + other
    if name in PYTHON and func != name and len(call.args) > PYTHON[name].count("{") - 1 and not call.keywords:
        yield "python", call, "(" + PYTHON[name].format(*(text(a) for a in call.args)) + ")"
    if func.startswith(("ops.", "keras.ops.")):
        yield "numpy", call.func, "np." + name
        if name in ("reshape", "transpose", "sum", "mean", "cast", "expand_dims") and call.args:
            rest = ", ".join(text(a) for a in [*call.args[1:], *call.keywords])
            method = {"cast": "astype", "expand_dims": "unsqueeze"}.get(name, name)
            atom = isinstance(call.args[0], (ast.Name, ast.Attribute, ast.Call, ast.Subscript))
            operand = text(call.args[0]) if atom else f"({text(call.args[0])})"
            yield "method", call, f"{operand}.{method}({rest})"
    if name == "shape" and call.args:
        yield "shape", call, f"{text(call.args[0])}.shape()"
        yield "shape", call, f"{text(call.args[0])}.get_shape().as_list()"
        yield "shape", call, f"len({text(call.args[0])})"
    if len(name) > 4:
        yield "misspelt", call.func, func[:-2] + func[-1]
        yield "misspelt", call.func, func + "s"
    if func.startswith("layers.") and call.args:
        yield "class for object", call, func


def _of_keywords(text: Any, call: ast.Call) -> Iterator[Slip]:
    whole = text(call)
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        piece = text(keyword)
        for other in KEYWORDS.get(keyword.arg, ()):
            yield "keyword", call, whole.replace(piece, other + piece[len(keyword.arg) :], 1)
        for comma in (f", {piece}", f"{piece}, ", piece):
            if comma in whole and keyword.arg not in ("name", "dtype", "seed"):
                yield "argument lost", call, whole.replace(comma, "", 1)
                break
        value = text(keyword.value)
        if value in ("True", "False") and keyword.arg != "trainable":
            yield "switch", keyword.value, "False" if value == "True" else "True"
        if keyword.arg == "shape" and isinstance(keyword.value, ast.Tuple):
            yield from _of_weight(text, keyword.value)


def _of_weight(text: Any, shape: ast.Tuple) -> Iterator[Slip]:
    parts = [text(e) for e in shape.elts]
    for index, part in enumerate(parts):
        if len(parts) > 1:
            yield "weight", shape, _tuple(parts[:index] + parts[index + 1 :])
        yield "weight", shape, _tuple([*parts[:index], f"{part} + 1", *parts[index + 1 :]])
    yield "weight", shape, _tuple([*parts, "1"])
    yield "weight", shape, _tuple(["1", *parts])
    if len(parts) == 1:
        yield "weight", shape, _tuple([parts[0], parts[0]])


def _of_call(text: Any, call: ast.Call, draw: random.Random) -> Iterator[Slip]:
    name, func, args = _name(call), text(call.func), [text(a) for a in call.args]
    if func.startswith("self.") and args and not func.startswith("self.add_"):
        yield "not called", call, args[0]
        yield "brackets lost", call, func
    if len(args) > 1:
        yield "argument lost", call, _called(func, args[:-1], call, text)
        yield "arguments turned round", call, _called(func, [args[1], args[0], *args[2:]], call, text)
    if args and isinstance(call.args[0], (ast.List, ast.Tuple)) and name not in ("reshape", "zeros", "ones"):
        yield "list", call.args[0], ", ".join(text(e) for e in call.args[0].elts)
    elif len(args) > 1 and func.startswith("self."):
        yield "list", call, _called(func, [f"[{args[0]}, {args[1]}]", *args[2:]], call, text)
    if name in ("reshape", "broadcast_to") and len(call.args) > 1 and isinstance(call.args[1], ast.Tuple):
        parts = [text(e) for e in call.args[1].elts]
        for index in range(len(parts)):
            yield "target", call.args[1], _tuple([*parts[:index], "-1", *parts[index + 1 :]])
        yield "target", call.args[1], _tuple(["-1", *parts[2:]])
        yield "target", call.args[1], ", ".join(parts)
    if name == "einsum" and isinstance(call.args[0], ast.Constant):
        equation = str(call.args[0].value)
        for place in (i for i, letter in enumerate(equation) if letter.isalpha()):
            yield "letters", call.args[0], f'"{equation[:place] + equation[place + 1 :]}"'
            other = draw.choice(sorted(set(filter(str.isalpha, equation))))
            yield "letters", call.args[0], f'"{equation[:place] + other + equation[place + 1 :]}"'
    if name in ("assign", "assign_add"):
        sign = "=" if name == "assign" else "+="
        yield "state", call, f"{text(call.func)[: -len(name) - 1]} {sign} {args[0]}"
        yield "state", call.func, text(call.func)[: -len(name)] + ("assign_add" if sign == "=" else "assign")
    if name == "cast" and len(args) > 1:
        yield "type", call.args[1], '"int32"'
        yield "type", call.args[1], '"bool"'


def _called(func: str, args: list[str], call: ast.Call, text: Any) -> str:
    return f"{func}({', '.join([*args, *(text(k) for k in call.keywords)])})"


def _of_index(text: Any, node: ast.Subscript) -> Iterator[Slip]:
    index = text(node.slice)
    others = {"0": ("1", "-1"), "1": ("0", "2", "-1"), "-1": ("0", "1", "-2"), "2": ("1", "3"), "-2": ("-1",)}
    for other in others.get(index, ()):
        yield "index", node.slice, other
    if index in others:
        yield "index lost", node, text(node.value)
    if isinstance(node.slice, ast.Slice):
        slices = {"1:": (":1", ":-1", "2:"), ":-1": ("-1:", "1:"), ":2": ("2:", "1:"), "0": ()}
        for other in slices.get(index, ()):
            yield "slice", node.slice, other
    if isinstance(node.slice, ast.Tuple):
        parts = [text(e) for e in node.slice.elts]
        for place, part in enumerate(parts):
            turned = (
                re.sub(r"^(-?\w+):$", r":\1", part)
                if part.endswith(":")
                else re.sub(r"^:(-?\w+)$", r"\1:", part)
            )
            for new in {turned, *others.get(part, ()), ":"} - {part, ":"} | (
                {":"} if part in others else set()
            ):
                yield "slice", node.slice, ", ".join([*parts[:place], new, *parts[place + 1 :]])


def _of_operator(text: Any, node: ast.BinOp) -> Iterator[Slip]:
    left, right = text(node.left), text(node.right)
    for sign in OPERATORS.get(type(node.op), ()):
        yield "operator", node, f"{left} {sign} {right}"
    if isinstance(node.op, (ast.MatMult, ast.Div, ast.FloorDiv)):
        yield (
            "operands turned round",
            node,
            f"{right} {'@' if isinstance(node.op, ast.MatMult) else '/'} {left}",
        )
    if isinstance(node.op, ast.FloorDiv):
        yield "size", node, left


def _of_attribute(
    text: Any, node: ast.Attribute, attributes: list[str], draw: random.Random
) -> Iterator[Slip]:
    if getattr(node.value, "id", "") != "self" or node.attr not in attributes:
        return
    yield "self lost", node, node.attr
    others = [a for a in attributes if a != node.attr]
    if others:
        like = [a for a in others if a[0] == node.attr[0] or a[-3:] == node.attr[-3:]]
        yield "attribute", node, "self." + draw.choice(like or others)
    yield "misspelt", node, f"self.{node.attr}s" if not node.attr.endswith("s") else f"self.{node.attr[:-1]}"
    yield "private", node, f"self._{node.attr}" if node.attr[0] != "_" else f"self.{node.attr[1:]}"
    yield "hard-coded", node, "32"


def _of_targets(text: Any, node: ast.Tuple) -> Iterator[Slip]:
    parts = [text(e) for e in node.elts]
    for index in range(len(parts)):
        rest = parts[:index] + parts[index + 1 :]
        yield "unpacking", node, ", ".join(rest) + ("," if len(rest) == 1 else "")
    yield "unpacking", node, ", ".join(["_", *parts])
    yield "unpacking", node, ", ".join([parts[-1], *parts[1:-1], parts[0]]) if len(parts) > 1 else parts[0]


def _of_constant(node: ast.Constant, text: Any) -> Iterator[Slip]:
    if type(node.value) is int and node.value > 1:
        yield "number", node, str(node.value + 1)
        yield "number", node, str(node.value - 1)
    if isinstance(node.value, str) and node.value in (
        "same",
        "valid",
        "relu",
        "float32",
        "zeros",
        "glorot_uniform",
    ):
        yield "string", node, f'"{node.value[:-1]}"'


def _of_statement(text: Any, node: ast.stmt, function: ast.FunctionDef) -> Iterator[Slip]:
    if isinstance(node, ast.Return) and node.value is not None:
        yield "return lost", node, text(node.value)
        yield "return", node, f"return {text(node.value)},"
        if isinstance(node.value, ast.Tuple):
            yield "return", node, f"return {text(node.value.elts[0])}"
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        yield "trailing comma", node, text(node) + ","
        first = node.value.args[0] if node.value.args else None
        if isinstance(node.targets[0], ast.Name) and isinstance(first, ast.Name):
            yield "not kept", node, text(node.value)
            if first.id == node.targets[0].id:
                yield "step left out", node, "pass"
    elif isinstance(node, ast.Expr) and "super()." in text(node):
        yield "super lost", node, "pass"


def _of_signature(text: Any, function: ast.FunctionDef) -> Iterator[Slip]:
    whole = text(function)
    head, colon, body = whole.partition("):\n")
    if not colon:
        return
    if function.name in ("call", "build", "update_state", "result", "__init__") and "(self" in head:
        yield "no self", function, head.replace("(self, ", "(", 1).replace("(self", "(", 1) + colon + body
    names = [a.arg for a in function.args.args[1:]]
    for name in ("training", "mask", "sample_weight"):
        if f", {name}=None" in head:
            yield "parameter lost", function, head.replace(f", {name}=None", "", 1) + colon + body
    if len(names) > 1 and f"{names[0]}, {names[1]}" in head:
        turned = head.replace(f"{names[0]}, {names[1]}", f"{names[1]}, {names[0]}", 1)
        yield "parameters turned round", function, turned + colon + body
        yield "parameter lost", function, head.replace(f"{names[0]}, {names[1]}", names[0], 1) + colon + body
    if function.name == "build":
        yield "build lost", function, whole.replace("def build", "def _build", 1)


def _tuple(parts: list[str]) -> str:
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
