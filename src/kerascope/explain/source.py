"""From a setting of the program to the file, line and expression that a person would change.

The recording knows at which calls each layer, optimizer, `compile` and `fit` was made (`sites`), and holds the
text of the user's files. From the call, the value of one argument is followed through variables, parameters,
dictionaries and attributes to where it is written down.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope.explain import scopes
from kerascope.explain.origin import Origin, after_split, chooses, reorders, splits
from kerascope.explain.scopes import Module
from kerascope.explain.slices import computed_from, picked_apart, raw_instead, thrown_away, unsafe
from kerascope.values import Lever, SourceSpan

_HOPS = 12


DATA = ("data", "part", "order", "choice", "split", "unsafe", "scale")
"""Levers about what `fit` is given."""


@dataclasses.dataclass(frozen=True)
class Place:
    """One place in the user's source that a lever can be pulled at.

    `node` is the expression there, `call` the call that the setting belongs to, `exact` whether the value itself was
    found (otherwise the call, where the argument would be added).
    """

    module: Module
    node: ast.AST
    call: ast.Call | None
    exact: bool

    def span(self, layer: str | None = None) -> SourceSpan:
        """Returns the place as a value for findings; `expression` is the source text of it."""
        return scopes.span(self.module, self.node, layer, first_line_only=not self.exact)


def locate(facts: Mapping[str, Any], sources: Mapping[str, str], lever: Lever) -> SourceSpan:
    """Returns where a person would change `lever`; a span without file or line where that is not known.

    Args:
        facts: facts of the model, with `sites` and `signatures`; see docs/recording.md.
        sources: text of the user's files by name, as `RunView.sources` returns them.
        lever: the setting; its `value` plays no role.
    """
    found = next(iter(places(facts, sources, lever)), None)
    return found.span(lever.layer) if found is not None else SourceSpan(layer=lever.layer)


def places(facts: Mapping[str, Any], sources: Mapping[str, str], lever: Lever) -> list[Place]:
    """Returns every place where the lever could be changed, the likeliest first, without doubles."""
    modules = {
        name: module for name, text in sources.items() if (module := Module.of(name, text)) is not None
    }
    found: list[Place] = []
    for module, call, outer in _calls(facts, modules, lever):
        found += _of_call(module, call, outer, lever, facts, modules)
        if found:
            break
    unique: dict[tuple[str, int, int, bool], Place] = {}
    for place in found:
        line, column = getattr(place.node, "lineno", 0), getattr(place.node, "col_offset", 0)
        unique.setdefault((place.module.name, line, column, place.exact), place)
    return list(unique.values())


# -- the call --------------------------------------------------------------------------------------------------

Outer = Sequence[Mapping[str, Any]]


def _calls(
    facts: Mapping[str, Any], modules: Mapping[str, Module], lever: Lever
) -> Iterator[tuple[Module, ast.Call, Outer]]:
    """Yields the calls a lever may belong to: those that were noted, else the only one that fits by name."""
    frames = _frames(facts, lever)
    for index, frame in enumerate(frames):
        module = modules.get(str(frame.get("file")))
        call = module.call_at(frame) if module is not None else None
        if module is None or call is None or not _makes(facts, lever, call):
            continue
        if lever.target == "call":
            yield from ((module, use, frames[index + 1 :]) for use in _uses(module, call))
        else:
            yield module, call, frames[index + 1 :]
    if not frames:
        name = _called(facts, lever)
        fitting = [(m, c) for m in modules.values() for c in m.calls() if name and scopes.called(c) == name]
        if len(fitting) == 1:
            yield (*fitting[0], ())


def _uses(module: Module, made: ast.Call) -> Iterator[ast.Call]:
    """Yields the calls of what a call has made: at once, or under the name or attribute that it was given."""
    parent = module.parents.get(made)
    if isinstance(parent, ast.Call) and parent.func is made:
        yield parent
    elif isinstance(parent, ast.Assign) and len(parent.targets) == 1:
        name = ast.unparse(parent.targets[0])
        yield from (call for call in module.calls() if ast.unparse(call.func) == name)


def _makes(facts: Mapping[str, Any], lever: Lever, call: ast.Call) -> bool:
    """Tells whether a call makes what the lever is about: a metric named by a string is made wherever Keras does it."""
    program = facts.get("program")
    if lever.target != "metric" or not isinstance(program, Mapping):
        return True
    measures = [entry for entry in program.get("measures") or () if isinstance(entry, Mapping)]
    kinds = [str(entry.get("class")) for entry in measures if entry.get("name") == lever.layer]
    return scopes.called(call) in kinds


def _frames(facts: Mapping[str, Any], lever: Lever) -> list[Mapping[str, Any]]:
    sites = facts.get("sites")
    if not isinstance(sites, Mapping):
        return []
    found = sites.get(_key(sites, lever))
    frames = [frame for frame in found if isinstance(frame, Mapping)] if isinstance(found, list) else []
    if lever.target == "model":  # made where it is trained, however deep the helper lies that builds it
        fits = [frame.get("function") for frame in sites.get("fit") or () if isinstance(frame, Mapping)]
        frames.sort(key=lambda frame: frame.get("function") not in fits[:1])
    return frames


def _key(sites: Mapping[str, Any], lever: Lever) -> str:
    if lever.target in ("layer", "call", "frozen"):
        name = lever.layer or ""
        role = "frozen" if lever.target == "frozen" else "layer"
        known = [key for key in sites if key.startswith(f"{role}:")]
        exact = f"{role}:{name}"
        if exact in known:
            return exact
        return next(
            (k for k in known if k.endswith("/" + name) or k.partition(":")[2].endswith("/" + name)), exact
        )
    if lever.target in DATA:
        return "fit" if "fit" in sites else "train_on_batch"
    if lever.target == "metric":
        return f"metric:{lever.layer or ''}"
    return lever.target


def _called(facts: Mapping[str, Any], lever: Lever) -> str:
    """Returns the name that the call must have: a method's, or the class of the layer or optimizer."""
    if lever.target == "layer":
        for entry in facts.get("layers") or ():
            if isinstance(entry, Mapping) and lever.layer in (entry.get("path"), entry.get("name")):
                return str(entry.get("class") or "")
        return ""
    if lever.target == "optimizer":
        optimizer = facts.get("optimizer")
        return str(optimizer.get("class") or "") if isinstance(optimizer, Mapping) else ""
    if lever.target == "callback":
        return lever.layer or ""
    return "fit" if lever.target in DATA else {"compile": "compile", "fit": "fit"}.get(lever.target, "")


