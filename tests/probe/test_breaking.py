"""Conditions at which a live training pauses."""

from __future__ import annotations

import math

import pytest

from kerascope.errors import UsageError
from kerascope.probe.breaking import Break


def hits(text, losses):
    condition = Break(text)
    return [step for step, loss in enumerate(losses, 1) if condition.met({"step": float(step), "loss": loss})]


@pytest.mark.parametrize(
    ("text", "losses", "expected"),
    [
        ("step==3", [1.0] * 5, [3]),
        ("loss > 2", [1.0, 3.0, 2.0, 4.0], [2, 4]),
        ("loss>2*median(loss,3)", [1.0, 1.0, 9.0, 1.0, 9.0, 9.0], [5]),
        ("loss > 1 and step > 3", [2.0] * 5, [4, 5]),
        ("nonfinite", [1.0, math.nan, math.nan, 1.0, math.inf], [2, 5]),
        ("grad_norm>1", [1.0], []),
        ("1 < loss < 3", [0.5, 2.0, 4.0], [2]),
        ("step % 2 == 0", [1.0] * 4, [2, 4]),
        ("loss > -max(loss, 1)", [1.0, -3.0, 4.0], [3]),
    ],
)
def test_conditions(text, losses, expected):
    assert hits(text, losses) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "loss",
        "loss >",
        "open('x') > 1",
        "loss.max > 1",
        "median(loss) > 1",
        "median(loss, 0) > 1",
        "'a' == 1",
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match=r"no condition to pause at.*Received: break="):
        Break(text)


def test_the_loss_is_that_of_the_step():
    """Keras logs the mean since the epoch began; a jump late in a long epoch hardly moves that."""
    from kerascope.probe.looking import _OwnLoss
    from kerascope.probe.rows import Row

    own, total, said = _OwnLoss(), 0.0, []
    for step in range(1, 101):
        total += 5.0 if step == 80 else 1.0
        row = Row(step, 0, 0.0, 0.0, 0.0, 32, None, None)
        said.append(own.of({"loss": total / step}, row)["loss"])
    assert said == pytest.approx([5.0 if step == 80 else 1.0 for step in range(1, 101)])
    assert own.of({"loss": 3.0}, Row(101, 1, 0.0, 0.0, 0.0, 32, None, None)) == {"loss": 3.0}


def test_a_step_of_the_users_that_logs_its_own_loss_is_taken_at_its_word():
    import keras

    from kerascope.probe.looking import _logs_a_mean

    class Raw(keras.Model):
        def train_step(self, *args):
            return {"loss": 1.0}

    plain = keras.Sequential([keras.layers.Dense(1)])
    raw = Raw()
    for model in (plain, raw):
        model.compile("sgd", "mse")
    assert _logs_a_mean(plain) and not _logs_a_mean(raw)
