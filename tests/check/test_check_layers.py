"""Bugs in layers and models are found under the right name, their sound twins and Keras's own layers raise no alarm."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bug import Bug, numbers
from bugs_layers import BUGS, AttendsToWords, LearnsItsGate, StopsItsGate
from keras_layers import REAL, TABLE

import kerascope
from kerascope.api.check import checked

pytestmark = pytest.mark.backend

QUICK = (
    "CentersOverTheBatch",
    "SqueezesEverything",
    "PoolsOneMore",
    "SublayersInADataclass",
    "RemembersTheLastOutput",
    "StopsItsGate",
    "SeedsInCall",
    "ConfigOfTheDefault",
    "HalvesTimeNotTheMask",
)
"""One for each contract that costs little; the others are of the long table."""
QUICK_LAYERS = ("Dense", "BatchNormalization", "Dropout", "Embedding", "Add")
if keras.backend.backend() != "jax":  # where it takes as long as all others together
    QUICK_LAYERS += ("LSTM",)


def serious(check):
    return {finding.kind for finding in check.findings if finding.severity != "note"}


def run(make, bug: Bug):
    if isinstance(make, type):
        return checked(make, bug.inputs(), {}, fixes=False)
    return checked(make(), bug.inputs(), {}, make=make, fixes=False)


def names(quick):
    return [pytest.param(name, marks=() if name in quick else pytest.mark.table) for name in BUGS]


@pytest.mark.catalogue
@pytest.mark.parametrize("name", names(QUICK))
def test_bug_is_found_under_its_name(name, backend):
    bug = BUGS[name]
    if backend not in bug.backends:
        pytest.skip(f"the bug does not show on {backend}")
    check = run(bug.broken, bug)
    assert serious(check) & bug.contracts, check
    assert not any(finding.kind == "kerascope-internal" for finding in check.findings), check


@pytest.mark.catalogue
@pytest.mark.parametrize("name", names(QUICK[:3]))
def test_sound_twin_raises_no_alarm(name):
    assert serious(run(BUGS[name].sound, BUGS[name])) == set()


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK_LAYERS else pytest.mark.table) for n in TABLE]
)
def test_layer_of_keras_raises_no_alarm(name, backend):
    make, inputs = TABLE[name]
    found = serious(checked(make(), inputs, {}, make=make))
    assert found <= REAL.get(name, {}).get(backend, set()), found


def test_report_names_line_weight_and_what_to_do():
    found = kerascope.check(StopsItsGate, (3, 6))
    [finding] = found.findings
    assert not found.ok
    assert "/gate" in finding.title
    assert "stop_gradient" in finding.location.code
    assert finding.location.line == line_of(StopsItsGate, "stop_gradient")
    assert finding.fixes
    assert "breaks 1 of" in repr(found)
    assert finding.location.code.strip() in repr(found)


def line_of(cls, text):
    import inspect

    lines, first = inspect.getsourcelines(cls)
    return first + next(i for i, line in enumerate(lines) if text in line)


def test_sound_layer_is_one_line_and_prints_nothing(capsys):
    found = kerascope.check(LearnsItsGate, (3, 6))
    assert capsys.readouterr().out == ""
    assert found.ok
    assert len(repr(found).strip().splitlines()) == 1
    assert "sound" in repr(found)
    assert {row.outcome for row in found.contracts} <= {"kept", "skipped"}
    assert found.to_json()["verdict"] == "healthy"


def test_inputs_are_found_by_trying():
    assert kerascope.check(LearnsItsGate).ok
    assert kerascope.check(AttendsToWords, only=["builds", "batch-sizes", "masks"]).ok


def test_shapes_arrays_and_inputs_mean_the_same():
    only = ["builds", "batch-independence"]
    for given in ((3, 6), numbers(3, 6), keras.Input((6,)), ("B", 6)):
        assert serious(
            kerascope.check(BUGS["CentersOverTheBatch"].broken, given, only=only, fixes=False)
        ) == {"batch-independence"}


def test_allowed_contract_is_left_out_and_said():
    found = kerascope.check(
        BUGS["CentersOverTheBatch"].broken,
        (3, 6),
        allow={"batch-independence"},
        only=["builds", "batch-independence"],
    )
    assert found.ok
    assert {row.name: row.outcome for row in found.contracts}["batch-independence"] == "allowed"


def test_unknown_contract_is_refused():
    with pytest.raises(kerascope.KerascopeError, match="no such contract"):
        kerascope.check(LearnsItsGate, (3, 6), allow={"batch-indepedence"})


def test_spent_budget_says_what_was_left_out():
    found = kerascope.check(LearnsItsGate, (3, 6), budget=1e-6)
    assert found.report().gaps
    assert "Not checked" in repr(found)


def test_what_is_given_stays_as_it_is():
    layer, x = keras.layers.Dense(2), numbers(3, 6)
    layer(x)
    weights, before = [w.numpy() if hasattr(w, "numpy") else w for w in layer.get_weights()], x.copy()
    numpy_state = np.random.get_state()[1].tolist()
    policy = keras.config.dtype_policy().name
    kerascope.check(layer, x)
    assert np.array_equal(before, x)
    assert all(np.array_equal(a, b) for a, b in zip(weights, layer.get_weights(), strict=True))
    assert np.random.get_state()[1].tolist() == numpy_state
    assert keras.config.dtype_policy().name == policy
    assert layer.built and len(layer.weights) == 2


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiled code is JAX's to share")
def test_nothing_compiled_for_a_check_is_left_for_the_program():
    """A check compiles lightly, and the last bits of a sum may differ then."""
    import jax
    from keras.src.backend.jax import trainer

    lightly, without_fusions = [], []
    jax_jit = getattr(trainer, "jit", None)  # older versions of Keras have no such name
    jax.config.update("jax_disable_most_optimizations", False)  # as in a program; the next test sets it again

    @jax.jit
    def doubled(x):
        lightly.append(jax.config.read("jax_disable_most_optimizations"))
        without_fusions.append(getattr(trainer, "jit", None) is not jax_jit)
        return 2 * x

    class Doubles(keras.layers.Layer):
        def call(self, inputs):
            return doubled(inputs)

    x = numbers(3, 6)
    kerascope.check(Doubles(), x)
    assert any(lightly)
    assert any(without_fusions) == (jax_jit is jax.jit and jax.devices()[0].platform == "cpu")
    doubled(jax.numpy.asarray(x))
    assert not lightly[-1] and not without_fusions[-1]


def test_constructor_that_fails_is_a_finding():
    class Broken(keras.layers.Layer):
        def __init__(self, **kwargs):
            self.dense = keras.layers.Dense(2)

    assert "builds" in serious(kerascope.check(Broken, (3, 6)))
