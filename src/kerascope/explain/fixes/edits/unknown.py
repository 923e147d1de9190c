"""Edits of what is not there: names without `self.`, functions as other libraries have them."""

from __future__ import annotations

import ast
import builtins
import difflib
import types
from collections.abc import Iterator
from typing import TypeGuard

from kerascope.explain.fixes.edits.context import Context, Proposal
from kerascope.explain.fixes.edits.parameters import end_of_parameters
from kerascope.explain.fixes.patch import Edit

_ELSEWHERE = {
    "concat": "concatenate", "cat": "concatenate", "pow": "power", "mul": "multiply", "sub": "subtract",
    "div": "divide", "neg": "negative", "gather": "take", "unsqueeze": "expand_dims", "permute": "transpose",
    "permute_dimensions": "transpose", "bmm": "matmul", "mm": "matmul", "batch_dot": "matmul", "range": "arange",
    "constant": "convert_to_tensor", "tensor": "convert_to_tensor", "as_tensor": "convert_to_tensor",
    "clip_by_value": "clip", "clamp": "clip", "l2_normalize": "normalize", "int_shape": "shape", "sqr": "square",
    "reduce_variance": "var", "variance": "var", "view": "reshape", "repeat_interleave": "repeat", "to": "cast",
    "unbind": "unstack", "chunk": "split", "acos": "arccos", "batch_matmul": "matmul", "astype": "cast",
    "reduce_std": "std", "ln": "log", "switch": "where", "is_nan": "isnan", "add_n": "sum", "argwhere": "nonzero",
    "to_categorical": "one_hot", "random_normal": "normal", "l2_norm": "norm", "moveaxes": "moveaxis",
    "repeat_elements": "repeat", "fill": "full", "matvec": "matmul", "triu_indices": "triu",
    "Linear": "Dense", "LayerNorm": "LayerNormalization", "BatchNorm": "BatchNormalization",
    "BatchNorm1d": "BatchNormalization", "BatchNorm2d": "BatchNormalization", "GroupNorm": "GroupNormalization",
    "RMSNorm": "RMSNormalization", "MultiheadAttention": "MultiHeadAttention", "ConvTranspose2d": "Conv2DTranspose",
    "MaxPool1d": "MaxPooling1D", "MaxPool2d": "MaxPooling2D", "AvgPool1d": "AveragePooling1D",
    "AvgPool2d": "AveragePooling2D", "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D",
    "AvgPool2D": "AveragePooling2D", "AdaptiveAvgPool1d": "GlobalAveragePooling1D",
    "AdaptiveAvgPool2d": "GlobalAveragePooling2D", "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D", "Upsample": "UpSampling2D", "Parameter": "Variable",
}  # fmt: skip
"""Functions of tensors as other libraries call them, and as Keras does."""
_METHODS = {"add_variable": "add_weight", "add_parameter": "add_weight", "register_buffer": "add_weight"}
"""What other libraries call the methods of a layer."""
_RANDOM = ast.parse("keras.random", mode="eval").body
_ALIKE = 0.7
_MODES = ("training", "mask", "sample_weight")
_AWAY = ("numpy", "detach", "cpu", "eval", "contiguous", "as_list", "clone")
"""Methods of tensors that keep the numbers as they are, and that not every backend has."""


def propose(context: Context, node: ast.expr) -> Iterator[Proposal]:
    """Yields the edits of this family for one expression."""
    if isinstance(node, ast.Name):
        yield from _name(context, node)
    elif isinstance(node, ast.Attribute):
        yield from _of_self(context, node)
    elif isinstance(node, ast.Call):
        yield from _method(context, node)


