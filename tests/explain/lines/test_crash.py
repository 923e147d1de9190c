"""Scripts that died untraced: the same explanation, found from the dead frames."""

from __future__ import annotations

import json

import crashing
import keras
import pytest

from kerascope.api.crash import EVENT
from kerascope.api.report import report as judged
from kerascope.explain.lines.crash import explain_crash
from kerascope.record.writer import Writer

pytestmark = pytest.mark.backend

BACKEND = keras.backend.backend()
SCRIPTS = {name: script for name, script in crashing.SCRIPTS.items() if BACKEND in script.only}


def crash(text, path):
    path.write_text(text)
    with pytest.raises(Exception) as caught:
        exec(compile(text, str(path), "exec"), {"__name__": "__main__"})
    return caught.value


@pytest.mark.catalogue
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_crash_is_explained(name, tmp_path):
    script = SCRIPTS[name]
    error = crash(script.text, tmp_path / "train.py")
    before = (error.args, error.__traceback__, error.__context__, str(error))
    finding = explain_crash(error)
    assert finding is not None
    told = finding.explanation + finding.title + " ".join(f"{e.label} {e.value}" for e in finding.evidence)
    assert (finding.kind, [word for word in script.says if word not in told]) == (script.kind, []), told
    assert script.expression in (None, finding.location.expression)
    assert finding.location.file == str(tmp_path / "train.py")
    assert (error.args, error.__traceback__, error.__context__, str(error)) == before


def test_what_the_script_raised_itself_needs_no_explanation(tmp_path):
    assert explain_crash(crash("import keras\nraise RuntimeError('mine')\n", tmp_path / "a.py")) is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_what_is_no_mistake_is_let_be(error):
    try:
        raise error
    except BaseException as caught:
        assert explain_crash(caught) is None


def test_an_explainer_that_fails_adds_nothing(tmp_path, monkeypatch):
    error = crash(SCRIPTS["eager"].text, tmp_path / "a.py")
    monkeypatch.setattr("kerascope.explain.lines.crash.site_of", lambda *args: 1 / 0)
    assert explain_crash(error) is None


def test_the_report_of_a_crashed_script_says_why(kerascope, tmp_path):
    sound = """
sound = keras.Sequential([layers.Dense(1)])
sound.compile("sgd", "mse")
sound.fit(x, y, epochs=1, verbose=0)
"""
    text = SCRIPTS["sequential"].text.replace("\nclass Own", f"{sound}\nclass Own")
    (tmp_path / "train.py").write_text(text)
    done = kerascope("run", "--json", "report.json", "train.py")
    assert done.returncode == 1
    assert done.stderr.count("Traceback (most recent call last)") >= 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "crashed"
    first = report["findings"][0]
    assert (first["kind"], first["rank"], first["location"]["file"]) == ("wrong-axis", 1, "train.py")
    assert "^^^^" in done.stderr and "(2·B, 5)" in done.stderr
    again = kerascope("report", "--json", "again.json", report["run"]["recording"])
    assert "(2·B, 5)" in again.stdout
    kept = json.loads((tmp_path / "again.json").read_text())
    assert (kept["headline"], kept["findings"]) == (report["headline"], report["findings"])


def test_a_damaged_explanation_in_a_recording_is_said_to_be_so(tmp_path):
    writer = Writer(tmp_path / "a.kscope", {"subject": "a.py", "outcome": "failed"})
    writer.event(EVENT, 0.0, {"schema": "kerascope/report/1", "findings": "gone"})
    writer.close()
    report = judged(tmp_path / "a.kscope")
    assert report.verdict == "crashed" and report.findings == ()
    assert any("why the script died" in gap for gap in report.gaps)
