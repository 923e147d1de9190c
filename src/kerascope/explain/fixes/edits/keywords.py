"""Edits of keywords that what is called does not take: as it calls them itself, or what stands for them."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.lines.source import MAKERS

_WORDS = {
    "dim": "axis", "dims": "axes", "axes": "axis", "axis": "dim", "perm": "axes", "keepdim": "keepdims",
    "keep_dims": "keepdims", "keepdims": "keepdim", "depth": "num_classes", "newshape": "shape", "input": "x",
    "filters": "units", "units": "filters", "stride": "strides", "kernel": "kernel_size", "size": "shape",
    "prob": "rate", "p": "rate", "std": "stddev", "init": "initializer",
}  # fmt: skip
_ALIKE = 0.7


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _keywords(context, node)
        yield from _by_place(context, node)
        yield from _by_names(context, node)
        yield from _of_the_maker(context, node)


def _keywords(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """Keywords that what is called does not take: as it calls them itself."""
    taken, open_ = _taken(context, call)
    if not taken:
        return
    given = [k for k in call.keywords if k.arg is not None]
    free = [name for name in taken if name not in {k.arg for k in given}][len(call.args) :]
    edits: list[Edit] = []
    shown = []
    for keyword, new in _renamed(context, call, [k for k in given if k.arg not in taken], free):
        word = keyword.arg or ""
        place = (keyword.lineno, keyword.lineno, keyword.col_offset, keyword.col_offset + len(word))
        edits += context.replace(0, place, word, new).edits
        shown.append(f"{word}= -> {new}=")
    if edits:
        yield Proposal(0.4, ", ".join(shown), tuple(edits))
    strange = [k for k in given if k.arg not in taken] if not open_ else []
    if strange and not edits:
        yield from _left_out(context, call, strange)
    twice = [name for name in taken[: len(call.args)] if name in {k.arg for k in given}]
    first = call.args[0] if call.args else None
    if twice and "name" in taken and isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield context.swap(0.3, first, f"name={context.text(first)}")


def _renamed(
    context: Context, call: ast.Call, strange: list[ast.keyword], free: list[str]
) -> Iterator[tuple[ast.keyword, str]]:
    """Yields keywords that are not taken, each with the parameter that it may be meant for.

    Those that no parameter is like are, in their order, what the call lacks, where it lacks as many.
    """
    left, rest = list(free), []
    for keyword in strange:
        others = _meant(keyword.arg or "", left)
        if others:
            left.remove(others[0])
            yield keyword, others[0]
        else:
            rest.append(keyword)
    signature = inspect.signature(callee) if callable(callee := context.resolve(call.func)) else None
    lacking = [n for n in left if signature is not None and _is_required(signature, n)]
    if len(rest) == len(lacking):
        yield from zip(rest, lacking, strict=True)


def _is_required(signature: inspect.Signature, name: str) -> bool:
    return name in signature.parameters and signature.parameters[name].default is inspect.Parameter.empty


def _meant(word: str, free: list[str]) -> list[str]:
    """Returns the parameters that a keyword may be meant for: `act` for `activation`, `heads` for `num_heads`."""
    if (new := _WORDS.get(word, "")) in free:
        return [new]
    near = difflib.get_close_matches(word, free, 1, _ALIKE)
    begun = [name for name in free if len(word) > 1 and (name.startswith(word) or word.startswith(name))]
    parts = set(word.split("_"))
    shared = [name for name in free if parts & set(name.split("_")) or (len(word) > 3 and word in name)]
    return [*near, *begun, *shared]


def _by_place(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`add_weight("w", (3, 4), "ones")`, as it was once written: what each argument is says what it is for."""
    if called(call) not in MAKERS[:2] or not call.args:
        return
    words: list[str] = []
    taken = {k.arg for k in call.keywords}
    for argument in call.args:
        text = context.text(argument)
        name = "initializer"
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            name = "dtype" if argument.value.startswith(("float", "int")) else name
            name = "name" if "name" not in taken and not words else name
        elif isinstance(argument, (ast.Tuple, ast.List)) or "shape" in text:
            name = "shape"
        if name in taken:
            return
        taken.add(name)
        words.append(f"{name}={text}")
    words += [context.text(k) for k in call.keywords]
    if len(call.args) > 1 or "shape" not in words[0]:
        yield context.swap(0.3, call, f"{context.text(call.func)}({', '.join(words)})")


