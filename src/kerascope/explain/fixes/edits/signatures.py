"""Edits of what a function takes and takes apart: `self` forgotten, parameters lacking, names more or fewer."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.edits.parameters import end_of_parameters
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.lines.suspects import meant

_GIVEN = {"build": "input_shape", "compute_output_shape": "input_shape"}
_STATES = ("h", "c", "state", "hidden", "memory", "carry")
"""How states of recurrent layers are called, with or without more behind it."""
_SHAPES = ("shape", "input_shape", "inputs_shape")


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class: methods without `self`."""
    yield from _hooks(context, owner)
    for function in owner.body:
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            continue
        arguments = function.args.args
        if arguments and arguments[0].arg in ("self", "cls"):
            continue
        if not arguments:
            column = function.col_offset + len(f"def {function.name}(")
            more = "self, " if function.args.kwarg or function.args.vararg else "self"
            place = (function.lineno, function.lineno, column, column)
            yield Proposal(0.2, f"{function.name}() -> {function.name}(self)", (Edit(place, more),))
            continue
        first = arguments[0]
        place = (first.lineno, first.lineno, first.col_offset, first.col_offset)
        yield Proposal(
            0.2, f"{function.name}({first.arg} -> {function.name}(self, {first.arg}", (Edit(place, "self, "),)
        )


def _hooks(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Methods that Keras does not know, by the names of those that it calls: `forward`, `_build`, `reset_states`."""
    cls = context.names.get(owner.name)
    own = {n.name for n in owner.body if isinstance(n, ast.FunctionDef)}
    read = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute)}
    for function in owner.body:
        if not isinstance(function, ast.FunctionDef) or function.name in read or not isinstance(cls, type):
            continue
        line, begin = function.lineno, function.col_offset + len("def ")
        place = (line, line, begin, begin + len(function.name))
        for name in meant(cls, function.name, own):
            yield context.replace(0.3, place, function.name, name)


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple):
            yield from _taken_apart(context, statement, statement.targets[0])
        if isinstance(statement, (ast.For, ast.comprehension)) and isinstance(statement.target, ast.Tuple):
            names = [context.text(e) for e in statement.target.elts]
            if len(names) == 2:
                yield context.swap(1.0, statement.target, f"{names[1]}, {names[0]}")
    names = [a.arg for a in function.args.args]
    for name, given in _GIVEN.items():
        end = end_of_parameters(function)
        if function.name == name and names == ["self"] and end is not None and _is_method(context, function):
            yield Proposal(0.5, f"{name}(self) -> {name}(self, {given})", (Edit(end, f", {given}"),))
    if function.args.args:
        yield from _lacking(context, function)
    yield from _not_kept(context, function)


def _is_method(context: Context, function: ast.FunctionDef) -> bool:
    return isinstance(context.parents.get(function), ast.ClassDef)


def _taken_apart(context: Context, statement: ast.Assign, target: ast.Tuple) -> Iterator[Proposal]:
    """`n, d = input_shape` of three sizes, `h, c = cell(x)` of three tensors: one name more, or one fewer."""
    value = statement.value
    written = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)  # `a, b = b_of, a_of`
    if written or any(isinstance(e, ast.Starred) for e in target.elts):
        return
    names = [context.text(e) for e in target.elts]
    shape = context.text(value).split(".")[-1] in _SHAPES or called(value) == "shape"
    if not shape and not isinstance(value, (ast.Call, ast.Name, ast.Tuple)):
        return
    read = _read_after(context, statement)
    base = 0.7 if shape else 0.9
    # Names of states follow on the sequence, which is what nobody has a name for then.
    ends = (0, len(names)) if names[0].split("_")[0] in _STATES else (len(names), 0)
    for place, at in enumerate(range(len(names) + 1) if shape else ends):
        new = [*names[:at], "_", *names[at:]]
        yield context.swap(base + 0.1 * place, target, ", ".join(new))
    for at, name in enumerate(names):
        rest = names[:at] + names[at + 1 :]
        idle = name not in read
        if rest:
            text = ", ".join(rest) + ("," if len(rest) == 1 else "")
            yield context.swap(base + (0.0 if idle else 0.9) + 0.02 * at, target, text)
    if len(names) == 2 or (len(names) > 2 and not shape):
        turned = [names[-1], *names[1:-1], names[0]]
        yield context.swap(1.2, target, ", ".join(turned))
        for at in range(len(names) - 1):
            turned = [*names[:at], names[at + 1], names[at], *names[at + 2 :]]
            yield context.swap(1.15, target, ", ".join(turned))
    elif shape:
        for at in range(len(names) - 1):
            turned = [*names[:at], names[at + 1], names[at], *names[at + 2 :]]
            yield context.swap(1.3, target, ", ".join(turned))
        yield context.swap(1.35, target, ", ".join([names[-1], *names[1:-1], names[0]]))


def _read_after(context: Context, statement: ast.Assign) -> set[str]:
    function = context.function(statement)
    return {
        n.id
        for n in ast.walk(function or statement)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }


def _lacking(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Names that a function reads and nothing sets: parameters that it does not take."""
    known = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    known |= {
        a.arg for n in ast.walk(function) if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs)
    }
    known |= {n.name for n in ast.walk(function) if isinstance(n, ast.FunctionDef)}
    strange = [
        n.id
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and n.id not in known | set(context.names) and not _builtin(n.id)
    ]
    end = end_of_parameters(function)
    for name in dict.fromkeys(strange):
        last = function.args.args[-1] if function.args.args else None
        if last is None or end is None:
            continue
        if not function.args.defaults:
            yield Proposal(0.5, f"add the parameter {name}", (Edit(end, f", {name}"),))
            first = function.args.args[1] if len(function.args.args) > 1 else None
            if first is not None:
                place = (first.lineno, first.lineno, first.col_offset, first.col_offset)
                yield Proposal(0.6, f"add the parameter {name} in front", (Edit(place, f"{name}, "),))
        else:
            plain = function.args.args[-len(function.args.defaults) - 1]
            line, stop = plain.end_lineno or plain.lineno, plain.end_col_offset or 0
            yield Proposal(0.5, f"add the parameter {name}", (Edit((line, line, stop, stop), f", {name}"),))
            yield Proposal(0.6, f"add the parameter {name}=None", (Edit(end, f", {name}=None"),))


def _builtin(name: str) -> bool:
    return hasattr(builtins, name)


def _not_kept(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`ops.relu(x)` whose result nothing keeps: set to the name that lacks it, or to what it is made of."""
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored |= {a.arg for a in function.args.args}
    for statement in ast.walk(function):
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
            continue
        held = context.shape(statement.value) is not None or context.parts(statement.value)
        if not held or statement is function.body[-1] or called(statement.value).startswith("assign"):
            continue
        later = [
            n.id
            for n in ast.walk(function)
            if isinstance(n, ast.Name)
            and n.lineno > statement.lineno
            and n.id not in stored | set(context.names)
            and not _builtin(n.id)
        ]
        first, _, begin, _ = position(statement)
        given = [a.id for a in statement.value.args if isinstance(a, ast.Name)]
        for cost, name in [*((0.3, n) for n in dict.fromkeys(later)), *((0.7, n) for n in given[:1])]:
            yield Proposal(
                cost,
                f"{name} = {context.text(statement.value)[:50]}",
                (Edit((first, first, begin, begin), f"{name} = "),),
            )
