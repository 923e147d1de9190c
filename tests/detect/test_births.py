"""What running the bad step again has shown is told with line, operand, rows and fixes, once."""

from __future__ import annotations

import math

import pytest

from kerascope.api.report import build_report
from kerascope.record.writer import Writer

BIRTH = {
    "direction": "forward",
    "file": "train.py",
    "line": 13,
    "end_line": 13,
    "expression": "x / n",
    "code": "    return x / n",
    "columns": [11, 16],
    "operands": [{"source": "n", "shape": [32, 1], "min": 0.0, "max": 4.8}],
    "operand": "n",
    "text": "is exactly 0 in row 5 (1 of 32)",
    "rows": [5],
    "row_count": 1,
    "batch": 32,
    "run_up": [{"label": "norm of the weights", "steps": [1, 2, 3], "values": [1.0, 20.0, 400.0]}],
    "fixes": [{"description": "keep `n` above 0", "patch": "-a\n+b\n", "before": {}, "after": {"loss": 1.4}}],
}


def reported(tmp_path, birth, *, loss=math.nan, metric=0.5, **more):
    writer = Writer(tmp_path / "run.kscope", {"subject": "train.py", "backend": "torch"})
    model = writer.model("net", "Sequential", {})
    training = writer.training(model, "fit", 1, 0.0, {"loss_log": "batch"})
    layout = writer.layout(model, "logs", ["loss", "mine"])
    for step in range(1, 9):
        bad = step >= 4
        values = [float(step), 0.1, 0.1, 1e-3, 32.0, loss if bad else 1.0, metric if bad else 0.5]
        writer.step(model, step, training, 0, layout, values)
    if math.isnan(loss):
        facts = {"exact": True, "last_finite_step": 3, "first": "loss", "tensor": "loss", "layer": None}
        facts |= {"order": [{"part": "loss", "name": "loss"}], "how": "rewound"}
        writer.event("nonfinite", 4.0, facts, model, 4)
    writer.event("birth", 4.0, {**birth, **more}, model, 4)
    report = build_report(writer.view())
    writer.close()
    return report


def test_line_operand_rows_and_fix(tmp_path):
    report = reported(tmp_path, BIRTH)
    first = report.findings[0]
    assert first.kind == "nan-operation"
    assert (first.location.file, first.location.line, first.location.step) == ("train.py", 13, 4)
    assert "`x / n` is not finite, where `n` is exactly 0 in row 5 (1 of 32)" in first.title
    assert "grew from 1.00 to 400 over steps 2 to 3" in first.explanation
    assert [fix.verified for fix in first.fixes] == [True]
    assert report.headline.startswith("BREAKS")
    assert [f.kind for f in report.findings if f.kind == "nan-loss"] == []


def test_a_training_that_ran_away(tmp_path):
    facts = {"direction": "layer", "run_up": BIRTH["run_up"], "fixes": BIRTH["fixes"]}
    first = reported(tmp_path, facts).findings[0]
    assert first.kind == "nan-loss"
    assert "the training ran away: the norm of the weights grew from 1.00 to 400" in first.title
    assert first.location.line is None
    assert first.fixes


def test_data(tmp_path):
    facts = {"direction": "input", "data": [{"name": "x", "rows": [5], "count": 1, "batch": 32}]}
    first = reported(tmp_path, facts).findings[0]
    assert "`x` itself is not finite in row 5 (1 of 32)" in first.title


def test_a_metric_alone(tmp_path):
    report = reported(tmp_path, {**BIRTH, "metric": 3}, loss=0.5, metric=math.nan)
    assert not [f for f in report.findings if "metric" in f.title]  # a metric's name is text
    (tmp_path / "b").mkdir()
    writer_report = reported(tmp_path / "b", {**BIRTH, "metric": "mine"}, loss=0.5, metric=math.nan)
    found = [f for f in writer_report.findings if "The metric `mine` is not finite from step 4 on" in f.title]
    assert [f.location.line for f in found] == [13]


@pytest.mark.parametrize("value", [None, 3, "text", [1], {"a": 1}])
@pytest.mark.parametrize("key", sorted(BIRTH))
def test_facts_of_any_form_raise_nothing(tmp_path, key, value):
    report = reported(tmp_path, {**BIRTH, key: value})
    assert not [f for f in report.findings if f.kind == "kerascope-internal"], report.findings


@pytest.mark.parametrize(("size", "kind"), [(3e19, "nan-loss"), (80.0, "nan-operation")])
def test_an_operation_is_not_to_blame_for_what_has_run_away_before(tmp_path, size, kind):
    operand = {"source": "y", "shape": [32, 1], "min": -size, "max": size}
    report = reported(tmp_path, {**BIRTH, "operands": [operand], "text": "is large"})
    assert report.findings[0].kind == kind
