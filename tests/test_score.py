"""The rules of scoring, and a corpus read and run."""

from __future__ import annotations

import dataclasses
import difflib
import json
from pathlib import Path

import pytest

from kerascope.api import corpus, scoring
from kerascope.api.score import Ran, _Worker, result_line, score, text
from kerascope.errors import UsageError
from kerascope.values import Finding, Fix, Report, SourceSpan, decode

SCRIPT = """import json
x = dict(
    a=1,
    b=2,
)
y = 3
print("RESULT", json.dumps({"acc": 0.2}))
"""
CASE = {
    "id": "one",
    "split": "open",
    "faulty": "elsewhere/one_faulty.py",
    "fixed": "one_fixed.py",
    "faults": [
        {"kind": "wrong-loss", "line": 4, "lines": [4], "layer": None},
        {"kind": "wrong-layer", "line": 6, "layer": "dense"},
    ],
    "alternatives": ["lr-too-low"],
    "also_true": ["no-learning"],
    "metric": "acc",
    "better": "max",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "one_faulty.py").write_text(SCRIPT)
    (tmp_path / "one_fixed.py").write_text(SCRIPT.replace("0.2", "0.9"))
    (tmp_path / "fine.py").write_text("print('RESULT {}')\n")
    manifest = {"cases": [CASE], "healthy": [{"id": "fine", "script": "fine.py"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def say(kind, line=None, layer=None, severity="fault", rank=1, fixes=()):
    place = SourceSpan(file="one_faulty.py", line=line, layer=layer)
    return Finding(kind, severity, 0.9, "", "", place, rank=rank, fixes=fixes)


def judge(folder, *findings):
    (case,) = corpus.read(folder).cases
    ranked = [dataclasses.replace(f, rank=i) for i, f in enumerate(findings, 1)]
    return scoring.judge(case, Report("one_faulty.py", "torch", "faulty", tuple(ranked)))


def test_right_kind_and_line(folder):
    verdict = judge(folder, say("wrong-loss", 4))
    assert verdict.detected and verdict.strict[1] and verdict.lenient[1] and verdict.localised[1]
    assert (verdict.named, verdict.faults, verdict.right, verdict.counted) == (1, 2, 1, 1)


@pytest.mark.parametrize(
    ("finding", "right"),
    [
        (say("wrong-loss", 5), True),  # one line off in a call of several lines
        (say("wrong-loss", 7), False),
        (say("wrong-layer", 6), True),
        (say("wrong-layer", 7), False),  # not a call of several lines
        (say("wrong-layer", layer="net/dense"), True),
        (say("wrong-layer", layer="dense_1"), False),
        (say("lr-too-low", 4), True),  # an alternative at the place of a fault
        (say("no-learning", 4), False),
    ],
)
def test_places(folder, finding, right):
    assert judge(folder, finding).localised[1] is right


def test_strict_lenient_and_depth(folder):
    verdict = judge(folder, say("nan-loss"), say("lr-too-low"), say("batch-size"), say("wrong-loss"))
    assert not verdict.lenient[1] and verdict.lenient[3] and not verdict.strict[3]


def test_what_is_also_true_counts_neither_way(folder):
    verdict = judge(
        folder, say("no-learning"), say("batch-size"), say("lr-too-low"), say("wrong-axis", severity="note")
    )
    assert (verdict.right, verdict.counted) == (1, 2)


def test_silence_detects_nothing(folder):
    assert not judge(folder).detected and not judge(folder, say("wrong-loss", severity="note")).detected


@pytest.mark.parametrize(
    ("values", "better", "good"),
    [
        ((0.2, 0.9, 0.84), "max", True),
        ((0.2, 0.9, 0.82), "max", False),
        ((5.0, 1.0, 1.3), "min", True),
        ((5.0, 1.0, 1.5), "min", False),
        (("nan", 1.0, 1.05), "min", True),
        ((None, 1.0, 1.2), "min", False),
        ((0.2, 0.9, "nan"), "max", False),
    ],
)
def test_a_fix_must_reach_the_level_of_the_fixed_script(folder, values, better, good):
    (case,) = corpus.read(folder).cases
    assert scoring.reaches(dataclasses.replace(case, better=better), *values) is good


def test_figures(folder):
    sound = {
        "a": Report("a", "torch", "faulty", (say("x"), say("y", severity="note"))),
        "b": Report("b", "torch", "healthy"),
    }
    figures = scoring.scores([judge(folder, say("wrong-loss", 4)), judge(folder)], sound, 1.0)
    assert figures["detected"] == 0.5 and figures["recall"] == 0.25 and figures["precision"] == 1.0
    assert figures["false_alarms_per_script"] == 0.5 and figures["scripts_with_false_alarm"] == 0.5


def test_the_first_verified_patch_counts(folder):
    report = Report("a", "torch", "faulty", (say("x", fixes=(Fix("no", "p1"), Fix("yes", "p2", True))),))
    assert scoring.best_patch(report) == "p2"


@pytest.mark.parametrize("content", ["", "[]", '{"cases": [{"id": "a"}]}', '{"cases": []}'])
def test_a_bad_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UsageError):
        corpus.read(tmp_path)


def test_a_missing_script_is_named(folder):
    (folder / "one_fixed.py").unlink()
    with pytest.raises(UsageError, match=r"one_fixed\.py"):
        corpus.read(folder)
    (folder / "one_fixed.py").write_text(SCRIPT)
    assert (
        corpus.read(folder, split="aside").cases == ()
        and len(corpus.read(folder, split="aside").healthy) == 1
    )
    with pytest.raises(UsageError, match="No script"):
        corpus.read(folder, only=["zzz"])


def test_the_last_result_line_counts():
    assert result_line('RESULT {"a": 1}\nRESULT {"a": 2}\nbye') == {"a": 2}
    assert result_line('RESULT {"loss": NaN, "acc": 1}') == {
        "loss": None,
        "acc": 1,
    }  # JSON has no NaN to write
    assert result_line("RESULT what") == {} and result_line("") == {}


def test_a_corpus_is_run_and_resumed(folder, workdir):
    """Scripts that train nothing: each runs in its own process, leaves its figures, and is not run twice."""
    said = []
    first = score(folder, backend="jax", jobs=2, keep=workdir / "kept", say=said.append)
    assert first.ran["one_fixed"].result == {"acc": 0.9} and len(said) == 3
    assert first.scores["detected"] == 0.0 and first.scores["scripts_with_false_alarm"] == 0.0
    data = json.loads(json.dumps(first.to_json()))
    assert set(data["scripts"]) == {"one_faulty", "one_fixed", "fine"}
    assert decode(Report, data["scripts"]["fine"]).subject == "fine.py"
    kept = workdir / "kept" / "fine.json"
    kept.write_text(kept.read_text().replace('"seconds"', '"seconds_": 0, "seconds"'))
    before = kept.read_text()
    again = score(folder, backend="jax", jobs=2, keep=workdir / "kept", resume=True)
    assert kept.read_text() == before and again.ran["one_fixed"].result == {"acc": 0.9}
    assert "one  wrong-loss:4 wrong-layer:6" in text(again)


def test_a_patched_script_finds_the_modules_beside_the_one_it_was_made_from(folder, workdir):
    (case,) = corpus.read(folder).cases
    script = case.faulty.path
    (script.parent / "besides.py").write_text("ACC = 0.9\n")
    before = "import json\nimport besides\nprint('RESULT', json.dumps({'acc': 0.2}))\n"
    script.write_text(before)
    after = before.replace("0.2", "besides.ACC")
    ways = [before.splitlines(True), after.splitlines(True), f"a/{script.name}", f"b/{script.name}"]
    patch = "".join(difflib.unified_diff(*ways))
    found = Report("a", "jax", "faulty", (say("x", fixes=(Fix("mended", patch, True),)),))
    ran = {case.faulty.id: Ran(found, {"acc": 0.2}, 1.0), case.fixed.id: Ran(found, {"acc": 0.9}, 1.0)}
    assert _Worker(workdir, "jax", False, ()).fixes(case, ran) is True


def test_our_own_corpus_is_whole():
    own = corpus.read(Path(__file__).parent / "corpus")
    assert len(own.cases) >= 40 and len(own.healthy) >= 5
    for case in own.cases:
        lines = case.faulty.path.read_text().splitlines()
        assert all(0 < line <= len(lines) for fault in case.faults for line in fault.lines), case.id
        assert case.faulty.path.read_text() != case.fixed.path.read_text()
