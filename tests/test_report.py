"""From a recording to its report: summary, verdict, curves, layers, exit code, command line; all without Keras."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerascope.api.crash import Why, explained
from kerascope.api.curves import MOST_POINTS, thinned
from kerascope.api.report import build_report, emit, exit_code, load, newest_recording, report
from kerascope.errors import RecordingError, UsageError
from kerascope.record.reader import Event
from kerascope.values import Finding, Report, decode

sys.path.insert(0, str(Path(__file__).parent / "detect"))

from fake import Net, View, falling, flat, write

META = {"seconds": 3.5, "watch_seconds": 0.02, "exit_code": 0, "error": None}


@pytest.fixture
def sick(tmp_path):
    """The file of a training that does not learn."""
    return write(View(Net(flat(300)).labels().accuracy(0.1), meta=META), tmp_path / "sick.kscope")


@pytest.fixture
def sound(tmp_path):
    """The file of a training that learns."""
    return write(View(Net(falling(300)).labels().accuracy(0.9), meta=META), tmp_path / "sound.kscope")


def test_a_healthy_run(sound):
    judged = report(sound)
    assert (judged.verdict, judged.findings, judged.headline, judged.ok) == ("healthy", (), "", True)
    assert (judged.subject, judged.backend) == ("train.py", "numpy")
    run = judged.run
    assert (run.steps, run.seconds, run.watch_seconds, run.models, run.exit_code) == (300, 3.5, 0.02, 1, 0)
    assert run.recording == str(sound)


def test_a_run_that_does_not_learn(sick):
    judged = report(sick)
    assert judged.verdict == "faulty" and [f.kind for f in judged.findings] == ["no-learning"]
    assert judged.headline.startswith("DOES NOT LEARN   loss 2.3") and "flat within noise" in judged.headline
    assert judged.findings[0].rank == 1
    assert decode(Report, json.loads(json.dumps(judged.to_json()))) == judged


def test_a_failed_script_is_crashed_whatever_was_found():
    meta = {"outcome": "failed", "exit_code": 1, "error": "ValueError: no"}
    judged = build_report(View(Net(falling(300)), meta=meta))
    assert (judged.verdict, judged.run.error, judged.ok) == ("crashed", "ValueError: no", False)
    assert build_report(View(Net(falling(300)), meta={"outcome": "interrupted"})).verdict == "healthy"


def test_a_killed_run_lasts_as_long_as_its_last_step():
    assert build_report(View(Net(falling(300)))).run.seconds == 299.0


def test_facts_of_the_run_that_are_not_of_their_type_are_left_out():
    meta = {"subject": 7, "backend": None, "exit_code": True, "seconds": "long", "watch_seconds": math.nan}
    run = build_report(View(Net(falling(60)), meta=meta)).run
    assert (run.subject, run.backend, run.exit_code, run.watch_seconds) == ("unknown", "unknown", None, 0.0)


def test_gaps_are_told_once_and_say_of_which_model():
    def gap(model):
        return Event(0.0, model, None, "gap", {"what": "activations", "why": "scan"})

    one = build_report(View(Net(falling(60)), events=[gap(1), gap(1)]))
    assert one.gaps == ("activations: scan",)
    two = View(
        Net(falling(60)), Net(falling(60), number=2, name="other", began=99.0), events=[gap(1), gap(2)]
    )
    assert build_report(two).gaps == ("activations of net: scan", "activations of other: scan")


def test_layers_show_the_middle_of_the_samples_and_the_worst_of_the_tensors():
    net = Net(falling(300), frozen=("head",))
    net.norm("gradient", "hidden/kernel", np.r_[np.full(9, 0.5), 99.0]).norm("gradient", "hidden/bias", 0.1)
    net.norm("weight", "hidden/kernel", 4.0).norm("update", "hidden/kernel", 0.02).norm(
        "update", "hidden/bias", 0.02
    )
    net.norm("weight", "hidden/bias", 0.0)  # it begins at zero, so that any step is large for it
    net.figure("output", "hidden", 5, 0.7)
    hidden, head = build_report(View(net)).layers
    assert (hidden.layer, hidden.kind, hidden.parameters, hidden.trainable) == ("hidden", "Dense", 2080, True)
    assert hidden.gradient == 0.5 and hidden.weight == pytest.approx(4.0)
    assert hidden.update_ratio == pytest.approx(0.02 * 2**0.5 / 4)
    assert hidden.zeros == pytest.approx(0.7) and hidden.finite == 1.0
    assert (head.trainable, head.gradient, head.update_ratio) == (False, None, None)
    assert head.output_std is not None


def test_a_layer_whose_gradients_are_not_finite_shows_it():
    net = Net(falling(300)).norm("gradient", "hidden/kernel", np.inf)
    assert math.isinf(build_report(View(net)).layers[0].gradient)


def test_curves_of_losses_epochs_and_a_rate_that_varies():
    net = Net(falling(300), rates=np.linspace(0.01, 0.001, 300)).accuracy(
        np.linspace(0.2, 0.9, 6), "val_accuracy"
    )
    curves = {curve.label: curve for curve in build_report(View(net)).curves}
    assert set(curves) == {"loss", "epoch loss", "val_accuracy", "learning rate"}
    assert curves["loss"].unit == "step" and len(curves["loss"].x) == 300 and curves["loss"].x[0] == 1
    assert curves["val_accuracy"].unit == "epoch" and curves["val_accuracy"].x == (1, 2, 3, 4, 5, 6)
    assert "learning rate" not in {curve.label for curve in build_report(View(Net(falling(300)))).curves}


def test_the_model_with_the_most_steps_owns_the_plain_labels():
    view = View(Net(falling(60)), Net(falling(300), number=2, name="big", began=99.0))
    labels = [curve.label for curve in build_report(view).curves]
    assert labels[0] == "loss" and "loss of net" in labels


def test_long_curves_are_thinned_to_means_and_keep_what_is_not_finite():
    y = np.arange(100_000.0)
    curve = thinned("loss", "step", np.arange(100_000), y)
    assert len(curve.x) == len(curve.y) == MOST_POINTS
    assert curve.x[0] == 0 and curve.x[-1] == 99_999
    assert np.mean(curve.y) == pytest.approx(y.mean(), rel=1e-3)
    y[70_000:] = np.nan
    broken = np.isnan(thinned("loss", "step", np.arange(100_000), y).y)
    assert broken.sum() == pytest.approx(0.3 * MOST_POINTS, abs=2) and broken[-1] and not broken[0]


def test_steps_that_logged_nothing_are_no_points():
    y = np.where(np.arange(1, 41) % 4 == 0, 1.0, np.nan)
    assert thinned("loss", "step", np.arange(1, 41), y).x == tuple(float(v) for v in range(4, 41, 4))


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [("fault", "fault", 3), ("fault", "warning", 3), ("warning", "warning", 3), ("warning", "fault", 0),
     ("note", "warning", 0), (None, "warning", 0)],
)  # fmt: skip
def test_exit_code(severity, fail_on, code):
    findings = (Finding("x", severity, 1.0, "", ""),) if severity else ()
    assert exit_code(Report("s", "b", "healthy", findings), fail_on) == code


def test_emit_never_overwrites_a_recording(sick, tmp_path):
    before = sick.read_bytes()
    judged = report(sick)
    with pytest.raises(UsageError, match=r"overwrite a recording. Received: --json"):
        emit(judged, json_path=sick)
    assert sick.read_bytes() == before
    with pytest.raises(UsageError, match="cannot be written there"):
        emit(judged, json_path=tmp_path / "no" / "such" / "folder.json")
    emit(judged, json_path=tmp_path / "out.json")
    assert decode(Report, json.loads((tmp_path / "out.json").read_text())) == judged


def test_load_shows_itself(sick):
    with load(sick) as run:
        assert "DOES NOT LEARN" in repr(run)
        bundle = run._repr_mimebundle_()
        assert set(bundle) == {"text/plain", "text/html"} and "DOES NOT LEARN" in bundle["text/html"]
        assert run.view.models[0].name == "net" and run.findings and not run.ok
        assert run.to_json() == run.report().to_json()


def test_a_folder_stands_for_its_newest_recording(tmp_path, sick, sound):
    os.utime(sick, (1000, 1000))
    os.utime(sound, (2000, 2000))
    (tmp_path / "notes.txt").write_text("no recording")
    assert newest_recording(tmp_path) == sound
    os.utime(sick, (2000, 2000))
    with pytest.raises(RecordingError, match=r"equally new: s\w+.kscope, s\w+.kscope. Received: path="):
        newest_recording(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError, match="no recording in this folder"):
        newest_recording(tmp_path / "empty")


# -- the command line, where nothing but NumPy and rich can be imported ----------------------------------------

BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "jax", "tensorflow", "torch"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocker())
from kerascope.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def command(subprocess_env, tmp_path):
    """Runs `kerascope report ARGS` where Keras and every backend cannot be imported."""

    def run(*args):
        line = [sys.executable, "-c", BLOCKED, "report", *map(str, args)]
        return subprocess.run(
            line, env=subprocess_env, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )

    return run


def test_report_needs_no_keras(command, sick):
    done = command(sick)
    assert done.returncode == 0 and done.stderr == ""
    assert "DOES NOT LEARN" in done.stdout and "hidden" in done.stdout


def test_report_as_json(command, sick, tmp_path):
    judged = decode(Report, json.loads(command(sick, "--json").stdout))
    assert judged.findings[0].kind == "no-learning"
    done = command(sick, "--json", tmp_path / "r.json", "--full")
    assert "Kind: no-learning" in done.stdout
    assert decode(Report, json.loads((tmp_path / "r.json").read_text())) == judged


def test_fail_on(command, sick, sound):
    assert command(sick, "--fail-on", "fault").returncode == 3
    assert command(sound, "--fail-on", "warning").returncode == 0


def test_a_folder_says_which_recording_it_took(command, sick, tmp_path):
    done = command(tmp_path)
    assert done.returncode == 0 and "sick.kscope is the newest recording there" in done.stderr


@pytest.mark.parametrize("name", ["missing.kscope", "text.kscope"])
def test_what_is_no_recording_is_refused_in_one_paragraph(command, tmp_path, name):
    (tmp_path / "text.kscope").write_text("hello " * 100)
    done = command(tmp_path / name)
    assert done.returncode == 2 and done.stdout == ""
    assert "Received: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("kind", "sure", "folded"),
    [("error-in-user-code", 0.92, True), ("error-in-user-code", 0.6, False), ("shape-mismatch", 0.92, False)],
)
def test_an_error_in_its_own_words_only_is_folded_under_a_settled_cause(kind, sure, folded):
    cause = Finding("wrong-labels", "fault", sure, "The labels go up to 5; 5 units are for labels 0 to 4", "")
    crash = Finding(kind, "fault", 1.0, "`model.fit(...)` raised IndexError", "Target 5 is out of bounds.")
    told = explained(
        Report("train.py", "torch", "crashed", findings=(cause,)), Why(crash, "IndexError: Target 5")
    )
    assert [f.kind for f in told.findings] == (["wrong-labels"] if folded else [kind, "wrong-labels"])
    assert told.headline == "CRASHED   IndexError: Target 5"
    assert [f.rank for f in told.findings] == list(range(1, len(told.findings) + 1))
    if folded:
        (symptom,) = told.findings[0].evidence
        assert symptom.label == "with it: error-in-user-code" and "Target 5" in str(symptom.value)