# -- the argument ----------------------------------------------------------------------------------------------


def _of_call(
    module: Module,
    call: ast.Call,
    outer: Outer,
    lever: Lever,
    facts: Mapping[str, Any],
    modules: Mapping[str, Module],
) -> list[Place]:
    trail = _Trail(modules)
    name = scopes.called(call)
    signatures = facts.get("signatures")
    order = signatures.get(_class_of(facts, lever, name)) if isinstance(signatures, Mapping) else None
    names = [str(n) for n in order] if isinstance(order, list) else []
    argument = lever.argument
    if argument is None:
        return [Place(module, call, call, False)]
    if (
        lever.target in (*DATA, "fit")
        and (inner := _data_argument(module, call, argument, names)) is not None
    ):
        if lever.target in DATA:
            found = _prepared(lever, module, call, inner, names, modules, outer)
            return [Place(m, n, call, True) for m, n in found]
        given, _ = inner
        return [Place(m, n, call, True) for m, n in trail.values(module, given, outer)]
    node: ast.expr | None = scopes.argument(call, argument, names)
    if node is None and (unpacked := scopes.unpacked(call)) is not None:
        held = next(
            (n for _, n in trail.values(module, unpacked, outer) if isinstance(n, (ast.Dict, ast.Call))), None
        )
        node = scopes.entry(held, argument) if held is not None else None
    if node is not None:
        return [Place(m, n, call, True) for m, n in trail.values(module, node, outer)]
    if lever.target == "optimizer" and name == "compile":
        return _of_named_optimizer(module, call, names, trail, outer)
    return [Place(module, call, call, False)]


def _prepared(
    lever: Lever,
    module: Module,
    call: ast.Call,
    inner: tuple[ast.expr, int | None],
    names: Sequence[str],
    modules: Mapping[str, Module],
    outer: Outer,
) -> list[tuple[Module, ast.expr]]:
    """Returns where what a call is given was prepared, the likeliest place to change first."""
    argument = lever.argument or "x"
    if lever.target in ("unsafe", "scale"):
        first = (unsafe if lever.target == "unsafe" else thrown_away)(modules, module, inner[0])
        if first:
            return first
    order = lever.target == "order"
    found = Origin(modules, outer, _role(argument), order).trail(module, *inner)
    if lever.target == "scale" and _role(argument):  # labels: scaled somewhere, and not these
        ways = [*reversed(found), *computed_from(modules, module, inner[0])]
        found = [*raw_instead(modules, ways), *found]
    others: list[tuple[Module, ast.expr]] = []
    if order or lever.target == "part":
        other, role = _mirrored(argument, part=not order)
        given = _data_argument(module, call, other, names)
        others = [] if given is None else Origin(modules, outer, role, order).trail(module, *given)
    if lever.target == "part":  # not where both parts are prepared, but where this one is
        return [place for place in after_split(found) if place not in others] or found
    if order and (apart := picked_apart(modules, module)):
        return [*apart, *found]
    if order:  # where rows are selected or reordered, not where they are made: of either, labels or inputs
        found += [place for place in others if place not in found and reorders(place[1]) > 1]
        return sorted(found, key=lambda place: -reorders(place[1]))
    if lever.target == "split":  # where the rows are parted
        return sorted(found, key=lambda place: not splits(place[1]))
    if lever.target == "choice":  # where an index says which values these are
        return sorted(found, key=lambda place: -chooses(place[1]))
    if lever.target == "data" and argument == "validation_data[1]" and len(found) > 2:
        # What is wrong with the labels of one part is mended where these are taken, not where all come from.
        return [*reversed(found[:-1]), found[-1]]
    return found


