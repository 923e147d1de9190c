"""What the families of edits know: the source, the shapes its expressions had, and how the file spells functions."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import types
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope._keras import objects
from kerascope.explain.fixes.edits.spelling import MODULES, SPELLINGS
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.lines.source import MAKERS
from kerascope.record.lines import Position

Shape = tuple[int | str | None, ...]

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant, ast.Tuple, ast.List)


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A change worth trying. The lower `cost`, the likelier; `description` is "old -> new".

    Changes of one `kind` (the same description where it is empty) are also tried in all places of a function at once.
    """

    cost: float
    description: str
    edits: tuple[Edit, ...]
    kind: str = ""


def position(node: ast.AST) -> Position:
    """Returns where a node stands."""
    n: Any = node
    return n.lineno, n.end_lineno, n.col_offset, n.end_col_offset


def integer(node: ast.AST | None) -> int | None:
    """Returns the value of a literal integer; None of anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = integer(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def called(node: ast.AST) -> str:
    """Returns the last part of the name of what a call calls; "" for other nodes."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class Context:
    """The source of one file, and what a trace has seen in it.

    `shapes` has the shape of each expression by its place, with "B" or "2·B" where it follows the batch; `types` its
    data type; `names` are the file's global names; `batch` is the batch size of the call that was traced; `several`
    are the places of what yielded several tensors at once, `keys` the words by which those of a dict are asked for.
    """

    def __init__(
        self,
        source: str,
        tree: ast.Module,
        names: Mapping[str, Any],
        shapes: Mapping[Position, Shape],
        types_: Mapping[Position, str],
        batch: int | None,
        several: frozenset[Position] = frozenset(),
        keys: Mapping[Position, tuple[str, ...]] | None = None,
    ) -> None:
        self.source, self.tree, self.names, self.batch = source, tree, names, batch
        self._several = several
        self._keys = keys or {}
        self.unread: dict[ast.ClassDef, dict[str, ast.expr]] = {}  # filled by `idle_state`
        self._shapes, self._types = shapes, types_
        self._lines = source.encode().splitlines(keepends=True)
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        self.dims = sorted(
            {size for shape in shapes.values() for size in shape if isinstance(size, int) and size > 1}
        )

    # -- text -----------------------------------------------------------------------------------------------------

    def text(self, node: ast.AST) -> str:
        """Returns the source of a node, as it stands."""
        first, last, begin, end = position(node)
        if first == last:
            return self._lines[first - 1][begin:end].decode()
        parts = [self._lines[first - 1][begin:], *self._lines[first : last - 1], self._lines[last - 1][:end]]
        return b"".join(parts).decode()

    def atom(self, node: ast.AST) -> str:
        """Returns the source of a node, in parentheses where something could bind more tightly."""
        text = self.text(node)
        return text if isinstance(node, _ATOMS) else f"({text})"

    def swap(self, cost: float, node: ast.AST, new: str) -> Proposal:
        """Returns the proposal to write `new` in place of a node."""
        return Proposal(cost, f"{short(self.text(node))} -> {short(new)}", (Edit(position(node), new),))

    def insert(self, cost: float, call: ast.Call, argument: str) -> Proposal:
        """Returns the proposal to give a call one more argument."""
        _first, _last, _begin, _end = position(call)
        text = self.text(call)
        inner = text.rstrip()[:-1].rstrip()
        comma = "" if inner.endswith((",", "(")) else ", "
        if inner.endswith(","):
            comma = " "
        after = _end_of(position(call), text, inner)
        return Proposal(cost, f"add {argument}", (Edit(after, comma + argument),))

    def replace(self, cost: float, place: Position, old: str, new: str) -> Proposal:
        """Returns the proposal to write `new` in place of what stands at `place`."""
        return Proposal(cost, f"{short(old)} -> {short(new)}", (Edit(place, new),))

    # -- what was seen --------------------------------------------------------------------------------------------

    def shape(self, node: ast.AST | None) -> Shape | None:
        """Returns the shape an expression had, None when it was not seen or is no tensor."""
        return None if node is None else self._shapes.get(position(node))

    def dtype(self, node: ast.AST) -> str:
        """Returns the data type an expression had; "" when it was not seen."""
        return self._types.get(position(node), "")

    def parts(self, node: ast.AST) -> bool:
        """Tells whether an expression yielded several tensors at once, such as a tuple."""
        return position(node) in self._several

    def keys(self, node: ast.AST) -> tuple[str, ...]:
        """Returns the words by which the tensors of a dict are asked for; empty for anything else."""
        return self._keys.get(position(node), ())

    def function(self, node: ast.AST) -> ast.FunctionDef | None:
        """Returns the function a node stands in."""
        outer = self.parents.get(node)
        while outer is not None and not isinstance(outer, ast.FunctionDef):
            outer = self.parents.get(outer)
        return outer

    def given(self, name: ast.Name) -> list[ast.expr]:
        """Returns what a local name is set to in the function that it is read in, or its default."""
        function = self.function(name)
        if function is None:
            return []
        found = [
            statement.value
            for statement in ast.walk(function)
            if isinstance(statement, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == name.id for t in statement.targets)
        ]
        return found or [v for n, v in _defaults(function) if n == name.id and v is not None]

    def in_loss(self, node: ast.AST) -> bool:
        """Tells whether a node stands in a function of targets and predictions."""
        function = self.function(node)
        return function is not None and "y_true" in {a.arg for a in function.args.args}

    def is_tensor(self, function: ast.FunctionDef, name: str) -> bool:
        """Tells whether a name was a tensor somewhere in a function."""
        return any(
            isinstance(node, ast.Name) and node.id == name and self.shape(node) is not None
            for node in ast.walk(function)
        )

    def tensors_near(self, function: ast.FunctionDef, before: ast.expr) -> list[str]:
        """Returns names and attributes that held a tensor in a function before an expression."""
        found: dict[str, None] = {}
        for node in self.nodes(function):
            held = isinstance(node, (ast.Name, ast.Attribute)) and self.shape(node)
            if held and node.lineno <= before.lineno:
                found.setdefault(self.text(node))
        assigned = {
            t.id: node.lineno
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and self.shape(node.value)
            for t in node.targets
            if isinstance(t, ast.Name)
        }
        taken_apart = [
            t for t in ast.walk(function) if isinstance(t, ast.Tuple) and isinstance(t.ctx, ast.Store)
        ]
        for part in (e for t in taken_apart for e in t.elts if isinstance(e, ast.Name)):
            if self.is_tensor(function, part.id):
                assigned.setdefault(part.id, part.lineno)
        for name, line in assigned.items():
            if line < before.lineno:
                found.setdefault(name)
        # Weights that another function of the class made.
        for statement in ast.walk(self.owner(function) or function):
            if isinstance(statement, ast.Assign) and called(statement.value) in MAKERS:
                for target in statement.targets:
                    found.setdefault(self.text(target))
        return list(found)

    def owner(self, function: ast.AST) -> ast.ClassDef | None:
        """Returns the class a function or expression stands in."""
        outer = self.parents.get(function)
        while outer is not None and not isinstance(outer, ast.ClassDef):
            outer = self.parents.get(outer)
        return outer

    def sizes_near(self, node: ast.AST) -> list[str]:
        """Returns how the file writes sizes where a node stands: `input_shape[-1]`, `self.units`, `units`."""
        function = self.function(node)
        if function is None:
            return []
        found: dict[str, None] = {}
        parameters = [a.arg for a in function.args.args[1:]]
        if function.name == "build":
            for name in parameters[:2]:
                for index in ("-1", "1", "2"):
                    found.setdefault(f"{name}[{index}]")
            found.update(dict.fromkeys(f"{name}[-1]" for name in _shapes_in(function)))
        elif function.name == "__init__":
            for name, default in _defaults(function):
                if integer(default) is not None or default is None:
                    found.setdefault(name)
        for other in ast.walk(self.owner(function) or function):
            if isinstance(other, (ast.Assign, ast.AnnAssign)):
                targets = other.targets if isinstance(other, ast.Assign) else [other.target]
                for target in targets:
                    found.update(dict.fromkeys(self._size_names(target, function)))
        return list(found)

    def _size_names(self, target: ast.expr, function: ast.FunctionDef) -> list[str]:
        """Returns attributes set from a parameter of the same name, and local names."""
        if isinstance(target, ast.Tuple):
            return [name for part in target.elts for name in self._size_names(part, function)]
        if (
            isinstance(target, ast.Attribute)
            and self.text(target).startswith("self.")
            and function.name != "__init__"
        ):
            maker = self.function(target)
            known = [] if maker is None else [a.arg for a in maker.args.args]
            return [self.text(target)] if target.attr in known else []
        if (
            isinstance(target, ast.Name)
            and self.function(target) is function
            and not self.is_tensor(function, target.id)
        ):
            return [target.id]
        return []

    @functools.cached_property
    def tensor_names(self) -> frozenset[str]:
        """The names and attributes that held tensors."""
        nodes = [
            n
            for n in ast.walk(self.tree)
            if isinstance(n, (ast.Name, ast.Attribute)) and self.shape(n) is not None
        ]
        return frozenset(n.id if isinstance(n, ast.Name) else n.attr for n in nodes)

    def prefixes(self) -> list[str]:
        """Returns how the file writes the modules of tensor functions it uses, the most used first."""
        return [prefix for _, prefix in self._prefixes]

    # -- spelling -------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _prefixes(self) -> list[tuple[str, str]]:
        """The ways the file writes tensor functions: kind and prefix, the most used first."""
        uses: dict[tuple[str, str], int] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                kind = self.kind(node.value)
                if kind is not None:
                    key = kind, ast.unparse(node.value)
                    uses[key] = uses.get(key, 0) + 1
        for name, value in self.names.items():
            kind = _kind(value)
            if kind is not None:
                uses.setdefault((kind, name), 0)
            elif isinstance(value, types.ModuleType) and value.__name__ == "keras":
                uses.setdefault(("ops", f"{name}.ops"), -1)
        return sorted(uses, key=lambda key: -uses[key])

    def kind(self, node: ast.AST) -> str | None:
        """Tells whether an expression such as `keras.ops` names a module of tensor functions, and which."""
        value = self.resolve(node)
        return _kind(value)

    def resolve(self, node: ast.AST) -> Any:
        """Returns the global object behind a dotted name, None when there is none."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value)
            return getattr(base, node.attr, None) if isinstance(base, types.ModuleType) else None
        return None

    def spell(self, what: str, near: ast.AST, x: str, a: str = "", y: str = "") -> str | None:
        """Returns how the file would write a function of tensors, None when it has none at hand."""
        found = None
        if isinstance(near, ast.Call) and isinstance(near.func, ast.Attribute):
            kind = self.kind(near.func.value)
            found = None if kind is None else (kind, ast.unparse(near.func.value))
        if found is None:
            found = next(iter(self._prefixes), None)
        if found is None:
            return None
        return SPELLINGS[found[0]][what].format(p=found[1], x=x, a=a, y=y)

    def parameters(self, call: ast.Call) -> list[str]:
        """Returns the names of the parameters of what is called; empty when they cannot be told."""
        value = self.resolve(call.func)
        if value is None or not callable(value):
            return []
        try:
            return list(inspect.signature(value).parameters)
        except (TypeError, ValueError):
            return []

    def axis_word(self, call: ast.Call) -> str | None:
        """Returns "axis" or "dim", whichever a call's function takes; None when neither."""
        names = self.parameters(call)
        if names:
            return next((name for name in ("axis", "dim", "axes") if name in names), None)
        if not isinstance(call.func, ast.Attribute):
            return None
        if self.shape(call.func.value) is not None:  # a method of a tensor
            return "dim" if objects.backend_name() == "torch" else "axis"
        return "dim" if self.kind(call.func.value) == "torch" else None

    def nodes(self, root: ast.AST) -> Iterator[ast.expr]:
        """Yields the expressions below a node."""
        for node in ast.walk(root):
            if isinstance(node, ast.expr) and not isinstance(
                getattr(node, "ctx", None), (ast.Store, ast.Del)
            ):
                yield node


