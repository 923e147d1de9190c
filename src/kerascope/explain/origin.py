"""Where data come from: back from what `fit` is given to the line that prepared it last.

Followed are names, what only selects, splits or reorders rows, the user's own functions and generators (into what they
return), and data sets made of arrays (into the array that is meant). What computes something is where the way ends.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.explain import scopes
from kerascope.explain.scopes import Module

_HOPS = 24
_CONVERTERS = (
    "array",
    "asarray",
    "copy",
    "ascontiguousarray",
    "convert_to_tensor",
    "as_tensor",
    "tensor",
    "from_numpy",
    "constant",
    "list",
    "tuple",
    "squeeze",
    "expand_dims",
)
_SPLITTERS = ("split", "array_split", "shuffle", "permutation", "take")
_CASTS = ("astype", "reshape", "ravel", "flatten", "float", "long", "to_numpy", "tolist")
_STAGES = (
    "batch",
    "shuffle",
    "repeat",
    "prefetch",
    "cache",
    "take",
    "skip",
    "with_options",
    "padded_batch",
    "copy",
    "numpy",
)
"""Methods of a data set that leave what is in it as it is."""
_OF_ARRAYS = ("from_tensor_slices", "from_tensors", "TensorDataset", "zip", "flow")
_OF_DATASETS = ("DataLoader", "Subset", "random_split", "iter", "cycle")
_MIXING = ("permutation", "shuffle", "choice", "sample", "argsort", "sort")
_REORDER = (*_MIXING, "sorted", "listdir", "glob", "iglob")
ROLES = ("x", "y")

Outer = Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Point:
    """One expression on the way.

    `keys` say which part of it is meant, the outermost last; `calls` through which functions it was reached.
    """

    module: Module
    node: ast.expr
    keys: tuple[object, ...] = ()
    calls: tuple[tuple[Module, ast.Call], ...] = ()


class Origin:
    """Follows what `fit` is given back to where it was prepared.

    `outer` are the frames around the call of `fit`, `role` is 0 for inputs and 1 for labels. `through` goes on behind
    arithmetic, which leaves the rows in their order.
    """

    def __init__(self, modules: Mapping[str, Module], outer: Outer, role: int, through: bool = False) -> None:
        self.modules = modules
        self.outer = outer
        self.role = role
        self.through = through

    def trail(self, module: Module, node: ast.expr, part: int | None = None) -> list[tuple[Module, ast.expr]]:
        """Returns the places on the way, the likeliest to be changed first: the furthest back.

        Args:
            module: the file of the call.
            node: what `fit` is given.
            part: which element of it is meant, None for all of it.
        """
        point = _Point(module, node, () if part is None else (part,))
        found: list[tuple[Module, ast.expr]] = []
        for _ in range(_HOPS):
            if (point.module, point.node) in found:
                break
            found += [(point.module, point.node), *_in_place(point), *self._within(point)]
            following = self._next(point)
            if following is None:
                break
            point = following
        return [*reversed(found)]

    def _within(self, at: _Point) -> Iterator[tuple[Module, ast.expr]]:
        """Yields where a data set of the user's puts the rows that it was given in another order."""
        made = self._definition(at.module, at.node) if isinstance(at.node, ast.Call) else None
        if made is None or not isinstance(made[1], ast.ClassDef) or not isinstance(at.node, ast.Call):
            return
        begin = next(
            (n for n in made[1].body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        names = scopes.positional(begin) if begin is not None else []
        given = _meant(at.node, names, self.role)
        kept = next((n for n in names if scopes.argument(at.node, n, names) is given), None)
        if begin is None or given is None or kept is None:
            return
        holding = set(_attributes(begin, kept))
        for call, held in _reordering(made[0], made[1]):
            if any(isinstance(n, ast.Attribute) and n.attr in holding for n in held):
                yield made[0], call

    # -- one step --------------------------------------------------------------------------------------------------

    def _next(self, at: _Point) -> _Point | None:
        node = at.node
        if isinstance(node, ast.Name):
            return self._of_name(at, node)
        if isinstance(node, (ast.Tuple, ast.List, ast.Dict)) and at.keys:
            entry = scopes.entry(node, at.keys[-1])
            return dataclasses.replace(at, node=entry, keys=at.keys[:-1]) if entry is not None else None
        if isinstance(node, ast.Subscript):
            key = scopes.constant(node.slice)
            return dataclasses.replace(at, node=node.value, keys=at.keys if key is None else (*at.keys, key))
        if isinstance(node, (ast.Starred, ast.Await)):
            return dataclasses.replace(at, node=node.value)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)) and self.through:
            return dataclasses.replace(at, node=node.generators[0].iter, keys=())
        if isinstance(node, ast.BinOp) and self.through:
            constant = isinstance(node.left, ast.Constant)
            return dataclasses.replace(at, node=node.right if constant else node.left)
        if isinstance(node, ast.Call):
            return self._of_call(at, node)
        if isinstance(node, ast.Attribute):
            written = scopes.attribute_values(at.module, node)
            return dataclasses.replace(at, node=written[0]) if written else None
        return None

    def _of_name(self, at: _Point, node: ast.Name) -> _Point | None:
        function = at.module.enclosing(node)
        bound = at.module.binding(node.id, function, before=node)
        if bound is None and function is not None:
            if scopes.is_parameter(function, node.id):
                return self._of_parameter(at, function, node.id)
            bound = at.module.binding(node.id, None, before=None)
        if bound is None:
            return self._imported(at, node.id)
        value, keys = bound
        if isinstance(value, (ast.List, ast.Dict)) and not scopes.filled(value):
            added = _appended(at.module, node.id, function)
            if added is not None:
                return dataclasses.replace(at, node=added, keys=at.keys[:-1])
        return dataclasses.replace(at, node=value, keys=(*at.keys, *reversed(keys)))

    def _imported(self, at: _Point, name: str) -> _Point | None:
        original = at.module.imports(name)
        for other in self.modules.values():
            if original and other is not at.module and (bound := other.binding(original, None, None)):
                return _Point(other, bound[0], (*at.keys, *reversed(bound[1])))
        return None

    def _of_parameter(self, at: _Point, function: scopes.Function, name: str) -> _Point | None:
        if at.calls:
            module, call = at.calls[-1]
            given = scopes.argument(call, name, scopes.positional(function))
            rest = at.calls[:-1]
        else:
            module, given, rest = at.module, None, ()
            for index, frame in enumerate(self.outer):
                caller = self.modules.get(str(frame.get("file")))
                found = caller.call_at(frame) if caller is not None else None
                if caller is not None and found is not None:
                    module, given = caller, scopes.argument(found, name, scopes.positional(function))
                    self.outer = self.outer[index + 1 :]
                    break
        given = given or scopes.default(function, name)
        return _Point(module, given, at.keys, rest) if given is not None else None

    # -- calls -----------------------------------------------------------------------------------------------------

    def _of_call(self, at: _Point, call: ast.Call) -> _Point | None:
        name = scopes.called(call)
        definition = self._definition(at.module, call)
        if definition is not None:
            return self._into(at, call, *definition)
        if name == _SPLIT and call.args:
            split = at.keys[-1] if at.keys else None
            index = split // 2 if isinstance(split, int) else 0
            index = index if index < len(call.args) else 0
            return dataclasses.replace(at, node=call.args[index], keys=at.keys[:-1])
        if name in _OF_ARRAYS and call.args:
            return self._of_arrays(at, call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name == "map" and receiver is not None and call.args:
            return self._of_map(at, call, receiver)
        if name in _STAGES and receiver is not None and not (call.args and _is_library(receiver)):
            return dataclasses.replace(at, node=receiver)
        if call.args and (
            name in (*_CONVERTERS, *_SPLITTERS, *_OF_DATASETS) or (name == "stack" and self.through)
        ):
            keys = at.keys[:-1] if name in _SPLITTERS else at.keys
            return dataclasses.replace(at, node=call.args[0], keys=keys)
        if name in _CASTS and receiver is not None and not _is_whole_value(at.module, call):
            return dataclasses.replace(at, node=receiver)
        return None

    def _definition(
        self, module: Module, call: ast.Call
    ) -> tuple[Module, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] | None:
        """Returns the user's function or class that is called."""
        name = scopes.called(call)
        if isinstance(call.func, ast.Name):
            own = module.definition(name)
            if own is not None:
                return module, own
            original = module.imports(name)
            if original is None:
                return None
            name = original
        elif not isinstance(call.func, ast.Attribute) or name in (*_STAGES, *_CASTS, *_CONVERTERS):
            return None
        found = [(m, d) for m in self.modules.values() if (d := m.definition(name)) is not None]
        return found[0] if len(found) == 1 else None

    def _into(
        self,
        at: _Point,
        call: ast.Call,
        module: Module,
        made: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    ) -> _Point | None:
        if isinstance(made, ast.ClassDef):  # a data set of the user's: its arrays are what it is made of
            begin = next(
                (n for n in made.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
            )
            given = _meant(call, scopes.positional(begin) if begin is not None else [], self.role)
            return dataclasses.replace(at, node=given, keys=()) if given is not None else None
        given = scopes.result(made)
        if given is None:
            return None
        keys = at.keys
        if not keys and isinstance(given, ast.Tuple) and len(given.elts) > self.role:
            keys = (self.role,)
        return _Point(module, given, keys, (*at.calls, (at.module, call)))

    def _of_arrays(self, at: _Point, call: ast.Call) -> _Point:
        first = call.args[0]
        if len(call.args) == 1:
            parts = isinstance(first, (ast.Tuple, ast.List, ast.Name))
            return dataclasses.replace(at, node=first, keys=(self.role,) if parts else ())
        return dataclasses.replace(at, node=call.args[min(self.role, len(call.args) - 1)], keys=())

    def _of_map(self, at: _Point, call: ast.Call, receiver: ast.expr) -> _Point:
        """What is mapped over the data set prepares them, unless it hands this part on as it is."""
        function = call.args[0]
        made: ast.AST | None = function if isinstance(function, ast.Lambda) else None
        if isinstance(function, ast.Name):
            made = at.module.definition(function.id)
        if isinstance(made, (ast.Lambda, ast.FunctionDef)):
            given = scopes.result(made)
            entry = scopes.entry(given, self.role)
            if entry is not None and not (
                isinstance(entry, ast.Name)
                and scopes.is_parameter(made, entry.id)
                and at.module.binding(entry.id, made, None) is None
            ):
                return dataclasses.replace(at, node=entry, keys=())
        return dataclasses.replace(at, node=receiver)


def reorders(node: ast.expr) -> int:
    """Returns how plainly an expression puts rows in another order: 2 by a call, 1 by an index, 0 not at all."""
    if any(isinstance(n, ast.Call) and scopes.called(n) in _REORDER for n in ast.walk(node)):
        return 2
    return int(isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.Call)))


