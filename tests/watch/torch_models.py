"""Small torch models of every form, each with its batches, and a stand-in for the watch."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import torch

from kerascope._backends.torch import BACKEND
from kerascope._keras import state as keras_state
from kerascope._keras import steps

Batch = tuple[Any, Any, Any]
torch.set_num_threads(1)  # tiny models: more threads only wait for each other


def dense(width: int = 4, **options: Any) -> Any:
    return keras.layers.Dense(width, **options)


def batches(count: int = 30, features: int = 8, outputs: int = 1) -> list[list[Batch]]:
    """Batches as Keras's loop hands them to the train function."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(count):
        x = torch.tensor(rng.normal(size=(16, features)).astype("float32"))
        y = torch.tensor(rng.integers(0, 4, size=16))
        made.append([(x, y if outputs == 1 else (y,) * outputs, None)])
    return made


def loss() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def net(cls: type | None = None, dtype: Any = None) -> Any:
    inputs = keras.Input((8,))
    x = dense(16, activation="relu", name="first", dtype=dtype)(inputs)
    x = keras.layers.BatchNormalization(name="bn", dtype=dtype)(x)
    x = keras.layers.Dropout(0.3, name="drop", dtype=dtype)(x)
    return (cls or keras.Model)(inputs, dense(name="last")(x))


def mlp() -> Any:
    model = net()
    model.compile(keras.optimizers.Adam(1e-2), loss(), metrics=["accuracy"])
    return model


def two_outputs() -> Any:
    inputs = keras.Input((8,))
    shared = dense(8, activation="relu", name="shared")
    x = shared(shared(inputs))
    model = keras.Model(inputs, [dense(name="a")(x), dense(name="b")(x)])
    model.compile("rmsprop", [loss(), loss()], loss_weights=[1.0, 0.5])
    return model


class GuideModel(keras.Model):
    """A train step of one's own, as the Keras guide writes it for torch."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, _ = data
        self.zero_grad()
        value = self.compute_loss(y=y, y_pred=self(x, training=True))
        value.backward()
        weights = list(self.trainable_weights)
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in weights], weights)
        for metric in self.metrics:
            metric.update_state(value) if metric.name == "loss" else metric.update_state(y, self(x))
        return {metric.name: metric.result() for metric in self.metrics}


def custom_step() -> Any:
    model = net(GuideModel)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss(), metrics=["accuracy"])
    return model


class Accumulating(GuideModel):
    """Lets torch add up the gradients of two steps, and draws from Python and NumPy: all of that is state."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, _ = data
        value = self.compute_loss(y=y, y_pred=self(x, training=True)) * random.random() + np.random.random()
        value.backward()
        self.count = getattr(self, "count", 0) + 1
        if self.count % 2 == 0:
            weights = list(self.trainable_weights)
            self.optimizer.apply([v.value.grad for v in weights], weights)
            self.zero_grad()
        return {"loss": value}


def own_accumulation() -> Any:
    model = net(Accumulating)
    model.compile(keras.optimizers.SGD(0.05), loss())
    return model


def accumulation() -> Any:
    model = net()
    model.compile(keras.optimizers.Adam(1e-2, gradient_accumulation_steps=3), loss())
    return model


def loss_scale() -> Any:
    model = net(dtype="mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.Adam(1e-2), initial_scale=2.0**20, dynamic_growth_steps=4
    )
    model.compile(optimizer, loss())
    return model


def wrapped_module() -> Any:
    module = torch.nn.Sequential(
        torch.nn.Linear(8, 16),
        torch.nn.BatchNorm1d(16),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(16, 4),
    )
    inputs = keras.Input((8,))
    layer = keras.layers.TorchModuleWrapper(module, output_shape=(None, 4), name="wrapped")
    model = keras.Model(inputs, layer(inputs))
    model.compile("adam", loss())
    return model


def subclassed() -> Any:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = dense(8, activation="relu"), dense()
            self.noise = keras.layers.GaussianNoise(0.1)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.last(
                self.noise(self.first(x), training=training) + 0.01 * keras.random.normal((1, 8))
            )

    model = Net()
    model.compile(keras.optimizers.AdamW(1e-2, weight_decay=1e-3, clipnorm=1.0, use_ema=True), loss())
    return model


