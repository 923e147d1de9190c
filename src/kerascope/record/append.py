"""Add to a recording that is closed: what was found out about a run after it had ended."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerascope.errors import RecordingError
from kerascope.record.reader import RunView
from kerascope.values import encode


def append_event(path: str | Path, kind: str, facts: Mapping[str, Any]) -> None:
    """Adds an event to a recording; it is on disk when this returns.

    Args:
        path: the recording.
        kind: the event's kind.
        facts: plain data.

    Raises:
        RecordingError: the file is no recording, or cannot be written.
    """
    place = Path(path)
    RunView.open(place).close()  # so that nothing but a recording is written to
    text = json.dumps(encode(facts), allow_nan=False)
    try:
        with contextlib.closing(sqlite3.connect(place, timeout=10)) as connection, connection:
            connection.execute(
                "INSERT INTO events (at, model, step, kind, facts) VALUES (0.0, NULL, NULL, ?, ?)",
                (kind, text),
            )
    except sqlite3.Error as error:
        raise RecordingError(
            f"The recording cannot be added to: {error}. Received: path={str(path)!r}. Give a file that can be written."
        ) from None
