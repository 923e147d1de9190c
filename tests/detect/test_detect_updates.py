"""frozen-weights, gradients-not-applied, lr-too-low: weights that are the same to the bit."""

from __future__ import annotations

import numpy as np
from fake import PLAIN, Net, falling, flat

ALL = ("hidden/kernel", "hidden/bias", "head/kernel", "head/bias")


def unapplied(*names, **settings):
    """Gradients arrive, updates are zero, weights stay."""
    net = Net(flat(300), **settings)
    for name in names or ALL:
        net.norm("update", name, 0.0).still(name)
    return net


def test_gradients_that_nobody_applies(judge):
    finding = judge(unapplied())["gradients-not-applied"]
    assert (finding.severity, finding.confidence) == ("fault", 0.99)
    assert finding.title.startswith("No gradient is applied")
    assert "learning rate of 0.0100" in finding.explanation


def test_gradients_that_are_applied_to_a_part_only(judge):
    finding = judge(unapplied("hidden/kernel", "hidden/bias"))["gradients-not-applied"]
    assert finding.title.startswith("Gradients of 2 variables are not applied")
    assert finding.location.layer == "hidden"
    assert "Other weights of the model do change" in finding.explanation


def test_a_train_step_that_never_calls_an_optimizer(judge):
    net = Net(flat(300), custom=True).still(*ALL)
    net.parts = {"output": net.parts["output"]}
    finding = judge(net)["gradients-not-applied"]
    assert "`train_step`" in finding.explanation and finding.severity == "fault"
    assert finding.title == "No weight of `net` changed in 300 steps"


def test_weights_that_stay_for_no_recorded_reason(judge):
    net = Net(flat(300)).still(*ALL)
    net.parts = {}
    assert judge(net)["frozen-weights"].confidence == 0.8


def test_a_model_without_anything_trainable(judge):
    finding = judge(Net(flat(300), frozen=("hidden", "head")))["frozen-weights"]
    assert finding.title == "No weight of `net` is trainable" and finding.severity == "fault"


def test_a_judge_that_was_frozen_when_last_looked_at_has_learned(judge):
    net = Net(flat(300), frozen=("hidden", "head"))
    norms = net.norms["state:hidden/kernel"]
    net.norms["state:hidden/kernel"] = norms * np.linspace(1, 2, len(norms))
    assert "frozen-weights" not in judge(net)


def test_a_learning_rate_of_zero(judge):
    finding = judge(unapplied(rates=0.0))["lr-too-low"]
    assert finding.title == "The learning rate is 0 in all 300 steps"


def test_steps_below_the_spacing_of_the_numbers(judge):
    finding = judge(unapplied(rates=1e-12))["lr-too-low"]
    assert finding.title == "Steps are too small to change the weights: learning rate 1.00e-12"
    assert "gradients-not-applied" not in judge(unapplied(rates=1e-12))


def test_parts_that_a_custom_step_leaves_alone_are_a_note(judge):
    net = Net(falling(300), custom=True).still("hidden/kernel", "hidden/bias")
    for part in ("gradient", "update", "weight"):
        names, stats = net.parts[part]
        net.parts[part] = (names[2:], stats[:, 2:])
    found = judge(net)
    assert list(found) == ["frozen-weights"] and found["frozen-weights"].severity == "note"
    assert found["frozen-weights"].title == "2 of 4 trainable variables never change"


# -- traps -------------------------------------------------------------------------------------------------------


def test_healthy_trainings_and_frozen_parts_are_silent(judge):
    assert judge(Net(falling(300))) == {}
    assert judge(Net(falling(300), frozen=("hidden",))) == {}


def test_a_norm_that_a_constraint_keeps_is_not_a_weight_that_stays(judge):
    """Unit-norm constraints and weight normalisation: the norm is constant, the updates are not zero."""
    assert judge(Net(falling(300)).still("hidden/kernel")) == {}


def test_gradient_accumulation_moves_weights_every_few_steps_only(judge):
    net = Net(falling(300), config={"gradient_accumulation_steps": 16})
    for name in ALL:
        net.norm("update", name, np.where(net.sampled % 16 == 0, 0.003, 0.0))
    assert judge(net) == {}
    assert judge(unapplied(config={"gradient_accumulation_steps": 200})) == {}  # not one update was due twice


def test_a_warm_up_that_begins_at_zero_is_silent(judge):
    net = Net(falling(300), rates=np.minimum(1.0, np.arange(300) / 100) * 0.01)
    for name in ALL:
        net.norm("update", name, np.where(net.sampled == 1, 0.0, 0.003))
    assert judge(net) == {}


def test_too_short_trainings_are_silent(judge):
    assert judge(Net(flat(6), frozen=("hidden", "head"), epoch=6)) == {}
    short = Net(flat(6), epoch=6).still(*ALL)
    for name in ALL:
        short.norm("update", name, 0.0)
    assert judge(short) == {}


def test_a_model_without_any_weight_is_silent(judge):
    layers = [("flatten", "Flatten", "", {})]
    net = Net(falling(300), layers=layers)
    net.norms = {"metric:loss/total": np.arange(len(net.checked), dtype=float)}
    assert judge(net) == {}


def test_an_untrained_second_model_is_silent(judge):
    assert judge(Net(falling(300)), Net([], number=2, layers=PLAIN)) == {}


def halted(net, at):
    """All weights are what they were at the check `at` from then on."""
    for name in ALL:
        norms = net.norms[f"weight:{name}"]
        norms[at:] = norms[at]
    return net


def test_a_train_step_that_stops_handing_gradients_over(judge):
    finding = judge(halted(Net(falling(300), custom=True), 1))["gradients-not-applied"]
    assert finding.title.startswith("No weight changed after step") and finding.severity == "fault"
    assert "gradients-not-applied" not in judge(halted(Net(falling(300)), 1)), "Keras's own step"
    net = Net(falling(300), custom=True)
    assert "gradients-not-applied" not in judge(halted(net, len(net.norms["weight:head/bias"]) // 2))
