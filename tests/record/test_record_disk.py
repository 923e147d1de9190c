"""Whatever the disk does, training goes on, a trouble says what happened, and the rows are somewhere."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from kerascope.errors import UsageError
from kerascope.record import pending, store
from kerascope.record.reader import RunView
from kerascope.record.writer import Trouble, Writer


def steps_in(view: RunView) -> int:
    """Returns how many steps there are, and that none is missing between them."""
    found = view.models[0].steps().step.tolist()
    assert found == list(range(1, len(found) + 1))
    return len(found)


def told(view: RunView) -> list[str]:
    """Returns what the recording itself says about its troubles."""
    events = view.events("internal")
    assert all(event.facts["where"] == "record.writer" and event.facts["consequence"] for event in events)
    return [event.facts["error"] for event in events]


def whats(troubles: list[Trouble]) -> list[str]:
    return [trouble.what for trouble in troubles]


# -- it cannot even begin


def test_a_place_below_a_file_leads_to_the_temporary_folder(tmp_path, temporary, sketch):
    (tmp_path / "runs").write_text("a file")
    writer = Writer(tmp_path / "runs" / "a.kscope", {})
    sketch(writer).run(5)
    writer.close()
    (trouble,) = writer.troubles
    assert trouble.what == "the recording is not where it was asked for"
    assert (
        str(tmp_path / "runs" / "a.kscope") in trouble.why
        and trouble.consequence == f"it is in {writer.path}"
    )
    assert writer.path.name == "a.kscope" and temporary in writer.path.parents
    view = RunView.open(writer.path)
    assert steps_in(view) == 5 and told(view) == [f"{trouble.what}: {trouble.why}"]
    assert (tmp_path / "runs").read_text() == "a file"


def test_a_folder_that_may_not_be_written_leads_to_the_temporary_folder(
    open_folder, sketch, as_nobody, monkeypatch
):
    readonly = open_folder / "readonly"
    readonly.mkdir(mode=0o555)
    monkeypatch.setattr(store.tempfile, "tempdir", str(open_folder))
    with as_nobody():
        writer = Writer(readonly / "a.kscope", {})
        sketch(writer).run(5)
        writer.close()
        view = RunView.open(writer.path)
    assert whats(writer.troubles) == ["the recording is not where it was asked for"]
    assert "Permission denied" in writer.troubles[0].why
    assert steps_in(view) == 5 and readonly not in writer.path.parents and list(readonly.iterdir()) == []


def test_a_working_directory_that_is_gone_leads_to_the_temporary_folder(
    tmp_path, temporary, sketch, monkeypatch
):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    writer = Writer("runs/a.kscope", {})
    sketch(writer).run(5)
    writer.close()
    assert temporary in writer.path.parents and steps_in(RunView.open(writer.path)) == 5


def test_the_script_may_change_its_working_directory(tmp_path, sketch, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    writer = Writer("a.kscope", {})
    monkeypatch.chdir(tmp_path / "other")
    sketch(writer).run(5)
    writer._store.look(at_once=True)
    writer.close()
    assert writer.path == tmp_path / "a.kscope" and writer.troubles == []


def test_without_any_disk_it_is_kept_in_memory_and_can_be_viewed(tmp_path, temporary, sketch):
    (tmp_path / "file").touch()
    temporary.rmdir()
    writer = Writer(tmp_path / "file" / "a.kscope", {"backend": "jax"})
    assert writer.path is None
    drawn = sketch(writer).run(100)
    assert steps_in(writer.view()) == 100
    drawn.run(100)
    writer.close()
    view = writer.view()
    assert writer.path is None and view.path is None
    assert steps_in(view) == 200 and view.meta == {"backend": "jax"}
    assert whats(writer.troubles) == [
        "the recording is not where it was asked for",
        "the recording could not be saved",
    ]
    assert len(told(view)) == 2


def test_a_disk_that_comes_back_gets_the_recording_at_the_end(tmp_path, temporary, sketch):
    (tmp_path / "file").touch()
    temporary.rmdir()
    writer = Writer(tmp_path / "file" / "a.kscope", {})
    sketch(writer).run(30)
    (tmp_path / "file").unlink()
    writer.close()
    assert writer.path == tmp_path / "file" / "a.kscope"
    assert steps_in(RunView.open(writer.path)) == 30
    assert os.listdir(tmp_path / "file") == ["a.kscope"]


@pytest.mark.parametrize("what", ["file", "folder", "link to nothing"])
def test_nothing_is_ever_written_over(tmp_path, what):
    path = tmp_path / "a.kscope"
    if what == "file":
        path.write_text("precious")
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"never written over.*Received: path=.*a\.kscope"):
        Writer(path, {})
    assert what != "file" or path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["a.kscope"]


@pytest.mark.parametrize("path", [None, 7, b"bytes", "a\0b"])
def test_a_place_that_is_no_file_name_is_refused(path):
    with pytest.raises(UsageError, match="Received: path="):
        Writer(path, {})


# -- the disk fails under way


def test_a_full_disk_leaves_what_was_committed_and_is_saved_when_there_is_room(tmp_path, sketch):
    path = tmp_path / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(1000)
    writer.flush()
    writer._store.connection.execute("PRAGMA max_page_count=1")  # SQLite takes the present size: no page more
    drawn.run(3000)
    assert writer.path is None
    (trouble,) = writer.troubles
    assert trouble.what == "the recording cannot be written any more"
    assert trouble.why == f"{path}: database or disk is full"
    left = steps_in(RunView.open(path))
    assert 1000 <= left < 4000  # what was committed is still in the file
    assert steps_in(writer.view()) == 4000
    writer.close()
    assert writer.path == path and os.listdir(tmp_path) == ["a.kscope"]
    view = RunView.open(path)
    assert steps_in(view) == 4000 and told(view) == [f"{trouble.what}: {trouble.why}"]
    assert len(view.models[0].samples("gradient").step) == 400


def test_a_disk_that_stays_full_leaves_the_first_part_there_and_all_in_the_temporary_folder(
    tmp_path, temporary, sketch, monkeypatch
):
    path = tmp_path / "runs" / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(500)
    writer.flush()
    writer._store.connection.execute("PRAGMA max_page_count=1")
    drawn.run(2000)
    whole = store._save

    def full(source: sqlite3.Connection, target: Path, replace: bool = False) -> None:
        if temporary not in target.parents:
            raise sqlite3.OperationalError("database or disk is full")
        whole(source, target, replace)

    monkeypatch.setattr(store, "_save", full)
    writer.close()
    assert temporary in writer.path.parents
    view = RunView.open(writer.path)
    assert steps_in(view) == 2500 and len(told(view)) == 2
    assert writer.troubles[-1].consequence == f"it is in {writer.path}"
    assert 500 <= steps_in(RunView.open(path)) < 2500


LIMITED = textwrap.dedent(
    """
    import json, resource, signal, sys
    from kerascope.record.writer import Writer

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = Writer(sys.argv[1], {})
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0.0, {})
    logs = writer.layout(model, "logs", ["loss"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
    for step in range(1, 10_001):
        writer.step(model, step, training, 0, logs, [0.0, 0.0, 0.0, 0.0, 32.0, 1.0])
    writer.close()
    view = writer.view()
    print(json.dumps([str(writer.path), [trouble.what for trouble in writer.troubles],
                      len(view.models[0].steps().step), len(view.events("internal"))]))
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_real_limit_on_the_file_size_stops_no_training(tmp_path):
    path = tmp_path / "a.kscope"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, env=environment, check=True
    )
    assert done.stderr == b""
    where, troubles, count, events = json.loads(done.stdout)
    assert (where, count, events) == ("None", 10_000, 2)
    assert troubles == ["the recording cannot be written any more", "the recording could not be saved"]
    assert 64 <= steps_in(RunView.open(path)) < 10_000


def test_a_saved_copy_of_a_log_mode_file_is_in_no_log_mode(tmp_path, open_writer):
    writer = open_writer(tmp_path / "a.kscope")
    assert writer._store.wal
    store._save(writer._store.connection, tmp_path / "b.kscope")
    assert (tmp_path / "b.kscope").read_bytes()[18:20] == b"\x01\x01"  # 2 2 asks for a log


class Broken(sqlite3.Connection):
    """A connection on a disk that has gone: after `gone` nothing can be read or written."""

    gone = False

    def execute(self, *args):
        if self.gone:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(*args)

    def backup(self, *args, **kwargs):
        if self.gone:
            raise sqlite3.OperationalError("disk I/O error")
        return super().backup(*args, **kwargs)


def broken_connect(*args, **kwargs):
    return REAL_CONNECT(*args, **kwargs, factory=Broken)


REAL_CONNECT = sqlite3.connect


def test_a_disk_that_can_no_longer_be_read_loses_only_what_is_on_it(tmp_path, sketch, monkeypatch):
    path = tmp_path / "a.kscope"
    monkeypatch.setattr(sqlite3, "connect", broken_connect)
    writer = Writer(path, {"backend": "jax"})
    monkeypatch.undo()
    drawn = sketch(writer).run(100)
    writer.flush()
    writer._store.connection.gone = True
    drawn.run(100)
    view = writer.view()
    assert view.meta == {"backend": "jax"} and view.models[0].trainings()[0].method == "fit"
    assert view.models[0].steps().step.tolist() == list(range(101, 201))
    assert set(view.models[0].steps().logs) == {"loss", "accuracy"}
    writer.close()
    # The first part is not replaced by the rest.
    assert steps_in(RunView.open(path)) == 100
    assert writer.path == tmp_path / "a-2.kscope"
    assert RunView.open(writer.path).models[0].steps().step.tolist() == list(range(101, 201))
    assert "without the steps so far" in writer.troubles[0].consequence


def test_memory_is_bounded(tmp_path, temporary, sketch, monkeypatch):
    monkeypatch.setattr(pending, "MEMORY_LIMIT", 300_000)
    (tmp_path / "file").touch()
    temporary.rmdir()
    writer = Writer(tmp_path / "file" / "a.kscope", {})
    drawn = sketch(writer).run(20_000)
    writer.epoch(drawn.training, 0, 20_000, 1.0, {"loss": 1.0})
    writer.flush()
    assert writer._store.size() < 400_000
    view = writer.view()
    assert 1000 < steps_in(view) < 20_000
    assert len(view.models[0].epochs()) == 1  # what the run was about is still taken
    assert "the recording in memory is full" in whats(writer.troubles)
    writer.close()


def test_a_file_too_large_for_memory_stays_and_the_rest_goes_beside_it(tmp_path, sketch, monkeypatch):
    path = tmp_path / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(1000)
    writer.flush()
    writer._store.connection.execute("PRAGMA max_page_count=1")
    monkeypatch.setattr(store, "MEMORY_LIMIT", 1000)
    drawn.run(3000)
    writer.close()
    first = steps_in(RunView.open(path))
    rest = RunView.open(tmp_path / "a-2.kscope").models[0].steps().step.tolist()
    assert rest == list(range(first + 1, 4001))


# -- file systems without a write-ahead log


class NoLog(sqlite3.Connection):
    """A connection on a file system that cannot share memory."""

    def execute(self, sql, *args):
        if "journal_mode=WAL" in sql:
            raise sqlite3.OperationalError("locking protocol")
        return super().execute(sql, *args)


def dotfile_connect(path, **kwargs):
    if kwargs.get("uri") or str(path) == ":memory:":
        return REAL_CONNECT(path, **kwargs)
    return REAL_CONNECT(f"{Path(path).as_uri()}?vfs=unix-dotfile", uri=True, **kwargs)


def no_log_connect(path, **kwargs):
    return REAL_CONNECT(path, **kwargs, factory=NoLog)


@pytest.mark.parametrize("connect", [dotfile_connect, no_log_connect])
def test_without_a_write_ahead_log_it_commits_by_the_clock(tmp_path, sketch, monkeypatch, connect):
    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(pending, "SLOW_COMMIT_SECONDS", 0.3)
    writer = Writer(tmp_path / "a.kscope", {})
    assert whats(writer.troubles) == ["the recording cannot use SQLite's write-ahead log"]
    drawn = sketch(writer).run(200)
    assert steps_in(RunView.open(writer.path)) == 1
    time.sleep(0.35)
    drawn.run(1)
    assert steps_in(RunView.open(writer.path)) == 201
    drawn.run(9)
    writer.close()
    view = RunView.open(writer.path)
    assert steps_in(view) == 210 and len(told(view)) == 1
    assert os.listdir(tmp_path) == ["a.kscope"]
