"""A compiled model's training step taken for a trial: run, looked at, and everything put back."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras import alone, quirks, state
from kerascope._keras.steps import Patches


def is_compiled(model: Any) -> bool:
    """Tells whether a model has what a training step needs."""
    return (
        isinstance(model, keras.Model)
        and bool(model.compiled)
        and getattr(model, "optimizer", None) is not None
    )


@contextlib.contextmanager
def rehearsal(model: Any) -> Iterator[None]:
    """Puts weights, metrics, seeds and attributes of a model back after the block, which trains with a new optimizer.

    The optimizer is made from the configuration of the model's own, and so are further ones in attributes; the learning
    rate is at most 0.01 unless a schedule gives it.
    """
    variables = alone.variables(model)
    values = alone.values(variables)
    optimizer = state.copy_of(model.optimizer)
    kind, rate = state.learning_rate_source(model)
    optimizer.learning_rate = (
        min(float(keras.ops.convert_to_numpy(rate)), 0.01) if kind == "variable" else 0.01
    )
    with state.attributes_kept(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.optimizer = optimizer
        model.train_function = None
        quirks.steps_as_in_fit(model)
        optimizer.build(model.trainable_variables)
        for name, other in other_optimizers(model).items():
            another = state.copy_of(other)
            another.learning_rate = min(float(keras.ops.convert_to_numpy(other.learning_rate)), 0.01)
            setattr(model, name, another)
        try:
            yield
        finally:
            alone.assign(variables, values)


def has_call(model: Any) -> bool:
    """Tells whether a model says what calling it does."""
    return type(model).call not in (keras.Model.call, keras.layers.Layer.call)


def other_optimizers(model: Any) -> dict[str, Any]:
    """Returns the optimizers that a model has beside that of `compile`, as a GAN does, by their attributes' names."""
    return {
        name: value
        for name, value in vars(model).items()
        if isinstance(value, keras.optimizers.Optimizer) and value is not model.optimizer
    }


def begin(model: Any, *, compiled: bool) -> None:
    """Makes the steps that follow run as Keras compiles them, or line by line."""
    model.run_eagerly = not compiled
    model.train_function = None


def step(model: Any, x: Any, y: Any, sample_weight: Any = None, *, first: bool = True) -> dict[str, float]:
    """Runs one training step on a batch and returns its logs; with `first` as those of an epoch's first step."""
    if (
        first
    ):  # Keras 3.10 leaves that to the caller, newer ones do it in train_on_batch, whatever the caller wants
        model.reset_metrics()
    vars(model)["reset_metrics"] = lambda: None
    try:
        return _numbers(model.train_on_batch(x, y, sample_weight=sample_weight, return_dict=True))
    finally:
        vars(model).pop("reset_metrics", None)


def evaluated(model: Any, x: Any, y: Any) -> dict[str, float]:
    """Runs one test step on a batch, line by line, and returns its logs."""
    begin(model, compiled=False)
    model.test_function = None
    model.reset_metrics()
    return _numbers(model.test_on_batch(x, y, return_dict=True))


def _numbers(logs: Any) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items() if getattr(value, "ndim", 0) == 0}


def frozen(model: Any) -> list[Any]:
    """Returns the variables that were made to be trained, and are not: those of a layer with trainable=False."""
    layers = model._flatten_layers()
    return [v for layer in layers for v in layer._trainable_variables if not v.trainable]


def own_methods(model: Any, *names: str) -> bool:
    """Tells whether a model has one of these methods of its own, in the place of Keras's."""
    return not all(state.is_default(model, name) for name in names)


def loss(model: Any, x: Any, y: Any, sample_weight: Any = None) -> Any:
    """Returns the loss of a batch, in training, as the model's own `compute_loss` has it."""
    y_pred = model(x, training=True)
    return model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)


def hidden_metrics(model: Any) -> list[str]:
    """Returns the names of the metrics that a model has in attributes and does not have among its `metrics`."""
    known = {id(metric) for metric in model.metrics}
    return [metric.name for metric in model._metrics if id(metric) not in known]


def idle_metrics(model: Any) -> list[str]:
    """Returns the names of the metrics that are as new, though a model has just made a step with them."""
    found = []
    for metric in model.metrics:
        values = alone.values(metric.variables)
        if not values:  # as what `compile(metrics=[])` makes
            continue
        metric.reset_state()
        new = alone.values(metric.variables)
        if all(np.array_equal(one, other, equal_nan=True) for one, other in zip(values, new, strict=True)):
            found.append("those given to compile" if metric.name == "compile_metrics" else metric.name)
    return found


@contextlib.contextmanager
def losses_counted(model: Any) -> Iterator[list[int]]:
    """Gives a list that gets an item whenever the block calls the model's `compute_loss`."""
    calls: list[int] = []
    own = model.compute_loss

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return own(*args, **kwargs)

    vars(model)["compute_loss"] = counted
    try:
        yield calls
    finally:
        del vars(model)["compute_loss"]


@contextlib.contextmanager
def regularized(variable: Any, regularizer: Any) -> Iterator[None]:
    """Gives a variable another regularizer for the block."""
    own = variable.regularizer
    variable.regularizer = regularizer
    try:
        yield
    finally:
        variable.regularizer = own


def strong_regularizer() -> Any:
    """Returns a regularizer whose effect cannot be overlooked."""
    return keras.regularizers.L2(10.0)


@contextlib.contextmanager
def added_losses_scaled(factor: float) -> Iterator[list[int]]:
    """Makes what is handed to `add_loss` in the block larger; the list that is given gets an item for each."""
    calls: list[int] = []
    own = keras.layers.Layer.add_loss

    def scaled(self: Any, loss: Any) -> Any:
        calls.append(1)
        return own(self, keras.tree.map_structure(lambda one: one * factor, loss))

    with Patches() as patches:
        patches.put(keras.layers.Layer, "add_loss", scaled)
        yield calls


def added(model: Any, x: Any) -> Any:
    """Returns the sum of what a call in training adds to the loss."""
    model(x, training=True)
    return sum(keras.ops.sum(one) for one in model.losses)


def given_loss(model: Any, x: Any, y: Any) -> Any:
    """Returns the loss that was given to `compile`, in training; None where there is none."""
    given = getattr(model, "_compile_loss", None)
    return None if given is None else given(y, model(x, training=True))


@contextlib.contextmanager
def steps_compiled_by(jit: Callable[..., Any], instead_of: Callable[..., Any]) -> Iterator[None]:
    """Has Keras's trainer on JAX compile its steps with one function, if it uses the other (it does not with NNX)."""
    from keras.src.backend.jax import trainer

    if getattr(trainer, "jit", None) is not instead_of:
        yield
        return
    trainer.jit = jit
    try:
        yield
    finally:
        trainer.jit = instead_of


def slips(model: Any, error: Exception) -> list[str]:
    """Returns what to do about a step that fails where Keras says little of the reason; nothing for other errors."""
    weights = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
    if any(not isinstance(one, (int, float)) for one in keras.tree.flatten(weights) if one is not None):
        return ["compile takes loss_weights after the loss: name the metrics, metrics=[...]."]
    if "Unknown variable" in str(error):
        return [
            "The optimizer knows the weights that were there before the first step. Build every layer that the step "
            "uses in build(), or use it in call()."
        ]
    return []


def iterations(model: Any) -> int:
    """Returns how many updates the optimizer has made."""
    return state.iterations_done(model)
