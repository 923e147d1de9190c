"""The order of experiments and what is made of them, with an engine that only reads the changed script."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from kerascope.api.experiments import Bench, Search
from kerascope.explain.experiments.outcome import Outcome
from kerascope.explain.experiments.verdicts import judged
from kerascope.explain.remedies import Program
from kerascope.values import Finding, Lever, SourceSpan

SCRIPT = """import keras
model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.5), "mse", metrics=["accuracy"])
model.fit(x, y, epochs=10)
"""
FACTS = {
    "optimizer": {"class": "Adam", "config": {"learning_rate": 0.5}},
    "signatures": {"Adam": ["learning_rate"]},
    "compile": {"loss": "mse"},
    "layers": [],
}


def outcome(accuracy, ended="finished", **more):
    return Outcome(ended, {"val_accuracy": (accuracy,) * 4}, "mse", **more)


class Engine:
    """Says what a program comes to from its text."""

    def __init__(self, judge, jobs=1):
        self.judge, self.jobs, self.ran, self.closed = judge, jobs, [], False

    def submit(self, request):
        text = request.changes.get("train.py", SCRIPT)
        self.ran.append(text)
        future = Future()
        future.set_result(self.judge(text, request))
        return future

    def close(self):
        self.closed = True


def finding(kind, *levers, line=4):
    return Finding(kind, "fault", 0.8, kind, "because", SourceSpan("train.py", line), levers=levers)


RATE = finding("lr-too-high", (Lever("optimizer", "learning_rate", "0.01"),), line=3)
BATCH = finding("batch-size", (Lever("fit", "batch_size", "32"),))


@pytest.fixture
def bench(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    return Bench(script, (), None, tmp_path, Program({"train.py": SCRIPT}, FACTS, {}), outcome(0.1))


def search(bench, judge, *findings, seconds=60.0):
    engine = Engine(judge)
    facts = Search(bench, findings, engine, seconds, lambda text: None).run()
    assert engine.closed
    return engine, judged(findings, [facts])


def test_what_cures_is_verified_and_what_does_not_is_dropped(bench):
    _, after = search(bench, lambda text, _: outcome(0.9 if "0.01)" in text else 0.1), BATCH, RATE)
    assert [f.kind for f in after] == ["lr-too-high"]
    assert "-model.compile(keras.optimizers.Adam(0.5)" in after[0].fixes[0].patch
    assert after[0].fixes[0].before == {"validation accuracy": 0.1}


def test_two_causes_that_only_help_together_are_found_together(bench):
    def judge(text, _):
        rate, batch = "0.01)" in text, "batch_size=32" in text
        return outcome(0.95 if rate and batch else 0.3 if rate else 0.1)

    engine, after = search(bench, judge, RATE, BATCH)
    patch = after[0].fixes[0].patch
    assert "0.01)" in patch and "batch_size=32" in patch
    assert {f.kind for f in after} == {"lr-too-high", "batch-size"}
    assert len(engine.ran) == len(set(engine.ran))


def test_with_symptoms_alone_the_commonest_causes_are_tried(bench):
    symptom = finding("no-learning")
    _, after = search(bench, lambda text, _: outcome(0.9 if "0.001)" in text else 0.1), symptom)
    assert after[0].kind == "lr-too-high" and after[0].location.line == 3
    assert [f.kind for f in after][1:] == ["no-learning"]


def test_where_nothing_helps_nothing_is_claimed(bench):
    _, after = search(bench, lambda text, _: outcome(0.1), RATE)
    assert [f.severity for f in after] == ["warning"] and not any(fix.verified for fix in after[0].fixes)


def test_without_time_a_change_is_only_suggested(bench):
    engine, after = search(bench, lambda text, _: outcome(0.9), RATE, seconds=0.0)
    assert engine.ran == [] and [fix.verified for fix in after[0].fixes] == [False]


def test_what_fails_or_hangs_refutes_nothing(bench):
    for ended in ("failed", "timeout"):
        _, after = search(bench, lambda text, _, how=ended: outcome(0.9, how, error="no"), RATE)
        assert after[0].severity == "fault" and not any(fix.verified for fix in after[0].fixes)


def test_a_small_gain_is_confirmed_with_other_seeds(bench):
    def judge(text, request):
        lucky = "0.01)" in text and request.seed == 0
        return outcome(0.2 if lucky else 0.1)

    engine, after = search(bench, judge, RATE)
    assert SCRIPT in engine.ran  # the program as it is, with another seed
    assert not any(fix.verified for f in after for fix in f.fixes if "0.01" in fix.description)


def test_a_long_training_is_shortened_for_both(bench):
    import dataclasses

    long = dataclasses.replace(bench, baseline=outcome(0.1, seconds=600.0))
    seen = []

    def judge(text, request):
        seen.append(request.epochs)
        return outcome(0.9)

    search(long, judge, RATE)
    assert seen and all(epochs is not None and epochs < 4 for epochs in seen)


def test_what_is_only_quicker_at_first_is_not_verified(bench):
    import dataclasses

    curve = {"val_accuracy": (0.3, 0.6, 0.8, 0.9)}
    long = dataclasses.replace(bench, baseline=dataclasses.replace(outcome(0.9, seconds=600.0), curves=curve))
    for reached, verified in ((0.7, False), (0.97, True)):
        _, after = search(long, lambda text, _, end=reached: outcome(end if "0.01)" in text else 0.3), RATE)
        assert [fix.verified for fix in after[0].fixes] == [verified]
        assert after[0].severity == "fault"


def test_more_epochs_are_not_tried_in_a_shortened_run(bench):
    import dataclasses

    few = finding("too-few-epochs", (Lever("fit", "epochs", "50"),))
    long = dataclasses.replace(bench, baseline=outcome(0.1, seconds=600.0))
    engine, after = search(long, lambda text, _: outcome(0.9 if "0.001)" in text else 0.1), few)
    assert engine.ran == [] and [f.kind for f in after] == ["too-few-epochs"]
    assert [fix.verified for fix in after[0].fixes] == [False] and "epochs=50" in after[0].fixes[0].patch


def test_nothing_is_guessed_where_a_cause_is_known(bench):
    known = finding("broadcast-shape")
    engine, after = search(bench, lambda text, _: outcome(0.9 if "0.001)" in text else 0.1), known)
    assert engine.ran == [] and [f.kind for f in after] == ["broadcast-shape"]
