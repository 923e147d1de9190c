"""A file that is no recording, or not a whole one, is refused with a reason; every other one can be read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from kerascope.errors import RecordingError
from kerascope.record import opening
from kerascope.record.reader import RunView
from kerascope.record.schema import APPLICATION_ID, SCHEMA_VERSION
from kerascope.record.writer import Writer


@pytest.fixture
def recording(tmp_path, sketch):
    """A closed recording of 4,000 steps."""
    writer = Writer(tmp_path / "a.kscope", {"backend": "numpy"})
    sketch(writer).run(4000)
    writer.close()
    return writer.path


def refused(path, slug: str) -> str:
    """Returns the message; it must be one paragraph that names the file."""
    with pytest.raises(RecordingError) as caught:
        RunView.open(path)
    message = str(caught.value)
    assert caught.value.slug == slug, message
    assert f"Received: path={str(path)!r}" in message
    assert "\n" not in message and message.endswith(".")
    return message


def test_missing(tmp_path):
    assert "no such file" in refused(tmp_path / "nothing.kscope", "recording-missing")
    refused(tmp_path / "no" / "folder.kscope", "recording-missing")
    refused("a\0b", "recording-missing")
    assert list(tmp_path.iterdir()) == []


def test_empty(tmp_path):
    path = tmp_path / "a.kscope"
    path.touch()
    assert "empty" in refused(path, "recording-empty")


def test_killed_before_the_first_table(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.kscope")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    refused(tmp_path / "a.kscope", "recording-empty")


def test_folder(tmp_path):
    assert "holds no recording" in refused(tmp_path, "recording-is-folder")
    (tmp_path / "a.kscope").touch()
    assert "holds 1 recording " in refused(tmp_path, "recording-is-folder")
    (tmp_path / "b.kscope").touch()
    assert "holds 2 recordings" in refused(tmp_path, "recording-is-folder")


@pytest.mark.parametrize(
    "content", [b"x", b"hello " * 1000, bytes(5000), os.urandom(20_000), b"PK\x03\x04" * 300]
)
def test_something_else(tmp_path, content):
    path = tmp_path / "a.kscope"
    path.write_bytes(content)
    refused(path, "recording-not-one")
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["a.kscope"]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.kscope")
    refused(tmp_path / "a.kscope", "recording-not-one")


def test_another_database(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE steps (x)")
    connection.commit()
    assert "SQLite database" in refused(tmp_path / "a.db", "recording-not-one")


def test_newer(recording):
    change(recording, f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    message = refused(recording, "recording-newer")
    assert f"version {SCHEMA_VERSION + 1} " in message and "Update" in message


def test_an_older_format_is_named(recording):
    change(recording, f"PRAGMA user_version={SCHEMA_VERSION - 1}")
    message = refused(recording, "recording-older")
    assert f"version {SCHEMA_VERSION - 1} " in message and "Record the run again" in message


def change(path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TABLE batches"],
        ["DROP TABLE steps", "CREATE TABLE steps (model, step, training, epoch, layout, data)"],
        ["ALTER TABLE steps ADD COLUMN more"],
        ["DROP TABLE meta", "CREATE VIEW meta AS SELECT 'a' AS key, '1' AS value"],
        [
            "DROP TABLE events",
            "CREATE VIEW events AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) "
            "SELECT x AS id, 1.0 AS at, 1 AS model, 1 AS step, 'note' AS kind, '{}' AS facts FROM r",
        ],
        ["DROP TABLE sources", "CREATE VIRTUAL TABLE sources USING fts5(name, text)"],
    ],
)
def test_tables_that_are_not_ours_are_not_read(recording, statements):
    change(recording, *statements)
    assert "is not that of version" in refused(recording, "recording-not-one")


def test_tables_beside_ours_do_no_harm(recording):
    change(
        recording,
        "CREATE TABLE notes (x)",
        "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM steps; END",
    )
    assert len(RunView.open(recording).models[0].steps().step) == 4000


# -- damage


def test_a_file_that_was_cut_says_what_can_be_read_and_lets_it_be_read(recording):
    whole = recording.read_bytes()
    counts = []
    for share in (0.98, 0.94, 0.9):
        recording.write_bytes(whole[: int(len(whole) * share)])
        message = refused(recording, "recording-damaged")
        view = RunView.open(recording, salvage=True)
        table = view.models[0].steps()
        counts.append(len(table.step))
        assert f" {len(table.step)} of its steps can still be read" in message
        assert table.step.tolist() == list(range(1, len(table.step) + 1))
        assert np.array_equal(table.logs["loss"], 1 / table.step)
    assert 4000 > counts[0] > counts[1] > counts[2] > 0


# SQLite finds rows through pages that may lie behind them, so of a file cut in half it may find none.
@pytest.mark.parametrize("length", [600, 1000, 4096, 5000, 20_000])
def test_a_stub_of_a_file_holds_nothing(recording, length):
    recording.write_bytes(recording.read_bytes()[:length])
    message = refused(recording, "recording-damaged")
    assert "Nothing of it can be read" in message or "No step of it can be read" in message


def test_a_file_too_short_for_anything(recording):
    recording.write_bytes(recording.read_bytes()[:100])
    assert "too short" in refused(recording, "recording-not-one")


def test_bytes_changed_anywhere_end_in_an_error_or_in_plain_arrays(recording):
    whole = recording.read_bytes()
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(60):
        data = bytearray(whole)
        begin = int(rng.integers(0, len(data) - 400))
        data[begin : begin + 400] = rng.bytes(400)
        recording.write_bytes(data)
        try:
            read_everything(RunView.open(recording))
            outcomes.add("read")
        except RecordingError as error:
            assert error.slug in (
                "recording-damaged",
                "recording-not-one",
                "recording-newer",
                "recording-older",
            )
            outcomes.add(error.slug)
    assert {"read", "recording-damaged"} <= outcomes


def read_everything(view: RunView) -> None:
    view.events()
    view.sources()
    for model in view.models:
        model.steps(), model.checks(), model.epochs(), model.trainings(), model.batches(), model.batch_loss()
        for part in ("gradient", "weight", "loss"):
            model.samples(part)


# -- a recording in any state can be read

KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from kerascope.record.writer import Writer
    writer = Writer(sys.argv[1], {"backend": "numpy"})
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0.0, {})
    logs = writer.layout(model, "logs", ["loss"])
    for step in range(1, 501):
        writer.step(model, step, training, 0, logs, [0.0] * 6)
    writer.flush()
    os.kill(os.getpid(), signal.SIGKILL)
    """
)


