"""Open a recording for reading, whatever state its file is in, and refuse what is none with a reason.

The file is hostile until shown otherwise: it is opened read-only, its schema must be ours word for word (so
there is no view, trigger or virtual table behind a name that is read), and nothing in it is trusted to run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path

from kerascope.errors import RecordingError
from kerascope.record.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION

SMALLEST_DATABASE = 512
"""Bytes; no page of SQLite is smaller."""

LARGEST_CELL = 256 << 20
"""Bytes that one cell may hold."""

BUSY_SECONDS = 5.0
"""How long reading waits for a writer, which only has to be where there is no write-ahead log."""

_CODE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CODE_NO_SIDE_FILES = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def connect(path: Path, salvage: bool = False) -> sqlite3.Connection:
    """Returns a read-only connection to the recording at `path`; raises `RecordingError` when it is none.

    With `salvage` a file that was cut short is opened as well; reading then ends at the damage.
    """
    size = _size(path)
    if size == 0:
        raise refusal(
            "recording-empty",
            path,
            "The file is empty: the program that was to write it stopped before "
            "anything was recorded, or the file was not copied.",
            "Record the run again.",
        )
    if size < SMALLEST_DATABASE:
        raise refusal(
            "recording-not-one",
            path,
            f"The file is too short to be a kerascope recording: {size} bytes.",
            "If it was copied, copy it again.",
        )
    connection = _open_cut_short(path) if salvage else _open_any(path)
    try:
        _harden(connection)
        _validate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def refusal(slug: str, path: Path | None, what: str, advice: str) -> RecordingError:
    """Returns the error of one paragraph: what happened, what was received, what to do."""
    shown = None if path is None else str(path)
    return RecordingError(f"{what} Received: path={shown!r}. {advice}", slug=slug)


def unreadable(error: sqlite3.Error, path: Path | None) -> RecordingError:
    """Returns the error that an SQLite failure while reading means."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CODE_BUSY:
        return refusal(
            "recording",
            path,
            "The recording is locked by the program that writes it.",
            "Try again in a moment.",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return refusal(
            "recording-not-one",
            path,
            "The file is not a kerascope recording.",
            "Recordings end in .kscope and are made by `kerascope run SCRIPT`.",
        )
    return refusal(
        "recording-damaged",
        path,
        f"The recording is damaged ({error}).",
        "Copy it again from where it was recorded, if it was copied.",
    )


def _size(path: Path) -> int:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise refusal(
            "recording-missing",
            path,
            "There is no such file.",
            "Check the name; `kerascope run SCRIPT` prints where it records.",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise refusal(
            "recording-missing",
            path,
            f"The file cannot be reached ({reason}).",
            "Check the name and who may read it.",
        ) from None
    if stat.S_ISDIR(status.st_mode):
        count = 0
        with contextlib.suppress(OSError):
            count = sum(name.endswith(".kscope") for name in os.listdir(path))
        held = {0: "no recording", 1: "1 recording"}.get(count, f"{count} recordings")
        raise refusal(
            "recording-is-folder",
            path,
            "This is a folder, not a recording.",
            f"It holds {held} (*.kscope); name the file.",
        )
    if not stat.S_ISREG(status.st_mode):
        raise refusal("recording-not-one", path, "This is not a regular file.", "Name a recording, *.kscope.")
    return status.st_size


def _open(path: Path, options: str, before: str = "PRAGMA query_only=ON") -> sqlite3.Connection:
    """Opens the file and reads its first page, which is when SQLite finds out whether it can."""
    uri = f"{path.absolute().as_uri()}?{options}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(before)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _open_cut_short(path: Path) -> sqlite3.Connection:
    try:
        # SQLite reads a file that is shorter than its first page says only while the schema may be written;
        # `immutable` sees to it that nothing is.
        return _open(path, "mode=ro&immutable=1", "PRAGMA writable_schema=ON")
    except sqlite3.Error as error:
        raise unreadable(error, path) from None


def _open_any(path: Path) -> sqlite3.Connection:
    """Opens a file that may be in use, left by a killed program, or on a medium that cannot be written."""
    try:
        return _open(path, "mode=ro")
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        try:
            if code in _CODE_NO_SIDE_FILES:
                return _open_without_side_files(path)
        except (sqlite3.Error, OSError) as second:
            raise refusal(
                "recording-missing", path, f"The file cannot be opened ({second}).", "Check who may read it."
            ) from None
        if code == sqlite3.SQLITE_CORRUPT:
            raise refusal(
                "recording-damaged",
                path,
                f"The recording is damaged: it was cut short ({error}). " + _what_is_left(path),
                "Copy it again from where it was recorded, if it was copied; "
                "RunView.open(path, salvage=True) reads what is left.",
            ) from None
        raise unreadable(error, path) from None


def _open_without_side_files(path: Path) -> sqlite3.Connection:
    """Opens a file in a folder where SQLite cannot create what it shares a write-ahead log by."""
    log = path.with_name(path.name + "-wal")
    if not log.exists() or not log.stat().st_size:
        return _open(path, "mode=ro&immutable=1")
    # Rows are in the log, and `immutable` would leave it out: read a copy. Nobody is writing, else SQLite
    # would have opened the file, so that a descriptor of our own does no harm.
    folder = Path(tempfile.mkdtemp(prefix="kerascope-"))
    try:
        for name in (path, log):
            shutil.copyfile(name, folder / name.name)
        memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        source = sqlite3.connect(folder / path.name)
        try:
            source.backup(memory)
        finally:
            source.close()
        return memory
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _what_is_left(path: Path) -> str:
    """Returns a sentence on how much of a file that was cut short can be read."""
    try:
        connection = connect(path, salvage=True)
    except RecordingError:
        return "Nothing of it can be read."
    with contextlib.closing(connection):
        # By model, as the tables are read: how far SQLite gets depends on the query.
        models = _readable(connection, "SELECT id FROM models")
        steps = [
            _readable(connection, "SELECT step FROM steps WHERE model = ? ORDER BY step", m) for m in models
        ]
    count = sum(len(found) for found in steps)
    if not count:
        return "No step of it can be read."
    return f"{count} of its steps can still be read, from the beginning on."


def _readable(connection: sqlite3.Connection, query: str, *parameters: object) -> list[object]:
    found: list[object] = []
    with contextlib.suppress(sqlite3.Error):
        for row in connection.execute(query, parameters):
            found.append(row[0])
    return found


def _harden(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_CELL)
    # Without memory mapping: a file that shrinks under it would end the process.
    for setting in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {setting}")


def _validate(connection: sqlite3.Connection, path: Path) -> None:
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = _tables(connection)
    except sqlite3.Error as error:
        raise unreadable(error, path) from None
    if not tables and not version:
        raise refusal(
            "recording-empty",
            path,
            "Nothing was recorded: the program that wrote it stopped at once.",
            "Record the run again.",
        )
    if application != APPLICATION_ID:
        raise refusal(
            "recording-not-one",
            path,
            "The file is an SQLite database, but not a kerascope recording.",
            "Recordings end in .kscope and are made by `kerascope run SCRIPT`.",
        )
    _check_version(version, path)
    with contextlib.closing(sqlite3.connect(":memory:")) as blank:
        blank.executescript(SCHEMA)
        missing = [name for name, text in _tables(blank).items() if tables.get(name) != text]
    if missing:
        raise refusal(
            "recording-not-one",
            path,
            f"The file calls itself a kerascope recording, but its table "
            f"`{missing[0]}` is not that of version {SCHEMA_VERSION}.",
            "Record the run again.",
        )
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        # One state for all tables, however long they are read while the file is being written.
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM models").fetchone()


def _check_version(version: int, path: Path) -> None:
    if version > SCHEMA_VERSION:
        raise refusal(
            "recording-newer",
            path,
            f"The recording was made by a newer kerascope: it has version {version} "
            f"of the format, and this kerascope reads up to {SCHEMA_VERSION}.",
            "Update it: pip install --upgrade kerascope.",
        )
    if version < SCHEMA_VERSION:
        raise refusal(
            "recording-older",
            path,
            f"The recording was made by an older kerascope: it has version {version} "
            f"of the format, and this kerascope reads {SCHEMA_VERSION}.",
            "Record the run again, or read it with the kerascope that made it.",
        )


def _tables(connection: sqlite3.Connection) -> dict[str, str]:
    """Returns the definition of each table, spaces evened out."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {str(name): " ".join(str(sql).split()) for name, sql in rows}
