"""Causes over symptoms: order, folding, cap."""

from __future__ import annotations

import itertools

import pytest

from kerascope.explain.rank import rank
from kerascope.values import Evidence, Finding, SourceSpan


def finding(kind, severity="fault", confidence=0.9, step=None, model=None, title=None, plot=()):
    evidence = [Evidence("model", model)] if model else []
    evidence += [Evidence("curve", plot=plot)] if plot else []
    location = SourceSpan(step=step)
    return Finding(kind, severity, confidence, title or kind, "", location, evidence=tuple(evidence))


def kinds(findings):
    return [each.kind for each in findings]


def test_the_surest_comes_first_notes_last_and_ranks_count_from_one():
    given = [
        finding("kerascope-internal", "note", 1.0),
        finding("b", "warning", 0.99),
        finding("note", "note", 0.5),
        finding("a", "fault", 0.6),
        finding("c", "fault", 0.8),
    ]
    for order in itertools.permutations(given):
        ranked = rank(order)
        assert kinds(ranked) == ["b", "c", "a", "note", "kerascope-internal"]
        assert [each.rank for each in ranked] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("cause", "symptom"),
    [
        ("nan-loss", "no-learning"),
        ("nan-loss", "exploding-gradient"),
        ("frozen-weights", "no-learning"),
        ("gradients-not-applied", "no-learning"),
        ("disconnected-gradient", "no-learning"),
        ("dying-relu", "no-learning"),
        ("exploding-gradient", "no-learning"),
    ],
)
def test_a_symptom_becomes_evidence_of_its_cause(cause, symptom):
    [kept] = rank([finding(symptom, confidence=0.99, title="the symptom", plot=(1.0, 2.0)), finding(cause)])
    assert kept.kind == cause and kept.rank == 1
    assert kept.evidence[-1] == Evidence(f"with it: {symptom}", "the symptom", plot=(1.0, 2.0))


def test_what_is_folded_carries_its_own_symptoms_along():
    given = [finding("no-learning"), finding("exploding-gradient"), finding("nan-loss")]
    [kept] = rank(given)
    assert kept.kind == "nan-loss"
    assert {e.label for e in kept.evidence} == {"with it: no-learning", "with it: exploding-gradient"}


def test_what_began_before_the_nan_is_a_matter_of_its_own():
    nan = finding("nan-loss", step=100)
    assert kinds(rank([nan, finding("dying-relu", step=101)])) == ["nan-loss"]
    assert sorted(kinds(rank([nan, finding("dying-relu", step=20)]))) == ["dying-relu", "nan-loss"]
    assert sorted(kinds(rank([nan, finding("gradients-not-applied")]))) == [
        "gradients-not-applied",
        "nan-loss",
    ]


def test_findings_of_different_models_are_not_mixed():
    ranked = rank([finding("nan-loss", model="a"), finding("no-learning", model="b")])
    assert sorted(kinds(ranked)) == ["nan-loss", "no-learning"]
    assert kinds(rank([finding("nan-loss", model="a"), finding("no-learning", model="a")])) == ["nan-loss"]


def test_a_note_is_no_cause_of_a_fault():
    assert kinds(rank([finding("frozen-weights", "note"), finding("no-learning")])) == [
        "no-learning",
        "frozen-weights",
    ]


def test_the_same_finding_twice_is_one():
    assert len(rank([finding("a"), finding("a"), finding("a", title="other")])) == 2


def test_more_than_the_cap_is_counted_not_lost():
    ranked = rank([finding("a", confidence=i / 100, title=str(i)) for i in range(30)], most=5)
    assert [each.title for each in ranked] == ["29", "28", "27", "26", "26 more findings are left out"]
    assert rank([]) == ()


def test_a_cause_stands_above_a_surer_symptom():
    [kept] = rank([finding("no-learning", confidence=0.99), finding("unscaled-inputs", "warning", 0.6)])
    assert kept.kind == "unscaled-inputs" and kept.evidence[-1].label == "with it: no-learning"


def test_what_only_looks_likely_because_of_a_cause_is_folded_unless_it_is_surer():
    assert kinds(rank([finding("wrong-loss", confidence=0.9), finding("lr-too-low", confidence=0.8)])) == [
        "wrong-loss"
    ]
    two = [finding("wrong-loss", confidence=0.7), finding("lr-too-low", confidence=0.9)]
    assert kinds(rank(two)) == ["lr-too-low", "wrong-loss"]
    seen = [finding("train-val-mismatch", confidence=0.9), finding("wrong-labels", confidence=0.9)]
    assert sorted(kinds(rank(seen))) == ["train-val-mismatch", "wrong-labels"]


def test_rows_mixed_by_the_statistics_of_a_batch_are_no_wrong_axis():
    found = [finding("training-flag", confidence=0.95), finding("wrong-axis", confidence=0.8)]
    assert kinds(rank(found)) == ["training-flag"]


def test_one_setting_is_named_once_with_all_ways_to_mend_it():
    [kept] = rank(
        [finding("lr-too-high", title="one"), finding("lr-too-high", confidence=0.5, title="other")]
    )
    assert kept.title == "one"


def test_many_suspicions_are_notes_behind_the_first_few():
    ranked = rank([finding(f"kind{i}", confidence=0.9 - i / 100) for i in range(7)])
    assert [each.severity for each in ranked] == ["fault"] * 4 + ["note"] * 3
    ranked = rank([finding("a", confidence=0.95), finding("b", "warning", confidence=0.5)])
    assert [each.severity for each in ranked] == ["fault", "note"]


def test_a_layer_that_lets_nothing_through_explains_weights_that_do_not_move():
    dead = [finding("lr-too-low", confidence=0.92), finding("wrong-hidden-activation", confidence=0.75)]
    assert kinds(rank([*dead, finding("normalisation-misuse", confidence=0.97)])) == ["normalisation-misuse"]
    assert kinds(rank([*dead, finding("normalisation-misuse", confidence=0.6)]))[0] == "lr-too-low"
