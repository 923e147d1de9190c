"""A failing expression as the rules see it: what it does, its tensors, and plain values such as an axis.

Tensors come from the trace. Plain values are worked out from the source where that needs no code of the user's to
run: literals, names and attributes that hold plain data, arithmetic on them, and shapes of recorded tensors.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import operator
import types
from collections.abc import Iterator
from typing import Any

from kerascope._backends import tensors as framework
from kerascope._keras import objects
from kerascope.explain.lines.failure import Failure, said
from kerascope.explain.lines.operands import Dim, Tensor, known, of_event
from kerascope.explain.lines.source import short
from kerascope.record.lines import Site

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>", "__bool__": lambda self: False})()
"""In place of a value that cannot be told without running something."""

_BINARY: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_PLAIN = (int, float, str, bool, type(None), slice)
_MOST = 1_000_000


class Operation:
    """The expression that failed."""

    def __init__(self, failure: Failure) -> None:
        assert failure.site is not None and failure.error is not None
        self.failure = failure
        self.site: Site = failure.site
        self.error: BaseException = failure.error
        self.message = said(failure.error)
        self.node = failure.site.node
        self.source = short(failure.site.source)
        self.callee = self._callee()
        self.receiver = self._receiver()
        self.layer = self._layer()
        self.parts = self._parts()
        self.tensors = list(self._operands())

    # -- what it does --------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The names a rule may know the operation by: as it is written, then as the called object calls itself."""
        if self.layer:  # `self.dot` may be anything
            return [self.layer]
        own = getattr(self.callee, "__name__", "")
        return [name for name in dict.fromkeys((self.site.name, own)) if isinstance(name, str) and name]

    @property
    def shown(self) -> str:
        """The operation's name for a sentence, such as "matmul" or "+"."""
        node = getattr(self.node, "op", None)
        sign = _SIGNS.get(type(node))
        if sign is None:
            return self.layer or self.site.name
        return f"`{sign}=`" if isinstance(self.node, ast.AugAssign) else f"`{sign}`"

    def _layer(self) -> str:
        """The class of Keras's whose layer is called, as in `self.dot([a, b])` and `layers.Dot(1)([a, b])`."""
        made: Any = type(self.callee) if objects.kind_of(self.callee) in ("layer", "model") else MISSING
        func = getattr(self.node, "func", None)
        if isinstance(func, ast.Call):
            made = self.found(func.func)
        if isinstance(self.callee, type) or not isinstance(made, type):
            return ""
        return made.__name__ if made.__module__.startswith("keras.") else ""

    def _parts(self) -> list[Tensor]:
        """What the expression was computed from; what `a += b` adds to is read there, though it is a target."""
        own = self.failure.activation
        if own is None:
            return []
        found = known(own.operands(self.site))
        if isinstance(self.node, ast.AugAssign):
            found = [*self.held(self.node.target), *found]
        seen: dict[tuple[str, Any], Tensor] = {}
        for tensor in found:  # `x[:, x.shape[1]]` reads `x` twice
            seen.setdefault((tensor.text, tensor.shape), tensor)
        return list(seen.values())

    def held(self, node: ast.expr) -> list[Tensor]:
        """Returns the tensor that a name holds, though the expression may not have read it yet."""
        own, value = self.failure.activation, self.found(node)
        text = ast.unparse(node)
        event = own.definitions.get(text) if own is not None else None
        if event is not None and event.facts.shape is not None:
            return [dataclasses.replace(of_event(event), text=text)]
        if framework.kind(value) != "tensor":
            return []
        facts = framework.facts(value, statistics=False)
        return (
            [Tensor(text, tuple(facts.shape), facts.dtype, facts.mode, None)]
            if facts.shape is not None
            else []
        )

    def _callee(self) -> Any:
        return self.found(self.node.func) if isinstance(self.node, ast.Call) else MISSING

    def _receiver(self) -> Tensor | None:
        """The tensor a method is called on, as in `x.reshape(...)`."""
        node = self.node
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return None
        found = self.tensors_in(node.func.value)
        return found[0] if len(found) == 1 else None

    # -- its arguments -------------------------------------------------------------------------------------------

    def argument(self, index: int, *names: str) -> ast.expr | None:
        """Returns the expression given for a parameter, by place (counted from the first tensor) or by name."""
        node = self.node
        if not isinstance(node, ast.Call):
            return None
        for keyword in node.keywords:
            if keyword.arg in names:
                return keyword.value
        index -= self.receiver is not None
        args = node.args
        if index < 0 or any(isinstance(a, ast.Starred) for a in args[: index + 1]):
            return None
        return args[index] if index < len(args) else None

    def rest(self, index: int) -> list[ast.expr]:
        """Returns the positional arguments from a place on, as in `x.reshape(2, 5)`."""
        node = self.node
        if not isinstance(node, ast.Call):
            return []
        return node.args[max(0, index - (self.receiver is not None)) :]

    def plain(self, index: int, *names: str, default: Any = MISSING) -> Any:
        """Returns the plain value given for a parameter, `default` where none is given, MISSING where unknown."""
        node = self.argument(index, *names)
        return default if node is None else self.value(node)

    def tensor(self, index: int, *names: str) -> Tensor | None:
        """Returns the one tensor given for a parameter."""
        if index == 0 and self.receiver is not None:
            return self.receiver
        node = self.argument(index, *names)
        found = self.tensors_in(node) if node is not None else []
        return found[0] if len(found) == 1 else None

    def set_by(self, name: str) -> Site | None:
        """Returns the expression that a name was set to, in the function that failed."""
        failure = self.failure
        found = [
            e.site
            for e in failure.logs[0].events
            if e.activation is failure.activation and name in e.site.targets
        ]
        return found[-1] if found else None

    def made_by(self, tensor: Tensor) -> Site | None:
        """Returns the expression that a name was set to of which a tensor is a part, or the expression itself."""
        site = tensor.event.site if tensor.event is not None else None
        if site is None or site.kind == "name":
            return self.set_by(site.source) if site is not None else None
        return None if site.kind == "arguments" else site

    def _operands(self) -> Iterator[Tensor]:
        """Yields what the operation itself is given; what only went into working out a number is no operand."""
        node = self.node
        if isinstance(node, ast.AugAssign):
            yield from self.held(node.target)
            yield from self.tensors_in(node.value)
            return
        if isinstance(node, ast.BinOp):
            parts: list[ast.AST] = [node.left, node.right]
        elif isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call):
            receiver = (
                [node.func.value]
                if self.receiver is not None and isinstance(node.func, ast.Attribute)
                else []
            )
            parts = [*receiver, *node.args, *(keyword.value for keyword in node.keywords)]
        else:
            yield from self.parts
            return
        for part in parts:
            yield from self.tensors_in(part)

    def tensors_in(self, node: ast.AST) -> list[Tensor]:
        """Returns the tensors that an argument yielded: one, or those of a container."""
        activation = self.failure.activation
        if activation is None:
            return []
        site = self._site_of(node)
        if site is not None and site in activation.last:
            return known(activation.parts.get(site) or [activation.last[site]])
        if isinstance(node, (ast.List, ast.Tuple)):
            return [tensor for element in node.elts for tensor in self.tensors_in(element)]
        if isinstance(node, ast.Starred):
            return self.tensors_in(node.value)
        return []

    def _site_of(self, node: ast.AST) -> Site | None:
        place = tuple(
            getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")
        )
        waiting = list(self.site.children)
        while waiting:
            site = waiting.pop()
            if site.node is node or (site.position == place and site.kind != "arguments"):
                return site
            waiting += site.children
        return None

    # -- plain values --------------------------------------------------------------------------------------------

    def found(self, node: ast.AST) -> Any:
        """Returns the object a name or a chain of attributes stands for; no property is asked."""
        frame = self.failure.frame
        if isinstance(node, ast.Subscript) and frame is not None:
            base, index = self.found(node.value), self.value(node.slice)
            try:
                return base[index] if isinstance(base, (list, tuple, dict)) else MISSING
            except (LookupError, TypeError):
                return MISSING
        return MISSING if frame is None else lookup(frame, node)

    def value(self, node: ast.AST) -> Any:
        """Returns the plain value of an expression, MISSING where it cannot be told."""
        try:
            return self._value(node)
        except (TypeError, ValueError, ArithmeticError, LookupError):
            return MISSING

    def _value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            items = [self._value(element) for element in node.elts]
            return MISSING if any(item is MISSING for item in items) else tuple(items)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._value(node.operand)
            return MISSING if inner is MISSING else -inner
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node)
        if isinstance(node, ast.Call):
            return self._called(node)
        if isinstance(node, ast.Subscript):
            base = self._value(node.value)
            index = self._index(node.slice)
            return MISSING if base is MISSING or index is MISSING else base[index]
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "ndim"):
            shape = self._shape(node.value)
            if shape is not None:
                return shape if node.attr == "shape" else len(shape)
        return plain(self.found(node))

    def _index(self, node: ast.AST) -> Any:
        if not isinstance(node, ast.Slice):
            return self._value(node)
        parts = [None if p is None else self._value(p) for p in (node.lower, node.upper, node.step)]
        return MISSING if any(p is MISSING for p in parts) else slice(*parts)

    def _arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        work = _BINARY.get(type(node.op))
        if work is None or left is MISSING or right is MISSING:
            return MISSING
        if isinstance(left, str) or isinstance(right, str):
            return MISSING
        if any(isinstance(side, int) and abs(side) > _MOST for side in (left, right)):
            return MISSING
        longer = isinstance(left, tuple) or isinstance(right, tuple)
        if (
            longer
            and work is not operator.add
            and (work is not operator.mul or len(str((left, right))) > 200)
        ):
            return MISSING
        return work(left, right)

    def _called(self, node: ast.Call) -> Any:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if len(node.args) == 1 and not node.keywords:
            if name == "shape":
                shape = self._shape(node.args[0])
                return MISSING if shape is None else shape
            if name == "ndim":
                shape = self._shape(node.args[0])
                return MISSING if shape is None else len(shape)
            inner = self._value(node.args[0])
            if name in ("len", "tuple", "list") and isinstance(inner, tuple):
                return len(inner) if name == "len" else inner
            if name in ("int", "abs") and isinstance(inner, (int, float)):
                return int(inner) if name == "int" else abs(inner)
        return MISSING

    def _shape(self, node: ast.AST) -> tuple[Dim, ...] | None:
        found = self.tensors_in(node)
        if len(found) == 1:
            return found[0].shape
        known = self.found(node)
        return framework.shape(framework.unwrapped(known)) if framework.kind(known) == "tensor" else None


