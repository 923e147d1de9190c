"""The small language of `stop=`: what has to hold for a trace to stop.

`nonfinite`, a comparison on a figure of a named expression (`loss.max > 10`, `x.shape[0] == 4`,
`ops.log(scaled).finite < 1`), or on the number of the training step (`step == 5`). Conditions are read, never executed.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from kerascope.errors import UsageError
from kerascope.record.lines import Event, Site
from kerascope.values import TensorFacts

FIGURES = ("min", "max", "mean", "std", "zeros", "finite")
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FORMS = (
    'Allowed are "nonfinite"; a comparison of min, max, mean, std, zeros or finite of a name or expression with a '
    'number, such as "loss.max > 10" or "ops.log(scaled).finite < 1"; "x.shape[0] == 4"; \'x.dtype == "float16"\'; '
    '"step == 5"; or a function of site and facts.'
)


class Comparison:
    """A condition that has been read: `subject.figure[axis] OP value`; a `subject` of None means any expression.

    `figure` is "step" for the number of the training step.
    """

    def __init__(
        self, text: str, subject: str | None, figure: str, axis: int | None, compare: Any, value: Any
    ) -> None:
        self.text, self.subject, self.figure, self.axis = text, subject, figure, axis
        self._compare, self._value = compare, value
        self._sites: dict[Site, bool] = {}

    def concerns(self, event: Event) -> bool:
        """Tells whether the event is about the named expression."""
        if self.subject is None:
            return True
        site = event.site
        if site.kind == "arguments":
            return event.path == self.subject
        if self.subject in site.targets:
            several = len(site.targets) > 1 and event.path != ""
            return not several or event.path == f"[{site.targets.index(self.subject)}]"
        known = self._sites.get(site)
        if known is None:
            known = self._sites[site] = ast.unparse(site.node) == self.subject
        return known

    def holds(self, facts: TensorFacts) -> bool:
        """Tells whether the facts fulfil the comparison; what is not known fulfils none."""
        found: Any = getattr(facts, self.figure)
        if self.axis is not None and found is not None:
            found = found[self.axis] if -len(found) <= self.axis < len(found) else None
        return self.is_met(found)

    def is_met(self, found: Any) -> bool:
        """Tells whether a figure fulfils the comparison."""
        if found is None:
            return False
        try:
            return bool(self._compare(found, self._value))
        except TypeError:  # an unknown size such as "B" is neither more nor less than a number
            return False


def parse(text: str) -> Comparison:
    """Returns what a condition says.

    Raises:
        UsageError: the text is not of one of the forms.
    """
    if text.strip() == "nonfinite":
        return Comparison("nonfinite", None, "finite", None, operator.lt, 1.0)
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise _wrong(text, f"it cannot be read ({error.args[0]})") from None
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in _COMPARE:
        raise _wrong(text, "it is not a single comparison")
    compare = _COMPARE[type(node.ops[0])]
    left, value = node.left, _value(text, node.comparators[0])
    if isinstance(left, ast.Name) and left.id == "step":
        return Comparison(text, None, "step", None, compare, value)
    axis = None
    if isinstance(left, ast.Subscript):
        axis = _value(text, left.slice)
        left = left.value
        if not (isinstance(left, ast.Attribute) and left.attr == "shape" and isinstance(axis, int)):
            raise _wrong(text, "only `.shape[number]` has parts")
    if not isinstance(left, ast.Attribute) or left.attr not in (*FIGURES, "shape", "dtype"):
        raise _wrong(text, "its left side names no figure of an expression")
    _check(text, left.attr, axis, compare, value)
    return Comparison(text, ast.unparse(left.value), left.attr, axis, compare, value)


def _check(text: str, figure: str, axis: int | None, compare: Any, value: Any) -> None:
    wanted: Any = (int, float)
    if figure == "dtype":
        wanted = str
    elif figure == "shape" and axis is None:
        wanted = tuple
    if not isinstance(value, wanted):
        kind = "a text" if wanted is str else "a shape such as (2, 3)" if wanted is tuple else "a number"
        raise _wrong(text, f"`{figure}` is compared with {kind}")
    if wanted in (str, tuple) and compare not in (operator.eq, operator.ne):
        raise _wrong(text, f"`{figure}` is only compared by == or !=")


def _value(text: str, node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return math.inf if node.id == "inf" else math.nan
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise _wrong(text, f"`{ast.unparse(node)}` is no plain value") from None


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"This is no condition to stop at: {why}. Received: stop={text!r}. {_FORMS}")
