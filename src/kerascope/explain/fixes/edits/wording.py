"""Edits of how a call is written: its brackets, a comma too many, Python's and other libraries' ways with tensors."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from kerascope._keras import objects
from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.edits.idle_state import unread
from kerascope.explain.fixes.patch import Edit

_SIZES = ("shape", "size", "get_shape", "int_shape")
_MOST = 6
_KEPT = ("float", "int", "bool")
_TYPES = {"float": "float32", "int": "int32", "bool": "bool"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _sizes(context, node)
        yield from _python(context, node)
        yield from _operands(context, node)
        yield from _turned_round(context, node)
        yield from _handed_on(context, node)
    elif isinstance(node, (ast.Attribute, ast.Name)):
        yield from _not_called(context, node)
    if isinstance(node, (ast.Attribute, ast.Call)):
        yield from _one_size(context, node)
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT", "H"):
        turned = context.spell("swap", node, context.text(node.value))
        if turned is not None and len(context.shape(node.value) or ()) > 2:
            yield context.swap(0.5, node, turned)
    yield from _one_alone(context, node)


# -- brackets and commas ----------------------------------------------------------------------------------------------


def _one_alone(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """`x = layer(x),`: a comma that makes a tuple of one."""
    parent = context.parents.get(node)
    alone = (
        isinstance(node, ast.Tuple) and len(node.elts) == 1 and isinstance(parent, (ast.Assign, ast.Return))
    )
    if alone and not context.text(node).startswith("("):
        yield context.swap(0.4, node, context.text(node.elts[0]))  # type: ignore[attr-defined]


def _not_called(context: Context, node: ast.Attribute | ast.Name) -> Iterator[Proposal]:
    """`x = self.dense` where `self.dense(x)` is meant, `ops.shape[0]` for `ops.shape(x)[0]`."""
    function, parent = context.function(node), context.parents.get(node)
    if function is None or context.shape(node) is not None or not isinstance(node, ast.Attribute):
        return
    if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node):
        return
    made = context.resolve(node)
    if isinstance(made, type) and isinstance(parent, ast.Assign) and function.name in ("__init__", "build"):
        sizes = [*context.sizes_near(node), *map(str, context.dims)]
        for index, size in enumerate(["", *sizes][: 2 * _MOST]):
            yield context.swap(0.6 + 0.05 * index, node, f"{context.text(node)}({size})")
        return
    layer = _is_layer(context, node)
    of_tensors = context.kind(node.value) is not None and callable(context.resolve(node))
    if not layer and not of_tensors:
        return
    for index, name in enumerate(_nearest(context, function, node)[:_MOST]):
        yield context.swap(0.6 + 0.05 * index, node, f"{context.text(node)}({name})")


def _is_layer(context: Context, node: ast.Attribute) -> bool:
    """Tells whether an attribute of `self` is made as a layer, or is a method of the class."""
    function, owner = context.function(node), context.owner(node)
    if owner is None or function is None or function.name in ("__init__", "build", "get_config"):
        return False
    if not (isinstance(node.value, ast.Name) and node.value.id == "self" and isinstance(node.ctx, ast.Load)):
        return False
    methods = {n.name for n in owner.body if isinstance(n, ast.FunctionDef) and _takes_more(n)}
    made = [
        value
        for statement in ast.walk(owner)
        if isinstance(statement, ast.Assign)
        for target, value in _pairs(statement)
        if context.text(target) == context.text(node)
    ]
    return node.attr in methods or any(called(value)[:1].isupper() for value in made)


def _takes_more(function: ast.FunctionDef) -> bool:
    return not function.decorator_list and len(function.args.args) > 1


def _pairs(statement: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields what is set to what, also by `a, b = one, two`."""
    for target in statement.targets:
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            yield from zip(target.elts, statement.value.elts, strict=False)
        else:
            yield target, statement.value