def splits(node: ast.expr) -> bool:
    """Tells whether an expression parts rows."""
    return isinstance(node, ast.Call) and scopes.called(node) in (_SPLIT, *_PARTING)


def chooses(node: ast.expr) -> int:
    """Returns how plainly an expression says which values are taken: 2 by an index that is computed, 1 by another."""
    if not isinstance(node, ast.Subscript):
        return 0
    return 2 if any(isinstance(n, (ast.BinOp, ast.Name)) for n in ast.walk(node.slice)) else 1


def _is_library(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "tf", "torch", "ops", "keras", "random")


def _is_whole_value(module: Module, call: ast.Call) -> bool:
    """A cast that a name is given is a line where one would scale, too; one inside a larger expression is not."""
    return isinstance(module.parents.get(call), (ast.Assign, ast.AnnAssign, ast.AugAssign))


def _meant(call: ast.Call, names: Sequence[str], role: int) -> ast.expr | None:
    """Returns the argument of a data set's constructor that holds the inputs or the labels, judged by its name."""
    given = {names[i] if i < len(names) else str(i): a for i, a in enumerate(call.args)}
    given |= {k.arg: k.value for k in call.keywords if k.arg}
    labels = [n for n in given if n.lower().startswith(("y", "label", "target", "answer"))]
    if role == 1:
        if labels:
            return given[labels[0]]
        return call.args[1] if len(call.args) > 1 else None
    rest = [n for n in given if n not in labels]
    return given[rest[0]] if rest else None


