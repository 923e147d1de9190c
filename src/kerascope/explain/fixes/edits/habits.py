"""Edits for code that runs and yet breaks a promise: the training flag, guards, precision, configuration, inputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits import guards
from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.edits.guards import prefix_of
from kerascope.explain.fixes.edits.parameters import end_of_parameters, names_of
from kerascope.explain.fixes.patch import Edit

_NOT_KEPT = ("self", "name", "dtype", "trainable", "args", "kwargs")
_REDUCE = ("sum", "mean", "max", "min", "prod")
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    if function.name == "__init__":
        yield from _handed_on(context, function)
    if function.name == "get_config":
        yield from _keys(context, function)
    yield from _all_along_the_last(context, function)
    for statement in ast.walk(function):
        if isinstance(statement, ast.AugAssign):
            yield from _not_in_place(context, function, statement)


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class."""
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    held = _held(context, owner)
    if held and "__init__" in methods and "get_config" not in methods:
        last = owner.body[-1]
        line, end = last.end_lineno or last.lineno, last.end_col_offset or 0
        indent = " " * methods["__init__"].col_offset
        pairs = ", ".join(f'"{name}": self.{attribute}' for name, attribute in held.items())
        text = f"\n\n{indent}def get_config(self):\n{indent * 2}return {{**super().get_config(), {pairs}}}"
        yield Proposal(0.6, f"add get_config with {pairs}", (Edit((line, line, end, end), text),))


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields edits of an expression."""
    if isinstance(node, ast.Call):
        yield from _training(context, node)
        yield from _let_through(context, node)
        yield from _precision(context, node)
    yield from guards.propose(context, node)


# -- modes -------------------------------------------------------------------------------------------------------------


def _training(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`training=True` inside `call`: the caller's mode in its place."""
    function = context.function(call)
    if function is None or function.name not in ("call", "__call__"):
        return
    for keyword in call.keywords:
        if keyword.arg != "training" or not isinstance(keyword.value, ast.Constant):
            continue
        edits = [Edit(position(keyword.value), "training")]
        if "training" not in names_of(function):
            end = end_of_parameters(function)
            if end is None:
                return
            edits.append(Edit(end, ", training=False"))
        yield Proposal(0.7, f"training={keyword.value.value!r} -> training=training", tuple(edits))


