"""A copy of a recording that can be shown to others."""

from __future__ import annotations

from pathlib import Path

from kerascope.record import copy


def export(path: str | Path, out: str | Path, *, redact: bool = False) -> int:
    """Copies a recording and returns the copy's size in bytes. The copy can be read by its owner alone.

    Args:
        path: the recording.
        out: the copy; nothing may be there.
        redact: leave out batches, states, facts about the data, the source, its path and its arguments.

    Raises:
        RecordingError: `path` is no recording, or one that cannot be read.
        UsageError: something is at `out` already, or nothing can be written there.
    """
    return copy.copied(Path(path), Path(out), redact=redact)
