"""The SQL that writes a recording. Each statement may run twice with one row; the result is the same."""

from __future__ import annotations

from typing import Any

Row = tuple[str, tuple[Any, ...]]
"""A statement and its parameters."""

META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
MODEL = "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?)"
TRAINING = "INSERT OR REPLACE INTO trainings VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
LAYOUT = "INSERT OR REPLACE INTO layouts VALUES (?, ?, ?, ?)"
STEP = "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)"
CHECK = "INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?)"
SAMPLE = "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)"
EPOCH = "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?)"
BATCH = "INSERT OR REPLACE INTO batches VALUES (?, ?, ?)"
CAPTURE = "INSERT OR REPLACE INTO captures VALUES (?, ?, ?, ?, ?)"
TIMING = "INSERT OR REPLACE INTO timings VALUES (?, ?, ?, ?, ?)"
SOURCE = "INSERT OR REPLACE INTO sources VALUES (?, ?)"
EVENT = "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?)"

DELETE = {
    table: f"DELETE FROM {table} WHERE model = ? AND step = ?"
    for table in ("samples", "checks", "batches", "timings")
}
"""Per table that is thinned."""

LARGE = frozenset({STEP, CHECK, SAMPLE, BATCH, CAPTURE, TIMING})
"""Those whose tables grow with the training; the other tables say what these are about."""
