"""Copy a recording, whole or without what it holds of the user's data and source."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from kerascope.errors import UsageError
from kerascope.record import opening

_REDACTED = (
    "DELETE FROM captures",
    "DELETE FROM batches",
    "DELETE FROM sources",
    "DELETE FROM events WHERE kind IN ('birth', 'examined', 'crash', 'note')",
    "UPDATE models SET facts = '{}'",
    "UPDATE trainings SET facts = json_remove(facts, '$.fit', '$.data')",
    "DELETE FROM samples WHERE part = 'input'",
    "UPDATE meta SET value = '[]' WHERE key = 'argv'",
    "UPDATE meta SET value = '\"redacted\"' WHERE key = 'subject'",
    "UPDATE meta SET value = 'null' WHERE key IN ('error', 'platform')",
)
"""Figures of the training stay: they are what a copy is for. An error's text may quote data."""


def copied(path: Path, out: Path, *, redact: bool) -> int:
    """Writes the copy and returns its size in bytes; see `api.export.export`."""
    source = opening.connect(path)
    try:
        try:
            os.close(os.open(out, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise UsageError(
                f"The copy cannot be written there: {error.strerror}. Received: out={str(out)!r}. Give the name of a "
                "file that does not exist, in a folder that does."
            ) from error
        target = sqlite3.connect(out, isolation_level=None)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            if redact:
                # Deleted rows must not stay readable in free pages.
                target.execute("PRAGMA secure_delete=ON")
                for statement in _REDACTED:
                    target.execute(statement)
            target.execute("VACUUM")
        except BaseException:
            with contextlib.suppress(OSError):
                out.unlink()
            raise
        finally:
            target.close()
    finally:
        source.close()
    return out.stat().st_size
