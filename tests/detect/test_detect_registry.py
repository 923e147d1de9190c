"""Detectors run apart from each other, on whatever a recording holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fake import Net, View, falling, flat, write
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.detect import registry
from kerascope.detect.registry import detectors, run_detectors
from kerascope.record.reader import Event, RunView
from kerascope.values import Finding

A = Finding("no-learning", "fault", 1.0, "a", "a")


@pytest.fixture
def only(monkeypatch):
    """Puts other detectors in the place of ours."""
    detectors()  # our own are imported, so that they are not registered later

    def put(**judges):
        registered = {
            name: registry.Detector(name, ("no-learning",), judge) for name, judge in judges.items()
        }
        monkeypatch.setattr(registry, "_REGISTERED", registered)

    return put


def test_a_detector_that_raises_stops_no_other_and_keeps_what_it_had_found(only):
    def breaks(view: Any) -> Iterator[Finding]:
        yield A
        raise ZeroDivisionError("by nothing")

    only(first=breaks, second=lambda view: [A])
    found = run_detectors(View())
    assert [f.kind for f in found] == ["no-learning", "kerascope-internal", "no-learning"]
    note = found[1]
    assert note.severity == "note" and "first" in note.title
    text = {item.label: item.value for item in note.evidence}
    assert text["error"] == "ZeroDivisionError: by nothing"
    assert str(text["raised at"]).startswith("test_detect_registry.py:")


def test_every_detector_returns_only_kinds_it_declares():
    declared = {kind for each in detectors() for kind in each.kinds}
    assert {
        "nan-loss",
        "no-learning",
        "exploding-gradient",
        "frozen-weights",
        "gradients-not-applied",
    } <= declared
    assert {"disconnected-gradient", "dying-relu", "kerascope-internal"} <= declared
    with np.errstate(all="ignore"):  # as run_detectors does
        for each in detectors():
            for view in ZOO.values():
                assert {finding.kind for finding in each.judge(view())} <= set(each.kinds)


def broken_network() -> View:
    losses = falling(200)
    losses[120:] = np.nan
    net = Net(losses)
    for name in net.norms:
        net.norms[name][net.checked >= 150] = np.nan
    facts = {
        "exact": True,
        "last_finite_step": 120,
        "first": "output",
        "tensor": "hidden",
        "layer": "hidden",
        "order": [{"part": "output", "name": "hidden"}, {"part": "loss", "name": "loss"}],
        "how": "rewound",
    }
    return View(net, events=[Event(3.0, 1, 121, "nonfinite", facts)])


ZOO = {
    "healthy": lambda: View(Net(falling(300))),
    "flat": lambda: View(Net(flat(300)).labels().accuracy(0.1)),
    "cut": lambda: View(Net(flat(300)).silent("hidden/kernel", "hidden/bias", missing=True)),
    "dead": lambda: View(Net(flat(300)).labels().dead("hidden").silent("hidden/kernel", "hidden/bias")),
    "not finite": broken_network,
    "frozen": lambda: View(Net(falling(200), frozen=("hidden", "head"))),
    "two models": lambda: View(
        Net(falling(300)), Net(flat(300), number=2, name="other", began=400.0).labels().accuracy(0.1)
    ),
    "failure of ours": lambda: View(
        Net(falling(300)),
        events=[Event(0.0, 1, None, "internal", {"where": "probe.data", "error": "ValueError: x"})],
    ),
}


@pytest.mark.parametrize("name", ZOO)
def test_a_written_recording_is_judged_like_the_same_one_in_memory(name, tmp_path):
    view = ZOO[name]()
    expected = run_detectors(view)
    real = RunView.open(write(view, tmp_path / "run.kscope"))
    assert [f.to_json() for f in run_detectors(real)] == [f.to_json() for f in expected]
    real.close()
    assert (name == "healthy") == (not expected)


def test_our_own_failures_become_notes_each_once():
    event = Event(
        0.0, 1, None, "internal", {"where": "probe.data", "error": "ValueError: x", "consequence": "gone"}
    )
    [note] = run_detectors(View(Net(falling(300)), events=[event, event]))
    assert (note.kind, note.severity) == ("kerascope-internal", "note")
    assert (
        "probe.data" in note.title
        and "gone" in note.explanation
        and note.evidence[0].value == "ValueError: x"
    )


def test_models_without_any_step_say_nothing(judge):
    assert judge(Net([])) == {}


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(junk, junk, junk, junk, st.sampled_from(["layers", "variables", "compile", "optimizer", "custom"]))
def test_facts_of_any_form_crash_no_detector(model, event, batch, value, key):
    net = Net(flat(120))
    net.facts = {**net.facts, key: value} if key != "layers" else model
    net.facts = net.facts if isinstance(net.facts, dict) else {"layers": [model], "variables": [value]}
    net.data = [(1, batch if isinstance(batch, dict) else {"arrays": batch}), (50, {"arrays": [value]})]
    facts = event if isinstance(event, dict) else {"order": event, "first": event, "last_finite_step": event}
    events = [Event(0.0, 1, 60, kind, facts) for kind in ("nonfinite", "internal", "gap", "other")]
    failed = [
        f for f in run_detectors(View(net, events=events)) if f.title.startswith("Kerascope's detector")
    ]
    assert not failed, failed


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300]))
def test_figures_of_any_size_crash_no_detector(seed, value):
    rng = np.random.default_rng(seed)
    net = Net(np.where(rng.random(120) < 0.3, value, flat(120)), seed=seed)
    for names, stats in net.parts.values():
        stats[rng.random(stats.shape) < 0.3] = value
        assert len(names) == stats.shape[1]
    for norms in net.norms.values():
        norms[rng.random(norms.shape) < 0.3] = value
    net.rates = np.where(rng.random(120) < 0.3, value, 0.01)
    failed = [f for f in run_detectors(View(net)) if f.title.startswith("Kerascope's detector")]
    assert not failed, failed
