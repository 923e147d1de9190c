"""A lever pulled: the setting that a finding names, as a change of the user's source."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from kerascope.explain import scopes
from kerascope.explain.fixes.patch import Edit, splice
from kerascope.explain.remedies import edits
from kerascope.explain.remedies.edits import Change
from kerascope.explain.remedies.program import Program, spelled
from kerascope.explain.scopes import Module
from kerascope.explain.source import DATA
from kerascope.values import Lever, SourceSpan

_OPTIMIZERS = {
    name.lower(): name
    for name in ("SGD", "Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "Ftrl", "Lion", "Nadam", "RMSprop")
}
_STAYS = ("epochs", "batch_size")


@dataclasses.dataclass(frozen=True)
class Remedy:
    """One way to mend a program: what it does in words, the kind of fault that it is for, and the changes."""

    kind: str
    description: str
    changes: tuple[Change, ...]

    def after(self, program: Program) -> dict[str, str]:
        """Returns the new text of every file that changes."""
        files = sorted({name for name, _ in self.changes})
        unique = list(dict.fromkeys(self.changes))
        return {
            name: splice(program.sources[name], [edit for file, edit in unique if file == name])
            for name in files
        }

    def sound(self, program: Program) -> bool:
        """Tells whether the changes fit together, change anything and leave valid Python."""
        if not self.changes or edits.overlap(self.changes):
            return False
        try:
            after = self.after(program)
            for text in after.values():
                ast.parse(text)
        except (SyntaxError, ValueError, KeyError, IndexError):
            return False
        return any(text != program.sources[name] for name, text in after.items())

    def patch(self, program: Program) -> str:
        """Returns the changes as one unified diff."""
        from kerascope.explain.fixes.patch import Patch

        return "".join(
            Patch(name, self.description, program.sources[name], text)
            .diff()
            .replace(f"/{Path(name).name}\n", f"/{name}\n")
            for name, text in self.after(program).items()
        )

    def with_(self, other: Remedy) -> Remedy:
        """Returns both remedies as one."""
        description = f"{self.description}; {other.description}"
        return Remedy(self.kind, description, (*self.changes, *other.changes))


def pulled(program: Program, kind: str, way: Sequence[Lever], location: SourceSpan) -> Remedy | None:
    """Returns the remedy that pulls all levers of one way; None when one of them cannot be found in the source.

    Args:
        program: the user's program.
        kind: of the finding.
        way: the levers to pull together.
        location: of the finding, for levers whose target is "line".
    """
    changes: list[Change] = []
    for lever in way:
        if lever.argument == "learning_rate" and (lever.value or "").isdigit():
            lever = dataclasses.replace(lever, value=f"{lever.value}.0")  # Keras takes no whole number there
        found = _pull(program, lever, location)
        if not found:
            return None
        changes += found
    description = ", ".join(describe(lever) for lever in way)
    remedy = Remedy(kind, description, tuple(changes))
    return remedy if remedy.sound(program) else None


def describe(lever: Lever) -> str:
    """Returns a lever in words, e.g. "`activation="relu"` in dense_1"."""
    where = f" in {lever.layer.rsplit('/', 1)[-1]}" if lever.layer else {"data": ""}.get(lever.target, "")
    if lever.argument is None:
        if lever.value is None:
            return f"without {lever.layer.rsplit('/', 1)[-1] if lever.layer else 'this line'}"
        return f"`{lever.value}`{where}"
    if lever.value is None:
        return f"without `{lever.argument}`{where}"
    return f"`{lever.argument}={lever.value}`{where}"


def _pull(program: Program, lever: Lever, location: SourceSpan) -> list[Change]:
    if lever.target == "line":
        return _line(program, lever, location)
    if lever.target in DATA:
        return _data(program, lever)
    if lever.target == "optimizer":
        return _optimizer(program, lever)
    found = program.call(lever)
    if found is None:
        return []
    module, call = found
    if lever.argument is None:
        if lever.value is None:
            change = edits.without_layer(module, call)
            return [change] if change else []
        return _replace(module, call, lever.value)
    if lever.value is None:
        change = edits.without_argument(module, call, lever.argument)
        return [change] if change else []
    return _argument(program, lever, module, call)


def _replace(module: Module, node: ast.AST, value: str) -> list[Change]:
    text, needed = spelled(module, value)
    return [edits.replaced(module, node, text), *_import(module, needed)]


def _argument(program: Program, lever: Lever, module: Module, call: ast.Call) -> list[Change]:
    """Sets an argument where its value is written down, or adds it to the call."""
    assert lever.argument is not None and lever.value is not None
    given = program.argument(call, lever.argument)
    if given is None:
        if any(keyword.arg is None for keyword in call.keywords):  # it may be in the **mapping
            return _written(program, lever)
        text, needed = spelled(module, lever.value)
        return [edits.with_argument(module, call, lever.argument, text), *_import(module, needed)]
    if isinstance(given, (ast.Name, ast.Subscript, ast.Attribute)) and (found := _written(program, lever)):
        return found
    return _replace(module, given, lever.value)


def _written(program: Program, lever: Lever) -> list[Change]:
    """Replaces the literal that a variable, a parameter or a configuration got its value from."""
    for place in program.places(lever):
        if place.exact and isinstance(place.node, (ast.Constant, ast.UnaryOp, ast.Call, ast.BinOp)):
            return _replace(place.module, place.node, lever.value or "None")
    return []


def _optimizer(program: Program, lever: Lever) -> list[Change]:
    """Sets an argument of the optimizer, or another optimizer; "sgd" in `compile` becomes a call where it must."""
    compiled = program.call(Lever("compile"))
    made = program.call(Lever("optimizer"))
    if made is not None and scopes.called(made[1]) == "compile":
        made = None
    if made is None and compiled is None:
        return []
    if lever.argument is None:
        if lever.value is None:
            return []
        if made is not None:
            return _replace(*made, lever.value)
        assert compiled is not None
        return _argument(program, Lever("compile", "optimizer", lever.value), *compiled)
    if made is not None:
        if lever.value is None:
            change = edits.without_argument(*made, lever.argument)
            return [change] if change else []
        return _argument(program, lever, *made)
    name = _OPTIMIZERS.get(program.optimizer().lower(), program.optimizer())
    if not name or compiled is None or lever.value is None:
        return []
    whole = f"keras.optimizers.{name}({lever.argument}={lever.value})"
    return _argument(program, Lever("compile", "optimizer", whole), *compiled)


def _line(program: Program, lever: Lever, location: SourceSpan) -> list[Change]:
    """Replaces the expression that a finding points at, or takes its statement out."""
    module = program.modules().get(location.file or "") or _by_end(program, location.file)
    if module is None or location.line is None:
        return []
    node = _node_at(module, location)
    if node is None:
        return []
    if lever.value is not None:
        if lever.argument is not None and isinstance(node, ast.Call):
            return _argument_here(program, module, node, lever.argument, lever.value)
        return _replace(module, node, lever.value)
    if lever.argument is not None and isinstance(node, ast.Call):
        change = edits.without_argument(module, node, lever.argument)
        return [change] if change else []
    statement = edits.statement_of(module, node)
    return [edits.deleted(module, statement)] if statement is not None else []


def _argument_here(program: Program, module: Module, call: ast.Call, name: str, value: str) -> list[Change]:
    given = program.argument(call, name)
    text, needed = spelled(module, value)
    change = (
        edits.replaced(module, given, text)
        if given is not None
        else edits.with_argument(module, call, name, text)
    )
    return [change, *_import(module, needed)]


def _by_end(program: Program, file: str | None) -> Module | None:
    """Returns the file whose name a finding gives with another folder in front."""
    name = Path(file).name if file else ""
    fitting = [module for key, module in program.modules().items() if Path(key).name == name]
    return fitting[0] if len(fitting) == 1 else None


def _node_at(module: Module, location: SourceSpan) -> ast.AST | None:
    """Returns the expression at a place: by its columns, by its text, else the statement of that line."""
    on_line = [n for n in ast.walk(module.tree) if getattr(n, "lineno", None) == location.line]
    for node in on_line:
        if isinstance(node, ast.expr) and edits.source_of(module, node) == location.expression:
            return node
    for node in on_line:
        if isinstance(node, ast.stmt) and (
            not location.expression or isinstance(node, (ast.Assign, ast.Expr, ast.Return))
        ):
            return node
    return None


def _data(program: Program, lever: Lever) -> list[Change]:
    """Replaces the expression given to `fit`; ``{}`` in the value stands for what is there now."""
    found = program.call(Lever("fit"))
    if found is None or lever.argument is None or lever.value is None:
        return []
    module, call = found
    given = program.argument(call, lever.argument)
    if given is None:
        return (
            [edits.with_argument(module, call, lever.argument, lever.value)]
            if "{}" not in lever.value
            else []
        )
    return _replace(module, given, lever.value.replace("{}", f"({edits.source_of(module, given)})"))


def _import(module: Module, line: str | None) -> list[Change]:
    """Returns the change that adds an import above the first one of the file."""
    if line is None:
        return []
    first = next((n for n in module.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))), None)
    if first is None or (isinstance(first, ast.ImportFrom) and first.module == "__future__"):
        return [(module.name, Edit((1, 1, 0, 0), f"{line}\n"))]
    return [edits.inserted(module, first, [line])]
