"""Edits of a call's arguments: axes, kept dimensions, orders of axes, switches, words."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer

AXES = {"axis", "dim", "axes", "dims"}
REDUCTIONS = {
    *("sum", "mean", "max", "min", "prod", "std", "var", "amax", "amin", "logsumexp", "norm", "any", "all"),
    *("argmax", "argmin", "median", "average", "count_nonzero", "reduce_sum", "reduce_mean", "reduce_max"),
    *(
        "reduce_min",
        "reduce_prod",
        "reduce_std",
        "reduce_variance",
        "reduce_logsumexp",
        "reduce_any",
        "reduce_all",
    ),
}
_ALONG = {
    "concatenate",
    "concat",
    "cat",
    "stack",
    "split",
    "take",
    "squeeze",
    "flip",
    "cumsum",
    "repeat",
    "gather",
    "chunk",
    "unbind",
    "unstack",
    "roll",
    "tensor_split",
    "array_split",
}
_STEPWISE = {"cumsum", "cumprod", "cummax", "flip", "roll", "diff", "associative_scan", "take"}
_ONES = {"squeeze", "concatenate", "concat", "cat", "stack", "expand_dims", "unsqueeze", "repeat"}
_LAST_BY_DEFAULT = {"softmax", "log_softmax", "normalize"}
_KEEP = {"ops": "keepdims", "jnp": "keepdims", "tf": "keepdims", "torch": "keepdim"}
_SWITCHES = {
    "return_sequences",
    "return_state",
    "keepdims",
    "keepdim",
    "transpose_a",
    "transpose_b",
    "from_logits",
}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if not isinstance(node, ast.Call):
        return
    yield from _axes(context, node)
    yield from _missing_axis(context, node)
    yield from _keep(context, node)
    yield from _switches(context, node)
    yield from _words(context, node)


def rank_of(context: Context, call: ast.Call) -> int:
    """Returns how many axes the tensor has that a call works on, as far as it was seen; else 3."""
    first: ast.AST | None = call.args[0] if call.args else None
    if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
        first = first.elts[0]
    shape = context.shape(first)
    if shape is None and isinstance(call.func, ast.Attribute):
        shape = context.shape(call.func.value)
    if shape is None:
        shape = context.shape(call)
        if shape is not None and called(call) == "stack":
            shape = shape[1:]
    return 3 if shape is None else len(shape)


def _choices(context: Context, call: ast.Call, rank: int, now: int | None) -> list[tuple[float, int]]:
    """Returns the other axes, each with its cost: features last (as -1), steps on axis 1, the batch least of all."""
    if rank < 1:
        return []
    current = None if now is None else now % rank if -rank <= now < rank else None
    one_row = called(call) == "repeat" and (context.shape(_first(call)) or ("B",))[0] == 1
    # Who counts the axes without the batch writes 0 for the steps of a sequence.
    steps = rank > 2 and (
        _along_steps(context, call) or (rank == 3 and current == 0 and "softmax" not in called(call))
    )
    shape = context.shape(_first(call)) or ()
    summed = _summed_over(context, call, rank)
    leaving = 0.25 if rank > 1 and current == rank - 1 else 0.0  # -1 is seldom written by mistake
    found = []
    for axis in range(rank):
        if axis == current:
            continue
        cost = leaving + (0.5 if axis == 0 and rank > 1 and not one_row else 0.0)
        if summed is not None:
            cost += 0.4 * (axis != summed)
        elif axis != (1 if steps else rank - 1):
            cost += 0.02 + 0.01 * axis
        if len(shape) == rank and shape[axis] == 1 and called(call) not in _ONES:
            cost += 0.5  # nothing is to be summed up or normalised along an axis of one
        found.append((cost, -1 if axis == rank - 1 and rank > 1 else axis))
    return sorted(found)


def _summed_over(context: Context, call: ast.Call, rank: int) -> int | None:
    """Returns the axis along which the result of a softmax is summed up later: it has to add up to one there."""
    function = context.function(call)
    parent = context.parents.get(call)
    if "softmax" not in called(call) or function is None or not isinstance(parent, ast.Assign):
        return None
    names = {t.id for t in parent.targets if isinstance(t, ast.Name)}
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or called(node).removeprefix("reduce_") != "sum" or not node.args:
            continue
        axis = next((integer(k.value) for k in node.keywords if k.arg in AXES), None)
        read = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
        if axis is not None and -rank <= axis < rank and read & names:
            return axis % rank
    return None


def _along_steps(context: Context, call: ast.Call) -> bool:
    """Tells whether a function works along the steps of a sequence rather than along the features."""
    name = called(call).removeprefix("reduce_")
    if name in _STEPWISE:
        return True
    if name in ("sum", "mean") and _of_features(context, call):
        return False
    if name == "stack":
        return not (call.args and isinstance(call.args[0], (ast.List, ast.Tuple)))  # a list made step by step
    function = context.function(call)
    keeps = any(k.arg in ("keepdims", "keepdim") for k in call.keywords)
    pools = name in ("mean", "max", "sum", "min", "amax", "amin")
    return (
        pools and not keeps and function is not None and function.name == "call" and not context.in_loss(call)
    )


def _of_features(context: Context, call: ast.Call) -> bool:
    """Tells the sum of a distance or norm, which is over the features of each step."""
    if called(context.parents.get(call, call)) in ("sqrt", "rsqrt", "log"):
        return True
    return bool(call.args) and called(call.args[0]) in ("square", "abs")


def _first(call: ast.Call) -> ast.expr | None:
    return call.args[0] if call.args else None


def _axes(context: Context, call: ast.Call) -> Iterator[Proposal]:
    rank = rank_of(context, call)
    word = context.axis_word(call)
    names = context.parameters(call)
    slots: list[tuple[str, ast.expr]] = [(k.arg, k.value) for k in call.keywords if k.arg in AXES]
    for index, value in enumerate(call.args):
        named = names[index] if index < len(names) else ""
        axis_like = named in AXES or (not names and index >= 1 and called(call) in REDUCTIONS | _ALONG)
        if (
            (axis_like and (word or not names))
            or named in ("axis1", "axis2", "source", "destination")
            or (
                not names
                and called(call) in ("transpose", "swapaxes", "unsqueeze")
                and integer(value) is not None
            )
        ):
            slots.append(("", value))
    slots += [("", value) for value in _passed_axes(context, call)]
    for name, value in slots:
        prefix = f"{name}=" if name else ""
        wide = rank + 1 if called(call) in ("expand_dims", "unsqueeze", "stack") else rank
        for index, (cost, new) in enumerate(_other_axes(context, call, value, wide)):
            edit = context.swap(cost + 0.001 * index, value, new)
            text = context.text(value)
            yield Proposal(edit.cost, f"{prefix}{text} -> {prefix}{new}", edit.edits)
        yield from _where_written(context, call, value, wide)


def _where_written(context: Context, call: ast.Call, value: ast.expr, rank: int) -> Iterator[Proposal]:
    """The axes that a name stands for, changed where they are written down."""
    if not isinstance(value, ast.Name):
        return
    for written in context.given(value):
        none = isinstance(written, ast.Constant) and written.value is None
        if none or integer(written) is not None or isinstance(written, (ast.Tuple, ast.List)):
            for cost, new in _other_axes(context, call, written, rank):
                yield context.swap(cost, written, new)


def _passed_axes(context: Context, call: ast.Call) -> Iterator[ast.expr]:
    """Yields what is passed to a function of the file for a parameter that is named as an axis."""
    for function in ast.walk(context.tree):
        if isinstance(function, ast.FunctionDef) and function.name == called(call):
            names = [a.arg for a in function.args.args if a.arg not in ("self", "cls")]
            yield from (v for name, v in zip(names, call.args, strict=False) if name in AXES)


def _other_axes(context: Context, call: ast.Call, value: ast.expr, rank: int) -> Iterator[tuple[float, str]]:
    now = integer(value)
    if now is not None:
        usual = _usual_axis(context, call)
        for cost, axis in _choices(context, call, rank, now):
            odd = -0.15 if axis == usual else 0.15 if now == usual else 0.0
            odd -= 0.4 * (not -rank <= now < rank)  # there is no such axis
            yield 1.0 + cost + odd, str(axis)
        if called(call) in REDUCTIONS and rank > 2 and now in range(1, rank - 1 if rank > 3 else rank):
            yield 1.0 if rank == 4 else 1.25, f"({', '.join(map(str, range(1, max(rank - 1, 3))))})"
        return
    if isinstance(value, (ast.Tuple, ast.List)):
        current = tuple(integer(x) for x in value.elts)
        left, right = ("(", ")") if isinstance(value, ast.Tuple) else ("[", "]")
        for count in dict.fromkeys((len(current), len(current) + 1, max(len(current) - 1, 1), 1)):
            for axes in itertools.combinations(range(rank), count):
                if axes != current:
                    inner = ", ".join(map(str, axes)) + ("," if count == 1 and left == "(" else "")
                    # The batch axis alone taken out of the list.
                    far = -0.1 if (0, *axes) == current else abs(count - len(current)) * 0.2
                    far += 0.2 * (count < len(current) and current == tuple(range(1, rank - 1)))
                    if axes == tuple(range(1, rank - 1)) and count > 1:
                        far -= 0.15  # all that lie between the batch and the features
                    yield (1.1 if 0 not in axes else 1.7) + far, f"{left}{inner}{right}"
    elif isinstance(value, (ast.Attribute, ast.Name)):
        for cost, axis in _choices(context, call, rank, None):
            yield 1.6 + cost, str(axis)
    elif isinstance(value, ast.Constant) and value.value is None:
        for cost, axis in _choices(context, call, rank, None):
            yield 1.1 + cost, str(axis)
        if rank > 2:
            yield 1.05, f"({', '.join(map(str, range(1, rank)))})"


def _usual_axis(context: Context, call: ast.Call) -> int | None:
    """Returns the axis that at least two other calls of the function name, where no other one is named so often.

    One is enough where it reduces the same tensor, as a mean and a variance do.
    """
    function = context.function(call)
    first = context.text(call.args[0]) if call.args else ""
    found: dict[int, int] = {}
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Call) and node is not call:
            axis = next((integer(k.value) for k in node.keywords if k.arg in AXES), None)
            same = {called(node), called(call)} <= REDUCTIONS and first in map(context.text, node.args[:1])
            if axis is not None:
                found[axis] = found.get(axis, 0) + (2 if same else 1)
    most = [axis for axis, count in found.items() if count > 1]
    return most[0] if len(most) == 1 else None


def _missing_axis(context: Context, call: ast.Call) -> Iterator[Proposal]:
    name = called(call)
    if any(k.arg in AXES for k in call.keywords):
        return
    if name in _LAST_BY_DEFAULT and len(call.args) == 1:
        word = context.axis_word(call)
        for cost, axis in _choices(context, call, rank_of(context, call), -1) if word else ():
            yield context.insert(1.0 + cost, call, f"{word}={axis}")
    if name not in REDUCTIONS | _ALONG:
        return
    word = context.axis_word(call)
    names = context.parameters(call)
    if word is None or (word in names and names.index(word) < len(call.args)):
        return
    if (
        not names
        and name in REDUCTIONS
        and call.args
        and context.kind(getattr(call.func, "value", call)) is None
    ):
        return  # `x.sum(1)`
    rank = rank_of(context, call) + (name == "stack")
    # Without one `take` takes from all in a row; a table that nothing else is made of is looked up by its rows.
    rows = name == "take" and rank > 1 and (context.shape(_first(call)) or ("B",))[0] != "B"
    for cost, axis in _choices(context, call, rank, None):
        yield context.insert(0.4 if rows and axis == 0 else 1.1 + cost, call, f"{word}={axis}")
    if name in REDUCTIONS and "keepdims" in names and not any(k.arg == "keepdims" for k in call.keywords):
        yield context.insert(1.15, call, f"{word}=-1, keepdims=True")
    if name in REDUCTIONS and rank > 2:
        axes = ", ".join(map(str, range(1, rank)))
        yield context.insert(1.2, call, f"{word}=({axes})")


def _keep(context: Context, call: ast.Call) -> Iterator[Proposal]:
    name = called(call)
    names = context.parameters(call)
    word = next((w for w in ("keepdims", "keepdim") if w in names), None)
    if word is None and not names and name in REDUCTIONS:
        torch = isinstance(call.func, ast.Attribute) and context.kind(call.func.value) == "torch"
        word = "keepdim" if torch else "keepdims"
    given = {k.arg: k.value for k in call.keywords}
    axis = next((value for key, value in given.items() if key in AXES), None)
    if name in REDUCTIONS and word and word not in given and integer(axis) == 0 and axis is not None:
        # Taken over the batch to normalise with: over the features, it has to keep its place.
        kept = (
            *context.swap(0, axis, "-1").edits,
            *context.insert(0, call, f"{word}=True").edits,
        )
        yield Proposal(1.25, f"axis=0 -> axis=-1, {word}=True", kept)
    if name in REDUCTIONS and word and not any(k.arg == word for k in call.keywords):
        # Places are looked up with, or made rows of; they are hardly ever set against what they were found in.
        yield context.insert(1.3 if name.startswith("arg") else 0.85, call, f"{word}=True")
    yield from _let_go(context, call, axis, given.get(word or ""))


def _let_go(
    context: Context, call: ast.Call, axis: ast.expr | None, kept: ast.expr | None
) -> Iterator[Proposal]:
    """The axis that is kept where another one was to be reduced away."""
    if axis is None or not (isinstance(kept, ast.Constant) and kept.value is True):
        return
    for cost, new in _other_axes(context, call, axis, rank_of(context, call)):
        edits = (*context.swap(0, axis, new).edits, *context.swap(0, kept, "False").edits)
        yield Proposal(cost + 0.6, f"{context.text(axis)} -> {new}, True -> False", edits)


def _switches(context: Context, call: ast.Call) -> Iterator[Proposal]:
    for keyword in call.keywords:
        value = keyword.value
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            cost = 1.2 if keyword.arg in _SWITCHES else 1.7
            edit = context.swap(cost, value, str(not value.value))
            yield Proposal(
                cost, f"{keyword.arg}={value.value} -> {keyword.arg}={not value.value}", edit.edits
            )
    given = {k.arg for k in call.keywords}
    names = context.parameters(call)
    for word in ("transpose_b", "transpose_a"):
        if word in names and word not in given:
            yield context.insert(1.25 if word == "transpose_b" else 1.4, call, f"{word}=True")
    recurrent = called(call) in ("GRU", "LSTM", "SimpleRNN", "RNN", "ConvLSTM2D")
    if recurrent and "return_sequences" not in given:
        yield context.insert(1.1, call, "return_sequences=True")


def _stepped(call: ast.Call) -> bool:
    return len(call.args) > 2 or any(k.arg == "strides" for k in call.keywords)


def _words(context: Context, call: ast.Call) -> Iterator[Proposal]:
    pairs = {"same": "valid", "valid": "same", "SAME": "VALID", "VALID": "SAME"}
    pairs |= {"channels_first": "channels_last", "channels_last": "channels_first"}
    values = [*call.args, *(k.value for k in call.keywords)]
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value in pairs:
            quote = context.text(value)[0]
            yield context.swap(1.1, value, f"{quote}{pairs[value.value]}{quote}")
    name = called(call).lower()
    if name.startswith("convert"):
        return
    if "conv" in name and "strides" in context.parameters(call) and not _stepped(call):
        # A transposed convolution is there to make something larger.
        yield context.insert(0.9 if "transpose" in name else 1.5, call, "strides=2")
    if "pool" in name and "strides" in context.parameters(call) and len(call.args) < 2 and not _stepped(call):
        yield context.insert(0.9, call, "strides=1")  # a pool of n goes on by n, unless it is said otherwise
    given = any(k.arg == "padding" for k in call.keywords)
    given = given or any(isinstance(v, ast.Constant) and v.value in pairs for v in values)
    if (name.startswith("conv") or "pool" in name) and not given:
        yield context.insert(1.0, call, 'padding="same"')
