"""Where a program's data come from, line by line, and edits that scale, shuffle or relabel them there."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from kerascope.explain import scopes
from kerascope.explain.remedies import edits
from kerascope.explain.remedies.edits import Change
from kerascope.explain.remedies.program import Program
from kerascope.explain.scopes import Module
from kerascope.values import Lever

_PASSES = ("array", "asarray", "copy", "ascontiguousarray", "train_test_split", "astype", "reshape")
_HOPS = 8


@dataclasses.dataclass(frozen=True)
class Held:
    """A name that holds data, and the statement that gave it what it holds."""

    module: Module
    name: str
    statement: ast.stmt
    value: ast.expr


@dataclasses.dataclass(frozen=True)
class Feed:
    """What `fit` is given: the call, its statement, and the expressions of x, y and the validation data."""

    module: Module
    call: ast.Call
    statement: ast.stmt
    x: ast.expr | None
    y: ast.expr | None
    x_val: ast.expr | None
    y_val: ast.expr | None


def feed(program: Program) -> Feed | None:
    """Returns what the training is fed with; None when its `fit` is not in the recorded sources."""
    found = program.call(Lever("fit"))
    if found is None:
        return None
    module, call = found
    statement = edits.statement_of(module, call)
    if statement is None:
        return None
    validation = program.argument(call, "validation_data")
    pair = validation.elts if isinstance(validation, (ast.Tuple, ast.List)) else []
    return Feed(
        module,
        call,
        statement,
        program.argument(call, "x"),
        program.argument(call, "y"),
        pair[0] if pair else None,
        pair[1] if len(pair) > 1 else None,
    )


def chain(module: Module, node: ast.expr | None, arithmetic: bool = True) -> list[Held]:
    """Returns the names that data passed through on their way to an expression, the nearest to it first.

    Followed are names, what selects or converts (an index, a split, a cast), and `arithmetic` on one name.
    """
    found: list[Held] = []
    for _ in range(_HOPS):
        name = _name_in(node, arithmetic)
        if name is None:
            break
        function = module.enclosing(name)
        value = module.assigned(name.id, function, before=name)
        if value is None and function is not None and not scopes.is_parameter(function, name.id):
            value = module.assigned(name.id, None, before=None)
        statement = edits.statement_of(module, value) if value is not None else None
        if value is None or not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            break
        if found and found[-1].statement is statement and found[-1].name == name.id:
            break
        found.append(Held(module, name.id, statement, value))
        node = value
    return found


def _name_in(node: ast.expr | None, arithmetic: bool) -> ast.Name | None:
    """Returns the one name that an expression takes its data from."""
    while node is not None:
        if isinstance(node, ast.Name):
            return node
        if isinstance(node, ast.Subscript):
            node = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and scopes.called(node) in _PASSES
        ):
            node = (
                node.func.value if not _is_library(node.func.value) else (node.args[0] if node.args else None)
            )
        elif isinstance(node, ast.Call) and scopes.called(node) in _PASSES and node.args:
            node = node.args[0]
        elif isinstance(node, ast.BinOp) and arithmetic:
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not _is_library(n)}
            if len(names) != 1:
                return None
            return next(n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in names)
        else:
            return None
    return None


def _is_library(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in (
        "np",
        "numpy",
        "tf",
        "torch",
        "jnp",
        "keras",
        "pd",
        "ops",
        "math",
    )


def names(node: ast.expr | None) -> Iterator[ast.Name]:
    """Yields the plain name of an expression, or those in a dictionary, tuple or list of them."""
    if isinstance(node, ast.Name):
        yield node
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from names(value)
    elif isinstance(node, (ast.List, ast.Tuple)):
        for value in node.elts:
            yield from names(value)


def scaled(program: Program, what: str, forms: Sequence[str]) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields (description, changes) that bring x or y to a common scale, the neatest place first.

    Args:
        program: the user's program.
        what: "x" or "y".
        forms: right-hand sides, with ``{n}`` for the data and ``{r}`` for those whose statistics are used.
    """
    fed = feed(program)
    node, other = (None, None) if fed is None else (fed.x, fed.x_val) if what == "x" else (fed.y, fed.y_val)
    if fed is None or node is None:
        return
    for form in forms:
        mine, theirs = chain(fed.module, node, False), chain(fed.module, other, False)
        shared = next(
            (
                held
                for held in mine
                if any(held.statement is t.statement and held.name == t.name for t in theirs)
            ),
            None,
        )
        if mine and (other is None or shared is not None):
            place = shared or mine[-1]
            line = f"{place.name} = " + form.format(n=place.name, r=place.name)
            behind = _behind(fed, place) if what == "x" else place.statement
            if _free(place.module, behind):
                yield f"`{line}`", (edits.inserted(place.module, behind, [line], after=True),)
        for name in names(node):
            if other is not None and shared is None:
                pair = _both(name, other, form)
                if pair is not None:
                    yield f"`{pair[0]}`", (edits.inserted(fed.module, fed.statement, pair),)
            elif not mine:
                line = f"{name.id} = " + form.format(n=name.id, r=name.id)
                yield f"`{line}`", (edits.inserted(fed.module, fed.statement, [line]),)


