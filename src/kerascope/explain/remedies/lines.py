"""Edits that mend a kind of fault and are no settings of a call: lines put in, moved or taken out."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from kerascope.explain import scopes
from kerascope.explain.remedies import arrays, edits
from kerascope.explain.remedies.edits import Change
from kerascope.explain.remedies.program import Program, spelled
from kerascope.explain.scopes import Module
from kerascope.values import Finding, Lever

Made = tuple[str, tuple[Change, ...]]

_STANDARD = "({n} - {r}.mean(axis=0)) / ({r}.std(axis=0) + 1e-7)"
_WHOLE = "({n} - {r}.mean()) / ({r}.std() + 1e-7)"
_PIXELS = "{n} / 255.0"


def rewrites(program: Program, finding: Finding) -> Iterator[Made]:
    """Yields (description, changes) of edits that are no settings of a call: lines put in, moved or taken out."""
    made = _REWRITES.get(finding.kind)
    if made is not None:
        yield from made(program, finding)


def _adapted(program: Program, path: str) -> Iterator[Made]:
    """Lets a `Normalization` see the training rows before the training."""
    fed = arrays.feed(program)
    kinds = {layer.get("path"): layer.get("class") for layer in program.layers()}
    if (
        fed is None
        or fed.x is None
        or kinds.get(path) != "Normalization"
        or not isinstance(fed.call.func, ast.Attribute)
    ):
        return
    model, x = (edits.source_of(fed.module, node) for node in (fed.call.func.value, fed.x))
    if isinstance(fed.x, (ast.Name, ast.Subscript, ast.Attribute)):
        name = path.rpartition("/")[2]
        line = f'{model}.get_layer("{name}").adapt({x})'
        yield f"`{line}`", (edits.inserted(fed.module, fed.statement, [line]),)


def _scale_inputs(program: Program, finding: Finding) -> Iterator[Made]:
    if finding.location.layer:
        yield from _adapted(program, finding.location.layer)
    facts = program.array("x")
    shape, high, low = facts.get("shape") or [], facts.get("max"), facts.get("min")
    bytes_ = (
        isinstance(high, (int, float)) and isinstance(low, (int, float)) and low >= 0 and 100 < high <= 255
    )
    image = bytes_ or len(shape) > 3
    forms = (_PIXELS, _WHOLE) if bytes_ else (_WHOLE,) if image else (_STANDARD, _WHOLE)
    yield from arrays.scaled(program, "x", forms)
    yield from _input_layer(program, "keras.layers.BatchNormalization()")


def _input_layer(program: Program, layer: str) -> Iterator[Made]:
    """Puts a layer in front of the first one that has weights, where layers are listed or added one by one."""
    for facts in program.layers():
        if not facts.get("weights"):
            continue
        found = program.call(Lever("layer", None, None, str(facts.get("path"))))
        if found is None:
            continue
        module, call = found
        text, _ = spelled(module, layer)
        parent = module.parents.get(call)
        if isinstance(parent, ast.List):
            yield f"`{text}` in front", (_before(module, parent, call, text),)
        elif isinstance(parent, ast.Call) and scopes.called(parent) == "add":
            statement = edits.statement_of(module, call)
            if statement is not None and isinstance(parent.func, ast.Attribute):
                line = f"{edits.source_of(module, parent.func)}({text})"
                yield f"`{text}` in front", (edits.inserted(module, statement, [line]),)
        return


def _before(module: Module, container: ast.AST, element: ast.expr, text: str) -> Change:
    from kerascope.explain.fixes.patch import Edit

    line, column = element.lineno, element.col_offset
    before = module.lines[line - 1].encode()[:column].decode()
    gap = f",\n{before}" if not before.strip() else ", "
    return module.name, Edit((line, line, column, column), text + gap)


def _fill(program: Program, finding: Finding) -> Iterator[Made]:
    """Puts numbers where the data hold none."""
    given = {lever.argument for way in finding.levers for lever in way if lever.target in ("data", "unsafe")}
    for what in ("x", "y"):
        if what in given:
            yield from arrays.scaled(program, what, ("np.nan_to_num({n}, posinf=0.0, neginf=0.0)",))


def _scale_targets(program: Program, finding: Finding) -> Iterator[Made]:
    yield from arrays.scaled(program, "y", (_WHOLE,))


def _fewer(program: Program, finding: Finding) -> Iterator[Made]:
    """Lets a loop that adds layers run once."""
    lever = Lever("layer", None, None, finding.location.layer)
    found = program.call(lever) if finding.location.layer else None
    for module in [found[0]] if found else program.modules().values():
        for loop in ast.walk(module.tree):
            if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.Call):
                continue
            inside = found is not None and any(node is found[1] for node in ast.walk(loop))
            inside = inside or loop.lineno <= (finding.location.line or 0) <= (loop.end_lineno or 0)
            count = loop.iter.args[-1] if scopes.called(loop.iter) == "range" and loop.iter.args else None
            if inside and count is not None:
                for few in ("1", "2"):
                    yield f"`range({few})`", (edits.replaced(module, count, few),)


def _labels(program: Program, finding: Finding) -> Iterator[Made]:
    yield from arrays.undone(program)
    yield from arrays.aligned(program)
    for line in ("{n} - {r}.min()",):
        yield from arrays.scaled(program, "y", (line,))


def _both_alike(program: Program, finding: Finding) -> Iterator[Made]:
    yield from arrays.mirrored(program)
    yield from arrays.shuffled(program)


def _shuffle(program: Program, finding: Finding) -> Iterator[Made]:
    yield from arrays.shuffled(program)


_REWRITES: dict[str, Callable[[Program, Finding], Iterator[Made]]] = {
    "wrong-layer": _fewer,
    "unscaled-inputs": _scale_inputs,
    "unscaled-targets": _scale_targets,
    "scale-mismatch": _scale_targets,
    "nan-operation": _fill,
    "wrong-labels": _labels,
    "train-val-mismatch": _both_alike,
    "unshuffled-data": _shuffle,
}
