"""Make any text harmless to show: layer names, labels, paths and messages are hostile until cleaned.

`clean` is applied by `blocks.Span`, the only carrier of text in a document, so no output can forget it. HTML is
escaped in html.py and rich markup is never parsed, so neither needs a rule here.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from rich.cells import cell_len

LONGEST = 4000
"""Characters kept of one text; a report is for reading."""

_FOLDED = re.compile("[\\n\\v\\f\\r\\x1c-\\x1e\\x85\\u2028\\u2029]+")

# Cc and Cf hold the escape sequences and the bidi overrides; Cs cannot be encoded; of Co and Cn no terminal knows
# the width; Zl and Zp break lines.
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

# Letters and marks that draw nothing, so that two different names look alike.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

_MOST_MARKS = 2


def clean(value: Any) -> str:
    """Returns `value` as one line of visible text.

    Line breaks and tabs become spaces; control, format and invisible characters become escapes such as ``\\x1b``
    or ``\\u202e``, so that the reader sees that they are there.
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    if text.isascii() and text.isprintable():
        return text
    first, *rest = _FOLDED.split(text)
    if rest:
        text = " ".join([first.rstrip(), *(part.strip() for part in rest)])
    return _visible(text)


def _visible(text: str) -> str:
    out: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char == "\t" or category == "Zs":
            out.append(" ")
        elif category in _ESCAPED_CATEGORIES or char in _INVISIBLE:
            out.append(_escape(char))
        elif not _is_variation(char) and marks <= _MOST_MARKS:
            out.append(char)
    return "".join(out)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_variation(char: str) -> bool:
    # They change the width of the character before them, and terminals disagree on whether they do.
    code = ord(char)
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x180B <= code <= 0x180F


def shorten(value: Any, cells: int) -> str:
    """Returns `value` cleaned and at most `cells` columns wide, its middle replaced by three dots."""
    text = clean(value)
    if cell_len(text) <= cells:
        return text
    if cells <= 3:
        return "." * max(0, cells)
    tail_room = (cells - 3) // 2
    head = _fitting(text, cells - 3 - tail_room)
    tail = _fitting(text[::-1], tail_room)[::-1]
    return f"{head}...{tail}"


def _fitting(text: str, cells: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += cell_len(char)
        if used > cells:
            return text[:index]
    return text
