"""Files that a verb writes: never onto something that exists, unless asked, and never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kerascope.errors import UsageError


def check_free(path: str | Path, overwrite: bool) -> Path:
    """Returns the path; raises `UsageError` when something is there that must stay."""
    place = Path(path)
    if place.is_dir():
        raise UsageError(f"This is a folder. Received: path={str(path)!r}. Give a file in it.")
    if place.exists() and not overwrite:
        raise UsageError(
            f"This file exists already. Received: path={str(path)!r}. Give another one, or say overwrite=True "
            "(--force on the command line)."
        )
    return place


def write_bytes(path: str | Path, data: bytes, *, overwrite: bool = False) -> Path:
    """Writes a whole file or nothing; raises `UsageError` when it cannot."""
    place = check_free(path, overwrite)
    try:
        handle, name = tempfile.mkstemp(prefix=".kerascope-", dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o644)
            os.replace(name, place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"The file cannot be written there: {error.strerror}. Received: path={str(path)!r}. "
            "Give a path in a folder that exists and can be written to."
        ) from error
    return place


def write_text(path: str | Path, text: str, *, overwrite: bool = False) -> Path:
    """Writes a whole text file or nothing."""
    return write_bytes(path, text.encode("utf-8"), overwrite=overwrite)
