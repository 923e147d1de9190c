"""nan-loss: found where a value reached loss or weights, silent where an infinity is meant."""

from __future__ import annotations

import numpy as np
import pytest
from fake import Net, falling
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.record.reader import Event


def nonfinite(
    step, first="output", tensor="hidden", order=(("output", "hidden"), ("loss", "loss")), exact=True, **more
):
    layer = tensor.rpartition("/")[0] or tensor
    facts = {
        "exact": exact,
        "last_finite_step": step - 1 if exact else None,
        "first": first,
        "tensor": tensor,
        "layer": layer if first in ("output", "gradient", "weight") else None,
        "order": [{"part": part, "name": name} for part, name in order],
        "how": "rewound from step 100 with the training's own program",
        **more,
    }
    return Event(1.0, 1, step, "nonfinite", facts)


def broken(step, steps=200, weights=True, value=np.nan):
    """A training whose loss is not finite from `step` on, its weights one step later."""
    losses = falling(steps)
    losses[step - 1 :] = value
    net = Net(losses)
    if weights:
        for name in net.norms:
            net.norms[name][net.checked >= step] = np.nan
    rows = [
        {"loss": float(losses[(e + 1) * net.epoch - 1]), "accuracy": 0.5} for e in range(steps // net.epoch)
    ]
    net.rows = rows
    return net


def test_the_traced_step_layer_and_part_are_named(judge):
    finding = judge(broken(137), events=[nonfinite(137)])["nan-loss"]
    assert (finding.severity, finding.confidence) == ("fault", 1.0)
    assert finding.title == "The loss is not finite from step 137 on, first in the output of `hidden`"
    assert (finding.location.step, finding.location.layer) == (137, "hidden")
    assert "log, sqrt, division" in finding.explanation
    labels = {item.label: item for item in finding.evidence}
    assert labels["not finite, in order"].value == "output hidden, loss loss"
    assert labels["last finite losses"].value == pytest.approx(broken(137).losses[135])


@pytest.mark.parametrize(
    ("first", "tensor", "said"),
    [
        ("input", "x", "The data of that step already hold it: `x`."),
        ("loss", "loss", "the loss computed from them is not"),
        ("gradient", "hidden/kernel", "sqrt or a norm at 0"),
        ("weight", "hidden/kernel", "The weight `hidden/kernel` is the first"),
    ],
)
def test_the_text_follows_from_what_came_first(judge, first, tensor, said):
    finding = judge(broken(60), events=[nonfinite(60, first, tensor, [(first, tensor), ("loss", "loss")])])[
        "nan-loss"
    ]
    assert said in finding.explanation
    assert finding.location.step == 60


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 199), st.sampled_from([np.nan, np.inf]))
def test_without_a_trace_the_logs_give_the_step(step, value):
    from fake import View

    from kerascope.detect.registry import run_detectors

    [finding] = [f for f in run_detectors(View(broken(step, value=value))) if f.kind == "nan-loss"]
    assert finding.location.step == step and finding.title.startswith(
        f"The loss is not finite from step {step} on"
    )
    assert finding.severity == "fault"


def test_without_logs_the_checks_give_an_interval(judge):
    net = broken(137)
    net.logs = {}
    net.losses = np.full(200, np.nan)
    net.rows = []
    finding = judge(net)["nan-loss"]
    assert finding.title == "A weight stops being finite between steps 101 and 150"
    assert finding.severity == "fault"


def test_a_trace_that_is_not_exact_gives_the_interval_too(judge):
    net = broken(137)
    net.logs = {}
    net.rows = []
    finding = judge(net, events=[nonfinite(150, "state", "x", (), exact=False)])["nan-loss"]
    assert finding.title == "A weight stops being finite between steps 101 and 150"


