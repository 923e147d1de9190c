"""The account of time, by a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from kerascope.probe.timeline import COMPILE, DATA, OTHER, STEP, Timeline
from kerascope.probe.watchdog import Watchdog


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timeline(clock: Clock) -> Timeline:
    timeline = Timeline(clock)
    timeline.begin()
    return timeline


def test_every_second_belongs_to_the_innermost_phase(timeline, clock):
    clock.now += 1
    outer = timeline.enter("logs")
    clock.now += 2
    inner = timeline.enter(DATA)
    clock.now += 4
    timeline.leave(inner)
    clock.now += 8
    timeline.leave(outer)
    clock.now += 16
    assert timeline.end() == {OTHER: 17, "logs": 10, DATA: 4}
    assert timeline.wall == 31


def test_a_closed_phase_takes_what_it_calls(timeline, clock):
    with timeline.phase("callback:A.on_epoch_end", closed=True):
        with timeline.phase("validation", closed=True), timeline.phase(DATA):
            clock.now += 5
        clock.now += 1
    with timeline.phase(DATA):
        clock.now += 2
    assert timeline.end() == {OTHER: 0, "callback:A.on_epoch_end": 6, DATA: 2}


def test_compiling_inside_a_closed_phase_is_compiling(timeline, clock):
    with timeline.phase("validation", closed=True):
        clock.now += 7
        timeline.compiled(5)
    assert timeline.end() == {OTHER: 0, "validation": 2, COMPILE: 5}


def test_a_phase_that_raises_ends(timeline, clock):
    token = timeline.enter(STEP)
    timeline.enter("left open by an exception")
    clock.now += 3
    timeline.leave(token)
    clock.now += 1
    assert timeline.end() == {OTHER: 1, STEP: 0, "left open by an exception": 3}


def test_a_compilation_is_taken_from_its_phase_and_one_inside_it_counts_once(timeline, clock):
    token = timeline.enter(STEP)
    clock.now += 10
    assert timeline.compiled(2) == 2
    clock.now += 5
    assert timeline.compiled(12) == 10  # it holds the two seconds before
    timeline.leave(token)
    assert timeline.end() == {OTHER: 0, STEP: 3, COMPILE: 12}


def test_cuts_part_the_account(timeline, clock):
    clock.now += 1
    assert timeline.cut() == {OTHER: 1}
    with timeline.phase(STEP):
        clock.now += 2
    assert timeline.cut() == {STEP: 2}
    clock.now += 4
    timeline.end()
    assert timeline.cut() == {OTHER: 4}


def test_other_threads_are_not_accounted(timeline, clock):
    def other() -> None:
        token = timeline.enter(DATA)
        clock.now += 3
        timeline.leave(token)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert timeline.end() == {OTHER: 3}


def watchdog(timeline, clock, count, told, usual=0.1):
    return Watchdog(timeline, lambda: count[0], lambda: usual, told.append, clock=clock)


def test_a_stall_is_told_once(timeline, clock):
    count, told = [10], []
    dog = watchdog(timeline, clock, count, told)
    dog.look()
    with timeline.phase(DATA):
        clock.now += 29
        dog.look()
        assert told == []
        clock.now += 2
        dog.look()
        clock.now += 60
        dog.look()
    assert [(facts["phase"], facts["what"]) for facts in told] == [("data", "waiting for the next batch")]
    assert told[0]["seconds"] == 31
    main = next(row for row in told[0]["stacks"] if row["thread"] == "MainThread")
    assert "test_profile_timeline.py" in main["at"]
    count[0] += 1
    dog.look()
    with timeline.phase(DATA):
        clock.now += 40
        dog.look()
    assert len(told) == 2


@pytest.mark.parametrize("phase", ["validation", "callback:Saving.on_epoch_end", "compile", "set-up"])
def test_phases_that_take_long_are_no_stall(timeline, clock, phase):
    told: list[dict] = []
    dog = watchdog(timeline, clock, [10], told)
    dog.look()
    with timeline.phase(phase, closed=True):
        for _ in range(5):
            clock.now += 100
            dog.look()
    assert told == []


def test_a_slow_training_is_no_stall(timeline, clock):
    told: list[dict] = []
    dog = watchdog(timeline, clock, [10], told, usual=10.0)
    dog.look()
    with timeline.phase(STEP):
        clock.now += 199
        dog.look()
        assert told == []
        clock.now += 2
        dog.look()
    assert len(told) == 1
