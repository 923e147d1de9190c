"""Figures as people read them: two or three significant digits, and a unit."""

from __future__ import annotations

import math
import operator
from typing import Any

MISSING = "-"


def figure(value: Any) -> str:
    """Returns a number in two or three significant digits: "2.41", "0.00070", "1.2e9"; counts in full: "1,024".

    NaN and infinities are "NaN", "inf" and "-inf", None is "-"; what is no number is returned as its text.
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    try:
        return _count(operator.index(value))
    except TypeError:
        pass
    try:
        return _measure(float(value))
    except (TypeError, ValueError, OverflowError):
        return str(value)


def number(value: Any) -> float:
    """Returns `value` as a float, NaN when it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _count(value: int) -> str:
    if abs(value) < 10**9:
        return f"{value:,}"
    # By logarithm: an integer from a file may be too large for a float.
    exponent = math.floor(math.log10(abs(value)))
    mantissa = 10 ** (math.log10(abs(value)) - exponent)
    if mantissa >= 9.95:
        mantissa, exponent = 1.0, exponent + 1
    return f"{'-' if value < 0 else ''}{mantissa:.1f}e{exponent}"


def _measure(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0:
        return "0"
    size = abs(float(f"{value:.2e}"))
    if size >= 100_000 or size < 0.0001:
        mantissa, power = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(power)}"
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    # Two significant digits below one; rounding first, so that 0.0999 is 0.10 and not 0.100.
    exponent = int(f"{value:.1e}".split("e")[1])
    return f"{value:.{1 - exponent}f}"


def duration(seconds: Any) -> str:
    """Returns a time: "45 ms", "3.1 s", "2 min 42 s", "1 h 12 min"."""
    value = number(seconds)
    if not math.isfinite(value) or value < 0:
        return f"{_measure(value)} s"
    if value < 0.9995:
        return f"{_two_digits(value * 1000)} ms"
    if value < 119.5:
        return f"{_two_digits(value)} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours:,} h {minutes} min"


def _two_digits(value: float) -> str:
    if value == 0:
        return "0"
    if value >= 9.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.995 else _measure(value)


def percent(share: Any) -> str:
    """Returns a share from 0 to 1 in percent; "100 %" and "0 %" only when it is exactly that."""
    value = number(share)
    points = 100 * value
    if not 0 <= points <= 100:
        # No share at all, so it is shown as what it is.
        return f"{_measure(points)} %"
    if points in (0, 100):
        return f"{points:.0f} %"
    if points < 1:
        return "<0.01 %" if points < 0.01 else f"{points:.1g} %"
    if 99 < points < 100:
        return ">99 %"
    return f"{points:.0f} %"


def change(before: Any, after: Any) -> str:
    """Returns "2.41 -> 2.35", with more digits where the two would otherwise read the same."""
    texts = figure(before), figure(after)
    if texts[0] == texts[1] and isinstance(before, float) and isinstance(after, float):
        longer = f"{before:.5g}", f"{after:.5g}"
        texts = longer if longer[0] != longer[1] else texts
    return f"{texts[0]} -> {texts[1]}"


def scaled(value: Any, unit: str = "") -> str:
    """Returns a count with three digits and a prefix: "412", "1.39 M", "4.09 G"."""
    if value is None:
        return "?"
    size = number(value)
    for prefix in ("", "k", "M", "G", "T"):
        if abs(size) < 999.5 or prefix == "T":
            text = f"{size:.0f}" if prefix == "" or abs(size) >= 99.95 else f"{size:.3g}"
            return f"{text} {prefix}{unit}".strip()
        size /= 1000
    return ""


def memory(count: Any) -> str:
    """Returns bytes in units of 1024, as Keras does: "0 B", "5.31 MB"."""
    if count is None:
        return "?"
    size = number(count)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1024
    return ""