def _left_out(context: Context, call: ast.Call, strange: list[ast.keyword]) -> Iterator[Proposal]:
    """Keywords of other libraries for what is written otherwise here, or not at all."""
    rest = [context.text(a) for a in call.args]
    words = [f"{k.arg}={context.text(k.value)}" for k in call.keywords if k not in strange]
    head = context.text(call.func)
    names = {k.arg: k.value for k in strange}
    for index, word in enumerate(("transpose_a", "transpose_b")):
        value = names.get(word)
        if index < len(rest) and isinstance(value, ast.Constant) and value.value is True:
            rest[index] = context.spell("swap", call, rest[index]) or rest[index]
    last = ""
    if names.keys() & {"direction", "descending", "reverse"} and rest:
        if head.endswith("argsort"):
            rest[0] = f"-{context.atom(call.args[0])}"
        else:
            last = ", axis=-1)"
    text = f"{head}({', '.join([*rest, *words])})"
    prefix = head.rpartition(".")[0]
    yield context.swap(0.4, call, f"{prefix}.flip({text}{last}" if last else text)


def _of_the_maker(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`self.dense(x, activation="relu")`: a word for the one who makes the layer."""
    held, owner = context.text(call.func), context.owner(call)
    if (
        not held.startswith("self.")
        or owner is None
        or context.shape(call) is not None
        or context.parts(call)
    ):
        return
    made = next(
        (
            s.value
            for s in ast.walk(owner)
            if isinstance(s, ast.Assign)
            and isinstance(s.value, ast.Call)
            and held in map(context.text, s.targets)
        ),
        None,
    )
    taken, _ = _taken(context, made) if made is not None else ([], False)
    for keyword in call.keywords:
        if made is None or keyword.arg not in taken or not call.args:
            continue
        kept = [context.text(a) for a in (*call.args, *(k for k in call.keywords if k is not keyword))]
        edits = context.swap(0, call, f"{held}({', '.join(kept)})").edits
        if keyword.arg not in {k.arg for k in made.keywords}:
            edits = (*edits, *context.insert(0, made, context.text(keyword)).edits)
        yield Proposal(0.4, f"give {context.text(keyword)} where the layer is made", edits)


_OF_EVERY_LAYER = (
    "name",
    "dtype",
    "trainable",
    "autocast",
    "activity_regularizer",
    "input_shape",
    "input_dim",
    "weights",
)


def _by_names(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`self.compute_loss(y, y_pred)`: names that are those of other parameters say which they are for."""
    model = getattr(context.names.get("keras"), "Model", None)
    held = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "self"
    method = getattr(model, call.func.attr, None) if held and isinstance(call.func, ast.Attribute) else None
    given = [a.id for a in call.args if isinstance(a, ast.Name)]
    if method is None or not given or len(given) != len(call.args):
        return
    try:
        named = [name for name in inspect.signature(method).parameters if name != "self"]
    except (TypeError, ValueError):
        return
    if set(given) <= set(named) and given != named[: len(given)]:
        words = [*(f"{name}={name}" for name in given), *(context.text(k) for k in call.keywords)]
        yield context.swap(0.4, call, f"{context.text(call.func)}({', '.join(words)})")


def _taken(context: Context, call: ast.Call) -> tuple[list[str], bool]:
    """Returns the names of the parameters of what is called, and whether it takes others too."""
    value = context.resolve(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "add_weight":
        value = getattr(context.names.get("keras"), "Layer", None)
        value = getattr(value, "add_weight", None)
    if value is None or not callable(value):
        return [], False
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return [], False
    open_ = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if open_ and not (isinstance(value, type) or call.keywords):
        return [], False
    named = [
        p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name != "self"
    ]
    return [*named, *(_OF_EVERY_LAYER if open_ else ())], open_