def _of_named_optimizer(
    module: Module, call: ast.Call, names: Sequence[str], trail: _Trail, outer: Outer
) -> list[Place]:
    """The optimizer was given to `compile` by its name only: that string is what a person would replace."""
    node = scopes.argument(call, "optimizer", names or ["optimizer"])
    if node is None:
        return [Place(module, call, call, False)]
    return [Place(m, n, call, True) for m, n in trail.values(module, node, outer)]


def _class_of(facts: Mapping[str, Any], lever: Lever, called: str) -> str:
    """Returns the key of `signatures` for a call; a call of a user's helper has no signature known here."""
    return called if called in (facts.get("signatures") or {}) else ""


FIT_ORDER = (
    "x",
    "y",
    "batch_size",
    "epochs",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "shuffle",
)


def _data_argument(
    module: Module, call: ast.Call, argument: str, names: Sequence[str]
) -> tuple[ast.expr, int | None] | None:
    """Returns the expression given to `fit`, and which element of it is meant ("validation_data[1]")."""
    plain, _, index = argument.partition("[")
    order = names or list(FIT_ORDER)
    if plain in ("x", "y") and call.args and isinstance(call.args[0], ast.Starred):  # fit(*train)
        return call.args[0].value, ("x", "y").index(plain)
    node = scopes.argument(call, plain, order)
    if node is None and plain in ("y", "targets"):  # labels come with the inputs, in one data set
        node = scopes.argument(call, "x", order)
    if node is None:
        return None
    which = int(index.rstrip("]")) if index.rstrip("]").isdigit() else None
    if which is not None and isinstance(node, (ast.Tuple, ast.List)) and which < len(node.elts):
        return node.elts[which], None
    return node, which


def _mirrored(argument: str, part: bool) -> tuple[str, int]:
    """Returns the same array of the other part of the data, or the labels for inputs and the reverse; and its role."""
    role = _role(argument) if part else 1 - _role(argument)
    held = argument.startswith("validation") is not part
    return (f"validation_data[{role}]" if held else ("x", "y")[role]), role


def _role(argument: str) -> int:
    """Returns 1 for labels, 0 for inputs."""
    return int(argument.startswith("y") or argument.endswith("[1]"))


# -- following values ------------------------------------------------------------------------------------------


class _Trail:
    """Follows an expression back to where its value is written down."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules

    def values(
        self, module: Module, node: ast.expr, outer: Outer, hops: int = _HOPS
    ) -> list[tuple[Module, ast.expr]]:
        """Returns where the value comes from, the origin first, then the places it passes through."""
        steps = self._step(module, node, outer) if hops else None
        if steps is None:
            return [(module, node)]
        found: list[tuple[Module, ast.expr]] = []
        for next_module, next_node, next_outer in steps:
            found += self.values(next_module, next_node, next_outer, hops - 1)
        return [*found, (module, node)] if found else [(module, node)]

    def _step(
        self, module: Module, node: ast.expr, outer: Outer
    ) -> list[tuple[Module, ast.expr, Outer]] | None:
        if isinstance(node, ast.Name):
            return self._of_name(module, node, outer)
        if isinstance(node, ast.Subscript):
            key = scopes.constant(node.slice)
            held = self.values(module, node.value, outer, 4)
            for where, value in held:
                if (entry := scopes.entry(value, key)) is not None:
                    return [(where, entry, outer if where is module else ())]
            return None
        if isinstance(node, ast.Attribute):
            written = scopes.attribute_values(module, node)
            return [(module, value, outer) for value in written] or None
        return None

    def _of_name(
        self, module: Module, node: ast.Name, outer: Outer
    ) -> list[tuple[Module, ast.expr, Outer]] | None:
        function = module.enclosing(node)
        assigned = module.assigned(node.id, function, before=node)
        if assigned is not None:
            return [(module, assigned, outer)]
        if function is not None and scopes.is_parameter(function, node.id):
            return self._of_parameter(module, function, node.id, outer)
        value = module.assigned(node.id, None, before=node if function is None else None)
        if value is not None:
            return [(module, value, outer)]
        for other in self.modules.values():  # a name that was imported from another file of the user's
            if (
                other is not module
                and module.imports(node.id)
                and (value := other.assigned(module.imports(node.id) or "", None, before=None)) is not None
            ):
                return [(other, value, ())]
        return None

    def _of_parameter(
        self, module: Module, function: scopes.Function, name: str, outer: Outer
    ) -> list[tuple[Module, ast.expr, Outer]] | None:
        """A parameter's value stands in the call of the function, or is its default."""
        for index, frame in enumerate(outer):
            caller = self.modules.get(str(frame.get("file")))
            call = caller.call_at(frame) if caller is not None else None
            if caller is None or call is None:
                continue
            given = scopes.argument(call, name, scopes.positional(function))
            if given is not None:
                return [(caller, given, outer[index + 1 :])]
            break
        default = scopes.default(function, name)
        return [(module, default, ())] if default is not None else None
