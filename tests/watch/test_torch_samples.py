"""Statistics on torch: right to the last column, seen where they belong, taken without a trace."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import warnings
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "torch":
    pytest.skip("needs KERAS_BACKEND=torch", allow_module_level=True)

import keras
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from kerascope._backends import torch_taps
from kerascope._backends.torch import BACKEND

sys.path.insert(0, os.path.dirname(__file__))
import torch_models as models


def column(part: Any, name: str, index: int) -> float:
    return float(BACKEND.host(part.stats)[list(part.names).index(name), index])


def test_seven_against_numpy() -> None:
    rng = np.random.default_rng(0)
    cases = [
        rng.normal(2, 3, (40, 50)),
        np.array([1e30, -1e30, 0.0]),
        np.full(3, 1e-30),
        np.array(-2.5),
        np.zeros(4),
    ]
    tensors = [torch.tensor(case.astype("float32")) for case in cases]
    rows = torch_taps.sevens([None, *tensors, torch.zeros(0, 3)]).numpy()
    for row, tensor in zip(rows[1:], tensors, strict=False):
        x = tensor.numpy().astype("float64")
        right = [np.sqrt((x**2).sum()), x.mean(), x.std(), x.min(), x.max(), (x == 0).mean(), 1.0]
        np.testing.assert_allclose(row, right, rtol=2e-6, atol=1e-37)
    assert np.isnan(rows[0]).all()
    assert rows[-1].tolist() == [0, 0, 0, 0, 0, 0, 1]
    for bad in (float("nan"), float("inf")):
        row = torch_taps.seven(torch.tensor([1.0, bad, 0.0, 0.0])).numpy()
        assert not np.isfinite(row[[0, 1, 2, 4]]).any() and row[5] == 0.5 and row[6] == 0.75
    assert np.isnan(torch_taps.seven(torch.tensor([1.0, float("nan")])).numpy()[3:5]).all()
    big = torch_taps.seven(torch.full((9,), 3e38)).numpy()  # the norm is larger than any float32
    assert np.isfinite(big).all() and big[1] == big[3] == big[4] == np.float32(3e38)
    many = torch.ones(1 << 25, dtype=torch.float16)
    many[5] = float("inf")
    assert torch_taps.seven(many)[6] < 1
    half = torch_taps.seven(torch.full((10_000,), 300.0, dtype=torch.float16))
    assert half[0] == pytest.approx(30_000) and half.dtype == torch.float32


def test_norms_are_finite_exactly_where_the_leaf_is() -> None:
    big = torch.full((1000,), 3e38)
    values = [
        big,
        -big,
        torch.tensor([1.0, float("nan")]),
        torch.tensor([float("inf")]),
        torch.tensor([3, 4]),
        big[:0],
    ]
    found = torch_taps.norms(
        [*values, torch.tensor(True), torch.tensor([2.0, 0.0], dtype=torch.bfloat16)]
    ).numpy()
    assert np.isfinite(found).tolist() == [True, True, False, False, True, True, True, True]
    assert found[4:].tolist() == [5, 0, 1, 2]


@pytest.mark.parametrize("form", ["mlp", "custom_step", "loss_scale"])
def test_gradients_equal_an_independent_computation(form: str) -> None:
    data = models.batches(6)
    model = models.fresh(models.FORMS[form], data[0])
    models.run(model, model.train_function, data[:5])
    snapshot = BACKEND.save(model, None)
    weights = list(model.trainable_variables)
    before = [weight.value.detach().clone() for weight in weights]
    x, y, _ = data[5][0]
    value = model.compute_loss(x=x, y=y, y_pred=model(x, training=True), training=True)
    gradients = torch.autograd.grad(value, [weight.value for weight in weights])
    BACKEND.load(model, snapshot)

    with BACKEND.instrumented(model) as sample:
        model.train_function(data[5])
    after = [weight.value.detach() for weight in weights]
    assert list(sample.parts["gradient"].names) == [weight.path for weight in weights]
    rtol = 2e-2 if form == "loss_scale" else 1e-5  # float16 rounds scaled and unscaled losses differently
    for part, right in [("gradient", gradients), ("weight", before)]:
        np.testing.assert_allclose(sample.parts[part].stats, torch_taps.sevens(right), rtol=rtol, atol=1e-5)
    updates = [new - old for new, old in zip(after, before, strict=True)]
    np.testing.assert_array_equal(sample.parts["update"].stats, torch_taps.sevens(updates))
    assert column(sample.parts["loss"], "loss", 1) == pytest.approx(float(value.detach()), rel=rtol)
    assert {"first", "bn", "drop", "last"} <= set(sample.parts["output"].names)
    assert column(sample.parts["output"], "drop", 5) > 0.2


@pytest.mark.parametrize("form", ["mlp", "own_accumulation", "wrapped_module"])
def test_a_sample_beside_the_step_says_the_same_and_leaves_everything_as_it_was(form: str) -> None:
    data = models.batches(4)
    model = models.fresh(models.FORMS[form], data[0])
    models.run(model, model.train_function, data[:3])
    before, own = models.state_bytes(model), models.attributes(model)
    count = getattr(model, "count", None)
    with models.untouched(*models.CLASSES):
        beside = BACKEND.sample(model, None, data[3])
    assert models.state_bytes(model) == before
    assert models.attributes(model) == own and getattr(model, "count", None) == count
    with BACKEND.instrumented(model) as inside:
        model.train_function(data[3])
    assert beside.errors == inside.errors == [] and beside.skipped == inside.skipped
    assert beside.parts.keys() == inside.parts.keys()
    for part, values in inside.parts.items():
        assert list(values.names) == list(beside.parts[part].names)
        np.testing.assert_array_equal(values.stats, beside.parts[part].stats)


def test_names_of_calls_shared_frozen_and_unused() -> None:
    data = models.batches(1, outputs=2)
    model = models.fresh(models.two_outputs, data[0])
    model.get_layer("a").trainable = False
    model.make_train_function(force=True)
    with BACKEND.instrumented(model) as sample:
        model.train_function(data[0])
    assert {"shared", "shared#2", "a", "b"} <= set(sample.parts["output"].names)
    assert list(sample.parts["gradient"].names) == ["shared/kernel", "shared/bias", "b/kernel", "b/bias"]


def test_two_updates_in_one_step_are_told_apart() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    weights = list(model.trainable_variables)
    with BACKEND.instrumented(model) as sample:
        for size in (1.0, 3.0):
            model.optimizer.apply([size * torch.ones_like(weight.value) for weight in weights], weights)
    gradient = sample.parts["gradient"]
    assert len(set(gradient.names)) == 2 * len(weights)
    assert column(gradient, "first/bias", 1) == 1 and column(gradient, "first/bias#2", 1) == 3


def test_a_missing_gradient_is_a_row_of_nan() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    weights = list(model.trainable_variables)
    gradients = [None, *(torch.ones_like(weight.value) for weight in weights[1:])]
    with warnings.catch_warnings(), BACKEND.instrumented(model) as sample:
        warnings.simplefilter("ignore")
        model.optimizer.apply(zip(gradients, strict=True) and iter(gradients), weights)
    rows = BACKEND.host(sample.parts["gradient"].stats)
    assert np.isnan(rows[0]).all() and np.isfinite(rows[1:]).all()
    assert np.isfinite(BACKEND.host(sample.parts["update"].stats)).all()


@pytest.mark.parametrize(("place", "part"), [("input", "output"), ("weight", "weight"), ("label", "loss")])
def test_a_planted_nan_is_seen_where_it_is(place: str, part: str) -> None:
    data = models.batches(2)
    model = models.fresh(models.mlp, data[0])
    x, y, _ = data[0][0]
    weights = None
    if place == "input":
        x = x.clone()
        x[3, 2] = float("nan")
    elif place == "weight":
        with torch.no_grad():
            model.get_layer("last").bias.value[1] = float("nan")
    else:
        weights = torch.ones(16)
        weights[0] = float("inf")
    with BACKEND.instrumented(model) as sample:
        model.train_function([(x, y, weights)])
    shares = {
        p: dict(zip(s.names, BACKEND.host(s.stats)[:, 6], strict=True)) for p, s in sample.parts.items()
    }
    first = {"output": "first", "weight": "last/bias", "loss": "loss"}[part]
    assert shares[part][first] < 1
    assert shares["gradient"]["last/bias"] < 1
    if place == "weight":
        assert shares["output"]["drop"] == 1 and shares["output"]["last"] == pytest.approx(0.75)
    if place == "label":
        assert all(share == 1 for share in shares["output"].values())


def test_what_must_not_be_looked_at_is_left_alone_and_named() -> None:
    data = models.batches(1)
    model = models.fresh(models.mlp, data[0])
    layer, x = model.get_layer("first"), data[0][0][0]
    with BACKEND.instrumented(model) as sample:
        torch.func.vmap(lambda row: layer(row[None]))(x)
        layer(keras.Input((8,)))
    assert "output" not in sample.parts and sample.errors == []
    assert "torch.func" in sample.skipped["first"]
    with BACKEND.instrumented(model) as sample, FlopCounterMode(display=False) as mode:
        layer(x)
    assert "TorchDispatchMode" in sample.skipped["first"] and mode.get_total_flops() == 2 * 16 * 8 * 16
    with BACKEND.instrumented(model) as sample:
        for _ in range(12):
            layer(x)
    assert len(sample.parts["output"].names) == 8 and "first 8" in sample.skipped["calls of first"]
    assert sample.skipped["gradients"] == "no Keras optimizer was applied in this step"


def test_recomputed_layers_are_counted_once() -> None:
    data = models.batches(1)
    inputs = keras.Input((8,))
    inside = models.dense(activation="tanh", name="inside")(inputs)
    outer = keras.Model(inputs, models.dense(activation="tanh", name="last")(inside))
    outer.compile("sgd", models.loss())
    with BACKEND.instrumented(outer) as sample:
        value = torch.utils.checkpoint.checkpoint(outer, data[0][0][0], use_reentrant=False).sum()
        value.backward()
    assert {"inside", "last"} <= set(sample.parts["output"].names)
    assert not [name for name in sample.parts["output"].names if "#2" in name]


def test_measuring_keeps_no_graph_and_is_unseen_by_function_modes() -> None:
    class Seen(TorchFunctionMode):
        def __init__(self) -> None:
            self.names: list[str] = []

        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.names.append(getattr(function, "__name__", ""))
            return function(*args, **(kwargs or {}))

    class Model(models.GuideModel):
        def train_step(self, data: Any) -> Any:
            value = self.compute_loss(y=data[1], y_pred=self(data[0], training=True))
            losses.append(weakref.ref(value))
            self.optimizer.scale_loss(value).backward()
            with torch.no_grad():
                weights = list(self.trainable_weights)
                self.optimizer.apply([v.value.grad for v in weights], weights)
            return {"loss": float(value.detach())}

    def form() -> Any:
        model = models.net(Model)
        model.compile(keras.optimizers.SGD(loss_scale_factor=8.0), models.loss())
        return model

    losses: list[Any] = []
    seen, data = [], models.batches(1)
    for block in (contextlib.nullcontext(), None):
        model = models.fresh(form, data[0])
        gc.disable()
        try:
            with Seen() as mode, block or BACKEND.instrumented(model) as sample:
                model.train_function(data[0])
            assert losses[-1]() is None  # only references keep it, and ours are gone
        finally:
            gc.enable()
        seen.append(mode.names)
    assert sample is not None and {"gradient", "loss", "output"} < set(sample.parts)
    assert seen[0] == seen[1]


def test_statistics_never_wait_for_the_device() -> None:
    class Waits(TorchDispatchMode):
        names: ClassVar[list[str]] = []

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.names.append(str(function))
            return function(*args, **(kwargs or {}))

    with Waits() as waits:
        torch_taps.sevens([torch.ones(3), None, torch.ones(0), torch.ones((), dtype=torch.float16)])
        torch_taps.norms([torch.ones(3), torch.ones(0), torch.tensor(3)])
    assert waits.names and not [name for name in waits.names if "local_scalar" in name]