FORMS: dict[str, Callable[[], Any]] = {
    form.__name__: form
    for form in (
        mlp, two_outputs, custom_step, own_accumulation, accumulation, loss_scale, wrapped_module, subclassed
    )
}  # fmt: skip


def fresh(form: Callable[[], Any], batch: list[Batch]) -> Any:
    """Returns the model of a form, built, always from the same seed; its step function is made."""
    keras_state.set_global_seed_generator(None)
    keras.utils.set_random_seed(3)
    model = form()
    x, y, _ = batch[0]  # what `fit` does first, in public: all variables are made
    output = model(x)
    model.compute_loss(y=y, y_pred=output)
    model.compute_metrics(x, y, output)
    model.reset_metrics()
    model.optimizer.build(model.trainable_variables)
    model.train()
    model.make_train_function()
    return model


def state_bytes(model: Any) -> dict[str, bytes]:
    """Returns everything a step may change, as bytes by name; read without the code under test."""
    found = {"rng": torch.get_rng_state().numpy().tobytes(), "python": repr(random.getstate()).encode()}
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    for index, variable in enumerate(variables):
        found[f"variable {index}"] = variable.value.detach().numpy().tobytes()
    for layer in model.layers:
        if hasattr(layer, "module"):
            for name, buffer in layer.module.state_dict().items():
                found[f"{layer.name} {name}"] = buffer.numpy().tobytes()
    return found


class FakeStepper:
    """Does what the watch does, often: snapshots, norms, in-place statistics or samples beside the step."""

    def __init__(self, model: Any, raw: Callable[..., Any]) -> None:
        self.model, self.raw, self.number = model, raw, 0
        self.samples: dict[int, Any] = {}
        self.kept: dict[int, Any] = {}
        self.norms: dict[int, Any] = {}

    def next_batch(self, iterator: Any) -> Any:
        return next(iterator)

    def step(self, state: Any, data: Any) -> tuple[Any, Any]:
        self.number += 1
        if self.number % 7 == 0:
            self.kept[self.number] = BACKEND.save(self.model, state)
        block: Any = contextlib.nullcontext()
        if self.number % 5 == 0:
            if BACKEND.in_place(self.model):
                block = BACKEND.instrumented(self.model)
            else:
                self.samples[self.number] = BACKEND.sample(self.model, state, data)
        with block as sample:
            logs, state = BACKEND.one_step(self.raw, state, data)
        if sample is not None:
            self.samples[self.number] = sample
        BACKEND.learning_rate(self.model, state)
        if self.number % 3 == 0:
            self.norms[self.number] = BACKEND.norms(self.model, state)
        return logs, state


def plain(logs: Any) -> dict[str, float]:
    """Logs as floats; the guide's train step returns a dict of metrics inside the dict."""
    flat: dict[str, float] = {}
    for name, value in logs.items():
        flat.update(plain(value) if isinstance(value, dict) else {name: float(BACKEND.host(value))})
    return flat


def run(model: Any, function: Callable[..., Any], data: list[Any]) -> list[dict[str, float]]:
    return [plain(function(batch)) for batch in data]


@contextlib.contextmanager
def untouched(*owners: Any) -> Iterator[None]:
    """Fails when the block leaves another attribute on any of `owners`."""
    before = [dict(vars(owner)) for owner in owners]
    yield
    for owner, kept in zip(owners, before, strict=True):
        now = dict(vars(owner))
        assert now.keys() == kept.keys(), owner
        assert all(now[name] is kept[name] for name in kept), owner


CLASSES = [keras.layers.Layer, keras.Model, torch.Tensor, torch.autograd, *steps.optimizer_classes()]


def watched(model: Any) -> tuple[FakeStepper, Any]:
    stepper = FakeStepper(model, model.train_function)
    return stepper, BACKEND.shell(model, model.train_function, stepper)


def attributes(model: Any) -> list[set[str]]:
    return [set(vars(item)) for item in [model, *model.layers, model.optimizer]]
