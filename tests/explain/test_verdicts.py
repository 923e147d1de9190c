"""Outcomes of trial runs compared, and what they make of findings."""

from __future__ import annotations

import math

import pytest

from kerascope.explain.experiments.outcome import Outcome, compare, rises
from kerascope.explain.experiments.verdicts import Trial, judged, key
from kerascope.values import Finding, Fix, SourceSpan, encode


def outcome(ended="finished", objective="mse", skill=None, first=None, **curves):
    return Outcome(ended, {k: tuple(v) for k, v in curves.items()}, objective, skill, first=first or {})


FLAT, GOOD = [0.1, 0.11, 0.1, 0.1], [0.4, 0.8, 0.88, 0.9]


@pytest.mark.parametrize(
    ("before", "after", "metric", "verdict"),
    [
        (outcome(val_accuracy=FLAT), outcome(val_accuracy=GOOD), "val_accuracy", "cures"),
        (outcome(val_accuracy=GOOD), outcome(val_accuracy=FLAT), "val_accuracy", "no"),
        (outcome(val_accuracy=GOOD), outcome(val_accuracy=[0.5, 0.8, 0.89, 0.905]), "val_accuracy", "no"),
        (outcome(val_loss=[9, 9, 9]), outcome(val_loss=[5, 2, 1]), "val_loss", "cures"),
        (outcome(loss=[9, 9, 9]), outcome(loss=[9, 8, 7]), "loss", "better"),
        (outcome(val_loss=[1e9] * 3), outcome(val_loss=[1e9, 5e8, 1e8]), "val_loss", "cures"),
        (outcome(val_mae=[3, 3], val_loss=[1, 1]), outcome(val_mae=[1, 1], val_loss=[2, 2]), "val_mae", "cures"),
        (outcome(val_loss=[math.nan] * 3), outcome(val_loss=[3, 2, 1], first={"loss": 4.0}), "val_loss", "cures"),
        (outcome(val_loss=[math.nan] * 3), outcome(val_loss=[9, 9, 9], first={"loss": 4.0}), "val_loss", "no"),
        (outcome(val_loss=[2, 2, 2]), outcome(val_loss=[math.nan] * 3), "val_loss", "no"),
        (outcome("failed"), outcome(val_accuracy=GOOD), "val_accuracy", "cures"),
        (outcome(accuracy=[1.0, 1.0], skill=0.0), outcome(accuracy=[1.0, 1.0], skill=0.9), "skill", "cures"),
    ],
)  # fmt: skip
def test_the_better_run_is_told(before, after, metric, verdict):
    one = compare(before, after)
    assert one is not None and one.metric == metric
    assert ("cures" if one.cures else "better" if one.better else "no") == verdict


def test_losses_of_different_kinds_are_not_compared():
    assert compare(outcome(val_loss=[5.0]), outcome(objective="mae", val_loss=[1.0])) is None
    assert compare(outcome(val_loss=[5.0]), outcome(val_loss=[1.0]), objective_changed=True) is None


def test_what_did_not_run_to_its_end_is_not_compared():
    assert compare(outcome(val_loss=[5.0]), outcome("timeout")) is None


def test_shaking_is_not_taken_for_a_gain():
    before = outcome(val_loss=[1.0, 2.0, 1.1, 2.2, 0.9, 2.1, 1.0, 1.9, 1.2])
    after = outcome(val_loss=[2.0, 1.0, 2.1, 1.2, 1.9, 1.1, 2.0, 1.2, 0.95])
    one = compare(before, after)
    assert one is not None and not one.better


def test_names_say_which_way_is_better():
    assert rises("val_accuracy") and rises("auc") and rises("r2_score")
    assert rises("val_loss") is False and rises("mean_absolute_error") is False
    assert rises("learning_rate") is None and rises("something") is None


def finding(kind, confidence=0.8, severity="fault", rank=1):
    return Finding(kind, severity, confidence, kind, "because", SourceSpan(line=3), rank=rank)


def facts(*trials, added=()):
    return [{"trials": encode(list(trials)), "added": encode(list(added))}]


def trial(of, verdict, gain):
    return Trial(key(of), verdict, gain, Fix("do it", "--- a", verdict in ("better", "cures")))


def test_a_cure_goes_in_front_and_what_is_refuted_goes():
    first, second = finding("lr-too-high", 0.8), finding("unscaled-inputs", 0.5, "warning")
    after = judged([first, second], facts(trial(first, "no better", 0.0), trial(second, "cures", 0.9)))
    assert [f.kind for f in after] == ["unscaled-inputs"]
    assert after[0].severity == "fault" and after[0].fixes[0].verified and after[0].rank == 1


def test_what_is_certain_or_only_outdone_stays():
    one, two = finding("lr-too-high", 0.95), finding("batch-size", 0.5, "warning")
    after = judged([one, two], facts(trial(one, "no better", 0.0), trial(two, "cures", 0.9)))
    assert [(f.kind, f.severity) for f in after] == [("batch-size", "fault"), ("lr-too-high", "warning")]
    weak = finding("lr-too-high", 0.5)
    after = judged([weak, two], facts(trial(weak, "no better", 0.0), trial(two, "better", 0.2)))
    assert {f.kind for f in after} == {"lr-too-high", "batch-size"}


def test_what_nothing_cured_is_weakened_but_stays():
    one, two = finding("lr-too-high", 0.9), finding("batch-size", 0.5, "warning")
    after = judged([one, two], facts(trial(one, "no better", 0.0), trial(two, "no better", 0.0)))
    assert {f.kind: f.severity for f in after} == {"lr-too-high": "warning", "batch-size": "note"}


def test_a_guess_at_code_refutes_nothing():
    one, two = finding("wrong-axis", 0.9), finding("lr-too-low", 0.5)
    after = judged([one, two], facts(trial(one, "no better", 0.0), trial(two, "better", 0.3)))
    assert {f.kind for f in after} == {"wrong-axis", "lr-too-low"}


def test_a_cause_found_by_trying_is_added():
    symptom, cause = finding("no-learning"), finding("lr-too-low")
    after = judged([symptom], facts(trial(cause, "cures", 0.9), added=[cause]))
    assert after[0].kind == "lr-too-low" and after[0].fixes


def test_without_experiments_nothing_changes():
    one = finding("lr-too-high")
    assert judged([one], []) == (one,)


def test_a_remedy_that_was_not_tried_is_only_suggested():
    one = finding("lr-too-high")
    (after,) = judged([one], facts(trial(one, "untried", 0.0)))
    assert after.severity == "fault" and not after.fixes[0].verified