def _behind(fed: Feed, place: Held) -> ast.stmt:
    """Returns the statement to put a line behind: that of the data, or of labels that are computed from them later."""
    last = place.statement
    for held in chain(fed.module, fed.y):
        uses = any(isinstance(n, ast.Name) and n.id == place.name for n in ast.walk(held.value))
        same = held.module.parents.get(held.statement) is place.module.parents.get(place.statement)
        if uses and same and held.statement.lineno > last.lineno:
            last = held.statement
    return last


def _free(module: Module, statement: ast.stmt) -> bool:
    """A line can follow the statement: it stands alone, not in a loop that would scale again and again."""
    parent = module.parents.get(statement)
    return isinstance(parent, (ast.Module, ast.FunctionDef, ast.If, ast.With))


def _both(name: ast.Name, other: ast.expr, form: str) -> list[str] | None:
    """Returns lines that scale training and validation data alike, the validation data first."""
    if not isinstance(other, ast.Name) or other.id == name.id:
        return None
    second = form.format(n=other.id, r=name.id)
    first = form.format(n=name.id, r=name.id)
    return [f"{name.id}, {other.id} = {first}, {second}"]


def mirrored(program: Program) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields changes that do to the validation data what is done to the training data alone, and the reverse."""
    fed = feed(program)
    if fed is None:
        return
    for one, two in ((fed.x, fed.x_val), (fed.x_val, fed.x), (fed.y, fed.y_val), (fed.y_val, fed.y)):
        if not isinstance(one, ast.Name) or not isinstance(two, ast.Name):
            continue
        for held in chain(fed.module, one):
            text = _like(held, {one.id: two.id})
            if text is not None and not _is_written(fed.module, text):
                yield f"`{text}`", (edits.inserted(held.module, held.statement, [text], after=True),)


def _like(held: Held, renamed: Mapping[str, str]) -> str | None:
    """Returns a statement ``x = f(x)`` with other names; None when it is not of that form."""
    statement = held.statement
    if isinstance(statement, ast.Assign) and not (
        len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    ):
        return None
    own = [n for n in ast.walk(held.value) if isinstance(n, ast.Name) and n.id == held.name]
    if held.name not in renamed or (not own and not isinstance(statement, ast.AugAssign)):
        return None
    text = edits.source_of(held.module, statement)
    tree = ast.parse(text)
    places = sorted(
        ((n.lineno, n.col_offset, n.end_col_offset or 0, renamed[n.id]) for n in ast.walk(tree)
         if isinstance(n, ast.Name) and n.id in renamed and not _is_statistic(tree, n)),
        reverse=True,
    )  # fmt: skip
    if len({line for line, *_ in places}) != 1 or "\n" in text:
        return None
    for _, start, end, new in places:
        text = text[:start] + new + text[end:]
    return text


def _is_statistic(tree: ast.AST, name: ast.Name) -> bool:
    """`x.mean(...)` stays that of the training data."""
    return any(
        isinstance(n, ast.Attribute)
        and n.value is name
        and n.attr in ("mean", "std", "min", "max", "var", "ptp")
        for n in ast.walk(tree)
    )


def _is_written(module: Module, text: str) -> bool:
    return any(line.strip() == text for line in module.lines)


def undone(program: Program) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields changes that take back arithmetic on the labels: the statement, or the operation in it."""
    fed = feed(program)
    for node in (fed.y, fed.y_val) if fed is not None else ():
        for held in chain(fed.module, node) if fed is not None else ():
            value = held.value
            if isinstance(held.statement, ast.AugAssign):
                yield (
                    f"without `{edits.source_of(held.module, held.statement)}`",
                    (edits.deleted(held.module, held.statement),),
                )
            elif isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Div, ast.Mult, ast.Add, ast.Sub)):
                inner = value.left if not isinstance(value.left, ast.Constant) else value.right
                if isinstance(inner, ast.Name) and inner.id == held.name:
                    change = edits.deleted(held.module, held.statement)
                else:
                    change = edits.replaced(held.module, value, edits.source_of(held.module, inner))
                yield f"without `{edits.source_of(held.module, value)}`", (change,)


