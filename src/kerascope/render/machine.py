"""A report for machines: JSON text, and back.

The keys stand in the order in which values.py declares them, so two reports can be compared as text. Everything
outside ASCII is escaped: the text can be printed on any terminal, and a path that is no valid Unicode survives.
"""

from __future__ import annotations

import dataclasses
import json
import types
from typing import Any, Literal, get_args, get_origin, get_type_hints

from kerascope.errors import KerascopeError
from kerascope.values import REPORT_SCHEMA, Report, decode, encode

_FAMILY = REPORT_SCHEMA.rsplit("/", 1)[0] + "/"


class ReportError(KerascopeError):
    """A text is not a report, or one of a later version."""

    slug = "report"


def to_json_text(report: Report) -> str:
    """Returns the report as a JSON document that ends with a newline."""
    return json.dumps(report.to_json(), indent=2, ensure_ascii=True, allow_nan=False, default=_foreign) + "\n"


def _foreign(value: Any) -> Any:
    """Turns what is no JSON into it: array scalars by their own `tolist`, everything else into its text."""
    return encode(value.tolist()) if hasattr(value, "tolist") else str(value)


def from_json_text(text: str) -> Report:
    """Returns the report that `to_json_text` wrote; raises `ReportError` for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"This text is not a kerascope report: it is no JSON ({error}). Received: text={_excerpt(text)}. "
            f"Give a file that `--json FILE` wrote."
        ) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != REPORT_SCHEMA:
        later = isinstance(schema, str) and schema.startswith(_FAMILY)
        advice = "Update kerascope." if later else "Give a file that `--json FILE` wrote."
        raise ReportError(
            f"This JSON is not a report that this kerascope can read. Received: schema={_excerpt(schema)}. "
            f"Allowed: schema='{REPORT_SCHEMA}'. {advice}"
        )
    try:
        _check(Report, data, "report")
        return decode(Report, data)
    except (TypeError, ValueError) as error:
        raise ReportError(
            f"This report is damaged: {_excerpt(str(error))}. Received: subject={_excerpt(data.get('subject'))}. "
            f"Write it again with `--json FILE`."
        ) from None


def _check(kind: Any, data: Any, name: str) -> None:
    """Raises unless `data` is JSON of the record `kind`: `decode` takes that on trust, `render` relies on it."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any or (data is None and type(None) in args):
        return
    if dataclasses.is_dataclass(kind):
        _require(isinstance(data, dict), "an object", data, name)
        for key, hint in get_type_hints(kind).items():
            if key in data:
                _check(hint, data[key], key)
    elif origin is types.UnionType:
        _check(next(arg for arg in args if arg is not type(None)), data, name)
    elif origin is Literal:
        _require(data in args, f"one of {args}", data, name)
    elif origin is tuple:
        _require(isinstance(data, list), "a list", data, name)
        for item in data:
            _check(args[0], item, name)
    elif origin is not None:
        _require(isinstance(data, dict), "an object", data, name)
    elif kind is float:
        number = isinstance(data, (int, float)) and not isinstance(data, bool)
        _require(number or data in ("nan", "inf", "-inf"), "a number", data, name)
    else:
        fits = isinstance(data, kind) and not (kind is int and isinstance(data, bool))
        _require(fits, "a number" if kind is int else "a text", data, name)


def _require(fine: bool, what: str, value: Any, name: str) -> None:
    if not fine:
        raise TypeError(f"{name}={_excerpt(value)} is not {what}")


def _excerpt(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
