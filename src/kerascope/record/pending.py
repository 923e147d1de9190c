"""Rows on their way to the store: gathered, committed together, and brought to safety when a place fails."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from kerascope.record.statements import LARGE, Row
from kerascope.record.store import MEMORY_LIMIT, Store, reason

COMMIT_STEPS = 64
COMMIT_SECONDS = 1.0
SLOW_COMMIT_SECONDS = 2.0
"""Without a write-ahead log each commit waits for the disk, so there are fewer, and only by the clock."""

MOST_WAITING = 20_000
"""Rows that wait for a file which another process has locked, before they go to memory instead."""

_ROW_FAULTS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    OverflowError,
    ValueError,
    TypeError,
)
"""What one row can be refused for. Everything else is a fault of the place."""


class Pending:
    """The rows not committed yet, and the catalog: the few rows that say what all others are about."""

    def __init__(self, store: Store) -> None:
        self.committing = False
        self._full = False
        self._store = store
        self._rows: list[Row] = []
        self._catalog: dict[tuple[str, object], Row] = {}
        self._set_pace()

    def catalog(self) -> list[Row]:
        """Returns the newest version of each row that was added to the catalog."""
        return list(self._catalog.values())

    def add(self, statement: str, parameters: tuple[Any, ...], steps: int = 0) -> None:
        """Takes a row, and commits when enough steps or enough time have gathered."""
        self._rows.append((statement, parameters))
        self._steps += steps
        if self._steps >= self._step_limit or time.monotonic() >= self._due:
            self.commit()

    def add_to_catalog(self, statement: str, key: object, parameters: tuple[Any, ...]) -> None:
        """Takes a row that a recording cannot do without, or a newer version of it."""
        self._catalog[statement, key] = (statement, parameters)
        self.add(statement, parameters)

    def commit(self, last: bool = False) -> None:
        """Writes all rows. Those that another process holds up wait for the next commit, if there is one."""
        if self.committing:  # a signal handler or a finalizer called in the middle of a commit
            return
        self.committing = True
        rows, self._rows = self._rows, []
        try:
            rows = self._put(rows, patient=not last)
        finally:
            # After a KeyboardInterrupt too: writing a row twice does no harm.
            self._rows[:0] = rows
            self.committing = False
            self._set_pace(waiting=bool(rows))

    def _set_pace(self, waiting: bool = False) -> None:
        """Sets when the next commit is due. Rows held up by another process are tried by the clock only."""
        quick = self._store.wal or self._store.in_memory
        self._steps = 0
        self._step_limit = COMMIT_STEPS if quick and not waiting else math.inf
        self._due = time.monotonic() + (COMMIT_SECONDS if quick else SLOW_COMMIT_SECONDS)

    def _put(self, rows: list[Row], patient: bool, singly: bool = False) -> list[Row]:
        """Writes the rows wherever they can go and returns those that have to wait."""
        # Once full it stays full: thinning makes room again, but a recording with holes would mislead.
        if self._full or (self._store.in_memory and self._store.size() > MEMORY_LIMIT):
            self._full = True
            self._store.say_once(
                "the recording in memory is full",
                f"it takes {MEMORY_LIMIT >> 20} MiB",
                "later steps are missing from it",
            )
            rows = [row for row in rows if row[0] not in LARGE]
        try:
            self._store.look()
            if singly:
                self._put_singly(rows)
            else:
                self._store.write(rows)
        except _ROW_FAULTS:
            return self._put(rows, patient, singly=True)
        except (sqlite3.Error, OSError, MemoryError) as error:
            if patient and _busy(error) and len(rows) < MOST_WAITING:
                return rows
            if self._store.in_memory:
                self._store.say_once("rows were lost", reason(error), "they are missing from the recording")
                return []
            return self._put(self._recover(error) + rows, patient, singly)
        return []

    def _put_singly(self, rows: Sequence[Row]) -> None:
        for row in rows:
            try:
                self._store.write([row])
            except _ROW_FAULTS as error:
                self._store.say_once(
                    "a row was refused", f"{reason(error)}, in {row[0]}", "it is missing from the recording"
                )

    def _recover(self, error: Exception) -> list[Row]:
        """Finds the rows another place after the file failed; returns what has to be written there first."""
        with contextlib.suppress(sqlite3.Error, OSError):
            if self._store.look(at_once=True):
                return []
        self._store.leave_disk(error)
        return self.catalog() if self._store.partial else []


def _busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
