"""Edits for what a layer keeps: local names, counters, generators of noise, tensors as arrays, layers in sight."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from kerascope.explain.fixes.edits.context import Context, Proposal, called, integer, position
from kerascope.explain.fixes.edits.parameters import end_of_parameters, names_of
from kerascope.explain.fixes.patch import Edit

_MAKES = ("__init__", "build")
_NUMPY = {"normal": ("mean", "stddev"), "uniform": ("minval", "maxval")}
_NUMPY_NAMES = {"normal": ("loc", "scale"), "uniform": ("low", "high")}
Methods = dict[str, ast.FunctionDef]


def of_class(context: Context, owner: ast.ClassDef) -> Iterator[Proposal]:
    """Yields edits of a whole class."""
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    call = methods.get("call")
    if call is not None:
        yield from _local(owner, call)
        yield from _counters(context, owner, methods, call)
        yield from _noise(context, owner, methods, call)
    for name in _MAKES:
        if name in methods:
            yield from _kept(context, methods[name])


def _attribute(node: ast.AST | None) -> str:
    """Returns the name of an attribute of self; "" for anything else."""
    on_self = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if on_self else ""  # type: ignore[union-attr]


def _inserted(after: ast.stmt, text: str) -> Edit:
    line, end = after.end_lineno or 0, after.end_col_offset or 0
    return Edit((line, line, end, end), "\n" + " " * after.col_offset + text)


# -- what call leaves on the layer -------------------------------------------------------------------------------------


def _local(owner: ast.ClassDef, call: ast.FunctionDef) -> Iterator[Proposal]:
    """An attribute that only `call` uses: a local name."""
    inside = {id(node) for node in ast.walk(call)}
    taken = {n.id for n in ast.walk(call) if isinstance(n, ast.Name)} | set(names_of(call))
    for name in dict.fromkeys(_stored(call)):
        nodes = [n for n in ast.walk(owner) if _attribute(n) == name]
        if name not in taken and all(id(n) in inside or isinstance(n.ctx, ast.Store) for n in nodes):  # type: ignore[attr-defined]
            edits = tuple(Edit(position(n), name) for n in nodes if id(n) in inside)
            yield Proposal(0.6, f"self.{name} -> {name} in call", edits)


def _stored(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if (name := _attribute(node)) and isinstance(node.ctx, ast.Store):  # type: ignore[attr-defined]
            yield name


def _counters(
    context: Context, owner: ast.ClassDef, methods: Methods, call: ast.FunctionDef
) -> Iterator[Proposal]:
    """`self.step += 1` of a Python number: a variable that is assigned to, in training only or always."""
    for statement in ast.walk(call):
        if not isinstance(statement, ast.AugAssign) or not isinstance(statement.op, (ast.Add, ast.Sub)):
            continue
        name = _attribute(statement.target)
        made = _made(context, owner, methods, name) if name else None
        if made is None:
            continue
        verb = "assign_add" if isinstance(statement.op, ast.Add) else "assign_sub"
        change = f"self.{name}.{verb}({context.text(statement.value)})"
        always = Edit(position(statement), change)
        yield Proposal(0.9, f"self.{name}: a variable, changed by {verb}", (*made, always))
        end = end_of_parameters(call)
        if "training" in names_of(call) or end is not None:
            taken = () if "training" in names_of(call) or end is None else (Edit(end, ", training=False"),)
            indent = " " * (statement.col_offset + 4)
            only = Edit(position(statement), f"if training:\n{indent}{change}")
            yield Proposal(
                0.7, f"self.{name}: a variable, changed by {verb} in training", (*made, *taken, only)
            )


def _made(context: Context, owner: ast.ClassDef, methods: Methods, name: str) -> tuple[Edit, ...] | None:
    """Returns the edit that makes a variable of a number, wherever the number is set; None where it is not."""
    places: list[ast.FunctionDef | ast.ClassDef] = [*(methods[m] for m in _MAKES if m in methods), owner]
    for function in places:
        for statement in function.body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            target = statement.targets[0]
            plain = isinstance(target, ast.Name) and function is owner and target.id == name
            if not plain and _attribute(target) != name:
                continue
            value = statement.value.value if isinstance(statement.value, ast.Constant) else None
            kind = "zeros" if value == 0 else "ones" if value == 1 else None
            if kind is None:
                return None
            new = f'self.{name} = self.add_weight(shape=(), initializer="{kind}", trainable=False, name="{name}")'
            if not plain:
                return (Edit(position(statement), new),)
            if "build" in methods:
                return (_inserted(methods["build"].body[-1], new),)
            indent = " " * statement.col_offset
            head = f"def build(self, input_shape):\n{indent * 2}"
            return (Edit(position(statement), head + new),)
    return None


# -- random numbers ----------------------------------------------------------------------------------------------------


def _noise(
    context: Context, owner: ast.ClassDef, methods: Methods, call: ast.FunctionDef
) -> Iterator[Proposal]:
    """Numbers drawn with a fixed seed, or by NumPy: drawn with a generator that the layer keeps."""
    module = _random_module(context)
    if module is None:
        return
    edits, seed = [], ""
    for node in ast.walk(call):
        if not isinstance(node, ast.Call):
            continue
        given = {k.arg: k.value for k in node.keywords}
        func = node.func
        drawn = isinstance(func, ast.Attribute) and hasattr(context.resolve(func.value), "SeedGenerator")
        if drawn and "seed" in given:
            fixed = given["seed"]
            edits.append(Edit(position(fixed), "self.seed_generator"))
            seed = context.text(fixed) if integer(fixed) is not None or _attribute(fixed) else seed
        elif drawn:
            edits += context.insert(0.7, node, "seed=self.seed_generator").edits
        elif isinstance(func, ast.Attribute) and ast.unparse(func.value).endswith(
            ("np.random", "numpy.random")
        ):
            text = _by_keras(context, node, module)
            if text is None:
                return
            outer: ast.AST = context.parents.get(context.parents.get(node, node), node)
            edits.append(Edit(position(outer if called(outer) == "astype" else node), text))
    if not edits:
        return
    new = f"self.seed_generator = {module}.SeedGenerator({seed})"
    if "__init__" in methods:
        edits.append(_inserted(methods["__init__"].body[-1], new))
    else:
        indent = " " * call.col_offset
        first = owner.body[0]
        if isinstance(first, ast.Expr) and len(owner.body) > 1:
            first = owner.body[1]
        place = (first.lineno, first.lineno, first.col_offset, first.col_offset)
        text = f"def __init__(self, **kwargs):\n{indent * 2}super().__init__(**kwargs)\n{indent * 2}{new}\n\n{indent}"
        edits.append(Edit(place, text))
    yield Proposal(0.6, "draw with a generator that the layer keeps", tuple(edits))


def _random_module(context: Context) -> str | None:
    """Returns how the file can write Keras's module of random numbers."""
    for name, value in context.names.items():
        if getattr(value, "__name__", "") == "keras":
            return f"{name}.random"
    for name, value in context.names.items():
        if hasattr(value, "SeedGenerator") and hasattr(value, "truncated_normal"):
            return name
    return None


