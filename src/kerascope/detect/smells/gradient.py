"""The way a gradient would take back from a result through one execution of a function, and what stops it."""

from __future__ import annotations

import ast
import dataclasses
import math
import types
from typing import Any

from kerascope.detect.smells import names
from kerascope.record.lines import Activation, Site

CHOOSING = {"argmax", "argmin", "argsort", "top_k", "one_hot"}
_STEPS = {"round", "floor", "ceil", "sign", "trunc", "floor_divide", "rint", "heaviside"}
_COMPARING = {
    "compare", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "eq", "ne", "gt", "ge", "lt",
    "le",
}  # fmt: skip
_CUTTING = CHOOSING | _STEPS | _COMPARING | {"convert_to_numpy", "numpy"}
_SELECTING = {"where": 0, "take": 1, "gather": 1, "take_along_axis": 1, "embedding_lookup": 1, "gather_nd": 1}
_OF_A_SHAPE = {"shape", "ndim", "size", "dtype", "len", "zeros_like", "ones_like", "full_like"}
"""What depends on the shape of a tensor alone."""
_FLOATS = ("float", "bfloat", "complex")


def compares(site: Site) -> bool:
    """Tells whether an expression compares numbers."""
    return isinstance(site.node, ast.Compare) or names.called(site.node) in _COMPARING