def aligned(program: Program) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields changes that give x and y the same order where they are picked by different indices."""
    fed = feed(program)
    if fed is None:
        return
    for one, two in ((fed.x, fed.y), (fed.x_val, fed.y_val)):
        first = next((h for h in chain(fed.module, one) if isinstance(h.value, ast.Subscript)), None)
        second = next((h for h in chain(fed.module, two) if isinstance(h.value, ast.Subscript)), None)
        if first is None or second is None:
            continue
        assert isinstance(first.value, ast.Subscript) and isinstance(second.value, ast.Subscript)
        a, b = (edits.source_of(h.module, h.value.slice) for h in (first, second))  # type: ignore[attr-defined]
        if a != b:
            yield (
                f"`[{a}]` for both inputs and labels",
                (edits.replaced(second.module, second.value.slice, a),),
            )
            yield f"`[{b}]` for both inputs and labels", (edits.replaced(first.module, first.value.slice, b),)
    for held in chain(fed.module, fed.y):
        if (
            isinstance(held.value, ast.Call)
            and scopes.called(held.value) in ("permutation", "shuffle")
            and held.value.args
        ):
            inner = edits.source_of(held.module, held.value.args[0])
            yield f"without `{scopes.called(held.value)}`", (edits.replaced(held.module, held.value, inner),)


def shuffled(program: Program) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yields changes that put the samples in random order before they are split and trained on."""
    fed = feed(program)
    if fed is None:
        return
    shuffle = program.argument(fed.call, "shuffle")
    on: tuple[Change, ...] = ()
    if isinstance(shuffle, ast.Constant) and not shuffle.value:
        on = (edits.replaced(fed.module, shuffle, "True"),)
        yield "`shuffle=True`", on
    x, y = next(names(fed.x), None), next(names(fed.y), None)
    if x is None or y is None:
        return
    module = fed.module
    numpy = _numpy(module)
    head = [] if numpy else ["import numpy as np"]
    roots = chain(module, x, False), chain(module, y, False)
    if all(roots):  # at the origin, before anything is split
        mine, theirs = roots[0][-1], roots[1][-1]
        if _free(module, mine.statement) and _free(module, theirs.statement):
            later = max(mine.statement, theirs.statement, key=lambda s: s.lineno)
            lines = _reordered(mine.name, theirs.name, numpy or "np")
            yield (
                "shuffled before it is split",
                (edits.inserted(module, later, [*head, *lines], after=True), *on),
            )
    lines = _reordered(x.id, y.id, numpy or "np")
    yield "shuffled before `fit`", (edits.inserted(module, fed.statement, [*head, *lines]), *on)


def _reordered(x: str, y: str, numpy: str) -> list[str]:
    return [
        f"order = {numpy}.random.default_rng(0).permutation(len({x}))",
        f"{x}, {y} = {x}[order], {y}[order]",
    ]


def _numpy(module: Module) -> str | None:
    """Returns the name under which a file knows NumPy."""
    imports = [n for n in ast.walk(module.tree) if isinstance(n, ast.Import)]
    return next((a.asname or a.name for n in imports for a in n.names if a.name == "numpy"), None)
