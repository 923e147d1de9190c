"""What counts as spent: processor time, the clock where less, and a bound by the clock for code that only waits."""

import time

import pytest

from kerascope.budget import Budget


@pytest.fixture
def clocks(monkeypatch):
    """The time of the clock and of the processor, to be set by hand."""
    times = {"wall": 100.0, "processor": 5.0}
    monkeypatch.setattr(time, "perf_counter", lambda: times["wall"])
    monkeypatch.setattr(time, "process_time", lambda: times["processor"])
    return times


@pytest.mark.parametrize(
    "wall,processor,left",
    [
        (4.0, 1.0, 9.0),  # others keep the processors busy
        (1.0, 4.0, 9.0),  # on four processors at once
        (60.0, 0.0, 4.0),  # it sleeps: a tenth of the clock counts
        (100.0, 0.0, 0.0),
    ],
)
def test_what_is_left(clocks, wall, processor, left):
    budget = Budget(10.0)
    clocks["wall"] += wall
    clocks["processor"] += processor
    assert budget.left() == pytest.approx(left)
    assert budget.over() == (left == 0.0)


def test_less_patience(clocks):
    budget = Budget(10.0, patience=3)
    clocks["wall"] += 30.0
    assert budget.over()
