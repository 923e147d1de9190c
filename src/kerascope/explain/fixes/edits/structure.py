"""Edits of functions rather than expressions: a forgotten `super().__init__()`, parameters turned round, names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.patch import Edit

_FOR_ITS_SHAPE = {
    "shape",
    "zeros_like",
    "ones_like",
    "full_like",
    "empty_like",
    "size",
    "rand_like",
    "randn_like",
}
"""Functions that take a tensor only for its shape: any other of the same shape will do, so the wrong one slips in."""


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function."""
    if function.name == "__init__":
        yield from _super(context, function)
        yield from _by_its_name(context, function)
    if function.name == "call" and not any(context.is_tensor(function, a.arg) for a in function.args.args):
        yield from _one_list(context, function)
    if function.name in ("call", "update_state", "__call__"):
        yield from _parameters(function)
    yield from _each_in_turn(context, function)
    yield from _if_given(context, function)


def _super(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    if "super()" in context.text(function) or not function.body:
        return
    extra = f"**{function.args.kwarg.arg}" if function.args.kwarg else ""
    first = function.body[0]
    column = first.col_offset
    indent = " " * column
    place = (first.lineno, first.lineno, column, column)
    yield Proposal(
        0.5, f"add super().__init__({extra})", (Edit(place, f"super().__init__({extra})\n{indent}"),)
    )


def _by_its_name(context: Context, init: ast.FunctionDef) -> Iterator[Proposal]:
    """An activation that is kept as the word it is given as, and called later."""
    owner = context.owner(init)
    calls = {context.text(n.func) for n in ast.walk(owner or init) if isinstance(n, ast.Call)}
    prefix = next((n for n, v in context.names.items() if getattr(v, "__name__", "") == "keras"), None)
    for statement in init.body:
        if (
            not isinstance(statement, ast.Assign)
            or not isinstance(statement.value, ast.Name)
            or prefix is None
        ):
            continue
        if any(context.text(t) in calls for t in statement.targets):
            name = statement.value.id
            cost = 0.4 if "act" in name.lower() else 1.2
            yield context.swap(cost, statement.value, f"{prefix}.activations.get({name})")


def _one_list(context: Context, call: ast.FunctionDef) -> Iterator[Proposal]:
    """`call(self, a, b)` of what is given a list, and `call(self, inputs)` of what is given tensors one by one."""
    given = [a for a in call.args.args if a.arg not in ("self", "training", "mask")]
    plain = given[: len(given) - len(call.args.defaults)] if call.args.defaults else given
    first = call.body[0]
    if len(plain) > 1:
        names = ", ".join(a.arg for a in plain)
        place = (
            plain[0].lineno,
            plain[-1].end_lineno or 0,
            plain[0].col_offset,
            plain[-1].end_col_offset or 0,
        )
        start = (first.lineno, first.lineno, first.col_offset, first.col_offset)
        unpacked = f"{names} = inputs\n{' ' * first.col_offset}"
        yield Proposal(
            0.9, f"call(self, {names}) -> call(self, inputs)", (Edit(place, "inputs"), Edit(start, unpacked))
        )
    unpacks = isinstance(first, ast.Assign) and isinstance(first.targets[0], ast.Tuple)
    if (
        len(plain) == 1
        and isinstance(first, ast.Assign)
        and unpacks
        and context.text(first.value) == plain[0].arg
    ):
        names = context.text(first.targets[0]).strip("()")
        second = call.body[1] if len(call.body) > 1 else None
        if second is not None:
            gap = (first.lineno, second.lineno, first.col_offset, second.col_offset)
            edits = (Edit(position(plain[0]), names), Edit(gap, ""))
            yield Proposal(0.9, f"call(self, {plain[0].arg}) -> call(self, {names})", edits)


def _each_in_turn(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """`x = self.blocks(x)` where the blocks are kept in a list: one is called after the other."""
    owner = context.owner(function)
    listed = {
        context.text(t)
        for s in ast.walk(owner or function)
        if isinstance(s, ast.Assign) and isinstance(s.value, (ast.List, ast.ListComp, ast.Tuple))
        for t in s.targets
    }
    for statement in ast.walk(function):
        value = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(value, ast.Call) or context.text(value.func) not in listed or not value.args:
            continue
        target, first = context.text(statement.targets[0]), context.text(value.args[0])  # type: ignore[attr-defined]
        rest = "".join(f", {context.text(a)}" for a in (*value.args[1:], *value.keywords))
        indent = " " * statement.col_offset  # type: ignore[attr-defined]
        begin = "" if target == first else f"{target} = {first}\n{indent}"
        loop = (
            f"{begin}for layer in {context.text(value.func)}:\n{indent}    {target} = layer({target}{rest})"
        )
        place = position(statement)
        yield Proposal(0.3, f"call the layers of {context.text(value.func)} in turn", (Edit(place, loop),))


def _if_given(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """A statement that reads a parameter which may be None: only if it is given."""
    defaults = zip(function.args.args[::-1], function.args.defaults[::-1], strict=False)
    may_lack = {a.arg for a, value in defaults if isinstance(value, ast.Constant) and value.value is None}
    may_lack |= {
        a.arg
        for a, v in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if isinstance(v, ast.Constant) and v.value is None
    }
    for statement in function.body:
        if not isinstance(statement, (ast.Assign, ast.AugAssign)):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        kept = all(
            isinstance(t, ast.Name) and (t.id in names or isinstance(statement, ast.AugAssign))
            for t in targets
        )
        for name in sorted(names & may_lack):
            if kept and not context.is_tensor(
                function, name
            ):  # without it the name has the value from before
                inner = context.text(statement).replace("\n", "\n    ")
                text = f"if {name} is not None:\n{' ' * (statement.col_offset + 4)}{inner}"
                cost = 1.5 if name == "training" else 0.5  # of a mode None is one too
                yield Proposal(cost, f"only if {name} is given", (Edit(position(statement), text),))


def _parameters(function: ast.FunctionDef) -> Iterator[Proposal]:
    """`y_pred, y_true` where Keras passes `y_true, y_pred`."""
    names = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
    if len(names) < 2 or "pred" not in names[0] or "true" not in names[1]:
        return
    one, two = (a for a in function.args.args if a.arg in names[:2])
    yield Proposal(
        0.9,
        f"{names[0]}, {names[1]} -> {names[1]}, {names[0]}",
        (Edit(position(one), names[1]), Edit(position(two), names[0])),
    )


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields other variables in the place of one that is an operand."""
    parent = context.parents.get(node)
    yield from _other_shape(context, node, parent)
    if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(
        parent, (ast.BinOp, ast.Call, ast.Compare, ast.UnaryOp, ast.List, ast.Return)
    ):
        return
    if isinstance(parent, ast.Call) and parent.func is node:
        return
    shape = context.shape(node)
    if shape is None or called(parent) == "cast":
        return
    function = context.function(node)
    if function is None:
        return
    others = [o for o in ast.iter_child_nodes(parent) if isinstance(o, ast.expr) and o is not node]
    beside = {context.text(inner) for other in others for inner in context.nodes(other)}
    for name in context.tensors_near(function, node):
        if isinstance(parent, ast.Call) and called(parent) in _FOR_ITS_SHAPE and name != context.text(node):
            yield context.swap(1.0, node, name)
        elif name != context.text(node):
            # `left - left`, `(1 - gate) * gate`: seldom what was meant.
            yield context.swap(2.3 if name in beside else 1.5, node, name)


def _other_shape(context: Context, node: ast.expr, parent: ast.AST | None) -> Iterator[Proposal]:
    """`x.shape` of another tensor: a size is taken from the wrong one."""
    function = context.function(node)
    asks = isinstance(parent, ast.Attribute) and parent.attr == "shape"
    if not asks or function is None or not isinstance(node, (ast.Name, ast.Attribute)):
        return
    given = [a.arg for a in function.args.args if context.is_tensor(function, a.arg)]
    for name in dict.fromkeys((*context.tensors_near(function, node), *given)):
        if name != context.text(node):
            yield context.swap(1.2, node, name)