def _nearest(context: Context, function: ast.FunctionDef, node: ast.expr) -> list[str]:
    """Returns the local names that hold tensors, those set last before an expression first, then the parameters."""
    stored = [
        n
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.lineno < node.lineno
    ]
    before = [n.id for n in sorted(stored, key=lambda n: -n.lineno)]
    parameters = [a.arg for a in function.args.args if a.arg not in ("self", "training", "mask")]
    return [
        name
        for name in dict.fromkeys((*before, *parameters))
        if context.is_tensor(function, name) or name in parameters or name in before
    ]


# -- Python's way, and other libraries' -------------------------------------------------------------------------------


def _sizes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`x.shape()`, `x.get_shape().as_list()`, `x.size(0)` and `len(x)` for what a tensor has as `x.shape`."""
    func = call.func
    if context.text(func) == "len" and len(call.args) == 1:
        parent = context.parents.get(call)
        tensor = context.text(call.args[0])
        if (isinstance(parent, ast.Subscript) and parent.value is call) or context.shape(
            call.args[0]
        ) is not None:
            yield from _shape_of(context, call, tensor, 0.5)
        return
    if not isinstance(func, ast.Attribute):
        return
    if func.attr == "as_list" and isinstance(func.value, ast.Call) and not call.args:
        inner = func.value.func
        if isinstance(inner, ast.Attribute) and inner.attr in _SIZES:
            yield from _shape_of(context, call, context.text(inner.value), 0.4)
    elif func.attr in _SIZES and context.kind(func.value) is None:
        tensor = context.text(func.value)
        if not call.args:
            yield from _shape_of(context, call, tensor, 0.4)
        elif len(call.args) == 1 and integer(call.args[0]) is not None:
            size = context.spell("size", call, tensor, context.text(call.args[0]))
            yield context.swap(0.4, call, f"{tensor}.shape[{context.text(call.args[0])}]")
            if size is not None:
                yield context.swap(0.45, call, size)


def _one_size(context: Context, node: ast.Attribute | ast.Call) -> Iterator[Proposal]:
    """`range(x.shape)`, `ops.zeros((x.shape, 3))`, `x.shape // 2`: one of the sizes."""
    whole = called(node) == "shape" if isinstance(node, ast.Call) else node.attr == "shape"
    parent = context.parents.get(node)
    wanted = isinstance(parent, (ast.BinOp, ast.Tuple, ast.List, ast.Compare))
    wanted = wanted or called(parent) in ("range", "arange", "int", "float", "sqrt")  # type: ignore[arg-type]
    wanted = wanted or (isinstance(parent, ast.Assign) and _as_size(context, parent))
    if not whole or not wanted or isinstance(context.parents.get(parent), (ast.Subscript,)):  # type: ignore[arg-type]
        return
    outer = called(parent) in ("range", "arange")  # type: ignore[arg-type]
    for index, place in enumerate(("1", "-1", "0", "2") if outer else ("0", "-1", "1", "2")):
        yield context.swap(0.7 + 0.05 * index, node, f"{context.text(node)}[{place}]")


def _as_size(context: Context, statement: ast.Assign) -> bool:
    """Tells whether a name that is set to a whole shape is one of several sizes later, or computed with."""
    target, function = statement.targets[0], context.function(statement)
    return isinstance(target, ast.Name) and any(
        isinstance(n, ast.Name)
        and n.id == target.id
        and isinstance(context.parents.get(n), (ast.Tuple, ast.List, ast.BinOp))
        for n in ast.walk(function or statement)
    )


def _handed_on(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`mean(x)` in a function that takes an `axis` which nothing reads: it was to be handed on."""
    function, owner = context.function(call), context.owner(call)
    if function is None:
        return
    given = {k.arg for k in call.keywords}
    taken = context.parameters(call)
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    own = [a.arg for a in (*function.args.args, *function.args.kwonlyargs) if a.arg not in read]
    for name in taken[len(call.args) :]:
        if name in own and name not in given and name != "self":
            yield context.insert(0.7, call, f"{name}={name}")
        elif owner is not None and name not in given and name in unread(context, call):
            yield context.insert(0.7, call, f"{name}=self.{name}")