def _defaults(function: ast.FunctionDef) -> list[tuple[str, ast.expr | None]]:
    arguments = function.args.args[1:]
    values: list[ast.expr | None] = [None] * (len(arguments) - len(function.args.defaults))
    return list(zip([a.arg for a in arguments], [*values, *function.args.defaults], strict=False))


def _shapes_in(function: ast.FunctionDef) -> list[str]:
    """Returns the names of shapes that a function takes another one apart into: those with one that is indexed."""
    indexed = {
        n.value.id
        for n in ast.walk(function)
        if isinstance(n, ast.Subscript) and isinstance(n.value, ast.Name)
    }
    found = []
    for target in (t for n in ast.walk(function) if isinstance(n, ast.Assign) for t in n.targets):
        names = (
            [e.id for e in target.elts if isinstance(e, ast.Name)] if isinstance(target, ast.Tuple) else []
        )
        found += names if indexed & set(names) else []
    return found


def _kind(value: Any) -> str | None:
    if not isinstance(value, types.ModuleType):
        return None
    if value.__name__ in MODULES:
        return MODULES[value.__name__]
    if value.__name__.startswith("keras") and value.__name__.endswith(".ops"):
        return "ops"
    return None


def short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def _end_of(place: Position, text: str, inner: str) -> Position:
    """Returns the empty position right after `inner`, with which the text at `place` begins."""
    lines = inner.encode().split(b"\n")
    line = place[0] + len(lines) - 1
    column = len(lines[-1]) + (place[2] if len(lines) == 1 else 0)
    return line, line, column, column
