"""Edits of what Keras and its like once had, written as a whole in another way: `K.batch_dot`, `Reduction.NONE`."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, Shape, called, integer

_WITH_PLACES = {"max": "argmax", "min": "argmin", "sort": "argsort", "median": "", "amax": "", "amin": ""}
"""Functions that give values alone here, and their places beside them elsewhere."""
_KEPT_APART = ("return_state", "return_attention_scores")
_RENAMED = {"auto": "sum_over_batch_size"}


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _batch_dot(context, node)
        yield from _backend(context, node)
    elif isinstance(node, ast.Attribute):
        yield from _member(context, node)
        yield from _one_of_two(context, node, node.value, ("values", "indices"), node.attr)
    elif isinstance(node, ast.Subscript):
        yield from _values_alone(context, node)


def _missing(context: Context, node: ast.expr) -> bool:
    """Tells a function of a module that does not have it, or of one that the file does not know."""
    if not isinstance(node, ast.Attribute):
        return False
    module = context.resolve(node.value)
    return not hasattr(module, node.attr) and (module is None or isinstance(module, types.ModuleType))


# -- the functions of `keras.backend` ---------------------------------------------------------------------------------


def _batch_dot(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Products of stacks along the axes that are given: the operands turned so that `matmul` sums over those."""
    if called(call) != "batch_dot" or len(call.args) < 2 or not _missing(context, call.func):
        return
    a, b = call.args[:2]
    one, two = _shape(context, a), _shape(context, b)
    given = call.args[2] if len(call.args) > 2 else None
    given = next((k.value for k in call.keywords if k.arg == "axes"), given)
    pair = given.elts if isinstance(given, (ast.Tuple, ast.List)) else [given, given]
    first, second = (integer(axis) for axis in pair[:2])
    left, right = context.text(a), context.text(b)
    if len(one) == len(two) == 2:
        text = context.spell("dots", call, context.atom(a), y=context.atom(b))
        if text is not None:
            yield context.swap(0.4, call, text)
        return
    if first is not None and one and first % len(one) == len(one) - 2:
        left = context.spell("swap", call, left) or left
    if second is not None and two and second % len(two) == len(two) - 1:
        right = context.spell("swap", call, right) or right
    text = context.spell("matmul", call, left, y=right)
    if text is not None:
        yield context.swap(0.4, call, text)


def _shape(context: Context, node: ast.expr) -> Shape:
    """Returns the shape of an argument, also of a call that never came to work it out."""
    made = context.given(node) if isinstance(node, ast.Name) else []
    return next((shape for n in (node, *made) if (shape := context.shape(n)) is not None), ())


def _backend(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Functions that have no other name now, but are put together from others."""
    if not _missing(context, call.func) or not call.args or len(call.args) > 3:
        return
    x, rest = call.args[0], [context.text(a) for a in call.args[1:]]
    text: str | None = None
    match called(call), len(rest):
        case "gather", 1:
            prefix = next(iter(context.prefixes()), "ops")
            text = f"{prefix}.take({context.text(x)}, {rest[0]}, axis=0)"
        case "repeat", 1:
            inner = context.spell("expand", call, context.text(x), "1")
            text = None if inner is None else context.spell("repeat", call, inner, "1", rest[0])
        case "batch_flatten", 0:
            rows = context.spell("rows", call, context.text(x))
            text = context.spell("reshape", call, context.text(x), f"({rows}, -1)")
        case "in_train_phase", (1 | 2):
            text = f"({context.text(x)} if training else {rest[0]})"
        case "cast_to_floatx" | "to_dense" | "print_tensor", _:
            text = context.text(x)
        case "bias_add", 1:
            text = f"({context.text(x)} + {rest[0]})"
    if text is not None:
        yield context.swap(0.4, call, text)


# -- words that were members of a class -------------------------------------------------------------------------------


def _member(context: Context, node: ast.Attribute) -> Iterator[Proposal]:
    """`losses.Reduction.SUM`, where the word `"sum"` says it now; what is the default may as well be left out."""
    if (
        not node.attr.isupper()
        or not _missing(context, node.value)
        or not isinstance(node.value, ast.Attribute)
    ):
        return
    if not node.value.attr[:1].isupper():
        return
    word = node.attr.lower()
    yield context.swap(0.3, node, f'"{_RENAMED.get(word, word)}"')
    yield context.swap(0.9, node, "None")


# -- values that come alone here --------------------------------------------------------------------------------------


def _values_alone(context: Context, node: ast.Subscript) -> Iterator[Proposal]:
    """`ops.max(x, axis=1)[0]` and `self.attention(x, x)[0]`, as where values come with their places or weights."""
    call, place = node.value, integer(node.slice)
    yield from _one_of_two(context, node, call, (0, 1), place)
    if not isinstance(call, ast.Call) or place != 0 or context.shape(call) is None or context.parts(call):
        return
    apart = any(k.arg in _KEPT_APART for k in call.keywords)
    if context.text(call.func).startswith("self.") and not apart:
        yield context.swap(0.7, node, context.text(call))


def _one_of_two(
    context: Context, node: ast.expr, call: ast.expr, both: tuple[object, object], which: object
) -> Iterator[Proposal]:
    """The values, or the places, of a function that gives the values alone."""
    name = called(call)
    if which not in both or name not in _WITH_PLACES or not isinstance(call, ast.Call) or context.parts(call):
        return
    if not isinstance(call.func, ast.Attribute) or context.kind(call.func.value) not in ("ops", "jnp"):
        return
    text, head = context.text(call), context.text(call.func)
    if which == both[0]:
        yield context.swap(0.6, node, text)
    elif _WITH_PLACES[name]:
        yield context.swap(0.6, node, f"{head[: -len(name)]}{_WITH_PLACES[name]}{text[len(head) :]}")
