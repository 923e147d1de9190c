"""`kerascope fix`: the best verified change is shown, and written only when asked to and when it fits."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from kerascope.api.fix import FixError, mending
from kerascope.api.report import report
from kerascope.cli.main import main
from kerascope.errors import RecordingError
from kerascope.explain.experiments.verdicts import Trial, key
from kerascope.explain.fixes.patch import Patch
from kerascope.record.append import append_event
from kerascope.values import Fix, encode

sys.path.insert(0, str(Path(__file__).parents[1] / "detect"))

from fake import Net, View, flat, write

BEFORE = "rate = 8.0\nprint(rate)\n"
AFTER = "rate = 0.1\nprint(rate)\n"


@pytest.fixture
def run(workdir):
    """A recording of `train.py` with one finding, in the folder that the script lies in."""
    (workdir / "train.py").write_text(BEFORE)
    meta = {"argv": ["train.py"], "exit_code": 0, "error": None}
    path = write(View(Net(flat(300)).labels().accuracy(0.1), meta=meta), workdir / "run.kscope")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO sources VALUES (?, ?)", ("train.py", BEFORE))
    return path


def verified(run, verdict="cures", patch=None):
    finding = report(run).findings[0]
    patch = patch or Patch("train.py", "", BEFORE, AFTER).diff()
    fix = Fix("a smaller rate", patch, verdict == "cures", {"accuracy": 0.1}, {"accuracy": 0.9})
    append_event(
        run, "experiments", {"trials": encode([Trial(key(finding), verdict, 0.9, fix)]), "added": []}
    )


def test_what_was_verified_is_in_every_later_report(run):
    verified(run)
    assert report(run).findings[0].fixes[0].after == {"accuracy": 0.9}


def test_the_change_is_shown_and_only_then_written(run, workdir, capsys):
    verified(run)
    assert main(["fix", str(run)]) == 0
    assert (workdir / "train.py").read_text() == BEFORE
    shown = capsys.readouterr()
    assert "-rate = 8.0\n+rate = 0.1" in shown.out and "nothing was written" in shown.err
    assert main(["fix", str(run), "--apply"]) == 0
    assert (workdir / "train.py").read_text() == AFTER
    assert [path.name for path in workdir.iterdir() if "new" in path.name] == []


def test_line_ends_stay(run, workdir):
    verified(run)
    (workdir / "train.py").write_bytes(BEFORE.replace("\n", "\r\n").encode())
    mending(run).write()
    assert (workdir / "train.py").read_bytes() == AFTER.replace("\n", "\r\n").encode()


def test_a_script_that_has_changed_is_left_alone(run, workdir):
    verified(run)
    (workdir / "train.py").write_text(BEFORE + "# new\n")
    with pytest.raises(FixError, match="not what it was"):
        mending(run).write()
    assert (workdir / "train.py").read_text() == BEFORE + "# new\n"


def test_without_a_verified_change_there_is_nothing_to_do(run):
    with pytest.raises(FixError, match="No change was verified"):
        mending(run)
    verified(run, "untried")
    with pytest.raises(FixError, match="No change was verified"):
        mending(run)


def test_a_script_that_was_moved_has_to_be_named(run, workdir):
    verified(run)
    (workdir / "new").mkdir()
    (workdir / "train.py").rename(workdir / "new" / "train.py")
    with pytest.raises(FixError, match="--script"):
        mending(run)
    mending(run, workdir / "new" / "train.py").write()
    assert (workdir / "new" / "train.py").read_text() == AFTER


def test_a_patch_that_does_not_fit_its_own_recording_is_refused(run):
    verified(run, patch=Patch("train.py", "", "something else\n", AFTER).diff())
    with pytest.raises(RecordingError, match="does not fit"):
        mending(run)


def test_nothing_but_a_recording_is_added_to(workdir):
    (workdir / "notes.txt").write_text("mine" * 1000)
    with pytest.raises(RecordingError):
        append_event(workdir / "notes.txt", "experiments", {})
    assert (workdir / "notes.txt").read_text() == "mine" * 1000
