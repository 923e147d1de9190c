"""When experiments are made, when not, and that what came of them stays in the recording."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import sys
from pathlib import Path

import pytest

from kerascope.api import verify as verifying
from kerascope.api.report import report
from kerascope.api.verify import Plan, Start, verify
from kerascope.cli.main import main
from kerascope.values import Fix, encode

sys.path.insert(0, str(Path(__file__).parents[1] / "detect"))

from fake import Net, View, falling, flat, write

TEXT = "print('training')\n"


class Search:
    """Stands in for the trials: everything is cured by the first idea."""

    def __init__(self, bench, findings, engine, seconds, say):
        self.bench, self.findings = bench, findings
        engine.close()

    def run(self):
        from kerascope.explain.experiments.verdicts import Trial, key

        fix = Fix("do it", "--- a/train.py\n", True, {"accuracy": 0.1}, {"accuracy": 0.9})
        return {"trials": encode([Trial(key(self.findings[0]), "cures", 0.9, fix)]), "added": []}


@pytest.fixture
def recording(workdir, monkeypatch):
    """Makes the recording of a script that lies beside it."""
    monkeypatch.setattr(verifying, "Search", Search)
    (workdir / "train.py").write_text(TEXT)

    def make(net, text=TEXT):
        meta = {"argv": ["train.py"], "exit_code": 0, "error": None}
        path = write(View(net, meta=meta), workdir / "run.kscope")
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("INSERT INTO sources VALUES (?, ?)", ("train.py", text))
        return path

    return make


def after_trying(path, plan=None, crashed=False):
    said = []
    before = report(path)
    if crashed:
        before = dataclasses.replace(before, verdict="crashed")
    start = Start(path.parent / "train.py", (), path.parent)
    return before, verify(before, path, start, plan or Plan(), said.append), said


def test_what_was_tried_is_in_this_report_and_in_every_later_one(recording):
    path = recording(Net(flat(300)).labels().accuracy(0.1))
    before, after, said = after_trying(path)
    assert not before.findings[0].fixes and after.findings[0].fixes[0].verified
    assert report(path).findings[0].fixes == after.findings[0].fixes
    assert "nothing of yours is written" in said[0]


def test_a_crash_stays_a_crash(recording):
    _, after, _ = after_trying(recording(Net(flat(300)).labels().accuracy(0.1)), crashed=True)
    assert after.verdict == "crashed" and after.findings[0].fixes


def test_nothing_is_tried_where_nothing_is_wrong_or_no_time_is_given(recording):
    before, after, said = after_trying(recording(Net(falling(300)).labels().accuracy(0.9)))
    assert after is before and said == []
    (Path("run.kscope")).unlink()
    before, after, said = after_trying(recording(Net(flat(300)).labels().accuracy(0.1)), Plan(seconds=0))
    assert after is before and said == []


def test_nothing_is_tried_on_a_script_that_is_another_now(recording):
    before, after, said = after_trying(recording(Net(flat(300)).labels().accuracy(0.1), "print('before')\n"))
    assert after is before and "has changed since it ran" in said[0]


def test_nothing_is_tried_on_a_script_that_is_gone(recording):
    path = recording(Net(flat(300)).labels().accuracy(0.1))
    Path("train.py").unlink()
    before, after, said = after_trying(path)
    assert after is before and "cannot be read" in said[0]


@pytest.mark.parametrize("given", [["--experiments", "-1"], ["--jobs", "0"]])
def test_limits_are_checked_at_the_door(workdir, capsys, given):
    (workdir / "train.py").write_text(TEXT)
    assert main(["run", *given, "train.py"]) == 2
    assert "Received" in capsys.readouterr().err


def test_the_environment_sets_the_time(workdir, capsys, monkeypatch):
    monkeypatch.setenv("KERASCOPE_EXPERIMENTS", "a minute")
    (workdir / "train.py").write_text(TEXT)
    assert main(["run", "train.py"]) == 2
    assert "KERASCOPE_EXPERIMENTS='a minute'" in capsys.readouterr().err
