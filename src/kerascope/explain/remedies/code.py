"""Edits of the user's own layers, losses and train steps, for the kinds of fault that live there.

Each proposal is a guess about one line; only what an experiment makes of it decides whether it is shown as verified.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from kerascope.explain import scopes
from kerascope.explain.remedies import edits, flattened, turned
from kerascope.explain.remedies.edits import Change
from kerascope.explain.remedies.program import Program, spelled
from kerascope.explain.scopes import Module
from kerascope.values import Finding

Made = tuple[str, tuple[Change, ...]]


def rewrites(program: Program, finding: Finding) -> Iterator[Made]:
    """Yields (description, changes) for a finding in the user's own code, the likeliest first."""
    made = _KINDS.get(finding.kind)
    module = _module(program, finding)
    if made is None or module is None or finding.location.line is None:
        return
    line = finding.location.line
    last = finding.location.end_line or line
    nodes = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.expr, ast.stmt)) and line <= node.lineno <= last
    ]
    for description, changes in made(module, nodes):
        yield description, tuple(changes)


def _module(program: Program, finding: Finding) -> Module | None:
    modules = program.modules()
    file = finding.location.file or ""
    fitting = [m for name, m in modules.items() if name == file or file.endswith("/" + name)]
    fitting = fitting or [
        m for name, m in modules.items() if name.rsplit("/", 1)[-1] == file.rsplit("/", 1)[-1]
    ]
    return fitting[0] if len(fitting) == 1 else None


Nodes = list["ast.expr | ast.stmt"]
Maker = Callable[[Module, Nodes], Iterator[tuple[str, list[Change]]]]


