"""When a live training is to pause: a condition on the step's number and what is logged of it."""

from __future__ import annotations

import ast
import collections
import math
import operator
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from kerascope.errors import UsageError

_FORMS = (
    'Give "nonfinite", or a comparison of `step`, `epoch`, `grad_norm` and logged names such as `loss`: "step==120", '
    '"grad_norm>1e3", "loss>2*median(loss,50)". `median`, `mean`, `min` and `max` look at the steps before.'
)
_OVER: dict[str, Callable[[Any], float]] = {
    "median": statistics.median,
    "mean": statistics.fmean,
    "min": min,
    "max": max,
}
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_MOST = 10_000


class Break:
    """A condition, asked after every step with what is known of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self._history: dict[str, collections.deque[float]] = {}
        self._tree: ast.expr | None = None
        self._was_bad = False
        if text.strip() == "nonfinite":
            return
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError:
            raise self._wrong("it is no expression") from None
        self._check(self._tree)
        if not isinstance(self._tree, (ast.Compare, ast.BoolOp)):
            raise self._wrong("it compares nothing")

    def met(self, values: Mapping[str, float]) -> bool:
        """Tells whether to pause after the step with these values. A name that is not known is no reason to."""
        if self._tree is None:
            bad = not all(math.isfinite(v) for n, v in values.items() if "loss" in n or n == "grad_norm")
            first, self._was_bad = bad and not self._was_bad, bad
            return first
        try:
            return bool(self._value(self._tree, values))
        except (KeyError, ZeroDivisionError, statistics.StatisticsError):
            return False
        finally:
            for name in self.names & set(values):
                if math.isfinite(values[name]):
                    self._history.setdefault(name, collections.deque(maxlen=_MOST)).append(values[name])

    def _check(self, node: ast.expr) -> None:
        if isinstance(node, ast.BoolOp):
            parts: list[ast.expr] = node.values
        elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            parts = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            parts = [node.operand]
        elif isinstance(node, ast.Name):
            self.names.add(node.id)
            return
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return
        elif self._is_over(node):
            self.names.add(node.args[0].id)  # type: ignore[attr-defined]
            return
        else:
            raise self._wrong(f"`{ast.unparse(node)}` is not understood")
        for part in parts:
            self._check(part)

    @staticmethod
    def _is_over(node: ast.expr) -> bool:
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _OVER
            and len(node.args) == 2
            and not node.keywords
            and isinstance(node.args[0], ast.Name)
            and isinstance(node.args[1], ast.Constant)
            and type(node.args[1].value) is int
            and 0 < node.args[1].value <= _MOST
        )

    def _value(self, node: ast.expr, values: Mapping[str, float]) -> Any:
        if isinstance(node, ast.BoolOp):
            join = all if isinstance(node.op, ast.And) else any
            return join(self._value(part, values) for part in node.values)
        if isinstance(node, ast.Compare):
            sides = [self._value(part, values) for part in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return all(_COMPARE[type(op)](a, b) for op, a, b in pairs)
        if isinstance(node, ast.BinOp):
            return _ARITHMETIC[type(node.op)](self._value(node.left, values), self._value(node.right, values))
        if isinstance(node, ast.UnaryOp):
            return -self._value(node.operand, values)
        if isinstance(node, ast.Name):
            return values[node.id]
        if isinstance(node, ast.Constant):
            return node.value
        return self._over(node)

    def _over(self, node: Any) -> float:
        count = node.args[1].value
        history = list(self._history.get(node.args[0].id, ()))[-count:]
        if len(history) < count:
            raise KeyError(node.args[0].id)  # not enough steps before
        return _OVER[node.func.id](history)

    def _wrong(self, why: str) -> UsageError:
        return UsageError(f"This is no condition to pause at: {why}. Received: break={self.text!r}. {_FORMS}")
