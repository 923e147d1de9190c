"""Edits that the surrounding code asks for: a variable nobody reads, what a like call says, a count that must agree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.idle import idle

_PLACES = (ast.BinOp, ast.Call, ast.Compare, ast.UnaryOp, ast.List, ast.Tuple, ast.Return, ast.Subscript)
_SPLITS = ("split", "unstack", "tensor_split", "array_split", "chunk", "unbind")
_ACCUMULATE = ("assign_add", "assign_sub", "append")
_SHARED = 6
"""Two names of layers that end alike in so many letters are of one family."""
_MODES = ("training", "mask", "sample_weight")
_SQUASHING = ("softmax", "sigmoid")
_MEANS = {"mean": "sum", "reduce_mean": "reduce_sum"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    yield from _unread(context, node)
    if isinstance(node, (ast.Call, ast.Name)):
        yield from _first_of_several(context, node)
    if isinstance(node, ast.Call):
        yield from _like_its_siblings(context, node)
        yield from _factors(context, node)
        yield from _batch_means(context, node)
        yield from _squashed_twice(context, node)
        yield from _turned(context, node)
    if isinstance(node, ast.BinOp):
        yield from _pairs_of_rows(context, node)
    yield from _forgotten_layer(context, node)
    if isinstance(node, (ast.Compare, ast.Call)):
        yield from _forgotten_argmax(context, node)


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields, for a loop of which only the last round counts, that each round takes what the one before gave."""
    for name, value, taker in idle(function):
        loop = context.parents.get(context.parents.get(value, value))
        before = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
        if taker is not value or not isinstance(loop, ast.For) or not isinstance(value, ast.Call):
            continue
        given = [a for a in value.args if isinstance(a, ast.Name)]
        if given and not any(isinstance(n.ctx, ast.Store) and n.lineno < loop.lineno for n in before):
            place = (loop.lineno, loop.lineno, loop.col_offset, loop.col_offset)
            begin = context.replace(0, place, "", f"{name} = {given[0].id}\n{' ' * loop.col_offset}").edits
            edits = (*begin, *context.swap(0, given[0], name).edits)
            yield Proposal(0.5, f"{name} = {given[0].id} before the loop, {name} in it", edits)