def _axes(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    for node in nodes:
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg in ("axis", "dim", "axes"):
                for value in ("-1", "1", "0", "2"):
                    if edits.source_of(module, keyword.value) != value:
                        yield f"`{keyword.arg}={value}`", [edits.replaced(module, keyword.value, value)]


def _domains(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Keeps the argument of a logarithm, a root or a division away from where it has no value."""
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and node.args
            and scopes.called(node) in ("log", "log2", "log10", "sqrt", "rsqrt")
        ):
            inner = edits.source_of(module, node.args[0])
            clip = _function(module, node, "clip")
            if scopes.called(node).startswith("log"):
                both = [
                    (inside, edits.source_of(module, inside)) for inside in (n.args[0] for n in _logs(nodes))
                ]
                yield (
                    "logarithms of at least 1e-7",
                    [edits.replaced(module, inside, f"{clip}({text}, 1e-7, 1e9)") for inside, text in both],
                )
            yield f"`{inner} + 1e-7`", [edits.replaced(module, node.args[0], f"{inner} + 1e-7")]
        if (
            isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
            and not isinstance(node.right, ast.Constant)
        ):
            inner = edits.source_of(module, node.right)
            yield f"a division by `{inner} + 1e-7`", [edits.replaced(module, node.right, f"({inner} + 1e-7)")]


def _logs(nodes: Nodes) -> list[ast.Call]:
    return [n for n in nodes if isinstance(n, ast.Call) and n.args and scopes.called(n).startswith("log")]


def _function(module: Module, call: ast.Call, name: str) -> str:
    """Returns `name` in the library of a call: ``ops.log`` gives ``ops.clip``."""
    if isinstance(call.func, ast.Attribute):
        library = edits.source_of(module, call.func.value)
        if library in ("tf", "tf.math"):
            return "tf.clip_by_value"
        return f"{library}.{name}"
    return spelled(module, f"keras.ops.{name}")[0]


def _flags(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Hands on the flag of the method instead of a constant, or the reverse where the call sets none."""
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        keyword = next((k for k in node.keywords if k.arg == "training"), None)
        function = module.enclosing(node)
        if not isinstance(function, ast.FunctionDef):
            continue
        parameter = _parameter(module, function, "training", "False")
        if keyword is not None:
            yield "`training=training`", [edits.replaced(module, keyword.value, "training"), *parameter]
            if isinstance(keyword.value, ast.Constant) and function.name in ("train_step", "test_step"):
                value = "True" if function.name == "train_step" else "False"
                yield f"`training={value}`", [edits.replaced(module, keyword.value, value)]
        elif _is_layer_call(node):
            value = "True" if function.name == "train_step" else "training"
            extra = parameter if value == "training" else []
            yield f"`training={value}`", [edits.with_argument(module, node, "training", value), *extra]


def _is_layer_call(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
    ) or (isinstance(node.func, ast.Name) and node.func.id == "self")


def _parameter(module: Module, function: ast.FunctionDef, name: str, default: str) -> list[Change]:
    """Returns the change that adds a parameter to a method, nothing when it has it."""
    from kerascope.explain.fixes.patch import Edit

    arguments = function.args
    known = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if any(a.arg == name for a in known):
        return []
    places: list[ast.expr | ast.arg] = [*arguments.args, *arguments.defaults]
    if not places or arguments.vararg or arguments.kwonlyargs:
        return []
    last = max(places, key=lambda a: (a.end_lineno or 0, a.end_col_offset or 0))
    line, column = last.end_lineno or 0, last.end_col_offset or 0
    return [(module.name, Edit((line, line, column, column), f", {name}={default}"))]


def _gates(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Puts something with a gradient in the place of an operation without one."""
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = scopes.called(node)
        inner = edits.source_of(module, node.args[0]) if node.args else ""
        if name in ("stop_gradient", "detach", "round", "floor", "ceil", "sign") and inner:
            yield f"without `{name}`", [edits.replaced(module, node, inner)]
        if name in ("cast", "convert_to_tensor") and node.args and isinstance(node.args[0], ast.Compare):
            compare = node.args[0]
            left = edits.source_of(module, compare.left)
            right = edits.source_of(module, compare.comparators[0])
            difference = left if right in ("0", "0.0") else f"{left} - {right}"
            if isinstance(compare.ops[0], (ast.Lt, ast.LtE)):
                difference = f"{right} - ({left})"
            sigmoid = _function(module, node, "sigmoid") if name == "cast" else "keras.ops.sigmoid"
            yield "a sigmoid for the comparison", [edits.replaced(module, node, f"{sigmoid}({difference})")]
        if name == "numpy" and isinstance(node.func, ast.Attribute):
            yield (
                "without `.numpy()`",
                [edits.replaced(module, node, edits.source_of(module, node.func.value))],
            )


def _signs(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Puts the usual reduction in, takes a sum for a mean, turns a sign."""
    for node in nodes:
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "reduction":
                yield (
                    '`reduction="sum_over_batch_size"`',
                    [edits.replaced(module, keyword.value, '"sum_over_batch_size"')],
                )
    for node in nodes:
        value = node.value if isinstance(node, (ast.Return, ast.Assign)) else None
        if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
            yield "without the minus", [edits.replaced(module, value, edits.source_of(module, value.operand))]
        elif value is not None and isinstance(node, ast.Return):
            text = edits.source_of(module, value)
            yield "with the sign turned", [edits.replaced(module, value, f"-({text})")]
    for node in nodes:
        if isinstance(node, ast.Call) and scopes.called(node) in ("sum", "reduce_sum"):
            mean = "mean" if scopes.called(node) == "sum" else "reduce_mean"
            function = edits.source_of(module, node.func).removesuffix(scopes.called(node)) + mean
            yield "a mean for the sum", [edits.replaced(module, node.func, function)]


def _shapes(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Gives labels and predictions of one loss the same shape before they are combined."""
    for node in nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, (ast.Sub, ast.Mult, ast.Add)):
            continue
        for true, made in ((node.left, node.right), (node.right, node.left)):
            text, like = edits.source_of(module, true), edits.source_of(module, made)
            if isinstance(true, ast.Name) and ("true" in text or text.startswith(("y", "label", "target"))):
                ops = spelled(module, "keras.ops.reshape")[0].removesuffix(".reshape")
                yield (
                    "labels in the shape of the predictions",
                    [edits.replaced(module, true, f"{ops}.reshape({text}, {ops}.shape({like}))")],
                )


def _terms(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Brings two terms that are added to one length before they are, where they come in pairs (of gradients)."""
    for node in nodes:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
            continue
        above = module.parents.get(node)
        if not isinstance(above, (ast.ListComp, ast.GeneratorExp)):
            continue
        pairs = {n.id for g in above.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        used = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in pairs]
        if len(used) == 2 and used[0].id != used[1].id:
            norm = spelled(module, "keras.ops.norm")[0]
            yield (
                "both terms brought to length one",
                [edits.replaced(module, n, f"{n.id} / ({norm}({n.id}) + 1e-7)") for n in used],
            )


def _frozen(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    for node in nodes:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and node.value.value is False
        ):
            yield "`trainable = True`", [edits.replaced(module, node.value, "True")]
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg == "trainable":
                yield "`trainable=True`", [edits.replaced(module, keyword.value, "True")]


def _applied(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Adds the `apply_gradients` that a train step lacks, behind the line that computes the gradients."""
    for node in nodes:
        function = node if isinstance(node, ast.FunctionDef) else module.enclosing(node)
        for statement in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
            value = statement.value if isinstance(statement, ast.Assign) else None
            if (
                not isinstance(value, ast.Call)
                or scopes.called(value) not in ("gradient", "grad")
                or len(value.args) < 2
            ):
                continue
            assert isinstance(statement, ast.Assign)
            target, sources = (
                edits.source_of(module, statement.targets[0]),
                edits.source_of(module, value.args[1]),
            )
            line = f"self.optimizer.apply_gradients(zip({target}, {sources}))"
            yield f"`{line}`", [edits.inserted(module, statement, [line], after=True)]
        return


def _variables(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Takes the variables of another part of the model, for each part that the class names."""
    parts = sorted(
        {
            edits.source_of(module, node.value)
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and node.attr in ("trainable_variables", "trainable_weights")
        }
        | {f"self.{name}" for name in _models_of(module)}
        | {"self"}
    )
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in ("trainable_variables", "trainable_weights"):
            now = edits.source_of(module, node.value)
            for part in parts:
                if part != now:
                    yield f"`{part}.{node.attr}`", [edits.replaced(module, node.value, part)]


def _models_of(module: Module) -> set[str]:
    """Returns the attributes that are called like layers or models in the methods of classes."""
    return {
        node.func.attr
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "self"
        and any(k.arg == "training" for k in node.keywords)
    }


def _resets(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Sets every figure of a metric back in `reset_state`."""
    owner: ast.AST | None = nodes[0] if nodes else None
    while owner is not None and not isinstance(owner, ast.ClassDef):
        owner = module.parents.get(owner)
    if owner is None:
        return
    methods = {n.name: n for n in owner.body if isinstance(n, ast.FunctionDef)}
    reset = methods.get("reset_state") or methods.get("reset_states")
    if reset is None:
        return
    made = {
        edits.source_of(module, n.targets[0])
        for n in ast.walk(owner)
        if isinstance(n, ast.Assign)
        and isinstance(n.value, ast.Call)
        and scopes.called(n.value) in ("add_weight", "add_variable")
    }
    body = edits.source_of(module, reset)
    lacking = sorted(name for name in made if f"{name}.assign" not in body)
    if lacking:
        lines = [f"{name}.assign({name} * 0)" for name in lacking]
        yield "all figures set back", [edits.inserted(module, reset.body[-1], lines, after=True)]


def _masks(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    """Weights a mean over time by the mask; asks an embedding for one."""
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        if scopes.called(node) == "Embedding":
            yield "`mask_zero=True`", [edits.with_argument(module, node, "mask_zero", "True")]
        if (
            scopes.called(node) in ("mean", "reduce_mean")
            and isinstance(node.func, ast.Attribute)
            and node.args
        ):
            ops, x = edits.source_of(module, node.func.value), edits.source_of(module, node.args[0])
            axis = next((edits.source_of(module, k.value) for k in node.keywords if k.arg == "axis"), "1")
            total = "sum" if scopes.called(node) == "mean" else "reduce_sum"
            weight = f"{ops}.expand_dims({ops}.cast(mask, {x}.dtype), -1)"
            text = (
                f"{ops}.{total}({x} * {weight}, axis={axis}) / ({ops}.{total}({weight}, axis={axis}) + 1e-7)"
            )
            function = module.enclosing(node)
            extra = (
                _parameter(module, function, "mask", "None") if isinstance(function, ast.FunctionDef) else []
            )
            yield "a mean over what the mask keeps", [edits.replaced(module, node, text), *extra]


def _losses(module: Module, nodes: Nodes) -> Iterator[tuple[str, list[Change]]]:
    yield from turned.arguments(module, nodes)
    yield from _signs(module, nodes)


_KINDS: dict[str, Maker] = {
    "wrong-layer": flattened.rewrites,
    "wrong-axis": _axes,
    "nan-operation": _domains,
    "training-flag": _flags,
    "disconnected-gradient": _gates,
    "custom-loss-bug": _losses,
    "wrong-labels": turned.rows,
    "broadcast-shape": _shapes,
    "scale-mismatch": _terms,
    "frozen-weights": _frozen,
    "gradients-not-applied": _applied,
    "wrong-variables": _variables,
    "metric-bug": _resets,
    "mask-ignored": _masks,
}