def of_function(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Yields edits of a whole function: all functions that a module does not have, by the names that it has."""
    edits: list[Edit] = []
    shown = ""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            new = next(_of_module(context, node), None)
            if new is not None:
                shown = shown or f"{context.text(node)} -> {new}"
                edits += context.swap(0, node, new).edits
    if edits:
        more = f", and {len(edits) - 1} more" if len(edits) > 1 else ""
        yield Proposal(0.4, f"{shown}{more}", tuple(edits))


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class: what the constructor is given and does not keep, kept."""
    init = next((n for n in owner.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is None:
        return
    given = [a.arg for a in (*init.args.args, *init.args.kwonlyargs)][1:]
    known = set(held(context, owner))
    read = {n.attr for n in ast.walk(owner) if _on_self(n)}
    for name in given:
        if name in read - known and not _inherited(context, owner, name):
            last = init.body[-1]
            line, end = last.end_lineno or last.lineno, last.end_col_offset or 0
            new = f"self.{name} = {name}"
            text = f"\n{' ' * last.col_offset}{new}"
            yield Proposal(0.4, f"add {new}", context.replace(0, (line, line, end, end), "", text).edits)


# -- names and attributes ---------------------------------------------------------------------------------------------


def _name(context: Context, node: ast.Name) -> Iterator[Proposal]:
    """A name that is not known where it is read: one of `self`, of a module, or another one that is written alike."""
    function = context.function(node)
    if function is None or node.id in context.names or hasattr(builtins, node.id) or _bound(context, node):
        return
    owner = context.owner(node)
    end = end_of_parameters(function) if node.id in _MODES else None
    if end is not None:
        default = "False" if node.id == "training" else "None"
        yield Proposal(0.3, f"add the parameter {node.id}={default}", (Edit(end, f", {node.id}={default}"),))
    if owner is not None and node.id in held(context, owner):
        yield context.swap(0.4, node, f"self.{node.id}")
    for prefix in context.prefixes():
        if hasattr(context.resolve(ast.parse(prefix, mode="eval").body), node.id):
            yield context.swap(0.6, node, f"{prefix}.{node.id}")
    stored = [n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    parameters = [a.arg for a in (*function.args.args, *function.args.kwonlyargs) if a.arg != "self"]
    before = [n.id for n in stored if n.lineno < node.lineno]
    read = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    known = held(context, owner) if owner is not None else []
    for name in dict.fromkeys((*reversed(before), *parameters, *(f"self.{n}" for n in known))):
        alike = difflib.SequenceMatcher(None, node.id, name.removeprefix("self.")).ratio()
        if not name.startswith("self.") or alike > _ALIKE:
            yield context.swap(1.0 - 0.4 * alike - 0.3 * (name not in read), node, name)


def _bound(context: Context, node: ast.Name) -> bool:
    """Tells whether a name is set before it is read: in its function, in one around it, or by a comprehension."""
    scope = context.parents.get(node)
    while scope is not None:
        if isinstance(scope, (ast.FunctionDef, ast.Lambda)):
            arguments = scope.args
            given = [*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            if node.id in {a.arg for a in given if a is not None}:
                return True
        if isinstance(scope, (ast.FunctionDef, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)):
            for inner in ast.walk(scope):
                stored = (
                    isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store) and inner.id == node.id
                )
                comprehended = stored and not isinstance(scope, ast.FunctionDef)
                if stored and (comprehended or inner.lineno < node.lineno):  # type: ignore[attr-defined]
                    return True
                if isinstance(inner, ast.FunctionDef) and inner.name == node.id:
                    return True
        scope = context.parents.get(scope)
    return False


def _of_self(context: Context, node: ast.Attribute) -> Iterator[Proposal]:
    """`self.dense_1` where only `self.dense1` is ever set."""
    owner = context.owner(node)
    if owner is None or not _on_self(node):
        return
    known = held(context, owner)
    if node.attr in _METHODS and node.attr not in known:
        yield context.swap(0.5, node, f"self.{_METHODS[node.attr]}")
    if node.attr in known or _inherited(context, owner, node.attr):
        return
    read = {n.attr for n in ast.walk(owner) if _on_self(n)}
    called_ = isinstance(parent := context.parents.get(node), ast.Call) and parent.func is node
    if called_:
        methods = [name for name in dir(context.names[owner.name]) if name[:1] != "_" and name not in known]
        meant = difflib.get_close_matches(node.attr, methods, 2, 0.8)
        yield from (context.swap(0.5, node, f"self.{name}") for name in meant)
    for name in known:
        alike = difflib.SequenceMatcher(None, node.attr, name).ratio()
        if alike > _ALIKE or name not in read:
            yield context.swap(1.0 - 0.5 * alike - 0.2 * (name not in read), node, f"self.{name}")
        elif isinstance(getattr(context.parents.get(node), "ctx", None), ast.Load):
            yield context.swap(1.3 - 0.3 * alike, node, f"self.{name}")


def _on_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _is_self(node.value)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def held(context: Context, owner: ast.ClassDef) -> list[str]:
    """Returns the attributes that a class of the file sets, and the methods that it has; those of its bases too."""
    named = {ast.unparse(base) for base in owner.bases}
    bases = [
        n for n in context.tree.body if isinstance(n, ast.ClassDef) and n.name in named and n is not owner
    ]
    found: dict[str, None] = {}
    for cls in (owner, *bases):
        for node in ast.walk(cls):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
                found.setdefault(node.attr)
        found.update(dict.fromkeys(n.name for n in cls.body if isinstance(n, ast.FunctionDef)))
        targets = [t for n in cls.body if isinstance(n, ast.Assign) for t in n.targets]
        targets += [n.target for n in cls.body if isinstance(n, ast.AnnAssign)]
        found.update(dict.fromkeys(t.id for t in targets if isinstance(t, ast.Name)))
    return list(found)


def _inherited(context: Context, owner: ast.ClassDef, name: str) -> bool:
    """Tells whether a base class has an attribute, or may set it: what it sets is not known."""
    cls = context.names.get(owner.name)
    return not isinstance(cls, type) or hasattr(cls, name) or name in ("name", "built", "dtype")


# -- functions of modules ---------------------------------------------------------------------------------------------


def _of_module(context: Context, node: ast.Attribute) -> Iterator[str]:
    """Yields what stands for a function that its module does not have: another name, or another module."""
    module = context.resolve(node.value)
    inner = isinstance(context.parents.get(node), ast.Attribute)
    if module is None and not inner and _is_foreign(context, node.value):
        yield from _of_another_library(context, node.attr)
    if not isinstance(module, types.ModuleType) or hasattr(module, node.attr):
        return
    name = node.attr
    prefix = ast.unparse(node.value)
    plain = name.removeprefix("reduce_").removeprefix("random_")
    for other in (plain, _ELSEWHERE.get(name, "")):
        if other and hasattr(module, other):
            yield f"{prefix}.{other}"
    for spelled in context.prefixes():
        found = context.resolve(ast.parse(spelled, mode="eval").body)
        for other in (name, plain, _ELSEWHERE.get(name, "")):
            if other and hasattr(found, other):
                yield f"{spelled}.{other}"
    if "keras" in context.names and hasattr(context.resolve(_RANDOM), plain):
        yield f"keras.random.{plain}"
    for near in difflib.get_close_matches(name, vars(module), 2, 0.75):
        yield f"{prefix}.{near}"


def _is_foreign(context: Context, base: ast.expr) -> bool:
    """Tells a dotted name that begins with one that nothing sets, such as `tf.nn` or `K`."""
    while isinstance(base, ast.Attribute):
        base = base.value
    if not isinstance(base, ast.Name) or base.id in context.names or hasattr(builtins, base.id):
        return False
    return base.id != "self" and not _bound(context, base)


def _of_another_library(context: Context, name: str) -> Iterator[str]:
    """Yields what the file's own modules have for a function of a library that it does not import."""
    plain = name.removeprefix("reduce_").removeprefix("random_")
    own = [n for n in ("layers", "keras.layers", "keras.random", "keras.activations", "random")
           if context.resolve(ast.parse(n, mode="eval").body) is not None]  # fmt: skip
    for spelled in [*context.prefixes(), *own]:
        found = context.resolve(ast.parse(spelled, mode="eval").body)
        for other in dict.fromkeys((_ELSEWHERE.get(name, ""), plain, name)):
            if other and hasattr(found, other):
                yield f"{spelled}.{other}"


def _method(context: Context, call: ast.Call) -> Iterator[Proposal]:
    """A method that tensors of this backend do not have: the function of the same name."""
    func = call.func
    if not isinstance(func, ast.Attribute) or context.kind(func.value) is not None:
        return
    if func.attr in _AWAY and not call.args and context.shape(func.value) is not None:
        yield context.swap(0.5, call, context.text(func.value))
    if context.shape(func.value) is None or context.shape(call) is not None or context.parts(call):
        return
    for prefix in context.prefixes()[:1]:
        module = context.resolve(ast.parse(prefix, mode="eval").body)
        for name in (_ELSEWHERE.get(func.attr, ""), func.attr):
            if name and hasattr(module, name):
                given = [context.text(a) for a in call.args]
                if name in ("reshape", "transpose") and len(given) > 1:
                    given = [f"({', '.join(given)})"]
                given += [f"{k.arg}={context.text(k.value)}" for k in call.keywords if k.arg]
                yield context.swap(
                    0.6, call, f"{prefix}.{name}({', '.join([context.text(func.value), *given])})"
                )