def _by_keras(context: Context, call: ast.Call, module: str) -> str | None:
    """Returns the call of Keras's function in the place of NumPy's; None where it is another sort of draw."""
    name = called(call)
    given = {k.arg: context.text(k.value) for k in call.keywords}
    if name not in _NUMPY or "size" not in given:
        return None
    size = given.pop("size")
    owner, _, last = size.rpartition(".")
    prefix = next((p for p in context.prefixes() if p.split(".")[-1] == "ops"), None)
    if last == "shape" and owner.isidentifier() and prefix is not None:
        size = f"{prefix}.shape({owner})"  # the size of the batch may not be known
    elif last != "shape" and not size.startswith("("):
        size = f"({size},)"  # NumPy takes a number for a shape, too
    words = dict(zip(_NUMPY_NAMES[name], _NUMPY[name], strict=True))
    extra = [f"{words[key]}={value}" for key, value in given.items() if key in words]
    extra += [f"{word}={context.text(a)}" for word, a in zip(_NUMPY[name], call.args, strict=False)]
    return f"{module}.{name}({', '.join([size, *extra])}, dtype=self.compute_dtype, seed=self.seed_generator)"


# -- what Keras does not see -------------------------------------------------------------------------------------------


def _kept(context: Context, function: ast.FunctionDef) -> Iterator[Proposal]:
    """Tensors kept as the arrays that they are made of, and layers inside other objects kept in attributes too."""
    for statement in ast.walk(function):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if _attribute(target) and called(value) in ("convert_to_tensor", "array", "constant"):
            assert isinstance(value, ast.Call)
            if (
                len(value.args) == 1
                and isinstance(value.func, ast.Attribute)
                and context.kind(value.func.value)
            ):
                yield context.swap(0.6, value, context.text(value.args[0]))
        elif isinstance(target, ast.Attribute) and _attribute(target.value):
            new = f"self.{target.attr} = {context.text(target)}"
            yield Proposal(0.7, f"add {new}", (_inserted(statement, new),))
        if _attribute(target) and isinstance(value, ast.Call):
            name = context.text(target)
            new = f"{name}_layers = list(vars({name}).values())"
            yield Proposal(1.0, f"add {new}", (_inserted(statement, new),))
