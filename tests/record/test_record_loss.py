"""The loss of each step alone is recovered from the running mean that Keras logs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.record.arrays import undo_running_mean
from kerascope.record.reader import RunView
from kerascope.record.writer import Writer


class KerasMean:
    """Keras's Mean metric: two float32 sums."""

    def __init__(self) -> None:
        self.total = self.count = np.float32(0)

    def __call__(self, value: float, weight: float) -> float:
        self.total = np.float32(self.total + np.float32(value) * np.float32(weight))
        self.count = np.float32(self.count + np.float32(weight))
        return float(self.total / self.count)


def write(path, losses, sizes, epochs, method="fit", facts=None, name="loss") -> np.ndarray:
    """Records the losses as Keras would log them and returns what the reader makes of them."""
    writer = Writer(path, {})
    model = writer.model("m", "Model", {})
    training = writer.training(model, method, 1, 0.0, facts or {})
    logs = writer.layout(model, "logs", [name])
    mean, current = KerasMean(), epochs[0]
    for step, (loss, size, epoch) in enumerate(zip(losses, sizes, epochs, strict=True), 1):
        if epoch != current:
            mean, current = KerasMean(), epoch
        writer.step(model, step, training, epoch, logs, [0.0, 0, 0, 0, size, mean(loss, size)])
    writer.close()
    return RunView.open(path).models[0].batch_loss()


def test_epochs_and_a_smaller_last_batch(tmp_path):
    rng = np.random.default_rng(0)
    losses = rng.uniform(0.1, 3, 30)
    sizes, epochs = ([32] * 9 + [5]) * 3, [0] * 10 + [1] * 10 + [2] * 10
    found = write(tmp_path / "a.kscope", losses, sizes, epochs)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, losses, rtol=2e-5)


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 3000), seed=st.integers(0, 2**32 - 1))
def test_the_rounding_grows_with_the_steps_and_not_faster(count, seed):
    rng = np.random.default_rng(seed)
    losses, sizes, mean = rng.uniform(0.5, 2, count), rng.integers(1, 3, count) * 16.0, KerasMean()
    logged = np.array([mean(loss, size) for loss, size in zip(losses, sizes, strict=True)])
    error = np.abs(undo_running_mean(logged, sizes) - losses)
    assert np.all(error <= 1e-6 + 5e-7 * np.arange(1, count + 1))


def test_a_second_training_begins_anew(tmp_path):
    writer = Writer(tmp_path / "a.kscope", {})
    model = writer.model("m", "Model", {})
    logs = writer.layout(model, "logs", ["loss"])
    step = 0
    for first in (1, 4):
        training = writer.training(model, "fit", first, 0.0, {})
        mean = KerasMean()
        for loss in (1.0, 2.0, 6.0):
            step += 1
            writer.step(model, step, training, 0, logs, [0.0, 0, 0, 0, 8, mean(loss, 8)])
    writer.close()
    np.testing.assert_allclose(
        RunView.open(writer.path).models[0].batch_loss(), [1, 2, 6, 1, 2, 6], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("method", "facts"), [("fit", {"loss_log": "batch"}), ("train_on_batch", {"loss_log": "mean"})]
)
def test_a_loss_that_is_the_batch_s_own_is_passed_through(tmp_path, method, facts):
    writer = Writer(tmp_path / "a.kscope", {})
    model = writer.model("m", "Model", {})
    training = writer.training(model, method, 1, 0.0, facts)
    logs = writer.layout(model, "logs", ["loss"])
    for step, loss in enumerate([3.0, 1.0, 2.0], 1):
        writer.step(model, step, training, 0, logs, [0.0, 0, 0, 0, 8, loss])
    writer.close()
    assert RunView.open(writer.path).models[0].batch_loss().tolist() == [3, 1, 2]


def test_without_a_loss_there_is_nan(tmp_path):
    found = write(tmp_path / "a.kscope", [1.0, 2.0], [8, 8], [0, 0], name="d_loss")
    assert found.shape == (2,) and np.isnan(found).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_after_a_bad_loss_the_epoch_is_bad_and_the_next_is_not(tmp_path, bad):
    found = write(tmp_path / "a.kscope", [1.0, bad, 1.0, 2.0, 3.0], [8] * 5, [0, 0, 0, 1, 1])
    assert found[0] == 1 and not np.isfinite(found[1:3]).any()
    np.testing.assert_allclose(found[3:], [2, 3], rtol=1e-6)


def test_a_mean_that_was_not_logged_is_bridged():
    means = np.array([np.nan, 2.0, np.nan, np.nan, 3.0, np.nan])
    found = undo_running_mean(means, np.full(6, 4.0))
    # Two steps with mean 2; then three steps that bring the mean of five to 3: (15 - 4) / 3.
    assert np.array_equal(np.isnan(found), [True, False, True, True, False, True])
    np.testing.assert_allclose(found[[1, 4]], [2, 11 / 3])


@pytest.mark.parametrize("weights", [[8, np.nan, 8], [8, 0, 8], [np.nan] * 3, [-1, np.inf, 0]])
def test_unknown_batch_sizes_count_like_the_others(weights):
    means = np.array([1.0, 1.5, 3.0])
    np.testing.assert_allclose(undo_running_mean(means, np.array(weights, float)), [1, 2, 6])
