"""What a trained model is asked about afterwards: `evaluate` and `predict` are looked at, and stay as they are."""

from __future__ import annotations

import common
import keras
import numpy as np
import pytest

from kerascope.probe import given
from kerascope.probe.watched import Watched

X, Y = np.abs(common.X[:256]).clip(0, 1), common.Y[:256]


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    return common.compiled(keras.Sequential([keras.Input((16,)), keras.layers.Dense(4)]), metrics=[])


@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_inputs_of_another_size_are_recorded_with_the_call(model, method):
    with common.recording() as recorder:
        model.fit(X, Y, batch_size=32, validation_data=(X, Y), verbose=0)
        model.predict(X, verbose=0)
        model.evaluate(X, Y, verbose=0)
        arguments = (255 * X,) if method == "predict" else (255 * X, Y)
        watched = getattr(model, method)(*arguments, verbose=0)
    run = common.finished(recorder)
    assert np.array_equal(watched, getattr(model, method)(*arguments, verbose=0))
    (event,) = run.view.events("used")
    assert (event.facts["method"], event.facts["rows"]) == (method, 256)
    assert event.facts["max"][1] == pytest.approx(255 * event.facts["max"][0])
    found = [f for f in run.report.findings if f.kind == "train-val-mismatch"]
    assert [method in f.title for f in found] == [True]
    assert run.internal() == []


def test_a_look_that_fails_breaks_no_prediction(model, monkeypatch):
    def failing(*args):
        raise ValueError("planted")

    with common.recording() as recorder:
        model.fit(X, Y, batch_size=32, verbose=0)
        monkeypatch.setattr(given, "used", failing)
        watched = model.predict(X, verbose=0)
        monkeypatch.undo()
    run = common.finished(recorder)
    assert np.array_equal(watched, model.predict(X, verbose=0))
    assert run.internal() == ["probe.used"]


def test_of_large_pictures_a_few_are_looked_at(monkeypatch):
    sizes = []
    figures = given.figures
    monkeypatch.setattr(given, "figures", lambda array: sizes.append(array.size) or figures(array))
    watched = Watched.__new__(Watched)
    watched.scales, watched.uses = {"x": (1.0, 0.3)}, 0
    given.used(watched, "predict", np.random.default_rng(0).random((64, 300, 300, 3), np.float32), [])
    given.used(watched, "predict", np.ones((64, 2), np.float32), [])
    assert 300 * 300 * 3 <= sizes[0] <= 2_000_000
    assert sizes[1] == 128
