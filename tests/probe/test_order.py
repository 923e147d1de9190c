"""What shows only in the order of the rows as they are given, or between the two parts."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from kerascope.probe.dataset import order as order_module
from kerascope.probe.dataset.facts import data_facts

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")
AS_TEXT = np.array(sorted(range(400), key=str))


def order(**arguments):
    return data_facts(arguments, None)["order"]


@pytest.mark.parametrize(
    ("x", "y", "name"),
    [
        (X, np.roll(Y, -1), "shifted by -1"),
        (X, Y[::-1], "reversed"),
        (X[AS_TEXT], Y, "sorted as text"),
    ],
)
def test_labels_in_another_order_than_their_rows(x, y, name):
    assert order(x=x, y=y)["turned"]["order"] == name


@pytest.mark.parametrize("y", [Y, RNG.permutation(Y), np.zeros(400, "int32")])
def test_labels_that_fit_or_fit_in_no_order(y):
    assert "turned" not in order(x=X, y=y)


def pieces(rows, times):
    kinds = RNG.integers(0, 3, rows)
    loudness = RNG.uniform(0.5, 2, rows)
    return kinds, (RNG.normal(size=(rows, times, 30)) * loudness[:, None, None]).reshape(-1, 30)


def test_labels_repeated_in_another_order_than_their_pieces():
    kinds, x = pieces(50, 8)
    assert order(x=x, y=np.tile(kinds, 8))["turned"] == {"order": "repeated one by one", "times": 8}
    assert order(x=x, y=np.tile(kinds, 8), validation_split=0.3)["turned"]["times"] == 8
    assert "turned" not in order(x=x, y=np.repeat(kinds, 8))
    whole = x.reshape(50, 8, 30).swapaxes(0, 1).reshape(-1, 30)
    assert order(x=whole, y=np.repeat(kinds, 8))["turned"]["order"] == "repeated as a whole"
    assert "turned" not in order(x=whole, y=np.tile(kinds, 8))


def test_a_centred_average_of_the_targets_knows_later_ones():
    series = np.cumsum(RNG.normal(size=600))
    y, before = series.astype("float32"), np.roll(series, 1)
    centred = np.convolve(series, np.ones(5) / 5, mode="same")
    past = np.convolve(series, np.ones(5) / 5)[: len(series)]
    past = np.roll(past, 1)
    found = order(x=np.stack([before, centred], 1).astype("float32")[10:-10], y=y[10:-10])["knows_later"]
    assert (found["column"], found["later"]) == (1, 2)
    assert "knows_later" not in order(x=np.stack([before, past], 1).astype("float32")[10:], y=y[10:])
    wave = np.sin(np.arange(600) / 7).astype("float32")
    assert "knows_later" not in order(
        x=np.stack([np.roll(wave, -1), np.roll(wave, 1)], 1)[10:-10], y=wave[10:-10]
    )


def test_codes_that_were_numbered_apart():
    effect = RNG.normal(size=6)
    codes, held = RNG.integers(0, 6, 600), RNG.integers(0, 6, 300)
    y, answers = effect[codes], effect[held]

    def agree(numbers):
        return order(x=codes[:, None], y=y, validation_data=(numbers[:, None], answers))["codes"][0]["agree"]

    assert agree(held) > 0.9
    assert agree((held + 3) % 6) < 0.9


def test_large_pictures_are_not_copied():
    pictures = np.broadcast_to(RNG.normal(size=(1, 96, 96, 3)).astype("float32"), (4000, 96, 96, 3))
    labels = np.repeat(np.arange(400) % 3, 10)
    tracemalloc.start()
    try:
        order(x=pictures, y=labels)
        order(x=pictures, y=RNG.integers(0, 3, 4000))
        assert tracemalloc.get_traced_memory()[1] < pictures.nbytes / 2
    finally:
        tracemalloc.stop()


def test_codes_of_a_large_table_are_told_from_some_rows(monkeypatch):
    seen = []

    def codes(inputs, *rest):
        seen.append(len(inputs[0][1]))
        return told(inputs, *rest)

    told = order_module._codes
    monkeypatch.setattr(order_module, "_codes", codes)
    x, held = (RNG.integers(0, 17, (rows, 8)).astype("float32") for rows in (30_000, 6_000))
    means = RNG.normal(size=17)
    y, answers = means[x[:, 5].astype(int)], -means[held[:, 5].astype(int)]
    (found,) = order(x=x, y=y, validation_data=(held, answers))["codes"]
    assert found["column"] == 5
    assert seen[0] <= 5000
