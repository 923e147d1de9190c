"""disconnected-gradient, dying-relu, exploding-gradient."""

from __future__ import annotations

import numpy as np
import pytest
from fake import PLAIN, Net, falling, flat
from hypothesis import given, settings
from hypothesis import strategies as st

HIDDEN = ("hidden/kernel", "hidden/bias")
DEEP = (
    ("first", "Dense", "relu", {"kernel": (64, 32), "bias": (32,)}),
    ("side", "Dense", "tanh", {"kernel": (32, 8), "bias": (8,)}),
    ("head", "Dense", "softmax", {"kernel": (32, 10), "bias": (10,)}),
)


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("losses", [falling(300), flat(300)], ids=["head learns", "flat"])
def test_the_beginning_of_a_network_is_cut_off(judge, missing, losses):
    finding = judge(Net(losses).silent(*HIDDEN, missing=missing))["disconnected-gradient"]
    assert (finding.severity, finding.location.layer) == ("fault", "hidden")
    said = "no gradient at all in any of" if missing else "a gradient of exactly zero in each of"
    assert said in finding.explanation and "before `head`" in finding.explanation
    assert {"next layer with a gradient"} <= {item.label for item in finding.evidence}


def test_nothing_gets_a_gradient(judge):
    """Softmax over one unit: the loss is the same whatever the weights are."""
    finding = judge(Net(flat(300)).silent(*HIDDEN, "head/kernel", "head/bias"))["disconnected-gradient"]
    assert finding.title == "No weight of `net` gets a gradient" and finding.severity == "fault"


def test_a_variable_that_is_in_no_sample_of_a_standard_step_gets_none(judge):
    net = Net(falling(300)).still(*HIDDEN)
    for part in ("gradient", "update", "weight"):
        names, stats = net.parts[part]
        net.parts[part] = (names[2:], stats[:, 2:])
    assert judge(net)["disconnected-gradient"].severity == "fault"


def test_a_side_branch_counts_less_the_better_the_rest_learns(judge):
    branch = ("side/kernel", "side/bias")
    assert judge(Net(falling(300), layers=DEEP).silent(*branch))["disconnected-gradient"].severity == "note"
    assert judge(Net(flat(300), layers=DEEP).silent(*branch))["disconnected-gradient"].severity == "warning"


def test_a_layer_that_is_not_called_is_a_note(judge):
    net = Net(falling(300), layers=DEEP).silent("side/kernel", "side/bias", missing=True)
    names, stats = net.parts["output"]
    net.parts["output"] = ([names[0], names[2]], stats[:, [0, 2]])
    finding = judge(net)["disconnected-gradient"]
    assert finding.severity == "note" and "not to be called" in finding.explanation


def test_a_dead_relu_is_named_and_explains_the_zeros_before_it(judge):
    net = Net(flat(300), layers=DEEP[:1] + PLAIN).dead("hidden").silent("first/kernel", "first/bias", *HIDDEN)
    found = judge(net)
    assert "disconnected-gradient" not in found
    finding = found["dying-relu"]
    assert (finding.severity, finding.location.layer, finding.location.step) == ("fault", "hidden", 2)
    assert "2 more variables of the model" in finding.explanation


def test_a_relu_that_dies_under_way(judge):
    finding = judge(Net(falling(300)).dead("hidden", 100).silent(*HIDDEN, since=100))["dying-relu"]
    assert finding.location.step == 100 and finding.severity == "warning"


def test_a_relu_layer_without_weights_is_judged_with_the_layer_before_it(judge):
    layers = (
        ("hidden", "Dense", "linear", {"kernel": (64, 32), "bias": (32,)}),
        ("relu", "ReLU", "", {}),
        PLAIN[1],
    )
    assert (
        judge(Net(flat(300), layers=layers).dead("relu").silent(*HIDDEN))["dying-relu"].location.layer
        == "relu"
    )


# -- traps -------------------------------------------------------------------------------------------------------


def test_zeros_that_do_not_last_are_silent(judge):
    net = Net(falling(300)).dead("hidden", 100).silent(*HIDDEN, since=100)
    net.norm("output", "hidden", 1.0, since=300).norm("gradient", "hidden/kernel", 0.1, since=300)
    net.norm("update", "hidden/kernel", 0.1, since=300)
    net.figure("output", "hidden", 5, 0.6, since=300)
    assert judge(net) == {}


def test_a_head_that_begins_at_zero_is_silent(judge):
    net = Net(falling(300))
    for name in HIDDEN:
        net.norm("gradient", name, np.where(net.sampled == 1, 0.0, 0.3))
    assert judge(net) == {}


