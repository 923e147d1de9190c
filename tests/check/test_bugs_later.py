"""What the later sets of bugs taught: found under the right name, with nothing worse than a note of the sound ones."""

from __future__ import annotations

import bugs_eighteenth
import bugs_eighth
import bugs_eleventh
import bugs_fifteenth
import bugs_fourteenth
import bugs_ninth
import bugs_own
import bugs_seventeenth
import bugs_seventh
import bugs_sixteenth
import bugs_sixth
import bugs_tenth
import bugs_thirteenth
import bugs_twelfth
import keras
import pytest
from bug import numbers
from keras import ops

import kerascope
from kerascope.api.check import check

pytestmark = pytest.mark.backend

MODULES = (
    bugs_sixth,
    bugs_seventh,
    bugs_eighth,
    bugs_ninth,
    bugs_tenth,
    bugs_eleventh,
    bugs_twelfth,
    bugs_thirteenth,
    bugs_fourteenth,
    bugs_fifteenth,
    bugs_sixteenth,
    bugs_seventeenth,
    bugs_eighteenth,
    bugs_own,
)


def merged(attribute):
    """Returns the cases of all sets by name; where two are named alike the later one has its set's name before it."""
    found = {}
    for module in MODULES:
        for name, bug in getattr(module, attribute, {}).items():
            found[f"{module.__name__}.{name}" if name in found else name] = bug
    return found


BUGS, SOUND = merged("BUGS"), merged("SOUND")
KEPT = "specificity keeps the false positives"
QUICK = (
    "CrossAttention",
    "Confusion",
    "LowRank",
    "PoolsWords",
    "Blocks",
    "Matthews",
    "OldMetric",
    "Counted",
    KEPT,
    "welford merged by adding",
    "accuracy of a column",
    "StockLoss",
    "calibrated",
)
EVERYWHERE = ("jax", "tensorflow", "torch")
# An angle whose cosine is 1 only along a weight; what some of Keras's own metrics do too; and on single backends.
MISSED = {
    "ArcMargin": EVERYWHERE,
    "Absolute": EVERYWHERE,
    "Specificity": EVERYWHERE,  # said as a note: a metric without sample_weight is used without weights
    "Rescale255": ("jax", "tensorflow"),  # found there under batch-sizes
    "TestsAsItTrains": ("jax",),
    "LossOfEachSample": ("tensorflow",),
    # Models that were made before: only PyTorch's tensors know what they were computed from; see the test below.
    "position embedding called on arange": ("jax", "tensorflow"),
    "positions are baked": ("jax", "tensorflow"),
    "prototypes": ("jax", "tensorflow"),
    "zero_shot": ("jax", "tensorflow"),
    "AdditivePool": ("tensorflow",),  # gradients that are no zeros, by rounding
}


def serious(obj, bug):
    found = check(obj, *bug.inputs(), fixes=False, **bug.options).findings
    assert not any(finding.kind == "kerascope-internal" for finding in found), found
    return {finding.kind for finding in found if finding.severity != "note"}


def names(bugs, quick):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.table) for name in bugs]


@pytest.mark.catalogue
@pytest.mark.parametrize("name", names(BUGS, QUICK))
def test_bug_is_found_under_its_name(name, backend):
    bug = BUGS[name]
    if backend not in bug.backends:
        pytest.skip(f"the bug does not show on {backend}")
    if backend in MISSED.get(name, ()):
        pytest.skip(f"it is missed on {backend}")
    found = serious(bug.broken(), bug)
    assert found & bug.contracts, found


@pytest.mark.catalogue
@pytest.mark.parametrize("name", names(BUGS, QUICK))
def test_sound_twin_raises_no_alarm(name, backend):
    if backend not in BUGS[name].backends:
        pytest.skip(f"the bug does not show on {backend}")
    assert not serious(BUGS[name].sound(), BUGS[name])


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "name",
    names(
        SOUND,
        (
            "Quantiles",
            "Factored",
            "two_towers",
            "Gan",
            "table with holes",
            "accumulates gradients",
            "two lambdas",
        ),
    ),
)
def test_odd_but_sound_raises_no_alarm(name, backend):
    bug = SOUND[name]
    if backend not in bug.backends:
        pytest.skip(f"it is not written for {backend}")
    assert not serious(bug.sound(), bug)


def test_function_that_makes_a_model_is_given_its_inputs():
    inputs = bugs_thirteenth.BUGS["position embedding called on arange"].inputs()
    only = ["builds", "baked-weights"]

    def baked():
        return bugs_thirteenth.token_classifier(True)

    def sound():
        return bugs_thirteenth.token_classifier(False)

    found = kerascope.check(baked, *inputs, only=only, fixes=False).findings
    assert [finding.kind for finding in found] == ["baked-weights"]
    assert kerascope.check(sound, *inputs, only=only, fixes=False).ok


def test_function_that_makes_nothing_says_why():
    def broken():
        raise ValueError("no such data set")

    (found,) = kerascope.check(broken, (4, 3), fixes=False).findings
    assert "raises ValueError" in found.title


class Joins(keras.layers.Layer):
    """Takes its argument apart by name."""

    def build(self, shape):
        self.dense = keras.layers.Dense(4)
        self.dense.build(shape["text"])

    def call(self, inputs):
        return self.dense(inputs["text"]) + ops.mean(inputs["price"], axis=-1, keepdims=True)


def test_names_of_inputs_are_read_from_the_source():
    found = kerascope.check(Joins, only=["builds", "batch-sizes", "batch-independence"])
    assert found.ok, found


class Slow(keras.layers.Layer):
    """Spends all of a small budget in one call."""

    def call(self, x):
        import time

        start = time.process_time()
        while time.process_time() - start < 0.1:
            pass
        return x * 2


def test_budget_ends_a_contract_in_the_middle():
    found = kerascope.check(Slow, (3, 4), budget=0.15, fixes=False)
    spent = [row for row in found.contracts if "budget" in row.reason]
    assert len(spent) > 5
    assert all(row.outcome == "skipped" for row in spent)
    # One more call at most is begun after the budget is spent, however many a contract would make.
    assert sum(row.seconds for row in found.contracts) < 5


def test_note_is_not_shown_as_broken():
    bug = bugs_sixth.BUGS["Absolute"]
    found = kerascope.check(bug.broken, numbers(8, 4), numbers(8, 4, seed=1), fixes=False)
    row = next(row for row in found.contracts if row.name == "metric-sample-weight")
    assert row.outcome == "noted"
    assert found.ok


class Momentum(keras.optimizers.Optimizer):
    """Takes what every optimizer takes; on TensorFlow Keras hands it on without naming it."""

    def build(self, variables):
        super().build(variables)
        self.means = [self.add_variable_from_reference(v, name="mean") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        mean = self.means[self._get_variable_index(variable)]
        self.assign(mean, 0.9 * mean + gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * mean)


def test_arguments_of_an_inherited_constructor_are_supposed():
    found = kerascope.check(Momentum, only=["optimizer-runs"])
    assert found.ok, found
