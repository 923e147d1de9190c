"""Edits of how an object is set up: `super` written wrongly, attributes that Keras owns, unknown words."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from kerascope._keras import objects
from kerascope.explain.fixes.edits.context import Context, Proposal, called, position
from kerascope.explain.fixes.patch import Edit

_MEANT = {
    "xavier": "glorot_uniform", "xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal",
    "glorot": "glorot_uniform", "kaiming": "he_normal", "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal", "he": "he_normal", "lecun": "lecun_normal", "normal": "random_normal",
    "uniform": "random_uniform", "eye": "identity", "const": "zeros", "float": "float32", "int": "int32",
    "double": "float64", "half": "float16", "long": "int64", "boolean": "bool", "swish": "silu",
    "lrelu": "leaky_relu", "log_sigmoid": "log_sigmoid", "logsoftmax": "log_softmax", "sigm": "sigmoid",
}  # fmt: skip
"""Words of other libraries for what Keras knows under another name."""
_TYPES = ("float16", "float32", "float64", "bfloat16", "int8", "int32", "int64", "uint8", "bool")
_PADDING = ("same", "valid", "causal", "channels_last", "channels_first")
_SETUP = ("activation", "initializer", "regularizer", "constraint", "padding", "dtype", "data_format")


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class: attributes that are set where Keras has a property of that name."""
    yield from _counters(context, owner)
    yield from _unbuilt(context, owner)
    cls = context.names.get(owner.name)
    bases = cls.__mro__[1:] if isinstance(cls, type) else ()
    places = [n for n in ast.walk(owner) if isinstance(n, ast.Attribute) and context.text(n.value) == "self"]
    for name in dict.fromkeys(n.attr for n in places if isinstance(n.ctx, ast.Store)):
        kept = next((vars(base)[name] for base in bases if name in vars(base)), None)
        if not (isinstance(kept, property) and kept.fset is None):
            continue
        edits = tuple(
            edit for n in places if n.attr == name for edit in context.swap(0, n, f"self.own_{name}").edits
        )
        yield Proposal(0.4, f"self.{name} -> self.own_{name}", edits)


_WEIGHTS = ("embeddings", "kernel", "bias", "gamma", "beta")


def _unbuilt(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """`self.embedding.embeddings` of a layer that nothing has called or built yet: built with this one."""
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    build, call = methods.get("build"), methods.get("call")
    if build is None or call is None or not build.body:
        return
    built = {
        ast.unparse(n.func.value)
        for n in ast.walk(build)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    }
    for node in ast.walk(call):
        held = node.value if isinstance(node, ast.Attribute) and node.attr in _WEIGHTS else None
        name = (
            context.text(held)
            if isinstance(held, ast.Attribute) and context.text(held.value) == "self"
            else ""
        )
        if not name or name in built:
            continue
        first = build.body[0]
        embedded = isinstance(node, ast.Attribute) and node.attr == "embeddings"
        shapes = [a.arg for a in build.args.args[1:2]]
        for cost, shape in ((0.5, "(None,)"), *((0.4, s) for s in shapes)):
            at = (first.lineno, first.lineno, first.col_offset, first.col_offset)
            cost += 0.2 * (embedded and shape != "(None,)")
            text = f"{name}.build({shape})\n{' ' * first.col_offset}"
            yield Proposal(cost, f"build {name}", (Edit(at, text),))


def _counters(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """`self.total = 0.0` where `self.total.assign_add(...)` wants a variable."""
    assigned = {
        context.text(n.func.value)
        for n in ast.walk(owner)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr.startswith("assign")
    }
    for statement in ast.walk(owner):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(target, ast.Attribute) or context.text(target) not in assigned:
            continue
        value = statement.value  # type: ignore[attr-defined]
        if isinstance(value, ast.Constant) or called(value) in ("zeros", "convert_to_tensor", "constant"):
            new = f'self.add_weight(shape=(), initializer="zeros", name="{target.attr}")'
            yield context.swap(0.4, value, new)


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Call):
        yield from _super(context, node)
    elif isinstance(node, ast.Attribute) and node.attr == "__init__":
        if not (isinstance(parent := context.parents.get(node), ast.Call) and parent.func is node):
            yield context.swap(0.3, node, "super().__init__()")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _words(context, node)
    elif isinstance(node, ast.Attribute) and node.attr in _TYPES and context.resolve(node) is None:
        yield context.swap(0.4, node, f'"{node.attr}"')


def _super(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """`super().__init__(self, ...)`, `super.__init__()`, `super(Own).__init__()`."""
    func = call.func
    if not isinstance(func, ast.Attribute):
        return
    base = func.value
    inner = isinstance(base, ast.Call) and context.text(base.func) == "super"
    if inner and call.args and context.text(call.args[0]) == "self":
        rest = ", ".join(context.text(a) for a in (*call.args[1:], *call.keywords))
        yield context.swap(0.3, call, f"{context.text(func)}({rest})")
    if context.text(base) == "super" or (inner and len(base.args) == 1):  # type: ignore[attr-defined]
        yield context.swap(0.3, base, "super()")
    owner = context.owner(call)
    given = {k.arg for k in call.keywords}
    function = context.function(call)
    if not inner or func.attr != "__init__" or function is None or owner is None:
        return
    # What the constructor takes for itself and hands on to Keras, which does not know it.
    if call.args and context.text(call.args[0]) != "self":
        words = ", ".join(context.text(k) for k in call.keywords)
        yield context.swap(0.8, call, f"{context.text(func)}({words})")
    strange = [k for k in call.keywords if k.arg in given - {None, "name", "dtype", "trainable", "reduction"}]
    if strange:
        kept = [context.text(a) for a in (*call.args, *(k for k in call.keywords if k not in strange))]
        yield context.swap(0.9, call, f"{context.text(func)}({', '.join(kept)})")


def _words(context: Context, node: ast.Constant) -> Iterator[Proposal]:
    """`"xavier"`, `"Relu"`, `"same "`: the nearest word that Keras knows."""
    parent = context.parents.get(node)
    if not isinstance(parent, (ast.keyword, ast.Call, ast.Assign, ast.arguments)):
        return
    if isinstance(parent, ast.keyword) and not (parent.arg or "").endswith(_SETUP):
        return
    word = str(node.value)
    known = (*_TYPES, *_PADDING, *objects.words())
    if word in known or not word.strip() or len(word) > 30 or called(parent) == "einsum":
        return
    meant = _MEANT.get(word.strip().lower(), word.strip().lower())
    near = [meant] if meant in known else difflib.get_close_matches(meant, known, 2, 0.75)
    quote = context.text(node)[0]
    for index, other in enumerate(near):
        yield Proposal(
            0.4 + 0.1 * index,
            f"{context.text(node)} -> {quote}{other}{quote}",
            (Edit(position(node), f"{quote}{other}{quote}"),),
        )
