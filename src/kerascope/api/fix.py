"""`kerascope fix`: show the best change that was verified for a run, and write it when asked to."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascope.api.report import load
from kerascope.errors import KerascopeError, RecordingError
from kerascope.explain.remedies.diff import PatchError, applied
from kerascope.render.numbers import change
from kerascope.values import Finding, Fix


class FixError(KerascopeError):
    """There is no verified change, or it cannot be written."""

    slug = "fix"


@dataclasses.dataclass(frozen=True)
class Mending:
    """The best verified change of a run: what it is for, the fix, and the new text of each file."""

    finding: Finding
    fix: Fix
    folder: Path
    before: Mapping[str, str]
    after: Mapping[str, str]

    def write(self) -> tuple[Path, ...]:
        """Writes the change into the user's files and returns them.

        Raises:
            FixError: a file is not what it was when the script ran, or cannot be written; then nothing is written.
        """
        texts: dict[Path, str] = {}
        for name, text in self.after.items():
            path = self.folder / name
            now = _text(path)
            if now is None or now.replace("\r\n", "\n") != self.before[name]:
                raise FixError(
                    f"The change was not written: the file is not what it was when the script ran. Received: "
                    f"file={str(path)!r}. Run the script again with `kerascope run`, and apply what is found then."
                )
            newline = "\r\n" if "\r\n" in now else "\n"
            texts[path] = text.replace("\n", newline)
        for path, text in texts.items():
            try:
                partial = path.with_name(f"{path.name}.kerascope-new")
                partial.write_bytes(text.encode("utf-8"))
                partial.chmod(path.stat().st_mode & 0o777)
                os.replace(partial, path)  # so that what is interrupted leaves no half a script
            except OSError as error:
                raise FixError(
                    f"The change cannot be written: {error.strerror}. Received: file={str(path)!r}."
                ) from error
        return tuple(texts)


def mending(recording: str | Path, script: str | Path | None = None) -> Mending:
    """Returns the best verified change of a recorded run.

    Args:
        recording: the run.
        script: where the script lies now; None for where it was called, seen from here or from the folder of ``runs``.

    Raises:
        FixError: nothing was verified, or the script is not there.
        RecordingError: the file is no recording, or cannot be read.
    """
    with load(recording) as run:
        found = [(f, fix) for f in run.findings for fix in f.fixes if fix.verified and fix.patch]
        sources = {name: text.replace("\r\n", "\n") for name, text in run.view.sources().items()}
        argv = run.view.meta.get("argv")
    if not found:
        raise FixError(
            f"No change was verified for this run. Received: run={str(recording)!r}. `kerascope report` shows what was "
            "found; run the script again with a larger `--experiments SECONDS` to let more changes be tried."
        )
    place = _script(script, argv, Path(recording))
    finding, fix = found[0]
    try:
        after = applied(fix.patch or "", sources)
    except PatchError as error:
        raise RecordingError(f"The recorded change does not fit the recorded script: {error}") from error
    return Mending(finding, fix, place.parent, sources, after)


def _script(given: str | Path | None, argv: object, recording: Path) -> Path:
    """Returns where the script lies: as it was called, seen from here or from where ``runs`` lies."""
    called = argv[0] if isinstance(argv, list) and argv and isinstance(argv[0], str) else ""
    places = [given] if given is not None else [called, recording.resolve().parent.parent / called]
    tried = [Path(str(place)) for place in places if str(place)]
    for place in tried:
        if place.is_file():
            return place.resolve()
    raise FixError(
        f"The script is not there any more. Received: script={str(tried[0]) if tried else None!r}. "
        "Give its place with `--script FILE`."
    )


def shown(before: Any, after: Any) -> str:
    """Returns what a change did to a figure, in words."""
    return change(before, after)


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