@dataclasses.dataclass(slots=True)
class Walk:
    """`reached` is what a gradient arrives at, `learning` what of all that was met has weights, `cuts` what stops it
    with what it is kept from, `indices` those of the cuts that make whole numbers to look something up with. `stopped`
    are the places that keep a gradient back on purpose, with what has weights behind them and takes what others with
    weights give, and these others.
    """

    activation: Activation
    frame: types.FrameType
    reached: set[str] = dataclasses.field(default_factory=set)
    learning: set[str] = dataclasses.field(default_factory=set)
    cuts: dict[Site, set[str]] = dataclasses.field(default_factory=dict)
    indices: set[Site] = dataclasses.field(default_factory=set)
    stopped: dict[Site, dict[str, set[str]]] = dataclasses.field(default_factory=dict)
    seen: dict[Site, bool] = dataclasses.field(default_factory=dict)
    parameters: list[str] = dataclasses.field(default_factory=list)

    def alive(self, site: Site) -> bool:
        """Tells whether a gradient of `site` arrives at anything."""
        if site not in self.seen:
            self.seen[site] = False  # until it is known; a loop leads nowhere new
            self.seen[site] = self._alive(site)
        return self.seen[site]

    def alive_behind(self, site: Site) -> bool:
        """Tells whether a gradient arrived at anything if this one place did not stop it."""
        return self._any(site)

    def _alive(self, site: Site) -> bool:
        what = names.called(site.node)
        event = self.activation.last.get(site)
        if site.kind == "subscript" and event is not None and event.facts.dtype.startswith(_FLOATS):
            ranked = [child for child in site.children if _ranks(child)]
            if ranked:
                return any([self._any(child) for child in ranked])
        if what == "detach":
            self.stopped[site] = _later(site, self)
            return False
        if what in _OF_A_SHAPE or getattr(site.node, "attr", "") in _OF_A_SHAPE:
            return False  # says what it does
        whole_numbers = event is not None and not event.facts.dtype.startswith(_FLOATS)
        if what in _CUTTING or (whole_numbers and site.kind not in ("name", "attribute")):
            self._cut(site)
            return False
        if site.kind == "name":
            return self._name(site)
        if site.kind == "attribute" and not site.children:
            return self._source(site.source, _learns(names.find(site.node, self.frame)))
        return self._call(site, site.node, what) if isinstance(site.node, ast.Call) else self._any(site)

    def _any(self, site: Site) -> bool:
        return any([self.alive(child) for child in site.children])

    def _call(self, site: Site, node: ast.Call, what: str) -> bool:
        helper = _helper(site, self.activation)
        if helper is not None and (helper.cuts or helper.stopped):
            return self._through(site, node, helper)
        layer = _learns(names.find(node.func, self.frame))
        place = _SELECTING.get(what)
        chosen = node.args[place] if place is not None and len(node.args) > place else None
        found = []
        for child in site.children:
            before = set(self.cuts)
            alive = self.alive(child)
            found.append(alive and child.node is not chosen)
            if (layer or child.node is chosen) and self._is_whole(child):
                self.indices |= set(self.cuts) - before
        if layer:
            found.append(self._source(ast.unparse(node.func), True))
        return any(found)

    def _is_whole(self, site: Site) -> bool:
        event = self.activation.last.get(site)
        return event is not None and event.facts.dtype.startswith(("int", "uint"))

    def _through(self, site: Site, node: ast.Call, helper: Walk) -> bool:
        """Goes on behind a call of another function of the user's that has been looked at already."""
        given = dict(zip(helper.parameters, node.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        children = {child.node: child for child in site.children}
        passed = {name: children[value] for name, value in given.items() if value in children}
        alive = [
            self.alive(passed[name]) if name in passed else self._source(name, False)
            for name in helper.reached
        ]
        for cut, names_lost in helper.cuts.items():
            behind = Walk(self.activation, self.frame)
            if any([behind.alive(passed[name]) for name in names_lost if name in passed]):
                self.cuts.setdefault(cut, set()).update(behind.reached)
                self.learning |= behind.learning
        for stop in helper.stopped:
            given_there = [passed[n] for n in _given(stop, helper) if n in passed]
            for one in given_there:
                self.stopped.setdefault(stop, {}).update(_later(one, self))
        return any(alive)

    def _name(self, site: Site) -> bool:
        known = self.activation.definitions.get(site.source)
        if known is None:
            return self._source(site.source, False)
        if known.site.kind == "arguments":
            return known.facts.dtype.startswith(_FLOATS) and self._source(site.source, False)
        if known.site not in _around(site):
            values = _ranks(known.site) and known.facts.dtype.startswith(_FLOATS)
            return self._any(known.site) if values else self.alive(known.site)
        # `x = f(x)`: the first `x` was set before, or was an argument.
        before = self._before(site.source, known.number)
        return self._source(site.source, False) if before is None else self.alive(before)

    def set_by(self, site: Site) -> Site | None:
        """Returns what a name was set to where it is read; None where it was an argument or comes from elsewhere."""
        known = self.activation.definitions.get(site.source)
        if known is None or known.site.kind == "arguments":
            return None
        return known.site if known.site not in _around(site) else self._before(site.source, known.number)

    def _before(self, name: str, number: int) -> Site | None:
        """Returns what a name was set to before the event `number` set it anew."""
        found = [
            (event.number, site)
            for site, event in self.activation.last.items()
            if name in site.targets and event.number < number
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _source(self, text: str, learns: bool) -> bool:
        self.reached.add(text)
        if learns:
            self.learning.add(text)
        return True

    def _cut(self, site: Site) -> None:
        behind = Walk(self.activation, self.frame)
        if behind._any(site):
            self.cuts.setdefault(site, set()).update(behind.reached)
        self.learning |= behind.learning
        for deeper, lost in behind.cuts.items():
            self.cuts.setdefault(deeper, set()).update(lost)
        self.indices |= behind.indices


def _later(site: Site, walk: Walk) -> dict[str, set[str]]:
    """Returns what has weights behind an expression and takes what others with weights give, with these others."""
    found: dict[str, set[str]] = {}
    for one in _behind(site, walk):
        if isinstance(one.node, ast.Call) and _learns(names.find(one.node.func, walk.frame)):
            before = Walk(walk.activation, walk.frame)
            before._any(one)
            if before.learning:
                found.setdefault(ast.unparse(one.node.func), set()).update(before.learning)
    return found


def _given(site: Site, walk: Walk) -> set[str]:
    """Returns the parameters of a helper that an expression of its goes back to."""
    return {one.source for one in _behind(site, walk) if one.kind == "name"} & set(walk.parameters)


def _behind(site: Site, walk: Walk) -> set[Site]:
    """Returns all that an expression was computed from."""
    seen: set[Site] = set()
    todo = [site]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        todo += one.children
        if one.kind == "name" and (before := walk.set_by(one)) is not None:
            todo.append(before)
    return seen


def _ranks(site: Site) -> bool:
    """Tells what yields the largest entries and where they are: through the entries a gradient comes back."""
    return names.called(site.node) == "top_k"


def _around(site: Site) -> list[Site]:
    around = []
    outer = site.parent
    while outer is not None:
        around.append(outer)
        outer = outer.parent
    return around


def _learns(value: Any) -> bool:
    """Tells whether an object is a trainable variable or has some."""
    if value is None:
        return False
    if type(value).__name__.endswith(("Variable", "Parameter")):
        return bool(getattr(value, "trainable", getattr(value, "requires_grad", False)))
    try:
        return callable(value) and bool(getattr(value, "trainable_variables", None))
    except Exception:  # a property of a layer that is not built yet
        return False


_helpers: dict[int, tuple[Activation, list[tuple[int, Walk]]]] = {}


def remember(number: int, walk: Walk) -> None:
    """Keeps what a function's result, the event `number`, goes back to, for the function that has called it."""
    outer = walk.activation.parent
    if outer is None:
        return
    if len(_helpers) > 256:
        _helpers.clear()
    known = _helpers.get(id(outer))
    if known is None or known[0] is not outer:
        known = _helpers[id(outer)] = (outer, [])
    known[1].append((number, walk))
    del known[1][:-64]


def _helper(site: Site, activation: Activation) -> Walk | None:
    """Returns what is known of the function of the user's whose result a call is."""
    known, event = _helpers.get(id(activation)), activation.last.get(site)
    if known is None or known[0] is not activation:
        return None
    begun = max((e.number for e in activation.operands(site)), default=0)
    ended = math.inf if event is None or event.number < begun else event.number  # this very call, just over
    return next((walk for number, walk in reversed(known[1]) if begun < number < ended), None)


def forget() -> None:
    """Lets go of what has been looked up."""
    _helpers.clear()