def _shape_of(context: Context, call: ast.Call, tensor: str, cost: float) -> Iterator[Proposal]:
    """The shape of a tensor, known or counted; where one size is wanted, the first."""
    parent = context.parents.get(call)
    whole = isinstance(parent, (ast.Subscript, ast.Assign, ast.Call, ast.Return))
    index = "" if whole and context.text(call.func) != "len" else "[0]"
    if isinstance(parent, ast.Subscript) and parent.value is call:
        index = ""
    for prefix in context.prefixes():
        module = context.resolve(ast.parse(prefix, mode="eval").body)
        if hasattr(module, "shape"):
            yield context.swap(cost, call, f"{prefix}.shape({tensor}){index}")
            break
    yield context.swap(cost + 0.05, call, f"{tensor}.shape{index}")


def _python(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`float(x)` of a tensor, and `x.float()` or `x.type(...)` as other libraries write it."""
    func = call.func
    if isinstance(func, ast.Name) and func.id in _KEPT and hasattr(builtins, func.id) and len(call.args) == 1:
        text = context.spell("cast", call, context.text(call.args[0]), f'"{_TYPES[func.id]}"')
        if text is not None and context.shape(call.args[0]) is not None:
            yield context.swap(0.6, call, text)
            yield context.swap(0.9, call, context.text(call.args[0]))
    if isinstance(func, ast.Attribute) and func.attr in _KEPT and not call.args:
        torch = objects.backend_name() == "torch" and context.shape(call) is not None
        text = context.spell("cast", call, context.text(func.value), f'"{_TYPES[func.attr]}"')
        if text is not None and not torch:
            yield context.swap(0.6, call, text)


def _turned_round(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`einsum(x, "ij->ji")`, `one_hot(3, labels)`: the first two arguments the other way round."""
    func = call.func
    if len(call.args) < 2 or context.shape(call) is not None or not isinstance(func, ast.Attribute):
        return
    if context.kind(func.value) is None or context.parts(call):
        return
    one, two = call.args[:2]
    word = isinstance(two, ast.Constant) and isinstance(two.value, str) and not isinstance(one, ast.Constant)
    sizes = context.shape(one) is None and context.shape(two) is not None and not isinstance(one, ast.List)
    edits = (
        *context.swap(0, one, context.text(two)).edits,
        *context.swap(0, two, context.text(one)).edits,
    )
    cost = 0.5 if word and called(call) == "einsum" else 0.7 if sizes else 1.3
    yield Proposal(cost, f"{context.text(one)}, {context.text(two)} -> the other way round", edits)


def _operands(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """An einsum with fewer tensors, or more, than its letters speak of."""
    first = call.args[0] if call.args else None
    if called(call) != "einsum" or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return
    wanted = first.value.split("->")[0].split(",")
    given, function = call.args[1:], context.function(call)
    if function is None or len(wanted) != len(given) + 1:
        return
    for name in context.tensors_near(function, call)[:12]:
        shape = _shape_of_name(context, function, name)
        for at, letters in enumerate(wanted):
            if shape is None or len(letters.strip()) != len(shape):
                continue
            arguments = [context.text(a) for a in given]
            arguments.insert(at, name)
            twice = 0.2 if name in map(context.text, given) else 0.0
            place = position(call)
            text = f"{context.text(call.func)}({context.text(first)}, {', '.join(arguments)})"
            yield Proposal(0.8 + twice, f"add the operand {name}", (Edit(place, text),))


def _shape_of_name(
    context: Context, function: ast.FunctionDef, name: str
) -> tuple[int | str | None, ...] | None:
    for node in ast.walk(context.owner(function) or function):
        if isinstance(node, (ast.Name, ast.Attribute)) and context.text(node) == name:
            shape = context.shape(node)
            if shape is None and isinstance(parent := context.parents.get(node), ast.Assign):
                shape = context.shape(parent.value)
            if shape is not None:
                return shape
    return None
