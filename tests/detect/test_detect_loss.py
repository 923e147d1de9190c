"""no-learning: said only where the noise allows it and a second signal agrees."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fake import Net, View, falling, flat
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascope.detect.chance import constant_guess
from kerascope.detect.registry import run_detectors
from kerascope.detect.trend import trend

KINDS = {"no-learning"}
seeds = st.integers(0, 100_000)


def kinds(*models):
    return {finding.kind for finding in run_detectors(View(*models))}


def stuck(steps=300, level=2.31, noise=0.01, seed=0, **settings):
    """A classifier that stays where guessing would be."""
    return Net(flat(steps, level, noise, seed), seed=seed, **settings).labels().accuracy(0.1)


# -- what does not learn -----------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(100, 2000), st.floats(0.002, 0.03))
def test_a_flat_loss_at_chance_is_a_fault(seed, steps, noise):
    if steps < 500:
        noise /= 2  # few noisy steps do not allow the statement
    [finding] = run_detectors(View(stuck(steps, noise=noise, seed=seed)))
    assert (finding.kind, finding.severity) == ("no-learning", "fault")
    assert finding.confidence == 0.97 and "flat within noise" in finding.title


def test_the_finding_carries_the_evidence_of_gradients_and_chance(judge):
    finding = judge(stuck())["no-learning"]
    assert finding.title.startswith("Loss 2.3") and "over 300 steps" in finding.title
    labels = {item.label: item for item in finding.evidence}
    assert labels["loss of a constant guess"].value == pytest.approx(math.log(10), abs=0.01)
    gradient = labels["gradient norm of hidden/kernel"]
    assert (
        gradient.value == pytest.approx(0.3, rel=0.2) and len(gradient.plot) == 10 and gradient.steps[0] == 1
    )
    assert labels["update / weight of these, median"].value == pytest.approx(0.001, rel=0.3)
    assert "The gradients are not missing" in finding.explanation
    assert "the steps taken do not lower the loss" in finding.explanation


def test_weights_that_hardly_move_are_told(judge):
    net = stuck()
    for name in net.trainable:
        net.norm("update", name, 1e-8)
    assert "The weights hardly move" in judge(net)["no-learning"].explanation


def test_a_bump_at_the_start_is_no_fall(judge):
    losses = flat(300)
    losses[1:8] = [2.6, 2.6, 3.0, 2.9, 2.8, 2.6, 2.5]
    finding = judge(Net(losses).labels().accuracy(0.1))["no-learning"]
    assert finding.severity == "fault" and "flat within noise" in finding.title


def test_a_loss_that_falls_to_chance_and_stays(judge):
    losses = np.concatenate([np.linspace(12, 2.31, 60), flat(240)])
    finding = judge(Net(losses).labels().accuracy(0.1))["no-learning"]
    assert "no better than guessing" in finding.title


def test_a_loss_that_rises(judge):
    losses = 2.3 + np.linspace(0, 8, 300) + 0.1 * np.random.default_rng(0).standard_normal(300)
    finding = judge(Net(losses).labels().accuracy(0.1))["no-learning"]
    assert finding.severity == "fault" and finding.title.startswith("Loss rises: ")


def test_a_fresh_regression_at_the_level_of_the_mean(judge):
    assert judge(Net(flat(2000, 1.0, 0.05), loss="mse").numbers())["no-learning"].severity == "fault"


def test_a_fresh_model_with_an_unknown_loss_is_only_a_warning(judge):
    assert judge(Net(flat(300), loss="my_loss"))["no-learning"].severity == "warning"


# -- healthy trainings -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(30, 3000),
    st.floats(0.0, 0.4),
    st.floats(0.02, 0.9),
    st.sampled_from(["sparse_categorical_crossentropy", "mse", "my_loss"]),
)
def test_a_loss_that_falls_is_never_flat(seed, steps, noise, end, loss):
    net = Net(falling(steps, 2.3, 2.3 * end, noise, seed), loss=loss, epoch=max(10, steps // 4), seed=seed)
    net = net.labels() if loss.startswith("sparse") else net.numbers(std=1.5)
    assert kinds(net) & KINDS == set()


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 10), st.floats(0.01, 0.2), st.booleans())
def test_a_training_that_is_done_after_some_steps_has_learned(seed, steps, noise, known):
    """Nearly all of the fall happens within ten steps of a thousand."""
    rng = np.random.default_rng(seed)
    level = 0.3 + 2.0 * np.exp(-np.arange(1000) / steps)
    losses = level * (1 + noise * rng.standard_normal(1000))
    net = Net(losses, seed=seed, loss="mse" if known else "my_loss")
    assert kinds(net.numbers(std=1.5) if known else net) & KINDS == set()


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.001, 0.9))
def test_a_second_training_of_a_model_that_knows_is_silent(seed, level):
    """Converged, loaded from a file, or fine-tuned: flat from the first step, but far better than guessing."""
    net = Net(flat(400, level * math.log(10), 0.05, seed), seed=seed).labels().accuracy(0.8)
    assert kinds(net) & KINDS == set()


def worn(net):
    """The same with weights that were not new when the recording began."""
    for name in net.trainable:
        net.norm("weight", name, 3.0)
    return net


@pytest.mark.parametrize("loss", ["my_loss", "mse", "mae"])
def test_a_warm_start_of_which_nothing_is_known_is_silent(judge, loss):
    assert judge(worn(Net(flat(400, 1.0, 0.02), loss=loss).numbers())) == {}
    assert judge(worn(Net(flat(400, 1.0, 0.02), loss=loss))) == {}


def test_a_weak_but_real_classifier_that_goes_on_is_silent(judge):
    net = Net(flat(600, 0.66, 0.02), loss="binary_crossentropy").labels(2, size=200).accuracy(0.6)
    assert judge(worn(net)) == {}


def test_a_loss_that_a_penalty_or_a_sum_makes_large_is_silent_when_the_model_knows(judge):
    """Weight penalties and `reduction="sum"` lift the loss far above that of a guess."""
    learned = Net(flat(600, 40.0, 0.02)).labels()
    assert judge(learned.accuracy(np.linspace(0.5, 0.9, 12))) == {}
    assert judge(worn(Net(flat(600, 40.0, 0.02)).labels())) == {}
    assert judge(Net(flat(600, 40.0, 0.02)).labels().accuracy(0.12))["no-learning"].severity == "fault"


def test_a_regression_down_to_its_noise_is_silent(judge):
    """What can be learned is learned early; the rest is as large as the spread of the labels."""
    losses = np.concatenate([np.linspace(3.0, 1.0, 50), flat(950, 0.98, 0.15)])
    assert judge(Net(losses, loss="mse").numbers()) == {}


def test_an_accuracy_that_improves_while_the_loss_looks_flat_is_silent(judge):
    rising = np.linspace(0.1, 0.5, 6)
    assert judge(Net(flat(300)).labels().accuracy(rising)) == {}
    assert judge(Net(flat(300), loss="my_loss").accuracy(rising, "auc")) == {}


def test_few_steps_or_less_than_an_epoch_say_nothing(judge):
    assert judge(stuck(28, epoch=14)) == {}
    assert judge(stuck(80, epoch=80)) == {}
    assert judge(stuck(300, epoch=400)) == {}
    assert judge(stuck(120, epoch=120)) != {}


def test_a_learning_rate_that_still_warms_up_says_nothing(judge):
    assert judge(stuck(rates=np.linspace(0, 0.01, 300))) == {}
    assert judge(stuck(rates=np.linspace(0.01, 0.0, 300))) != {}


def test_two_players_that_take_turns_are_silent():
    first, second = stuck(epoch=50), stuck(number=2, name="critic", seed=5)
    second.at = first.at + 0.5
    assert kinds(first, second) & KINDS == set()
    second.at = first.at + 1000
    assert kinds(first, second) & KINDS == KINDS


def test_a_step_that_logs_the_losses_of_two_players_is_silent(judge):
    net = stuck(custom=True)
    net.logs = {"g_loss": flat(300), "d_loss": flat(300)}
    assert judge(net) == {}


def test_targets_that_move_make_losses_incomparable(judge):
    """Reinforcement learning: the loss rises because the targets grow, and nothing is wrong."""
    losses = np.linspace(0.1, 4.0, 400) * (1 + 0.05 * np.random.default_rng(1).standard_normal(400))
    assert "no-learning" in judge(Net(losses, loss="mse").numbers(std=0.5))
    assert judge(Net(losses, loss="mse").numbers(std=0.5, drift=0.3)) == {}


def test_weighted_samples_leave_chance_unknown(judge):
    net = stuck()
    net.batch(1, {"name": "sample_weight", "shape": [64], "min": 0.0, "max": 3.0})
    assert judge(net)["no-learning"].severity == "warning"
    assert judge(worn(net)) == {}


def test_rare_classes_make_guessing_good(judge):
    """97 % of the labels are of one class: a loss at their entropy is not proof of anything."""
    net = Net(
        np.concatenate([np.linspace(0.69, 0.135, 60), flat(340, 0.135, 0.1)]), loss="binary_crossentropy"
    )
    for step in (1, 2, 3, 50, 100):
        net.batch(
            step, {"name": "y", "shape": [200], "mean": 0.03, "std": 0.17, "classes": {"0": 194, "1": 6}}
        )
    assert judge(net.accuracy(0.97)) == {}


def test_unshuffled_data_that_comes_in_waves_is_silent(judge):
    wave = 1.3 + np.sin(np.arange(600) * 2 * np.pi / 100) * np.linspace(1.0, 0.6, 600)
    assert judge(Net(wave, epoch=100, loss="my_loss")) == {}


# -- the statistics by themselves --------------------------------------------------------------------------------


def wandering(steps, correlation, seed):
    """Noise of which neighbours err together, of spread 1."""
    shocks = np.random.default_rng(seed).standard_normal(steps)
    wander = np.zeros(steps)
    for i in range(steps):
        wander[i] = correlation * wander[i - 1] + math.sqrt(1 - correlation**2) * shocks[i]
    return wander


def test_a_slow_wander_is_no_rise():
    runs = [trend(np.abs(2.0 + wandering(300, 0.9, seed))) for seed in range(200)]
    assert sum(moves.rose(0.5) for moves in runs if moves is not None) <= 8


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("steps", [60, 300])
def test_the_largest_fall_the_data_allow_is_no_smaller_than_the_true_one(steps, correlation):
    """Also when neighbouring steps err together: at most 5 % of the runs may fall further than said."""
    fall, missed = 0.1, 0
    for seed in range(200):
        moves = trend(2.0 - fall * np.linspace(0, 1, steps) + 0.25 * wandering(steps, correlation, seed))
        missed += moves is None or moves.most < fall * 7 / 8  # the middles of the first and last of 8 blocks
    assert missed <= 4


def test_levels_are_not_moved_by_single_outliers():
    losses = flat(300)
    losses[::37] = 1e6
    moves = trend(losses)
    assert moves is not None and moves.end == pytest.approx(2.31, rel=0.01)


def test_too_few_finite_losses_have_no_trend():
    assert trend(np.full(100, np.nan)) is None
    assert trend(np.r_[np.full(100, np.nan), np.ones(29)]) is None
    assert trend(np.ones(30)) is not None


def test_the_guess_of_few_labels_is_not_too_good():
    """Twelve batches of 16 labels: their plain entropy would be below that of the ten classes by 2 % on average."""
    found = []
    for seed in range(40):
        net = Net(flat(100))
        for step in range(1, 13):
            values, counts = np.unique(
                np.random.default_rng([seed, step]).integers(0, 10, 16), return_counts=True
            )
            classes = {str(v): int(n) for v, n in zip(values, counts, strict=True)}
            net.batch(step, {"name": "y", "shape": [16], "classes": classes})
        found.append(constant_guess(net).loss)
    assert np.mean(found) == pytest.approx(math.log(10), rel=0.008)


@pytest.mark.parametrize(
    ("first", "rate", "wrong"), [(2.4, 0.5, True), (2.4, 0.001, False), (9.0, 0.5, False), (0.0, 0.5, False)]
)
def test_a_loss_that_leaps_above_a_guess_and_stays_there_tells_of_too_long_steps(judge, first, rate, wrong):
    """However high its accuracy gets; what stands that high from the first batch on has something added to it."""
    losses = flat(400, 9.0, 0.1) if first else falling(400)
    losses[0] = first or losses[0]
    net = Net(losses, optimizer="RMSprop", rates=rate).labels().accuracy(np.linspace(0.1, 0.5, 8))
    assert ("lr-too-high" in judge(net)) == wrong
