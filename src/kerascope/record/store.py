"""Where rows are kept: the file asked for, else a file in a temporary folder, else memory.

The writer hands over rows and need not know which of the three it is. Whatever the disk does, a `Trouble`
says what happened and where the rows are now; what was committed once is never given up.

Two rules hold throughout. A file that SQLite has open is opened by nothing else here: closing any descriptor
of it would drop the locks that SQLite holds in this process. And a file that is not ours is never replaced.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import operator
import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kerascope.record.arrays import to_text
from kerascope.record.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION
from kerascope.record.statements import EVENT, LARGE, Row

PAGE_SIZE = 2048
"""Bytes. A row of some kilobytes ends in a page of its own that is half empty: with SQLite's usual 4096 a
recording of 200 variables and 100,000 steps takes 35 MB instead of 26, in the same time."""

LOG_PAGES = 2000
"""Pages in the log before they go to the file, which is the only time when a commit waits for the disk."""

MEMORY_LIMIT = 256 << 20
"""Bytes that a recording may take in memory when no disk takes it."""

LOOK_EVERY = 2.0
"""Seconds between two looks at whether the file is still there."""

MOST_REBUILDS = 3
"""Where inode numbers change by themselves, the file must not be written over and over."""

BUSY_SECONDS = 0.05
"""How long a commit waits for another process: the training waits with it, and the rows can wait longer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """Something that went wrong with the recording: what happened, why, and what it means for readers."""

    what: str
    why: str
    consequence: str


