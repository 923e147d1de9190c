"""The pages of the findings: each program that is called broken is found to be, its fixed twin is healthy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kerascope.api.summary import KINDS as TOPOLOGY
from kerascope.api.timing import SPEED
from kerascope.detect.registry import detectors
from kerascope.detect.smells import KINDS as SMELLS
from kerascope.explain.fixes.misbehave import KINDS as MISBEHAVIOUR
from kerascope.explain.lines.kinds import KINDS as ERRORS

PAGES = Path(__file__).resolve().parents[2] / "docs" / "findings"
PROGRAMS = {
    (page.stem, state): program
    for page in sorted(PAGES.glob("*.md"))
    for state, program in re.findall(r"```python (broken|fixed)\n(.*?)```", page.read_text(), re.DOTALL)
}


WATCHED = {kind for each in detectors() for kind in each.kinds} | set(ERRORS)
TRACED = {*SMELLS, *MISBEHAVIOUR} - WATCHED
"""Kinds that only a trace finds; tests/detect/smells and tests/explain/fixes/test_misbehave.py run their programs."""
LOOKED_AT = set(TOPOLOGY)
"""Kinds that only `summary` and `plot` find; tests/topology runs their programs."""


def test_every_kind_has_a_page_and_every_page_a_kind():
    kinds = WATCHED | TRACED | LOOKED_AT
    assert {page.stem for page in PAGES.glob("*.md")} == kinds
    assert {name for name, _ in PROGRAMS} == kinds - {"kerascope-internal"}
    assert len(PROGRAMS) == 2 * (len(kinds) - 1)


CAUSES = {kind for each in detectors() if ".causes." in each.judge.__module__ for kind in each.kinds}
OTHERS = {kind for each in detectors() if ".causes." not in each.judge.__module__ for kind in each.kinds}
IN_A_PROCESS = WATCHED - (CAUSES - OTHERS)
"""Kinds whose programs run as scripts here; those of causes run in test_causes.py, without a process each."""


@pytest.mark.slow
@pytest.mark.backend
@pytest.mark.parametrize(
    ("kind", "state"),
    [key for key in PROGRAMS if key[0] in IN_A_PROCESS - set(SPEED) and ".fit(" in PROGRAMS[key]],
)
def test_programs_are_what_the_page_says(kind, state, kerascope, tmp_path):
    (tmp_path / "train.py").write_text(PROGRAMS[kind, state])
    done = kerascope("run", "--json", "report.json", "train.py")
    dies = kind in ERRORS and state == "broken"
    assert done.returncode == int(dies), done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    found = {finding["kind"]: finding for finding in report["findings"]}
    if state == "fixed":
        assert (report["verdict"], set(found)) == ("healthy", set()), done.stderr
        return
    assert report["verdict"] == ("crashed" if dies else "faulty")
    told = set(found) | {e["label"].removeprefix("with it: ") for f in found.values() for e in f["evidence"]}
    assert kind in told, done.stderr


NOT_ON_TORCH = ("recompilation", "eager-step")


@pytest.mark.table
@pytest.mark.backend
@pytest.mark.parametrize(("kind", "state"), [key for key in PROGRAMS if key[0] in SPEED])
def test_slow_programs_are_what_the_page_says(kind, state, kerascope, tmp_path, backend):
    if backend == "torch" and kind in NOT_ON_TORCH:
        pytest.skip("on torch nothing is compiled")
    (tmp_path / "train.py").write_text(PROGRAMS[kind, state])
    done = kerascope("profile", "--json", "report.json", "train.py")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    found = [finding["kind"] for finding in report["findings"]]
    assert found[:1] == ([kind] if state == "broken" else []), done.stderr