@pytest.fixture
def left_behind(open_folder):
    """The files of a writer that was killed, in a folder of their own that everybody may read."""
    folder = open_folder / "left"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", KILLED, str(folder / "a.kscope")], check=False)
    assert sorted(os.listdir(folder)) == ["a.kscope", "a.kscope-shm", "a.kscope-wal"]
    for name in folder.iterdir():
        name.chmod(0o444)
    return folder


@pytest.mark.parametrize("shared_memory", ["with", "without"])
def test_a_killed_writer_on_a_medium_that_cannot_be_written(left_behind, as_nobody, shared_memory):
    if shared_memory == "without":
        (left_behind / "a.kscope-shm").unlink()
    left_behind.chmod(0o555)
    with as_nobody():
        assert os.access(left_behind, os.W_OK, effective_ids=True) is False
        view = RunView.open(left_behind / "a.kscope")
        assert len(view.models[0].steps().step) == 500 and view.meta == {"backend": "numpy"}
        assert view.path == left_behind / "a.kscope"


def test_a_killed_writer_where_files_can_be_written(left_behind):
    assert len(RunView.open(left_behind / "a.kscope").models[0].steps().step) == 500


def test_a_file_in_log_mode_without_its_log_on_a_medium_that_cannot_be_written(
    open_folder, as_nobody, sketch
):
    writer = Writer(open_folder / "a.kscope", {})
    sketch(writer).run(10)
    writer.close()
    change(writer.path, "PRAGMA journal_mode=WAL")
    writer.path.chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody():
        assert len(RunView.open(writer.path).models[0].steps().step) == 10
    assert os.listdir(open_folder) == ["a.kscope"]


def test_a_file_that_may_not_be_read(open_folder, as_nobody):
    path = open_folder / "a.kscope"
    path.touch(mode=0o600)
    path.write_bytes(b"x" * 1000)
    with as_nobody():
        assert "who may read it" in refused(path, "recording-missing")


def test_reading_changes_nothing(recording):
    before, names = recording.read_bytes(), os.listdir(recording.parent)
    view = RunView.open(recording)
    read_everything(view)
    with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"):
        view._source._connection.execute("DELETE FROM steps")
    view.close()
    assert recording.read_bytes() == before and os.listdir(recording.parent) == names


@pytest.mark.parametrize(
    "name", ["with space.kscope", "100%41.kscope", "a?mode=memory#x.kscope", "ü-\udcff.kscope"]
)
def test_any_file_name(recording, name):
    path = recording.with_name(name)
    shutil.copy(recording, path)
    assert len(RunView.open(path).models[0].steps().step) == 4000


def test_a_relative_name_and_a_link(recording, monkeypatch):
    monkeypatch.chdir(recording.parent)
    (recording.parent / "link").symlink_to(recording)
    assert len(RunView.open("a.kscope").models) == len(RunView.open("link").models) == 1


def test_a_file_locked_without_a_log(recording, monkeypatch):
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    other = sqlite3.connect(recording, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked" in refused(recording, "recording")
    other.close()


def test_needs_no_keras(recording):
    code = (
        "import sys; from kerascope.record.reader import RunView; RunView.open(sys.argv[1]).models[0].steps()\n"
        "assert not {'keras', 'jax', 'torch', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(recording)], check=True)


def test_the_application_id_is_the_letters():
    assert APPLICATION_ID.to_bytes(4, "big") == b"KSCP"
