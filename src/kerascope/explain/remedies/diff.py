"""Unified diffs of source files: made, read and applied. Everything is text; nothing here touches a file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from kerascope.errors import KerascopeError

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class PatchError(KerascopeError):
    """A patch does not fit the text it is to change."""

    slug = "patch"


def unified(name: str, before: str, after: str, context: int = 1) -> str:
    """Returns the change of one file as a unified diff; empty when nothing changes.

    Args:
        name: the file's name as the diff is to show it.
        before: its text now.
        after: its text with the change.
        context: unchanged lines shown around each change.
    """
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        f"a/{name}",
        f"b/{name}",
        n=context,
    )
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines
    )


def applied(patch: str, sources: Mapping[str, str]) -> dict[str, str]:
    """Returns the new text of every file that a unified diff changes.

    Args:
        patch: the diff, of one file or several.
        sources: text of each file by its name; a name in the diff may be the end of one of these.

    Raises:
        PatchError: a file is missing, or its text is not what the diff expects.
    """
    texts: dict[str, str] = {}
    name: str | None = None
    lines: list[str] = []
    shift = 0
    rows = patch.splitlines(keepends=True)
    index = 0
    while index < len(rows):
        row = rows[index]
        index += 1
        if row.startswith("--- "):
            continue
        if row.startswith("+++ "):
            if name is not None:
                texts[name] = "".join(lines)
            name = _known(row[4:].strip(), sources)
            lines, shift = sources[name].splitlines(keepends=True), 0
        elif (match := _HUNK.match(row)) and name is not None:
            old, new, index = _hunk(rows, index)
            at = int(match[1]) - (1 if old else 0) + shift
            if [line.rstrip("\r\n") for line in lines[at : at + len(old)]] != [
                line.rstrip("\r\n") for line in old
            ]:
                raise PatchError(
                    f"The patch does not fit {name} at line {match[1]}: the text there has changed since. "
                    "Run the script again for a fresh patch."
                )
            lines[at : at + len(old)] = new
            shift += len(new) - len(old)
    if name is None:
        raise PatchError(f"This is no unified diff. Received: patch={patch[:60]!r}.")
    texts[name] = "".join(lines)
    return texts


def _hunk(rows: list[str], index: int) -> tuple[list[str], list[str], int]:
    """Returns the old and new lines of the hunk that begins at `index`, and where it ends."""
    old: list[str] = []
    new: list[str] = []
    while index < len(rows) and rows[index][:1] in (" ", "-", "+", "\\"):
        if (
            rows[index].startswith(("--- ", "+++ "))
            and index + 1 < len(rows)
            and rows[index + 1].startswith("+++ ")
        ):
            break
        sign, text = rows[index][0], rows[index][1:]
        if sign == "\\":  # the line before has no end
            for side, mark in ((old, "-"), (new, "+")):
                if side and rows[index - 1][0] in (" ", mark):
                    side[-1] = side[-1].rstrip("\n")
        if sign in " -":
            old.append(text)
        if sign in " +":
            new.append(text)
        index += 1
    return old, new, index


def _known(name: str, sources: Mapping[str, str]) -> str:
    bare = name.split("\t", maxsplit=1)[0]
    bare = bare[2:] if bare.startswith(("a/", "b/")) else bare
    for known in sources:
        if known == bare or known.endswith("/" + bare) or bare.endswith("/" + known):
            return known
    raise PatchError(f"The patch is for a file that is not there. Received: file={bare!r}.")