class Store:
    """One open recording: `write` rows, `look` after the file, `close` it."""

    def __init__(self, path: Path) -> None:
        """Creates the file, or says in `troubles` where the rows go; raises `FileExistsError` only."""
        self.path: Path | None = None
        self.wal = False
        self.troubles: list[Trouble] = []
        self.partial = False
        """True in memory when the rows committed before could not be taken along."""
        self.event_ids = itertools.count(1)
        self._wanted = path
        self._identity: tuple[int, int] | None = None
        self._began = self._looked = time.monotonic()
        self._rebuilds = 0
        self.connection = in_memory()
        try:
            self._move_to(path, *_create(path))
        except FileExistsError:
            raise
        except (OSError, sqlite3.Error) as error:
            self._start_elsewhere(error)

    @property
    def in_memory(self) -> bool:
        """True while no file takes the rows."""
        return self.path is None

    def _move_to(self, path: Path, connection: sqlite3.Connection, wal: bool) -> None:
        old, self.connection = self.connection, connection
        self.path, self.wal, self._identity = path, wal, _identity(path)
        # When the old file lost its name to the new one, SQLite notices and leaves the new side files alone.
        close_quietly(old)
        if not wal:
            self.say_once(
                "the recording cannot use SQLite's write-ahead log",
                f"the file system of {path} refuses it",
                "rows are committed every two seconds, and a reader may have to wait for the writer",
            )

    def _start_elsewhere(self, error: Exception) -> None:
        try:
            path = Path(tempfile.mkdtemp(prefix="kerascope-")) / self._wanted.name
            self._move_to(path, *_create(path))
        except (OSError, sqlite3.Error) as second:
            consequence = (
                f"it is kept in memory, because the temporary folder fails as well ({reason(second)})"
            )
        else:
            consequence = f"it is in {path}"
        self._say(
            "the recording is not where it was asked for", f"{self._wanted}: {reason(error)}", consequence
        )

    def _say(self, what: str, why: str, consequence: str) -> None:
        self.troubles.append(Trouble(what, why, consequence))
        facts = {"where": "record.writer", "error": f"{what}: {why}", "consequence": consequence}
        row = (next(self.event_ids), time.monotonic() - self._began, None, None, "internal", to_text(facts))
        # Where this row cannot be written, `troubles` still says it.
        with contextlib.suppress(sqlite3.Error):
            self.write([(EVENT, row)])

    def say_once(self, what: str, why: str, consequence: str) -> None:
        """Notes a trouble, in `troubles` and as an event, unless the same thing has been noted before."""
        if not any(trouble.what == what for trouble in self.troubles):
            self._say(what, why, consequence)

    def write(self, rows: Sequence[Row]) -> None:
        """Writes all rows in one transaction, or none and raises."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, group in itertools.groupby(_gathered(rows), key=operator.itemgetter(0)):
                connection.executemany(statement, [parameters for _, parameters in group])
            connection.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself; then there is nothing to do.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def size(self) -> int:
        """Returns the bytes in use."""
        pages, free, each = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * each)

    def look(self, at_once: bool = False) -> bool:
        """Writes the file anew when it was deleted or replaced, and returns whether it was.

        Looks at most every `LOOK_EVERY` seconds, unless told to look at once.
        """
        now = time.monotonic()
        if self.path is None or not (at_once or now >= self._looked + LOOK_EVERY):
            return False
        self._looked = now
        if _identity(self.path) == self._identity or self._rebuilds >= MOST_REBUILDS:
            return False
        self._rebuild(self.path)
        return True

    def _rebuild(self, path: Path) -> None:
        self._rebuilds += 1
        gone = "replaced by another file" if os.path.lexists(path) else "deleted"
        path.parent.mkdir(parents=True, exist_ok=True)
        target = _free_name(path)
        _save(self.connection, target)
        self._move_to(target, *_connect(target))
        if path == self._wanted:
            self._wanted = target
        self._say(
            "the recording was taken away",
            f"{path} was {gone} while it was being written",
            f"nothing is lost: everything is in {target}",
        )

    def leave_disk(self, error: BaseException) -> None:
        """Goes on in memory with all that was committed; where that cannot be copied, empty and `partial`."""
        old, path, memory = self.connection, self.path, in_memory()
        try:
            if self.size() > MEMORY_LIMIT:
                raise MemoryError
            old.backup(memory, progress=_never_wait)
            earlier = "with a copy of everything so far"
        except (sqlite3.Error, MemoryError):
            close_quietly(memory)
            memory = in_memory()
            self.partial = True
            earlier = "without the steps so far, which stay in that file"
        self.connection, self.path, self.wal = memory, None, False
        close_quietly(old)
        self._say(
            "the recording cannot be written any more",
            f"{path}: {reason(error)}",
            f"it goes on in memory, {earlier}, and is saved at the end where there is room",
        )

    def close(self) -> None:
        """Leaves one file without side files; what is in memory is saved, or stays if no disk takes it."""
        if self.path is None and not self._save_from_memory():
            return
        # Without waiting for others, and one by one: each is worth having when the next is refused. A file
        # left in WAL mode can only be read in a folder that can be written; it stays so while another process
        # reads it.
        for pragma in ("busy_timeout=0", "wal_checkpoint(TRUNCATE)", "journal_mode=DELETE"):
            with contextlib.suppress(sqlite3.Error):
                self.connection.execute(f"PRAGMA {pragma}")
        close_quietly(self.connection)

    def _save_from_memory(self) -> bool:
        failure = ""
        for place in (self._wanted_place, self._temporary_place):
            try:
                target, replace = place()
                _save(self.connection, target, replace)
                self._move_to(target, *_connect(target))
            except (OSError, sqlite3.Error) as error:
                failure = failure or f"{self._wanted}: {reason(error)}"
            else:
                if failure:
                    self._say("the recording is not where it was asked for", failure, f"it is in {target}")
                return True
        self._say("the recording could not be saved", failure, "it was only kept in memory")
        return False

    def _wanted_place(self) -> tuple[Path, bool]:
        target = self._wanted
        target.parent.mkdir(parents=True, exist_ok=True)
        # The file left behind holds the first part of what is in memory, so it may be replaced; unless memory
        # was begun without it (`partial`), or the file is no longer ours.
        if self._identity is not None and _identity(target) == self._identity and not self.partial:
            return target, True
        return _free_name(target), False

    def _temporary_place(self) -> tuple[Path, bool]:
        return Path(tempfile.mkdtemp(prefix="kerascope-")) / self._wanted.name, False


def reason(error: BaseException) -> str:
    """Returns one line that says what an exception means."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def close_quietly(connection: sqlite3.Connection) -> None:
    """Closes a connection; what it could not write any more was never promised."""
    with contextlib.suppress(sqlite3.Error):
        connection.close()


