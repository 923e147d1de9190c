"""The torch backend: watching changes no bit, a rewind repeats every bit, statistics are right."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from typing import Any

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "torch":
    pytest.skip("needs KERAS_BACKEND=torch", allow_module_level=True)

import keras
import torch

from kerascope._backends import torch_taps
from kerascope._backends.torch import BACKEND
from kerascope._keras import state as keras_state
from kerascope.errors import KerascopeError

sys.path.insert(0, os.path.dirname(__file__))
import torch_models as models

# -- nothing is changed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", models.FORMS)
def test_watched_and_unwatched_are_identical_to_the_bit(form: str) -> None:
    data = models.batches(outputs=2 if form == "two_outputs" else 1)
    model = models.fresh(models.FORMS[form], data[0])
    expected_logs = models.run(model, model.train_function, data)
    expected, expected_attributes = models.state_bytes(model), models.attributes(model)

    model = models.fresh(models.FORMS[form], data[0])
    stepper, shell = models.watched(model)
    with models.untouched(*models.CLASSES, torch.random, warnings):
        logs = models.run(model, shell, data)

    assert models.attributes(model) == expected_attributes
    assert logs == expected_logs
    assert models.state_bytes(model) == expected
    assert len(stepper.samples) == 6
    for sample in stepper.samples.values():
        assert sample.errors == []
        assert {"gradient", "weight", "update", "output", "loss"} >= set(sample.parts)
        assert "output" in sample.parts and "loss" in sample.parts
        for part in sample.parts.values():
            assert tuple(part.stats.shape) == (len(part.names), 7)
            assert len(set(part.names)) == len(part.names)
            assert not part.stats.requires_grad
    for norms in stepper.norms.values():
        assert len(norms) == len(BACKEND.leaves(model)) and np.isfinite(BACKEND.host(norms)).all()


@pytest.mark.parametrize("form", models.FORMS)
def test_a_rewind_repeats_every_bit(form: str) -> None:
    data = models.batches(12, outputs=2 if form == "two_outputs" else 1)
    model = models.fresh(models.FORMS[form], data[0])
    raw = model.train_function
    models.run(model, raw, data[:5])
    parameters = [id(variable.value) for variable in model.variables]
    at_five = models.state_bytes(model)
    snapshot = BACKEND.save(model, None)
    counter = getattr(model, "count", None)
    first = models.run(model, raw, data[5:])
    expected = models.state_bytes(model)
    assert expected != at_five

    for _ in range(2):  # the snapshot stays usable
        assert BACKEND.load(model, snapshot) is None
        if counter is not None:
            model.count = counter  # a plain attribute of the user's is not state
        assert models.state_bytes(model) == at_five
        assert [id(variable.value) for variable in model.variables] == parameters
        assert models.run(model, raw, data[5:]) == first
        assert models.state_bytes(model) == expected


def test_gradients_that_add_up_are_part_of_the_state() -> None:
    data = models.batches(4)
    model = models.fresh(models.own_accumulation, data[0])
    models.run(model, model.train_function, data[:1])
    weight = model.get_layer("first").kernel.value
    before = weight.grad.clone()
    snapshot = BACKEND.save(model, None)
    models.run(model, model.train_function, data[1:])
    BACKEND.load(model, snapshot)
    assert torch.equal(weight.grad, before)


def test_a_module_keeps_its_running_statistics_and_its_mode() -> None:
    data = models.batches(3)
    model = models.fresh(models.wrapped_module, data[0])
    norm = model.get_layer("wrapped").module[1]
    names = [leaf.name for leaf in BACKEND.leaves(model)]
    assert {
        f"state:wrapped/module/1/{n}" for n in ("running_mean", "running_var", "num_batches_tracked")
    } < set(names)
    norm.eval()
    snapshot, mean = BACKEND.save(model, None), norm.running_mean.clone()
    models.run(model, model.train_function, data)
    assert norm.training and not torch.equal(norm.running_mean, mean)
    norm.running_mean = torch.zeros(3)  # a module may put another tensor in place
    BACKEND.load(model, snapshot)
    assert not norm.training and torch.equal(norm.running_mean, mean)


def test_there_is_no_snapshot_before_the_variables_exist() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dropout(0.5), models.dense()])
    model.compile("adam", models.loss())
    rng = torch.get_rng_state()
    assert BACKEND.save(model, None) is None
    assert torch.equal(torch.get_rng_state(), rng)
    model(torch.zeros(1, 8))
    assert BACKEND.save(model, None) is None  # the optimizer is missing
    early = BACKEND.save(model, None)  # asked again and still missing: the step does not use it
    assert early is not None
    model.optimizer.build(model.trainable_variables)
    assert BACKEND.save(model, None) is not None
    with pytest.raises(KerascopeError, match="made or dropped variables"):
        BACKEND.load(model, early)


def test_an_exception_in_the_train_step_passes_and_everything_is_undone() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    error = RuntimeError("the user's own")

    def fails(_: Any) -> Any:
        model(data[0][0][0])
        raise error

    with (
        models.untouched(*models.CLASSES),
        pytest.raises(RuntimeError) as caught,
        BACKEND.instrumented(model),
    ):
        fails(data[0])
    assert caught.value is error and error.__context__ is None


@pytest.mark.parametrize(
    "tap", ["before_apply", "after_apply", "after_call", "before_backward", "after_scale", "__init__", "fill"]
)
def test_a_failing_tap_is_reported_and_disturbs_nothing(tap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = models.batches(6)
    model = models.fresh(models.loss_scale, data[0])
    logs, expected = models.run(model, model.train_function, data), models.state_bytes(model)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(torch_taps.Collected, tap, broken)
    model = models.fresh(models.loss_scale, data[0])
    stepper, shell = models.watched(model)
    assert models.run(model, shell, data) == logs
    assert models.state_bytes(model) == expected
    assert any("ZeroDivisionError: planted" in error for error in stepper.samples[5].errors)


# -- inline, values, quiet -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["mlp", "custom_step", "loss_scale", "accumulation"])
def test_inline_norms_change_nothing_and_are_right(form: str) -> None:
    data = models.batches(20)
    model = models.fresh(models.FORMS[form], data[0])
    logs, expected = models.run(model, model.train_function, data), models.state_bytes(model)
    model = models.fresh(models.FORMS[form], data[0])
    inline = BACKEND.inline(model)
    assert not isinstance(inline, str)
    found = []
    with models.untouched(*models.CLASSES):
        for number, batch in enumerate(data):
            if number == 10:
                with BACKEND.instrumented(model) as sample:
                    returned = inline.function(batch)
            else:
                returned = inline.function(batch)
            plain, norms = inline.pop(returned)
            assert plain is returned and norms is not None and len(norms) == len(inline.names())
            found.append((models.plain(plain), norms))
    assert [plain for plain, _ in found] == logs and models.state_bytes(model) == expected
    assert inline.pop({})[1] is None and inline.problem() is None
    part = sample.parts["gradient"]
    assert list(inline.names()) == list(part.names)
    np.testing.assert_allclose(found[10][1], part.stats[:, 0], rtol=1e-5)


def test_inline_columns_stay_when_a_step_shows_other_variables() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    inline = BACKEND.inline(model)
    assert not isinstance(inline, str)
    weights = list(model.trainable_variables)

    foreign = keras.Variable(np.ones(3, "float32"))
    other = keras.optimizers.SGD(0.1)

    def step(_: Any, chosen: list[int], ones: list[Any]) -> None:
        other.apply([torch.ones(3)], [foreign])  # no variable of the model: no column
        model.optimizer.apply(ones, [weights[i] for i in chosen])

    def part(chosen: list[int]) -> Any:
        ones = [torch.ones_like(weights[i].value) for i in chosen]
        object.__setattr__(model, "train_step", lambda data: step(data, chosen, ones))
        norms = inline.pop(inline.function(data[0]))[1]
        assert inline.problem() is None
        return norms.numpy()

    whole, some = part(list(range(len(weights)))), part([3, 1])
    assert np.isfinite(whole).all()
    assert np.isnan(np.delete(some, [1, 3])).all() and (some[[1, 3]] == whole[[1, 3]]).all()


def test_values_come_to_the_host() -> None:
    x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    assert BACKEND.host(x).tolist() == [1, 1, 1] and BACKEND.host(2.5) == 2.5
    array = np.zeros(3)
    assert BACKEND.address(array) == array.ctypes.data and BACKEND.address(x) == x.data_ptr()
    assert BACKEND.address(object()) is None and BACKEND.address(torch.zeros(1, device="meta")) is None
    data = [(torch.zeros(2), {"a": array}, None)]
    copy = BACKEND.copy_data(data)
    assert (
        copy[0][0].data_ptr() != data[0][0].data_ptr() and copy[0][1]["a"] is not array and copy[0][2] is None
    )
    assert BACKEND.ready(x) and BACKEND.batch(data) is data[0]
    BACKEND.wait(x)
    assert BACKEND.facts()["backend_version"] == torch.__version__


def test_learning_rate_and_schedules() -> None:
    data = models.batches(2)
    model = models.fresh(models.mlp, data[0])
    rate = BACKEND.learning_rate(model, None)
    models.run(model, model.train_function, data)
    assert BACKEND.learning_rate(model, None) is rate
    model.optimizer.learning_rate = 0.5
    assert float(rate) == pytest.approx(1e-2) and float(BACKEND.learning_rate(model, None)) == 0.5
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10, warmup_steps=4, warmup_target=0.3)
    values = BACKEND.schedule(schedule, np.arange(14))
    assert values.dtype == np.float64 and values == pytest.approx([float(schedule(i)) for i in range(14)])
    model.compile(keras.optimizers.SGD(schedule), models.loss())
    assert BACKEND.learning_rate(model, None) is None


def test_logs_that_are_variables_are_copied() -> None:
    total = keras.metrics.Sum()
    total.update_state([2.0])
    live = total.result()
    kept = BACKEND.keep_logs({"sum": live, "loss": torch.ones(1, requires_grad=True).sum(), "n": 3})
    total.update_state([2.0])
    assert float(kept["sum"]) == 2 and not kept["loss"].requires_grad and kept["n"] == 3


@pytest.mark.parametrize("before", [0, 1])
def test_quiet_leaves_no_random_state(before: int) -> None:
    """Also where the first unseeded draw of `keras.random`, which makes its generator, is made inside."""

    def draws() -> list[float]:
        return [random.random(), np.random.random(), torch.rand(1).item(), float(keras.random.uniform(()))]

    found = []
    for quiet in (False, True):
        keras_state.set_global_seed_generator(None)
        keras.utils.set_random_seed(1)
        for _ in range(before):
            draws()
        if quiet:
            with BACKEND.quiet():
                draws()
        found.append(draws())
    assert found[0] == found[1]


def test_quiet_drops_prints_and_warnings_and_no_warning_is_lost_or_shown_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = []
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for quiet in (True, False, True, False):
            with BACKEND.quiet() if quiet else contextlib.nullcontext():
                warnings.warn("once", UserWarning, stacklevel=1)
                print("quiet" if quiet else "loud")
            counts.append(len(seen))
    assert counts == [0, 1, 1, 1]
    assert capsys.readouterr().out == "loud\nloud\n"


def test_limits_name_what_cannot_be_watched() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    assert BACKEND.limits(model) == {}
    model.own = torch.optim.SGD([p.value for p in model.trainable_variables], lr=0.1)
    assert set(BACKEND.limits(model)) == {"snapshots", "gradients"}


# -- torch.compile ---------------------------------------------------------------------------------------------


def test_a_compiled_step_is_sampled_beside_it_without_compiling_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dynamo traces and guards as always; its default compiler, which takes a minute, adds nothing here."""
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: original(function, backend="eager"))
    torch._dynamo.reset()

    def form() -> Any:
        model = keras.Sequential([keras.Input((8,)), models.dense(), keras.layers.Dropout(0.1)])
        model.compile(keras.optimizers.SGD(0.1), models.loss(), jit_compile=True)
        return model

    data = models.batches(16)
    model = models.fresh(form, data[0])
    assert not BACKEND.in_place(model) and "torch.compile" in str(BACKEND.inline(model))
    begin = BACKEND.save(model, None)
    models.run(model, model.train_function, data[:3])  # compiles
    BACKEND.load(model, begin)
    logs, expected = models.run(model, model.train_function, data), models.state_bytes(model)

    stepper, shell = models.watched(model)
    BACKEND.load(model, begin)
    torch._dynamo.utils.counters.clear()
    with models.untouched(*models.CLASSES):
        assert models.run(model, shell, data) == logs
    assert models.state_bytes(model) == expected
    assert torch._dynamo.utils.counters["frames"]["total"] == 0  # nothing was compiled again
    sample = stepper.samples[10]
    assert sample.errors == [] and {"gradient", "weight", "update", "output", "loss"} == set(sample.parts)
    assert "other random numbers" in sample.skipped["the same random numbers"]
