"""Take a cell for what it should be, or raise `Damage`: SQLite lets any cell hold anything."""

from __future__ import annotations

import json
import math
from typing import Any

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Damage(ValueError):
    """Something in a file is not what a recording holds there; the message is a clause, not a sentence."""


def whole(cell: Any) -> int:
    """Returns a whole number."""
    if type(cell) is not int:
        raise Damage(f"a whole number was expected where there is {_named(cell)}")
    return cell


def real(cell: Any) -> float:
    """Returns a number."""
    if type(cell) not in (int, float):
        raise Damage(f"a number was expected where there is {_named(cell)}")
    return float(cell)


def text(cell: Any) -> str:
    """Returns text."""
    if type(cell) is not str:
        raise Damage(f"text was expected where there is {_named(cell)}")
    return cell


def json_value(cell: Any) -> Any:
    """Returns what a JSON document holds."""
    try:
        return json.loads(text(cell))
    except Damage:
        raise
    except (ValueError, RecursionError):  # not JSON, a number of thousands of digits, nested without end
        raise Damage("a column of facts holds no JSON") from None


def json_object(cell: Any) -> dict[str, Any]:
    """Returns what a JSON document holds, which must be an object."""
    value = json_value(cell)
    if not isinstance(value, dict):
        raise Damage(f"a JSON object was expected where there is {_named(value)}")
    return value


def texts(cell: Any) -> list[str]:
    """Returns a JSON list of texts."""
    value = json_value(cell)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Damage("a list of names was expected where there is something else")
    return value


def figure(value: Any) -> float:
    """Returns a number from JSON, where NaN and infinities are texts."""
    if isinstance(value, str) and value in _NON_FINITE:
        return _NON_FINITE[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Damage(f"a number was expected where there is {_named(value)}")
    try:
        return float(value)
    except OverflowError:
        raise Damage("a number is too large") from None


def _named(cell: Any) -> str:
    return "nothing" if cell is None else f"a value of type {type(cell).__name__}"
