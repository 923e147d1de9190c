"""A table stays within its limit and keeps what one looks for."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.record.reader import RunView
from kerascope.record.thin import KEPT_FIRST, KEPT_NEWEST, Kept, surplus
from kerascope.record.writer import LIMITS, Writer

# Hypothesis prefers short lists, and a short table is never thinned; so it draws how long they are instead.


@given(
    count=st.integers(0, 900),
    share=st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_surplus_spares_the_first_the_newest_and_the_bad(count, share, seed):
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(1, 50, count)).tolist()
    bad = {step for step in steps if rng.random() < share}
    gone = surplus(steps, bad)
    assert len(gone) == len(set(gone)) and set(gone) <= set(steps)
    assert not set(gone) & (bad | set(steps[:KEPT_FIRST]) | set(steps[-KEPT_NEWEST:]))
    places = sorted(steps.index(step) for step in gone)
    assert not places or np.diff(places, prepend=-2).min() >= 2  # never two neighbours at once
    free = [step for step in steps[KEPT_FIRST : max(0, len(steps) - KEPT_NEWEST)] if step not in bad]
    assert bool(gone) == bool(free) and len(gone) <= len(steps) // 4 + 1


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(150, 700), share=st.sampled_from([0.0, 0.05, 0.3, 1.0]), seed=st.integers(0, 2**32 - 1)
)
def test_what_is_kept_is_bounded_and_holds_the_first_the_newest_and_the_bad(count, share, seed):
    rng = np.random.default_rng(seed)
    finite, gap = (rng.random(count) >= share).tolist(), int(rng.integers(1, 9))
    limit = 200
    kept, stored, refused = Kept(limit), [], 0
    for number, good in enumerate(finite, 1):
        step = number * gap
        if kept.add(step, good):
            stored.append((step, good))
        else:
            refused += 1
            assert not good
        held = set(kept.steps)
        gone = kept.overflow()
        assert held - set(gone) == set(kept.steps)
        assert len(kept.steps) <= limit
        assert {step for step, good in stored if not good} <= set(kept.steps)
        assert [step for step, _ in stored[:KEPT_FIRST]] == kept.steps[:KEPT_FIRST][: len(stored)]
        assert {step for step, _ in stored[-KEPT_NEWEST:]} <= set(kept.steps)
    assert refused == kept.refused == max(0, finite.count(False) - limit // 2)


def test_the_whole_run_stays_visible():
    kept = Kept(512)
    for step in range(1, 100_001):
        kept.add(step, True)
        kept.overflow()
    assert 384 <= len(kept.steps) <= 512
    assert kept.steps[:16] == list(range(1, 17)) and kept.steps[-64:] == list(range(99_937, 100_001))
    tenths = np.histogram(kept.steps, bins=10, range=(0, 100_000))[0]
    assert tenths.min() >= 15
    assert np.diff(kept.steps).max() < 4 * 100_000 / 512


def test_a_step_that_comes_late_or_twice_keeps_the_order():
    kept = Kept(100)
    for step in (5, 9, 7, 5, 9):
        assert kept.add(step, True)
    assert kept.steps == [5, 7, 9]


def test_a_file_of_many_samples_is_bounded_and_keeps_every_part_of_a_step(tmp_path):
    writer = Writer(tmp_path / "a.kscope", {})
    model = writer.model("m", "Model", {})
    gradient, weight = writer.layout(model, "gradient", ["a"]), writer.layout(model, "weight", ["a"])
    state = writer.layout(model, "state", ["a"])
    bad = {100, 101, 900}
    for step in range(1, 2201):
        stats = np.ones((1, 7))
        stats[0, 6] = 0.5 if step in bad else 1
        writer.sample(model, step, "weight", weight, np.ones((1, 7)))
        writer.sample(model, step, "gradient", gradient, stats)
        writer.check(model, step, state, np.ones(1), step not in bad)
        writer.batch(model, step, {"arrays": [{"name": "x", "finite": 0.5 if step in bad else 1.0}]})
    writer.close()
    seen = RunView.open(writer.path).models[0]
    tables = {
        "samples": seen.samples("gradient").step.tolist(),
        "checks": seen.checks().step.tolist(),
        "batches": [step for step, _ in seen.batches()],
    }
    assert seen.samples("weight").step.tolist() == tables["samples"]
    for table, steps in tables.items():
        assert len(steps) <= LIMITS[table]
        assert set(range(1, 17)) | set(range(2201 - 64, 2201)) | bad <= set(steps), table
    assert writer.troubles == []


def test_a_training_that_stays_non_finite_is_bounded_and_says_so(tmp_path):
    writer = Writer(tmp_path / "a.kscope", {})
    model = writer.model("m", "Model", {})
    layout = writer.layout(model, "gradient", ["a"])
    for step in range(1, 1001):
        writer.sample(model, step, "gradient", layout, np.zeros((1, 7)))
    for step in range(1001, 1101):
        writer.sample(model, step, "gradient", layout, np.ones((1, 7)))
    writer.close()
    view = RunView.open(writer.path)
    steps = view.models[0].samples("gradient").step.tolist()
    assert steps == [*range(1, 257), *range(1001, 1101)]
    (note,) = view.events("note")
    assert note.step == 257
    assert note.facts == {
        "what": "samples with NaN or infinity after step 256",
        "why": "the first 256 of model 1 are kept",
    }