def test_gradients_that_had_grown_are_told(judge):
    net = broken(137)
    grown = 0.3 * 10.0 ** (np.arange(len(net.sampled)) - 1)
    for name in net.trainable:
        net.norm("gradient", name, grown)
    finding = judge(net, events=[nonfinite(137)])["nan-loss"]
    assert "ran away over several steps" in finding.explanation
    assert "log, sqrt" not in finding.explanation


def test_a_loss_that_is_sometimes_nan_while_weights_stay_finite_is_a_warning(judge):
    net = broken(60, weights=False)
    finding = judge(net)["nan-loss"]
    assert finding.severity == "warning" and "the weights stay finite" in finding.title
    assert "3 of 4 epochs" in finding.explanation


def test_a_validation_loss_alone_is_a_warning(judge):
    net = Net(falling(200)).accuracy([0.3, 0.2, np.nan, np.nan], "val_loss")
    finding = judge(net)["nan-loss"]
    assert finding.severity == "warning"
    assert finding.title == "The validation loss is not finite from epoch 3 on; the training loss is"


# -- traps -------------------------------------------------------------------------------------------------------


def test_steps_that_a_loss_scaler_skips_are_no_fault(judge):
    net = Net(falling(300), optimizer="LossScaleOptimizer")
    net.figure("gradient", "head/kernel", 0, np.inf, since=1).figure(
        "gradient", "head/kernel", 6, 0.5, since=1
    )
    event = nonfinite(4, "gradient", "head/kernel", [("gradient", "head/kernel")])
    assert judge(net, events=[event]) == {}


def test_an_attention_mask_of_minus_infinity_is_no_fault_and_is_not_blamed(judge):
    net = Net(falling(300))
    net.figure("output", "hidden", 3, -np.inf).figure("output", "hidden", 6, 0.9)
    assert judge(net) == {}
    assert judge(net, events=[nonfinite(4, order=[("output", "hidden")])]) == {}
    sick = broken(137)
    sick.figure("output", "hidden", 3, -np.inf).figure("output", "hidden", 6, 0.9)
    order = [("output", "hidden"), ("gradient", "head/kernel"), ("loss", "loss")]
    finding = judge(sick, events=[nonfinite(137, order=order)])["nan-loss"]
    assert "first in the gradient `head/kernel`" in finding.title


def test_steps_without_logs_are_not_nan(judge):
    """With steps_per_execution=4 Keras logs every fourth step; the last rows of a killed run have no logs yet."""
    net = Net(falling(300)).accuracy(0.5)
    logged = np.where(np.arange(1, 301) % 4 == 0, net.losses, np.nan)
    logged[-20:] = np.nan
    net.logs = {"loss": logged}
    net.losses = logged
    assert judge(net) == {}


def test_a_second_training_without_that_log_is_not_nan(judge):
    net = Net(falling(300))
    net.trained = np.repeat([1, 2], 150)
    half = np.where(net.trained == 1, net.losses, np.nan)
    net.logs = {"loss": half, "d": np.where(net.trained == 2, net.losses, np.nan)}
    assert judge(net) == {}


def test_state_that_was_made_infinite_on_purpose_is_no_fault(judge):
    net = Net(falling(300))
    net.norms["state:best"] = np.full(len(net.checked), np.inf)
    net.norms["metric:ratio/total"] = np.full(len(net.checked), np.nan)
    assert judge(net) == {}
    assert judge(net, events=[nonfinite(1, "state", "best", (), exact=False)]) == {}


def test_weights_that_a_check_does_not_hold_are_not_nan(judge):
    net = Net(falling(300))
    net.norms["weight:later/kernel"] = np.where(net.checked > 150, 2.0, np.nan)
    net.norms["weight:hidden/kernel"][net.checked > 250] = np.nan
    net.finite = np.ones(len(net.checked), bool)
    assert judge(net) == {}
    net.finite[net.checked > 250] = False
    finding = judge(net)["nan-loss"]
    assert finding.severity == "fault" and "`hidden/kernel`" in finding.explanation
