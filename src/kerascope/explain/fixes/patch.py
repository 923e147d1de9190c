"""Changes of source text: pieces of an expression replaced, all other characters left as they are."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

from kerascope.errors import KerascopeError
from kerascope.record.lines import Position


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the text at a position. Where the position is empty, the text is put in."""

    position: Position
    text: str


def splice(source: str, edits: Sequence[Edit]) -> str:
    """Returns the source with the edits made; they must not overlap."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = source.encode()
    for edit in sorted(edits, key=lambda e: (e.position[0], e.position[2]), reverse=True):
        first, last, begin, end = edit.position
        data = data[: starts[first - 1] + begin] + edit.text.encode() + data[starts[last - 1] + end :]
    return data.decode()


@dataclasses.dataclass(frozen=True)
class Patch:
    """A change of one file: its text `before` and `after`, and what is changed in a few words."""

    file: str
    description: str
    before: str
    after: str

    def diff(self) -> str:
        """Returns the change as a unified diff; only changed lines and two around them."""
        name = Path(self.file).name
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
            n=2,
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )

    def apply(self) -> None:
        """Writes the change to the file. Only for when the user has asked for it.

        Errors:
            KerascopeError: the file is not there, or is no longer what the change was tried on.
        """
        path = Path(self.file)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            raise KerascopeError(
                f"The change cannot be written. Received: file={self.file!r}, which cannot be read ({error}). "
                "Copy the changed lines by hand.",
                slug="apply",
            ) from error
        newline = "\r\n" if "\r\n" in text else "\n"
        if text.replace("\r\n", "\n") != self.before.replace("\r\n", "\n"):
            raise KerascopeError(
                f"The change was not written: the file has changed since it was tried. Received: file={self.file!r}. "
                "Trace again, and apply the new change.",
                slug="apply",
            )
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(self.after.replace("\r\n", "\n").replace("\n", newline))
