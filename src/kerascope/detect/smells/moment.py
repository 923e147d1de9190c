"""One event as the rules see it: the expression, its value, what it was computed from, and who is computing."""

from __future__ import annotations

import ast
import dataclasses
import types
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kerascope._backends import tensors
from kerascope.detect.smells import names, roles
from kerascope.record.lines import Activation, Event, Site
from kerascope.values import Evidence, Severity

MOST_ELEMENTS = 1_000_000
"""Larger tensors are judged on every n-th element."""


class Operand(Protocol):
    """What an expression was computed from."""

    event: Event
    value: Any


@dataclasses.dataclass(slots=True)
class Hit:
    """One execution in which a rule found something. `score` orders executions from mild to bad.

    `disproved`, asked when the trace is over, tells that what came later made it harmless; `instead` is what is then
    still to be said.
    """

    kind: str
    severity: Severity
    confidence: float
    title: str
    explanation: str
    evidence: tuple[Evidence, ...]
    score: float = 1.0
    site: Site | None = None
    disproved: Callable[[], bool] | None = None
    instead: Hit | None = None


CLEAR = "clear"
"""A rule looked at an execution and found it sound."""

Verdict = Hit | str | None
"""`CLEAR`, a hit, or None for an execution that says nothing either way."""


@dataclasses.dataclass(slots=True)
class Moment:
    """An expression has just yielded a tensor."""

    event: Event
    value: Any
    operands: Sequence[Operand]
    frame: types.FrameType

    @property
    def site(self) -> Site:
        return self.event.site

    @property
    def node(self) -> Any:
        return self.event.site.node

    @property
    def activation(self) -> Activation:
        return self.event.activation

    @property
    def role(self) -> roles.Role:
        """What the code that runs is for; told from whose method runs."""
        return roles.role(self.frame, self.activation)

    def part(self, node: ast.AST | None) -> Operand | None:
        """Returns the tensor that a part of the expression yielded."""
        while isinstance(node, ast.NamedExpr):
            node = node.value
        return next((o for o in self.operands if o.event.site.node is node and not o.event.path), None)

    def arguments(self) -> list[ast.expr]:
        """Returns the positional arguments of a call; the tensor whose method is called comes first."""
        node = self.node
        func = node.func
        if isinstance(func, ast.Attribute) and self.part(func.value) is not None:
            return [func.value, *node.args]
        return list(node.args)

    def argument(self, index: int, *keywords: str) -> ast.expr | None:
        """Returns an argument of a call by its place or, if it is not there, by one of its names."""
        for keyword in self.node.keywords:
            if keyword.arg in keywords:
                return keyword.value  # type: ignore[no-any-return]
        given = self.arguments()
        return given[index] if 0 <= index < len(given) else None

    def terms(self) -> tuple[Operand, Operand] | None:
        """Returns the two tensors that an operator, a comparison or an element-wise call combines."""
        nodes = self.sides()
        if nodes is None:
            return None
        left, right = self.part(nodes[0]), self.part(nodes[1])
        return None if left is None or right is None else (left, right)

    def sides(self) -> tuple[ast.expr, ast.expr] | None:
        """Returns the source of the two things that are combined."""
        node = self.node
        if isinstance(node, ast.BinOp):
            return node.left, node.right
        if isinstance(node, ast.Compare) and len(node.comparators) == 1:
            return node.left, node.comparators[0]
        if isinstance(node, ast.Call):
            given = self.arguments()
            if len(given) >= 2:
                return given[0], given[1]
        return None

    def number(self, node: ast.AST | None) -> float | None:
        """Returns the number that an expression stands for, when it is a literal, a setting or a constant."""
        return names.number(node, self.frame)


def array(value: Any) -> np.ndarray | None:
    """Returns a tensor's values, None when it has none or is empty."""
    found = tensors.array_of(value)
    return found if found is not None and found.size else None


def sample(values: np.ndarray) -> np.ndarray:
    """Returns the values in one row, every n-th of them when they are many."""
    flat = values.reshape(-1)
    return flat if flat.size <= MOST_ELEMENTS else flat[:: -(-flat.size // MOST_ELEMENTS)]


def floats(value: Any) -> np.ndarray | None:
    """Returns a floating-point tensor's values as a row of float64; None for anything else."""
    found = array(value)
    return None if found is None or found.dtype.kind != "f" else sample(found).astype(np.float64)


def rms(values: np.ndarray) -> float:
    """Returns the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def all_finite(event: Event, value: Any) -> bool | None:
    """Tells whether all of a tensor is finite; None when it has no values."""
    if event.facts.finite is not None:
        return event.facts.finite == 1.0
    found = array(value)
    if found is None:
        return None
    return found.dtype.kind != "f" or bool(np.isfinite(found).all())


def span(values: np.ndarray) -> str:
    """Returns the range of the values for a sentence."""
    with np.errstate(all="ignore"):
        return f"{np.nanmin(values):.3g} to {np.nanmax(values):.3g}"


def is_mask(name: str, frame: types.FrameType) -> bool:
    """Tells whether a name holds what only says yes or no; where it has no values, whether it is called a mask."""
    values = array(names.find(ast.Name(name), frame))
    return "mask" in name if values is None else bool(np.isin(sample(values), (0, 1)).all())


def is_variable(value: Any) -> bool:
    """Tells a variable or weight from a tensor that was computed."""
    name = type(value).__name__
    if name.endswith("Variable") or name == "Parameter":
        return True
    return name == "Tensor" and bool(getattr(value, "is_leaf", False)) and bool(value.requires_grad)


def differentiated(value: Any) -> bool:
    """Tells whether a gradient is known to be taken through a tensor."""
    if tensors.unwrapped(value) is not value and not type(value).__name__.endswith("Variable"):
        return True  # a tracer of JAX's that stands for a real value
    return type(value).__module__.startswith("torch") and bool(getattr(value, "requires_grad", False))