def _let_through(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """What stands in a `stop_gradient`, without it."""
    if called(call) == "stop_gradient" and len(call.args) == 1:
        yield context.swap(0.6, call, context.atom(call.args[0]))


def _all_along_the_last(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`axis=-1` in all of a function's sums and means that have none: one alone is of no use beside the others."""
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and called(node) in _REDUCE
        and prefix_of(context, node) is not None
        and len(node.args) == 1
        and not node.keywords
    ]
    if len(calls) > 1:
        edits = tuple(edit for call in calls for edit in context.insert(0.6, call, "axis=-1").edits)
        yield Proposal(0.6, f"add axis=-1, in {len(calls)} places", edits)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _precision(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A float type by its name inside `call`: the type that the layer computes in."""
    function = context.function(call)
    if function is None or function.name != "call" or "self" not in names_of(function):
        return
    given = [k.value for k in call.keywords if k.arg == "dtype"]
    if called(call) == "cast" and len(call.args) == 2:
        given.append(call.args[1])
    for value in given:
        if isinstance(value, ast.Constant) and value.value in _FLOATS:
            yield context.swap(0.9, value, "self.compute_dtype")
    prefix = prefix_of(context, call)
    if called(call) == "convert_to_tensor" and len(call.args) == 1 and not given and prefix is not None:
        yield context.insert(1.0, call, "dtype=self.compute_dtype")


# -- constructor and configuration -------------------------------------------------------------------------------------


def _handed_on(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`**kwargs` for Keras: taken when it is not, and handed on to `super().__init__`."""
    call = next(
        (
            n
            for n in ast.walk(function)
            if isinstance(n, ast.Call) and ast.unparse(n.func) == "super().__init__"
        ),
        None,
    )
    if call is None or any(k.arg is None for k in call.keywords):
        return
    kwarg = function.args.kwarg
    name = kwarg.arg if kwarg else "kwargs"
    hand_on = context.insert(0.8, call, f"**{name}").edits
    if kwarg is not None:
        yield Proposal(0.8, f"hand **{name} on to super().__init__", hand_on)
        return
    end = end_of_parameters(function)
    if end is not None:
        yield Proposal(
            0.8, "take **kwargs and hand them on to super().__init__", (Edit(end, ", **kwargs"), *hand_on)
        )


def _keys(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """The constructor's arguments that the configuration lacks, holds with another value, or has too many of."""
    owner = context.owner(function)
    held = _held(context, owner) if owner is not None else {}
    table = next((n for n in ast.walk(function) if isinstance(n, ast.Dict)), None)
    if table is None:
        for call in ast.walk(function):
            if held and isinstance(call, ast.Call) and ast.unparse(call) == "super().get_config()":
                yield Proposal(
                    0.6,
                    f"add {_pairs(held)}",
                    context.swap(0.6, call, f"{{**{context.text(call)}, {_pairs(held)}}}").edits,
                )
        return
    if "get_config()" not in ast.unparse(function):
        kept = context.text(table)[1:].lstrip()
        edits = context.swap(0.7, table, f"{{**super().get_config(), {kept}").edits
        yield Proposal(0.7, "add what Keras's own get_config gives", edits)
    values = {
        k.value: v for k, v in zip(table.keys, table.values, strict=True) if isinstance(k, ast.Constant)
    }
    missing = {name: attribute for name, attribute in held.items() if name not in values}
    if missing:
        inner = context.text(table)[:-1].rstrip()
        comma = "" if inner.endswith(("{", ",")) else ", "
        edits = context.swap(0.6, table, f"{inner}{comma}{_pairs(missing)}}}").edits
        yield Proposal(0.6, f"add {_pairs(missing)}", edits)
    yield from _entries(context, table, held, missing)


def _entries(
    context: Context, table: ast.Dict, held: dict[str, str], missing: dict[str, str]
) -> Iterator[Proposal]:
    """Other names, other values, and less of what a configuration holds."""
    for index, (key, value) in enumerate(zip(table.keys, table.values, strict=True)):
        if not isinstance(key, ast.Constant):
            continue
        if key.value in held:
            if context.text(value) != f"self.{held[key.value]}":
                yield context.swap(0.8, value, f"self.{held[key.value]}")
            continue
        for name, attribute in missing.items():
            if context.text(value) == f"self.{attribute}":
                yield context.swap(0.5, key, f'"{name}"')
        if index:
            first, _, _, begin = position(table.values[index - 1])
            _, last, _, end = position(value)
            first = table.values[index - 1].end_lineno or first
            yield Proposal(0.9, f"leave {key.value!r} out", (Edit((first, last, begin, end), ""),))


def _pairs(held: dict[str, str]) -> str:
    return ", ".join(f'"{name}": self.{attribute}' for name, attribute in held.items())


def _held(context: Context, owner: ast.ClassDef) -> dict[str, str]:
    """Returns the attribute that each argument of the constructor is kept in; the constructor may be inherited."""
    init = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        named = {ast.unparse(base) for base in owner.bases}
        parents = [n for n in context.tree.body if isinstance(n, ast.ClassDef) and n.name in named]
        return _held(context, parents[0]) if parents and parents[0] is not owner else {}
    found: dict[str, str] = {}
    for statement in ast.walk(init):
        if not isinstance(statement, ast.Assign):
            continue
        pairs = [(target, statement.value) for target in statement.targets]
        for target, value in list(pairs):
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs += zip(target.elts, value.elts, strict=False)
        for target, value in pairs:
            if isinstance(target, ast.Attribute) and isinstance(value, ast.Name):
                found.setdefault(value.id, target.attr)
    names = [name for name in names_of(init) if name not in _NOT_KEPT]
    return {name: found[name] for name in names if name in found}


# -- inputs ------------------------------------------------------------------------------------------------------------

_SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def _not_in_place(
    context: Context, function: ast.FunctionDef, statement: ast.AugAssign
) -> Iterator[Proposal]:
    """`x += y` of what was given: `x = x + y`, which makes another tensor."""
    sign = _SIGNS.get(type(statement.op))
    if sign is None or not isinstance(statement.target, ast.Name):
        return
    if statement.target.id in names_of(function):
        name = statement.target.id
        yield context.swap(0.6, statement, f"{name} = {name} {sign} {_atom(context, statement.value)}")


def _atom(context: Context, node: ast.expr) -> str:
    text = context.text(node)
    return f"({text})" if isinstance(node, (ast.BinOp, ast.IfExp, ast.Compare, ast.BoolOp)) else text
