"""Everything of ours may fail: the training finishes with the same weights, and the report says what failed."""

from __future__ import annotations

import dataclasses

import common
import numpy as np
import pytest

from kerascope import _backends
from kerascope._keras import graph
from kerascope._keras import state as keras_state
from kerascope.detect import registry
from kerascope.probe import data, nonfinite, rows, stepper, watch, window
from kerascope.probe.clock import Clock
from kerascope.probe.sampling import Sampler
from kerascope.record.writer import Writer

BACKEND = _backends.current()


class Planted(Exception):
    """Raised by the test, never by a program."""


def planted(*_args, **_kwargs):
    raise Planted("planted")


PLACES = {
    "snapshot": (type(BACKEND), "save"),
    "norms": (type(BACKEND), "norms"),
    "leaves": (type(BACKEND), "leaves"),
    "sample": (type(BACKEND), "sample"),
    "instrumented": (type(BACKEND), "instrumented"),
    "host": (type(BACKEND), "host"),
    "learning rate": (type(BACKEND), "learning_rate"),
    "changes": (type(BACKEND), "changes"),
    "ready": (type(BACKEND), "ready"),
    "batch": (type(BACKEND), "batch"),
    "shell": (type(BACKEND), "shell"),
    "in_place": (type(BACKEND), "in_place"),
    "limits": (type(BACKEND), "limits"),
    "facts of the backend": (type(BACKEND), "facts"),
    "topology": (graph, "facts"),
    "sources": (graph, "source_files"),
    "layer keys": (graph, "layer_keys"),
    "variable keys": (graph, "variable_keys"),
    "learning rate source": (keras_state, "learning_rate_source"),
    "loss is mean": (keras_state, "loss_is_mean"),
    "batch facts": (data, "batch_facts"),
    "buffer guard": (data.BufferGuard, "keep"),
    "window": (window.Window, "take"),
    "window due": (window.Window, "due"),
    "window add": (window.Window, "add"),
    "sampler": (Sampler, "due"),
    "sampler spent": (Sampler, "spent"),
    "clock": (Clock, "add"),
    "poll": (stepper.Stepper, "poll"),
    "rows": (rows.Rows, "_write"),
    "finish": (stepper.Stepper, "_finish"),
    "attach": (watch.Session, "_attach"),
    "fit begin": (watch.Session, "_fit_begin"),
    "epoch end": (watch.Session, "_epoch_end"),
    "detach": (watch.Session, "_end"),
    "writer step": (Writer, "step"),
    "writer check": (Writer, "check"),
    "writer sample": (Writer, "sample"),
    "writer batch": (Writer, "batch"),
    "writer layout": (Writer, "layout"),
    "writer event": (Writer, "event"),
    "writer epoch": (Writer, "epoch"),
    "writer model": (Writer, "model"),
    "writer training": (Writer, "training"),
    "writer training ended": (Writer, "training_ended"),
    "writer source": (Writer, "source"),
    "writer facts": (Writer, "model_facts"),
    "writer meta": (Writer, "meta"),
    "writer flush": (Writer, "flush"),
}
NEVER_REACHED = {
    "jax": {"instrumented", "ready"},  # `ready` may be answered by an empty queue
    "tensorflow": {"instrumented", "changes"},  # their state is no value that could be compared
    "torch": {"sample", "changes"},
}


@pytest.fixture(scope="module")
def expected():
    return common.weights(train())


def train():
    import keras

    keras.utils.set_random_seed(1)
    # As small as can be: this program is compiled once for every place that may fail.
    model = common.compiled(keras.Sequential([keras.Input((16,)), keras.layers.Dense(4)]), metrics=[])
    model.fit(common.X[:256], common.Y[:256], batch_size=32, epochs=2, verbose=0)
    model.train_on_batch(common.X[:32], common.Y[:32])
    return model


@pytest.mark.parametrize("place", PLACES)
def test_a_failing_part(place, monkeypatch, expected):
    owner, name = PLACES[place]
    reached = []

    def failing(*args, **kwargs):
        reached.append(1)
        raise Planted("planted")

    with common.recording(every=5) as recorder:
        monkeypatch.setattr(owner, name, failing)
        if place == "writer event":  # nothing to tell of without another failure
            monkeypatch.setattr(graph, "facts", planted)
        if place == "writer source":  # the test runner itself is no user's source
            monkeypatch.setattr(graph, "source_files", lambda model: {"train.py": "print()"})
        model = train()
        recorder.stop()
    report = recorder.finish()
    monkeypatch.undo()
    assert common.weights(model) == expected
    assert not hasattr(model.train_function, "kerascope_raw")
    if place in NEVER_REACHED[common.BACKEND] and not reached:
        return
    assert reached, "the planted failure was never reached: the test shows nothing"
    kinds = [finding.kind for finding in report.findings] if report is not None else []
    told = "kerascope-internal" in kinds or bool(recorder.session.failures.all)
    assert told, kinds
    if report is not None:
        assert "kerascope-internal" in kinds
        assert all(f.severity == "note" for f in report.findings if f.kind == "kerascope-internal")


def test_a_failing_rewind(monkeypatch):
    monkeypatch.setattr(nonfinite, "trace", planted)
    import keras

    x = common.X.copy()
    x[100] = np.nan
    keras.utils.set_random_seed(1)
    model = common.compiled(common.network())
    with common.recording() as recorder:
        model.fit(x, common.Y, batch_size=32, epochs=1, verbose=0, shuffle=False)
    run = common.finished(recorder)
    kinds = [finding.kind for finding in run.report.findings]
    assert kinds[0] == "nan-operation"  # the row of the data, which needs no rewind
    assert "kerascope-internal" in kinds


def test_every_failing_detector(monkeypatch):
    model = common.compiled(common.network())
    with common.recording() as recorder:
        common.fit(model, epochs=1)
    run = common.finished(recorder)
    for entry in registry.detectors():
        broken = dataclasses.replace(entry, judge=planted)
        with monkeypatch.context() as patch:
            patch.setattr(registry, "detectors", lambda broken=broken: (broken,))
            findings = registry.run_detectors(run.view)
        assert [finding.kind for finding in findings] == ["kerascope-internal"]