def _appended(module: Module, name: str, function: scopes.Function | None) -> ast.expr | None:
    """Returns what was put into a list last."""
    found = None
    for call in ast.walk(function if function is not None else module.tree):
        if (
            isinstance(call, ast.Call)
            and scopes.called(call) in ("append", "extend")
            and call.args
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == name
        ):
            found = call.args[0]
    return found


def _in_place(at: _Point) -> Iterator[tuple[Module, ast.expr]]:
    """Yields calls on lines of their own that put the rows of a name in another order where they lie."""
    if isinstance(at.node, ast.Name):
        function = at.module.enclosing(at.node)
        for call, held in _reordering(at.module, function if function is not None else at.module.tree):
            same = any(isinstance(n, ast.Name) and n.id == at.node.id for n in held)
            if same and call.lineno < at.node.lineno and at.module.enclosing(call) is function:
                yield at.module, call
    elif isinstance(at.node, ast.Attribute):  # in whatever method of its class
        wanted, above = ast.dump(at.node), at.module.parents.get(at.node)
        while above is not None and not isinstance(above, ast.ClassDef):
            above = at.module.parents.get(above)
        for call, held in _reordering(at.module, above) if above is not None else ():
            if any(ast.dump(n) == wanted for n in held):
                yield at.module, call


