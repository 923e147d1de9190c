"""Silent numeric faults in traced lines: each is found where it is, and its healthy twin is left alone."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import smelly
import smelly_names
import smelly_sides
import smelly_words

from kerascope.detect.smells import KINDS, Smells
from kerascope.probe.lines.session import recording

pytestmark = pytest.mark.backend
FILES = [module.__file__ for module in (smelly, smelly_names, smelly_sides, smelly_words)]


def traced(function, **settings):
    smells = Smells()
    with recording(listeners=[smells], **settings) as recorder:
        function()
    assert smells.failures == []
    failed = [note for note in recorder.log.notes if "kerascope failed" in note]
    assert failed == []
    return smells.findings()


@pytest.mark.catalogue
@pytest.mark.parametrize("name", smelly.FAULTY)
def test_faults_are_found(name):
    kind, expression, function = smelly.FAULTY[name]
    found = [f for f in traced(function) if f.severity != "note"]
    assert [(f.kind, f.location.expression) for f in found] == [(kind, expression)]
    assert found[0].location.file in FILES
    assert found[0].evidence


@pytest.mark.catalogue
@pytest.mark.parametrize("name", smelly.HEALTHY)
def test_sound_code_is_left_alone(name):
    found = traced(smelly.HEALTHY[name])
    assert [(f.kind, f.location.expression, f.title) for f in found] == []


def test_every_kind_is_tested():
    assert {kind for kind, _, _ in smelly.FAULTY.values()} == set(KINDS)


PAGES = Path(__file__).resolve().parents[3] / "docs" / "findings"
PAGE_PROGRAMS = {
    (kind, state): program
    for kind in KINDS
    if kind
    not in (
        "disconnected-gradient",
        "wrong-axis",
        "wrong-argument",
        "numpy-in-call",
        "training-flag",
    )  # they are run as scripts
    for state, program in re.findall(
        r"```python (broken|fixed)\n(.*?)```", (PAGES / f"{kind}.md").read_text(), re.DOTALL
    )
}


@pytest.mark.catalogue
@pytest.mark.parametrize(("kind", "state"), PAGE_PROGRAMS)
def test_programs_of_the_pages_are_what_they_say(kind, state, tmp_path, monkeypatch):
    name = f"page_{kind.replace('-', '_')}_{state}"
    (tmp_path / f"{name}.py").write_text(PAGE_PROGRAMS[kind, state])
    monkeypatch.syspath_prepend(tmp_path)
    found = [f.kind for f in traced(lambda: importlib.import_module(name))]
    assert found == ([kind] if state == "broken" else [])
