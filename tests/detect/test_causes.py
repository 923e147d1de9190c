"""The pages of the causes: the broken program is found out, with the line to change; its mended twin is healthy.

The programs run in this process, one after the other: most of what a run costs is the import of Keras.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from kerascope.detect.registry import detectors

PAGES = Path(__file__).resolve().parents[2] / "docs" / "findings"
KINDS = sorted(
    {kind for each in detectors() if ".causes." in each.judge.__module__ for kind in each.kinds}
    - {
        "no-learning",
        "lr-too-low",
        "logits-mismatch",
        "softmax-one-unit",
        "wrong-axis",
        "broadcast-shape",
        "nan-operation",
    }  # pages with tests of their own
)


def programs(kind):
    text = (PAGES / f"{kind}.md").read_text(encoding="utf-8")
    return dict(re.findall(r"```python (broken|fixed)\n(.*?)```", text, re.DOTALL))


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Returns a function that runs a program watched and returns its report."""
    import keras

    from kerascope.api.run import run

    def one(text):
        script = tmp_path / "train.py"
        script.write_text(text, encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["train.py"])
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        monkeypatch.setattr(sys, "path", list(sys.path))
        keras.backend.clear_session()
        code, report = run(str(script), out=tmp_path / "run.kscope")
        # Some backends refuse labels beyond the last unit or 0 to 1: the program dies, and is judged all the same.
        assert (code == 0) == (report.verdict != "crashed")
        return report

    return one


@pytest.mark.catalogue
@pytest.mark.backend
@pytest.mark.parametrize("kind", KINDS)
def test_broken_program_is_found_out(kind, judged):
    text = programs(kind)["broken"]
    report = judged(text)
    told = {f.kind: f for f in report.findings}
    folded = {e.label.removeprefix("with it: ") for f in report.findings for e in f.evidence}
    assert kind in {*told, *folded} and not report.ok
    if kind in told:
        place = told[kind].location
        assert place.file == "train.py" and place.line is not None
        assert place.expression and place.expression.splitlines()[0] in text.splitlines()[place.line - 1]
        assert told[kind].levers


@pytest.mark.catalogue
@pytest.mark.backend
@pytest.mark.parametrize("kind", KINDS)
def test_mended_program_is_healthy(kind, judged):
    report = judged(programs(kind)["fixed"])
    assert report.verdict == "healthy" and kind not in {f.kind for f in report.findings}
