"""Whatever the cells of a recording hold, reading raises nothing but `RecordingError`."""

from __future__ import annotations

import contextlib
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.errors import RecordingError
from kerascope.record import arrays
from kerascope.record.reader import RunView
from kerascope.record.writer import Writer

COLUMNS = {
    "meta": ["key", "value"],
    "models": ["id", "name", "class", "facts"],
    "trainings": ["id", "method", "first_step", "began", "ended", "outcome", "facts"],
    "layouts": ["id", "names"],
    "steps": ["step", "training", "epoch", "layout", "data"],
    "checks": ["step", "layout", "finite", "data"],
    "samples": ["step", "layout", "finite", "data"],
    "epochs": ["epoch", "last_step", "seconds", "logs"],
    "batches": ["step", "facts"],
    "sources": ["name", "text"],
    "events": ["at", "model", "step", "kind", "facts"],
}
CELLS = [None, 0, -1, 2**62, 1.5, float("inf"), "", "x", "\x00", b"", b"1234", b"\xff\xfe", bytes(56)]
CELLS += [
    "null",
    "[]",
    "{}",
    "7",
    '"nan"',
    "[1, 2]",
    '["a", 3]',
    '["a", "a"]',
    '{"a": []}',
    "{'a': 1}",
    "[" * 100_000,
]
CELLS += [f'{{"loss": {value}}}' for value in ('"x"', "true", "1e999", "9" * 400, "9" * 5000)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> bytes:
    """A small recording with a row in every table."""
    writer = Writer(tmp_path_factory.mktemp("hostile") / "a.kscope", {"backend": "numpy"})
    model = writer.model("m", "Model", {"layers": []})
    training = writer.training(model, "fit", 1, 0.0, {"epochs": 1})
    logs, gradient = writer.layout(model, "logs", ["loss"]), writer.layout(model, "gradient", ["a"])
    for step in (1, 2):
        writer.step(model, step, training, 0, logs, [0.0, 0, 0, 0, 8, 1])
        writer.check(model, step, gradient, np.ones(1), True)
        writer.sample(model, step, "gradient", gradient, np.ones((1, 7)))
        writer.batch(model, step, {"arrays": []})
    writer.epoch(training, 0, 2, 1.0, {"loss": 1.0})
    writer.source("a.py", "x")
    writer.event("note", 0.0, {"what": "x"}, model, 1)
    writer.close()
    return writer.path.read_bytes()


def in_memory(recording: bytes) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.deserialize(recording)
    return connection


def read(connection: sqlite3.Connection) -> int:
    """Reads everything there is and returns how many parts could be read."""
    try:
        view = RunView(connection, None)
    except RecordingError:
        return 0
    parts = 1
    for call in (view.events, view.sources):
        parts += attempt(call)
    for model in view.models:
        for call in (
            model.steps,
            model.checks,
            model.epochs,
            model.trainings,
            model.batches,
            model.batch_loss,
            lambda model=model: model.samples("gradient").field("norm"),
        ):
            parts += attempt(call)
    view.close()
    return parts


def attempt(call) -> int:
    try:
        call()
    except RecordingError as error:
        assert error.slug in ("recording-damaged", "recording") and "Received: path=" in str(error)
        return 0
    return 1


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table in COLUMNS for column in COLUMNS[table]]
)
def test_any_cell_may_hold_anything(recording, table, column):
    assert read(in_memory(recording)) == 10
    # One row only, because the column may be a key.
    key = "rowid" if table in ("models", "trainings", "layouts", "events") else column
    changed = 0
    for cell in CELLS:
        connection = in_memory(recording)
        try:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {key} = (SELECT {key} FROM {table} LIMIT 1)", (cell,)
            )
        except sqlite3.IntegrityError:  # SQLite keeps NULL out, and text out of a rowid
            continue
        changed += 1
        read(connection)
    assert changed >= 4


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_many_cells_at_once(recording, data):
    connection = in_memory(recording)
    cells = st.one_of(
        st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=20), st.binary(max_size=80)
    )
    for table in data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4)):
        column, cell = data.draw(st.sampled_from(COLUMNS[table])), data.draw(cells)
        with contextlib.suppress(sqlite3.IntegrityError, UnicodeEncodeError):
            connection.execute(f"UPDATE {table} SET {column} = ?", (cell,))
    read(connection)


def test_a_wrong_cell_is_named(recording):
    connection = in_memory(recording)
    connection.execute("UPDATE steps SET data = x'00' WHERE step = 2")
    model = RunView(connection, None).models[0]
    with pytest.raises(RecordingError, match=r"a row should hold 48 bytes and holds 1.*Received: path=None"):
        model.steps()
    assert len(model.checks().step) == 2  # the other tables can be read


def test_a_table_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.kscope"
    writer = Writer(path, {})
    model = writer.model("m", "Model", {})
    for step in range(50):
        layout = writer.layout(model, "state", [f"{step}.{index}" for index in range(100)])
        writer.check(model, step, layout, np.ones(100), True)
    writer.close()
    assert RunView.open(path).models[0].checks().norms.shape == (50, 5000)
    monkeypatch.setattr(arrays, "LARGEST_TABLE", 500_000)
    with pytest.raises(RecordingError, match="would take 1000000 bytes"):
        RunView.open(path).models[0].checks()