def _attributes(begin: ast.FunctionDef, name: str) -> Iterator[str]:
    """Yields the attributes of an object that its `__init__` makes of one of its parameters."""
    for node in ast.walk(begin):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            value = node.value if isinstance(node, ast.Assign) else None
            pairs = [(target, value)]
            if (
                isinstance(target, ast.Tuple)
                and isinstance(value, ast.Tuple)
                and len(target.elts) == len(value.elts)
            ):
                pairs = list(zip(target.elts, value.elts, strict=True))
            for to, of in pairs:
                of_it = any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(of)) if of else False
                if isinstance(to, ast.Attribute) and of_it:
                    yield to.attr


def after_split(places: list[tuple[Module, ast.expr]]) -> list[tuple[Module, ast.expr]]:
    """Returns the places on a trail behind the one where parts were split, all of them where nothing was split."""
    at = [
        i
        for i, (_, node) in enumerate(places)
        if isinstance(node, ast.Call) and scopes.called(node) == _SPLIT
    ]
    return places[at[-1] + 1 :] if at else places


_SPLIT = "train_test_split"
_PARTING = ("split", "array_split", "random_split", "split_dataset")


def _reordering(module: Module, within: ast.AST) -> Iterator[tuple[ast.Call, list[ast.expr]]]:
    """Yields the calls that shuffle or sort something where it lies, with what they may do it to."""
    for call in ast.walk(within):
        alone = isinstance(call, ast.Call) and isinstance(module.parents.get(call), ast.Expr)
        if isinstance(call, ast.Call) and alone and scopes.called(call) in ("shuffle", "sort"):
            yield call, call.args[:1] or ([call.func.value] if isinstance(call.func, ast.Attribute) else [])
