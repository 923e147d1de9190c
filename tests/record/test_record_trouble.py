"""Whoever takes the file away, locks it or hands over nonsense, training goes on and the rows are somewhere."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from kerascope.record import pending, store
from kerascope.record import writer as writer_module
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


# -- somebody takes the file away


@pytest.fixture
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks after the file at every commit."""
    monkeypatch.setattr(store, "LOOK_EVERY", 0.0)


def take_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def take_file(path: Path) -> None:
    path.unlink()


def take_all_files(path: Path) -> None:
    for name in path.parent.iterdir():
        name.unlink()


def move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


@pytest.mark.usefixtures("looks_always")
@pytest.mark.parametrize("take", [take_folder, take_file, take_all_files, move_folder])
def test_a_file_that_is_taken_away_is_written_anew(tmp_path, sketch, take):
    path = tmp_path / "runs" / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(100)
    take(path)
    drawn.run(100)
    writer.flush()
    assert writer.path == path and steps_in(RunView.open(path)) == 200
    drawn.run(100)
    writer.close()
    view = RunView.open(path)
    assert steps_in(view) == 300 and os.listdir(path.parent) == ["a.kscope"]
    (trouble,) = writer.troubles
    assert (trouble.what, trouble.consequence) == (
        "the recording was taken away",
        f"nothing is lost: everything is in {path}",
    )
    assert told(view) == [f"{trouble.what}: {path} was deleted while it was being written"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.usefixtures("looks_always")
def test_a_file_that_was_replaced_is_left_alone(tmp_path, sketch):
    path = tmp_path / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(100)
    path.unlink()
    path.write_text("somebody else's")
    drawn.run(100)
    writer.close()
    assert path.read_text() == "somebody else's"
    assert writer.path == tmp_path / "a-2.kscope" and steps_in(RunView.open(writer.path)) == 200
    assert "replaced by another file" in writer.troubles[0].why


@pytest.mark.usefixtures("looks_always")
def test_a_folder_that_cannot_come_back_leads_to_memory_and_then_to_the_temporary_folder(
    tmp_path, temporary, sketch
):
    path = tmp_path / "runs" / "a.kscope"
    writer = Writer(path, {})
    drawn = sketch(writer).run(100)
    shutil.rmtree(path.parent)
    path.parent.write_text("a file now")
    drawn.run(100)
    assert writer.path is None and steps_in(writer.view()) == 200
    writer.close()
    assert temporary in writer.path.parents and steps_in(RunView.open(writer.path)) == 200
    assert path.parent.read_text() == "a file now"


def test_the_file_is_looked_after_every_two_seconds_only(tmp_path, sketch, monkeypatch):
    looks = []
    real = store._identity
    writer = Writer(tmp_path / "a.kscope", {})
    monkeypatch.setattr(store, "_identity", lambda path: looks.append(path) or real(path))
    sketch(writer).run(2000)
    assert looks == []
    writer._store._looked -= store.LOOK_EVERY
    writer.flush()
    assert len(looks) == 1
    writer.close()


@pytest.mark.usefixtures("looks_always")
def test_restless_inode_numbers_do_not_make_copies_for_ever(tmp_path, sketch, monkeypatch):
    numbers = iter(range(10**6))
    writer = Writer(tmp_path / "a.kscope", {})
    monkeypatch.setattr(store, "_identity", lambda path: (0, next(numbers)))
    sketch(writer).run(2000)
    writer.close()
    assert len(os.listdir(tmp_path)) <= 1 + store.MOST_REBUILDS
    assert steps_in(RunView.open(writer.path)) == 2000


# -- another process is in the way


def test_rows_wait_while_another_process_has_the_lock(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    writer.flush()
    other = sqlite3.connect(writer.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    drawn.run(1000)
    assert time.monotonic() - began < 0.5  # it is not tried at every commit again
    assert writer.troubles == [] and steps_in(RunView.open(writer.path)) == 10
    other.execute("ROLLBACK")
    other.close()
    writer.flush()
    assert steps_in(RunView.open(writer.path)) == 1010
    writer.close()
    assert writer.troubles == []


def test_rows_do_not_wait_for_ever(tmp_path, sketch, monkeypatch):
    monkeypatch.setattr(pending, "MOST_WAITING", 500)
    monkeypatch.setattr(writer_module, "CLOSING_SECONDS", 0.1)
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    writer.flush()
    other = sqlite3.connect(writer.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    drawn.run(1000)
    writer.flush()
    assert writer.path is None and "database is locked" in writer.troubles[0].why
    other.execute("ROLLBACK")
    other.close()
    writer.close()
    assert writer.path == tmp_path / "a.kscope" and steps_in(RunView.open(writer.path)) == 1010


def test_a_lock_at_the_end_does_not_lose_the_end(tmp_path, sketch, monkeypatch):
    monkeypatch.setattr(writer_module, "CLOSING_SECONDS", 0.1)
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    writer.flush()
    other = sqlite3.connect(writer.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    drawn.run(20)
    writer.close()
    other.close()
    assert steps_in(RunView.open(writer.path)) == 30


def test_closing_beside_a_reader_is_quick_and_complete(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(100)
    view = writer.view()
    drawn.run(100)
    began = time.monotonic()
    writer.close()
    assert time.monotonic() - began < 0.5
    assert steps_in(view) == 100
    view.close()
    assert steps_in(RunView.open(writer.path)) == 200
    assert writer.troubles == []


# -- what it is given is wrong


def test_a_row_that_cannot_be_written_takes_no_other_with_it(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    writer.step(drawn.model, 2**70, drawn.training, 0, drawn.logs, [0.0] * 7)
    writer.step(drawn.model, -(2**80), drawn.training, 0, drawn.logs, [0.0] * 7)
    drawn.run(10)
    writer.close()
    view = RunView.open(writer.path)
    assert steps_in(view) == 20 and whats(writer.troubles) == ["a row was refused"]
    assert len(told(view)) == 1


def test_a_row_that_does_not_fit_its_layout_is_refused(tmp_path, sketch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(3)
    writer.step(drawn.model, 4, drawn.training, 0, drawn.logs, [0.0] * 6)
    writer.step(drawn.model, 5, drawn.training, 0, 99, [0.0] * 7)
    writer.check(drawn.model, 5, drawn.state, np.ones(3), True)
    writer.sample(drawn.model, 5, "gradient", drawn.gradient, np.ones((2, 6)))
    writer.close()
    model = RunView.open(writer.path).models[0]
    assert (
        len(model.steps().step) == 3 and len(model.checks().step) == len(model.samples("gradient").step) == 0
    )
    assert whats(writer.troubles) == ["Writer.step failed", "Writer.check failed", "Writer.sample failed"]


class Hostile:
    """Fails at everything."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    __str__ = __repr__ = __float__ = __int__ = __iter__ = __len__ = lambda self: 1 / 0


@pytest.mark.parametrize(
    "bad", [None, "text", -1, "hostile", [[]], {"a": {1: object()}}, float("nan"), np.ones((3, 3))]
)
def test_no_argument_makes_it_raise(tmp_path, bad):
    bad = Hostile() if isinstance(bad, str) and bad == "hostile" else bad
    writer = Writer(tmp_path / "a.kscope", bad)
    for method, count in [
        ("model", 3),
        ("model_facts", 2),
        ("training", 5),
        ("training_ended", 4),
        ("layout", 3),
        ("step", 6),
        ("check", 5),
        ("sample", 5),
        ("epoch", 5),
        ("batch", 3),
        ("source", 2),
        ("event", 3),
        ("meta", 1),
    ]:
        getattr(writer, method)(*[bad] * count)
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0, {})
    logs = writer.layout(model, "logs", [])
    for number, values in enumerate([bad, [bad] * 5, [0] * 5], 1):
        writer.step(model, number, training, 0, logs, values)
    writer.close()
    assert 3 in RunView.open(writer.path).models[-1].steps().step


@pytest.mark.parametrize("name", ["look", "write", "size", "leave_disk", "close", "_say"])
def test_no_failure_of_ours_gets_out(tmp_path, sketch, monkeypatch, name):
    writer = Writer(tmp_path / "a.kscope", {})

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr(writer._store, name, fails)
    sketch(writer).run(200)
    writer.step(1, 1, 1, 1, 99, [])
    writer.flush()
    writer.close()
    if name in ("look", "write"):
        assert any("injected" in trouble.why for trouble in writer.troubles)
    writer.view().close()