def unread(context: Context, function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Returns the local names of a function that are given a tensor and never read, each with what it is given."""
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    found: dict[str, ast.expr] = {}
    for statement in ast.walk(function):
        if isinstance(statement, ast.Assign) and (
            context.shape(statement.value) is not None or isinstance(statement.value, ast.ListComp)
        ):
            for target in statement.targets:
                if isinstance(target, ast.Name) and target.id not in read and target.id[:1] != "_":
                    found[target.id] = statement.value
    return found


def _unread(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """A variable that is computed and never read was most likely meant where something like it stands."""
    function = context.function(node)
    held = context.shape(node) is not None or context.parts(node)
    if function is None or not held or not isinstance(context.parents.get(node), _PLACES):
        return
    text = "".join(context.text(node).split())
    yield from _unread_parameters(context, function, node)
    for name, value, taker in idle(function):
        first, last = position(taker)[:2]
        if first <= node.lineno <= last and isinstance(node, (ast.Name, ast.Attribute)) and node is not value:
            yield context.swap(0.6, node, name)
    for name, value in unread(context, function).items():
        inside = position(value)[0] <= position(node)[0] <= position(value)[1]
        if inside or node.lineno <= value.lineno:
            continue
        # What it was computed from, or part of that, is the likeliest to stand in its place.
        related = text in "".join(context.text(value).split())
        yield context.swap(0.7 if related else 1.3, node, name)


def _unread_parameters(context: Context, function: ast.FunctionDef, node: ast.expr) -> Iterator[Proposal]:
    """An input that nothing reads was most likely meant where another one stands."""
    if function.name not in ("call", "update_state") or not isinstance(node, ast.Name):
        return
    given = [a.arg for a in function.args.args[1:] if a.arg not in _MODES and a.arg[:1] != "_"]
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    for name in given:
        if name not in read and node.id in given:
            # Losses that ignore their targets often mean to.
            yield context.swap(1.4 if name == "y_true" else 0.8, node, name)


def _like_its_siblings(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """The value that another call of the same kind in the class gives for the same keyword."""
    owner = context.owner(call)
    if owner is None:
        return
    calls = [n for n in ast.walk(owner) if isinstance(n, ast.Call) and n is not call]
    akin = [n for n in calls if _akin(called(n), called(call)) or _same_function(n, call)]
    yield from _sizes_of_siblings(context, call, akin)
    others = [n for n in calls if called(n) == called(call)]
    yield from _lacking(context, call, others)
    for keyword in call.keywords:
        if keyword.arg in (None, "name", "seed"):
            continue
        now = context.text(keyword.value)
        values = {
            context.text(k.value): None
            for other in others
            for k in other.keywords
            if k.arg == keyword.arg and _is_known(context, k.value, other, call)
        }
        for value in values:
            if value != now:  # what is written out and is not the usual 1 is likely meant
                # Each weight has a shape of its own: its sizes in another order are likelier.
                cost = 1.25 if keyword.arg == "shape" else 1.1 if value == "1" else 1.0
                cost -= 0.2 * (keyword.arg == "axis" and isinstance(keyword.value, (ast.Tuple, ast.List)))
                yield context.swap(cost, keyword.value, value)


def _is_known(context: Context, value: ast.expr, there: ast.Call, here: ast.Call) -> bool:
    """Tells whether a value that one call is given means the same where another call stands."""
    if isinstance(value, (ast.Name, ast.Attribute)):
        return context.function(there) is context.function(here) and there is not here
    return isinstance(value, (ast.Constant, ast.UnaryOp, ast.Tuple))


def _lacking(context: Context, call: ast.Call, others: list[ast.Call]) -> Iterator[Proposal]:
    """What the other layers of the same class are given, and this one is not; those most like it are asked."""
    given = {k.arg for k in call.keywords}
    likeness = [len(given & {k.arg for k in o.keywords}) for o in others]
    if called(call)[:1].isupper():
        others = [o for o, count in zip(others, likeness, strict=True) if count == max(likeness)]
    if not others or not called(call)[:1].isupper():
        beside = [o for o in others if context.function(o) is context.function(call)]
        for keyword in (k for o in beside for k in o.keywords if k.arg not in (None, "name", *given)):
            yield context.insert(0.9, call, f"{keyword.arg}={context.text(keyword.value)}")
        return
    for keyword in others[0].keywords:
        if keyword.arg in (None, "name", "seed", "activation", *given):
            continue
        text = context.text(keyword.value)
        same = [
            k for o in others for k in o.keywords if k.arg == keyword.arg and context.text(k.value) == text
        ]
        if _is_known(context, keyword.value, others[0], call) and len(same) * 2 >= len(others):
            yield context.insert(0.9, call, f"{keyword.arg}={text}")


def _akin(one: str, other: str) -> bool:
    """Tells layers of one family, such as `MaxPooling2D` and `AveragePooling2D`."""
    return one[:1].isupper() and other[:1].isupper() and one[-_SHARED:] == other[-_SHARED:]


def _same_function(one: ast.Call, other: ast.Call) -> bool:
    """Tells calls of one function with as many arguments, for which the same settings are likely to be meant."""
    alike = ast.unparse(one.func) == ast.unparse(other.func) and len(one.args) == len(other.args) > 2
    return alike and [k.arg for k in one.keywords] == [k.arg for k in other.keywords]


def _sizes_of_siblings(context: Context, call: ast.Call, others: list[ast.Call]) -> Iterator[Proposal]:
    """The number that a layer of the same family, or the same function elsewhere, is given at the same place."""
    for place, value in enumerate(call.args):
        for other in others:
            number = integer(other.args[place]) if place < len(other.args) else None
            if number is not None and integer(value) not in (None, number):
                yield context.swap(1.0, value, str(number))


def _forgotten_layer(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """A layer that the constructor makes and nothing calls."""
    function = context.function(node)
    owner = context.owner(node)
    held = isinstance(node, (ast.Name, ast.Call)) and context.shape(node) is not None
    if not held or owner is None or function is None or not isinstance(context.parents.get(node), _PLACES):
        return
    read = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
    for method in owner.body:
        own = isinstance(method, ast.FunctionDef) and len(method.args.args) == 2 and not method.decorator_list
        if own and method.name not in read and _is_own(context, owner, method.name):  # type: ignore[attr-defined]
            yield context.swap(0.9, node, f"self.{method.name}({context.text(node)})")  # type: ignore[attr-defined]
    for statement in ast.walk(owner):
        if isinstance(statement, ast.Assign) and called(statement.value)[:1].isupper():
            for target in statement.targets:
                if isinstance(target, ast.Attribute) and target.attr not in read:
                    yield context.swap(0.8, node, f"{context.text(target)}({context.text(node)})")


def _is_own(context: Context, owner: ast.ClassDef, name: str) -> bool:
    """Tells whether no base of a class knows a method: Keras calls those that it knows."""
    cls = context.names.get(owner.name)
    return isinstance(cls, type) and name[:2] != "__" and not any(hasattr(b, name) for b in cls.__mro__[1:])


def _turned(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Two tensors passed the wrong way round to a layer or to a function of one's own."""
    own = isinstance(call.func, ast.Name) or context.text(call.func).startswith("self.")
    if len(call.args) < 2 or not (own or called(call)[:1].isupper()):
        return
    one, two = call.args[:2]
    if called(call)[:1].isupper() and context.text(one) != context.text(two):
        edits = (
            *context.swap(0, one, context.text(two)).edits,
            *context.swap(0, two, context.text(one)).edits,
        )
        numbers = (integer(one) is not None) + (integer(two) is not None)
        numbers = 0 if called(call) == "Embedding" else numbers  # which comes first is seldom remembered
        description = f"{context.text(one)}, {context.text(two)} -> the other way round"
        yield Proposal(1.0 + 0.3 * numbers, description, edits)
    if context.shape(one) is not None and context.shape(two) is not None:
        edits = (
            *context.swap(0, one, context.text(two)).edits,
            *context.swap(0, two, context.text(one)).edits,
        )
        yield Proposal(1.2, f"{context.text(one)}, {context.text(two)} -> the other way round", edits)


def _pairs_of_rows(context: Context, node: ast.BinOp) -> Iterator[Proposal]:
    """`a[:, None] * b[None, :]` pairs the rows of a batch; within each row, it pairs the features."""
    sides = [leaf for leaf in _leaves(node) if isinstance(leaf, ast.Subscript)]
    if len(sides) != 2 or not all(len(context.shape(s.value) or ()) == 2 for s in sides):
        return
    texts = ["".join(context.text(s.slice).split()) for s in sides]
    if set(texts) not in ({":,None", "None,:"}, {":,None", "None"}, {":,None", "None,:,:"}):
        return
    new = {":,None": ":, :, None"}
    pairs = [(s.slice, new.get(t, ":, None, :")) for s, t in zip(sides, texts, strict=True)]
    edits = tuple(edit for part, text in pairs for edit in context.swap(0, part, text).edits)
    shown = ", ".join(f"[{text}]" for _, text in pairs)
    yield Proposal(0.8, f"pairs of rows -> pairs within each row: {shown}", edits)


def _leaves(node: ast.expr) -> list[ast.expr]:
    """Returns the operands of a chain such as `a * b * c`."""
    return [*_leaves(node.left), *_leaves(node.right)] if isinstance(node, ast.BinOp) else [node]


def _factors(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`Dense(2 * dim)` whose result is taken apart into three: the factor is the number of parts."""
    owner = context.owner(call)
    if owner is None or not called(call)[:1].isupper():
        return
    counts = _counts(owner)
    for value in (*call.args, *(k.value for k in call.keywords)):
        if not (isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult)):
            continue
        for side in (value.left, value.right):
            number = integer(side)
            for count in sorted(counts):
                if number is not None and number != count and number not in counts:
                    yield context.swap(0.7, side, str(count))


def _counts(owner: ast.ClassDef) -> set[int]:
    """Returns into how many parts the class takes tensors apart."""
    found: set[int] = set()
    for node in ast.walk(owner):
        if called(node) in _SPLITS:
            assert isinstance(node, ast.Call)
            numbers = [
                integer(v) for v in (*node.args[1:2], *(k.value for k in node.keywords if k.arg != "axis"))
            ]
            found |= {n for n in numbers if n is not None and n > 1}
    return found


def _batch_means(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A mean that is added up over batches gives small batches too much weight: a sum does not."""
    parent = context.parents.get(call)
    function = context.function(call)
    if called(call) not in _MEANS or function is None or function.name != "update_state":
        return
    if called(parent) in _ACCUMULATE and isinstance(call.func, ast.Attribute):  # type: ignore[arg-type]
        new = f"{context.text(call.func.value)}.{_MEANS[called(call)]}"
        yield context.swap(1.1, call.func, new)


def _squashed_twice(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Probabilities given to a cross-entropy that wants raw scores, or raw scores where it does not say so."""
    if called(call).endswith("Crossentropy") and not any(k.arg == "from_logits" for k in call.keywords):
        yield context.insert(0.8, call, "from_logits=True")
    if not called(call).endswith("crossentropy") or len(call.args) < 2:
        return
    if not any(k.arg == "from_logits" for k in call.keywords):
        yield context.insert(1.0, call, "from_logits=True")
        return
    scores = call.args[1]
    for made in (scores, *(context.given(scores) if isinstance(scores, ast.Name) else ())):
        if isinstance(made, ast.Call) and called(made) in _SQUASHING and made.args:
            yield context.swap(0.9, made, context.text(made.args[0]))


def _first_of_several(context: Context, call: ast.Call | ast.Name) -> Iterator[Proposal]:
    """A call that gives several tensors, or a name that holds them, used as if it were one."""
    parts = context.parts(call)
    if parts and isinstance(context.parents.get(call), (ast.Assign, *_PLACES)):
        outer = context.parents.get(call)
        whole = called(outer) == "cast" and "int" in context.text(outer)  # type: ignore[arg-type]
        for index in (0, -1):  # places come after values, as in `top_k`
            yield context.swap(
                1.1 if (index == 0) is not whole else 1.4, call, f"{context.text(call)}[{index}]"
            )


def _forgotten_argmax(context: Context, node: ast.Compare | ast.Call) -> Iterator[Proposal]:
    """Class numbers compared with scores for each class."""
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif called(node) in ("equal", "not_equal", "eq"):
        sides = list(node.args)
    else:
        return
    if len(sides) != 2:
        return
    for scores, labels in (sides, sides[::-1]):
        one, two = context.shape(scores), context.shape(labels)
        whole = context.dtype(labels).startswith(("int", "uint"))
        if (
            one
            and two is not None
            and len(one) == len(two) + 1
            and whole
            and context.dtype(scores).startswith("float")
        ):
            text = context.spell("argmax", node, context.text(scores), "-1")
            if text is not None:
                yield context.swap(1.1, scores, text)
