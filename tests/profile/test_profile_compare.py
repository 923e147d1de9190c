"""Two recordings side by side, the command line around it, and the trace."""

from __future__ import annotations

import contextlib
import json
import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fake_profile.py, whatever the import mode

from fake_profile import record

from kerascope.api import board, slower
from kerascope.api.spans import events
from kerascope.cli.main import main
from kerascope.record.reader import RunView

STEP = {"step": 0.01, "data": 0.002, "keras": 0.0001}


@pytest.fixture
def pair(workdir):
    record(workdir / "a.kscope", STEP, seed=1, noise=0.1)
    record(workdir / "same.kscope", STEP, seed=2, noise=0.1)
    record(workdir / "b.kscope", STEP | {"data": 0.008}, seed=3, noise=0.1)
    return workdir


def test_what_got_slower_is_named_with_its_bounds(pair):
    rows = {row.label: row for row in slower.compare("a.kscope", "b.kscope").rows}
    assert 1.4 < rows["step"].low < rows["step"].ratio < rows["step"].high < 1.6
    assert rows["waiting for data"].ratio == pytest.approx(4, rel=0.1)
    assert (
        rows["training step"].low < 1 < rows["training step"].high
        or abs(rows["training step"].ratio - 1) < 0.05
    )


def test_two_runs_of_one_program_do_not_differ(pair):
    step = slower.compare("a.kscope", "same.kscope").rows[0]
    assert step.label == "step"
    assert abs(step.ratio - 1) < 0.05


@pytest.mark.parametrize(("other", "limit", "code"), [("b", "10%", 3), ("b", "80%", 0), ("same", "10%", 0)])
def test_the_gate(pair, capsys, other, limit, code):
    assert (
        main(["profile", "a.kscope", f"{other}.kscope", "--fail-on", f"slower:{limit}", "--json", "c.json"])
        == code
    )
    shown = capsys.readouterr().out
    assert ("SLOWER" in shown) == (other == "b")
    data = json.loads((pair / "c.json").read_text())
    assert data["schema"] == "kerascope/comparison/1"
    assert data["rows"][0]["label"] == "step"


def test_one_recording_is_shown_again(pair, capsys):
    assert main(["profile", "b.kscope"]) == 0
    shown = capsys.readouterr().out
    assert "INPUT-BOUND" in shown
    assert "where the time went" in shown
    assert main(["profile", "b.kscope", "--fail-on", "warning", "--quiet"]) == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "No script was given"),
        (["--fail-on", "slower", "a.kscope", "b.kscope"], "slower:10%"),
        (["--fail-on", "slower:10%", "train.py"], "Slower than what?"),
        (["a.kscope", "b.kscope", "same.kscope"], "Two recordings can be compared"),
        (["--json", "missing/x.json", "a.kscope"], "cannot be written"),
        (["nothing.py"], "There is no such script"),
    ],
)
def test_bad_input_gets_a_clear_error(pair, capsys, arguments, text):
    assert main(["profile", *arguments]) == 2
    assert text in capsys.readouterr().err


def test_the_trace_holds_every_phase_of_every_step(pair):
    assert main(["profile", "a.kscope", "--quiet", "--trace", "t.json"]) == 0
    trace = json.loads((pair / "t.json").read_text())
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    steps = [event for event in spans if event["name"].startswith("step ")]
    assert len(steps) == 60
    assert len(spans) == 4 * 60
    first = steps[0]
    inside = [
        e for e in spans if e is not first and first["ts"] - 1 <= e["ts"] < first["ts"] + first["dur"] - 1
    ]
    assert sum(event["dur"] for event in inside) == pytest.approx(first["dur"], rel=1e-3)
    view = RunView.open("a.kscope")
    assert len(events(view)) == len(trace["traceEvents"])
    view.close()


def test_tensorboard_gets_every_curve(pair):
    assert main(["profile", "a.kscope", "--quiet", "--tensorboard", "board"]) == 0
    (file,) = (pair / "board").rglob("events.out.tfevents.*")
    found = scalars_of(file)
    with contextlib.closing(RunView.open("a.kscope")) as view:
        (model,) = view.models
        steps = model.steps()
        curves = list(board.scalars(model))
    times = [(step, value) for tag, step, value in found if tag == "seconds/whole_step"]
    assert times == [(s, pytest.approx(v, rel=1e-6)) for s, v in zip(steps.step, steps.seconds, strict=True)]
    assert [tag for tag, _, _ in found] == [point.tag for point in curves]
    assert {"seconds/training_step", "seconds/waiting_for_data"} <= {tag for tag, _, _ in found}


def test_two_runs_never_become_one_curve(pair, capsys):
    assert main(["profile", "a.kscope", "--quiet", "--tensorboard", "board"]) == 0
    assert main(["profile", "b.kscope", "--quiet", "--tensorboard", "board"]) == 2
    assert "There is an event file in that folder already" in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_refused_before_anything_runs(pair, capsys):
    (pair / "train.py").write_text("open('ran', 'w').close()")
    assert main(["profile", "a.kscope", "--quiet", "--tensorboard", "board"]) == 0
    assert main(["profile", "--tensorboard", "board", "train.py"]) == 2
    assert "There is an event file in that folder already" in capsys.readouterr().err
    assert not (pair / "ran").exists()


def scalars_of(file):
    """Reads an event file by its definition: length, its checksum, an event, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = file.read_bytes(), []
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + size])
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        data = data[16 + size :]
    return found