def in_memory() -> sqlite3.Connection:
    """Returns a connection to a new, empty recording in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size={PAGE_SIZE}")  # a copy into memory needs pages of the same size
    _lay_out(connection)
    return connection


def _lay_out(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN; PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION};"
        f"{SCHEMA} COMMIT;"
    )


def _connect(path: Path, journal: str = "WAL") -> tuple[sqlite3.Connection, bool]:
    """Returns a connection for writing, and whether the write-ahead log is on. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        mode = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()[0]
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
    except BaseException:
        close_quietly(connection)
        raise
    return connection, mode == "wal"


def _create(path: Path) -> tuple[sqlite3.Connection, bool]:
    """Returns a connection to a new recording, and whether the write-ahead log is on.

    Raises `FileExistsError` when something is at `path`, else `OSError` or `sqlite3.Error`.
    """
    _make_folder(path.parent)
    failure: sqlite3.Error | None = None
    for journal in ("WAL", "TRUNCATE"):
        _take_name(path)
        connection = None
        try:
            connection, wal = _connect(path, journal)
            # The log's shared memory is first used here: a file system that cannot share memory fails now.
            _lay_out(connection)
        except sqlite3.Error as error:
            failure = failure or error
            if connection is not None:
                close_quietly(connection)
            _remove(path)
        else:
            return connection, wal
    assert failure is not None
    raise failure


def _save(source: sqlite3.Connection, target: Path, replace: bool = False) -> None:
    """Writes everything in `source` to one file, whole or not at all; `target` is free, or to `replace`."""
    draft = _free_name(target.with_name(target.name + ".new"))
    _take_name(draft)
    try:
        copy = sqlite3.connect(draft, isolation_level=None)
        try:
            source.backup(copy, progress=_never_wait)
        finally:
            close_quietly(copy)
        _leave_wal(draft)
        # The log of a file that had this name would be taken for that of the new one.
        for side in ("-wal", "-shm", "-journal"):
            _remove(target.with_name(target.name + side), alone=True)
        if not replace and os.path.lexists(target):
            raise FileExistsError(f"{target} appeared meanwhile")
        os.replace(draft, target)
    except BaseException:
        _remove(draft)
        raise


def _never_wait(status: int, remaining: int, total: int) -> None:
    """Ends a copy that another process holds up, which would otherwise be tried again for ever."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("database is locked")


def _leave_wal(path: Path) -> None:
    """Makes a copied file one that needs no side files: the copy of a database in WAL mode is in WAL mode."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        close_quietly(connection)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # a file has the folder's name
        raise NotADirectoryError(f"{folder} is no folder") from error


def _take_name(path: Path) -> None:
    """Creates an empty file that only its owner can read: a recording holds the user's source."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _free_name(path: Path) -> Path:
    """Returns `path`, or "name-2.kscope", "name-3.kscope" when something has that name."""
    candidates = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], candidates) if not os.path.lexists(one))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _remove(path: Path, alone: bool = False) -> None:
    names = (
        [path]
        if alone
        else [path, *(path.with_name(path.name + side) for side in ("-wal", "-shm", "-journal"))]
    )
    for name in names:
        with contextlib.suppress(OSError):
            name.unlink()


def _gathered(rows: Sequence[Row]) -> list[Row]:
    """Puts the rows of one table beside one another, so that one call writes them; what deletes stays in its place."""
    gathered: list[Row] = []
    for large, group in itertools.groupby(rows, key=lambda row: row[0] in LARGE):
        run = list(group)
        gathered += sorted(run, key=operator.itemgetter(0)) if large else run
    return gathered