def lookup(frame: types.FrameType, node: ast.AST) -> Any:
    """Returns the object that a name or a chain of attributes stands for in a frame; no property is asked."""
    if isinstance(node, ast.Name):
        for names in (frame.f_locals, frame.f_globals, vars(builtins)):
            if node.id in names:
                return names[node.id]
    if isinstance(node, ast.Attribute):
        base = lookup(frame, node.value)
        return MISSING if base is MISSING else attribute_of(base, node.attr)
    return MISSING


def attribute_of(base: Any, name: str) -> Any:
    """Returns an object's attribute without running code of the user's: no property, no `__getattr__`."""
    if isinstance(base, (types.ModuleType, type)):
        return getattr(base, name, MISSING)
    own = getattr(base, "__dict__", {})
    if name in own:
        return own[name]
    for kept in ("_modules", "_parameters"):  # where torch.nn.Module keeps them
        inner = own.get(kept)
        if isinstance(inner, dict) and name in inner:
            return inner[name]
    for owner in type(base).__mro__:
        if name in vars(owner):
            found = vars(owner)[name]
            return found.__get__(base) if isinstance(found, types.FunctionType) else MISSING
    return MISSING


def plain(value: Any) -> Any:
    """Returns numbers, words and short tuples of them as they are, anything else as MISSING."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (tuple, list)) and len(value) <= framework.MOST_ITEMS:
        items = tuple(plain(item) for item in value)
        return MISSING if any(item is MISSING for item in items) else items
    return MISSING


_SIGNS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Not: "not",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