def test_attention_ignores_its_key_bias(judge):
    attention = (
        ("attention", "MultiHeadAttention", "", {}),
        ("attention/key", "EinsumDense", "linear", {"kernel": (16, 4, 4), "bias": (4, 4)}),
        ("attention/query", "EinsumDense", "linear", {"kernel": (16, 4, 4), "bias": (4, 4)}),
        PLAIN[1],
    )
    assert judge(Net(falling(300), layers=attention).silent("attention/key/bias")) == {}
    assert judge(Net(falling(300), layers=attention).silent("attention/query/bias")) != {}


def test_a_bias_before_batch_normalisation_is_taken_away_again(judge):
    layers = (
        ("conv", "Conv2D", "linear", {"kernel": (3, 3, 1, 8), "bias": (8,)}),
        ("norm", "BatchNormalization", "", {"gamma": (8,), "beta": (8,)}),
        PLAIN[1],
    )
    assert judge(Net(falling(300), layers=layers).silent("conv/bias")) == {}
    assert judge(Net(falling(300), layers=layers).silent("conv/kernel", "conv/bias")) != {}


def test_embeddings_with_unused_rows_and_sparse_relus_are_silent(judge):
    layers = (("embedding", "Embedding", "", {"embeddings": (1000, 16)}), *PLAIN)
    net = Net(falling(300), layers=layers).figure("gradient", "embedding/embeddings", 5, 0.99)
    assert judge(net.figure("output", "hidden", 5, 0.95)) == {}


def test_weights_unfrozen_for_a_second_training_are_silent(judge):
    net = Net(falling(300))
    for name in HIDDEN:
        net.norm("gradient", name, np.where(net.sampled < 150, np.nan, 0.3))
        net.norm("update", name, np.where(net.sampled < 150, np.nan, 0.003))
    assert judge(net) == {}


def test_less_than_an_epoch_or_than_three_samples_says_nothing(judge):
    assert judge(Net(falling(90), epoch=200).silent(*HIDDEN)) == {}
    assert judge(Net(falling(300), sampled=(1, 2, 300)).silent(*HIDDEN)) == {}


def test_weight_decay_moves_weights_that_get_no_gradient(judge):
    net = Net(falling(300), optimizer="AdamW", config={"weight_decay": 0.004}).silent(*HIDDEN)
    for name in HIDDEN:
        net.norm("update", name, 1e-4)
        net.norms[f"weight:{name}"] = 3.0 - 0.01 * np.arange(len(net.checked))
    assert judge(net)["disconnected-gradient"].severity == "fault"
    net.facts["optimizer"] = {"class": "Adam", "config": {}}
    assert judge(net) == {}  # something moves them, so something reaches them


# -- running away ------------------------------------------------------------------------------------------------


def running_away(losses, factor=3.0, **settings):
    net = Net(losses, **settings)
    for name in net.trainable:
        net.norm("gradient", name, 0.3 * factor ** np.arange(len(net.sampled)))
    return net


def test_gradients_that_grow_with_the_loss(judge):
    rising = 2.0 + np.geomspace(0.01, 1e4, 300)
    finding = judge(running_away(rising, factor=10.0))["exploding-gradient"]
    assert finding.severity == "fault" and finding.location.layer in ("hidden", "head")
    assert "the loss rose from" in finding.title


def test_gradients_that_grow_until_nothing_is_finite(judge):
    losses = falling(300)
    losses[250:] = np.nan
    found = judge(running_away(losses, factor=10.0))
    assert "the loss is not finite any more" in found["exploding-gradient"].title


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(1.0, 12.0))
def test_gradients_that_grow_while_the_loss_falls_are_silent(seed, factor):
    from fake import View

    from kerascope.detect.registry import run_detectors

    assert run_detectors(View(running_away(falling(300, seed=seed), factor=factor, seed=seed))) == []


def test_a_spike_that_recovers_is_silent(judge):
    losses = falling(300)
    losses[200:206] *= 30
    net = Net(losses)
    for name in net.trainable:
        net.norm("gradient", name, np.where(net.sampled == 200, 900.0, 0.3))
    assert judge(net) == {}


def test_gradients_that_came_back_while_the_loss_stays_high_are_not_running_away(judge):
    losses = np.concatenate([flat(150, 2.0), flat(150, 9.0)])
    net = Net(losses)
    for name in net.trainable:
        net.norm("gradient", name, np.where((net.sampled >= 100) & (net.sampled <= 200), 900.0, 0.3))
    assert "exploding-gradient" not in judge(net)
