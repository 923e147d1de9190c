"""A model's own objects run once more when its training is over, and everything put back to the bit."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from kerascope._keras import alone, quirks, state
from kerascope._keras.steps import Patches

_METHODS = ("train_step", "compute_loss", "call", "compute_metrics", "test_step")


@dataclasses.dataclass(frozen=True)
class Own:
    """What of a model is the user's code: objects of the user's classes, and functions.

    `losses` and `metrics` are (object, function or class of the user's); `methods` those of the model's class.
    """

    layers: tuple[Any, ...]
    losses: tuple[tuple[Any, Any], ...]
    metrics: tuple[tuple[Any, Any], ...]
    methods: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.layers or self.losses or self.metrics or self.methods)


def own_code(model: Any, is_users: Callable[[str], bool]) -> Own:
    """Returns the user's code in a model; `is_users` tells whether a file is the user's."""

    def users(code: Any) -> bool:
        try:
            return is_users(inspect.getsourcefile(inspect.unwrap(code)) or "")
        except TypeError:  # made by C code, or an object without source
            return False

    layers = tuple(
        layer
        for layer in state.layers_of(model)
        if layer is not model and (users(type(layer)) or _users_function(layer, users))
    )
    methods = tuple(
        name for name in _METHODS if (m := getattr(type(model), name, None)) is not None and users(m)
    )
    losses = tuple(_with_code(loss_objects(model), users))
    return Own(layers, losses, tuple(_with_code(metric_objects(model), users)), methods)


def _users_function(layer: Any, users: Callable[[Any], bool]) -> bool:
    """A Lambda layer, or an activation of the user's."""
    found = (getattr(layer, "function", None), getattr(layer, "activation", None))
    return any(inspect.isfunction(one) and users(one) for one in found)


def _with_code(objects: Sequence[Any], users: Callable[[Any], bool]) -> Iterator[tuple[Any, Any]]:
    for obj in objects:
        function = next(
            (f for f in (getattr(obj, "fn", None), getattr(obj, "_fn", None), obj) if callable(f)), obj
        )
        code = function if inspect.isfunction(function) else type(obj)
        if users(code):
            yield obj, code


def loss_objects(model: Any) -> list[Any]:
    """Returns the losses that a model was compiled with."""
    given = getattr(model, "loss", None)
    leaves = keras.tree.flatten(given) if isinstance(given, (dict, list, tuple)) else [given]
    return [leaf for leaf in leaves if leaf is not None and not isinstance(leaf, str)]


def has_call(model: Any) -> bool:
    """Tells whether a model can be called; a GAN that only has a train step, say, cannot."""
    return getattr(type(model), "call", None) is not keras.Model.call


def is_distributed(model: Any) -> bool:
    """Tells whether a model's training is spread over several devices: nothing of it is run again then."""
    return (
        getattr(model, "_distribute_strategy", None) is not None
        or keras.distribution.distribution() is not None
    )


def sums_up(model: Any) -> bool:
    """Tells whether a loss is asked for its sum over the batch."""
    return any(getattr(one, "reduction", None) == "sum" for one in loss_objects(model))


def metric_objects(model: Any) -> list[Any]:
    """Returns the metrics of a model, those that it was compiled with one by one."""
    found: list[Any] = []
    for metric in getattr(model, "metrics", ()):
        inner = list(getattr(metric, "metrics", ()) or ())
        found += inner or [metric]
    return found


@contextlib.contextmanager
def put_back(model: Any) -> Iterator[None]:
    """Puts variables, attributes and gradients back after the block; what is random goes on as before."""
    variables = {id(v): v for _, v in state.all_variables(model)}
    variables |= {id(v): v for v in alone.seed_variables(model)}
    kept = list(variables.values())
    values = alone.values(kept)
    others = [*state.optimizers(model), *loss_objects(model), *metric_objects(model)]
    attributes = [(one, dict(vars(one))) for one in others if hasattr(one, "__dict__")]
    gradients = [(v.value, v.value.grad) for v in kept if hasattr(v.value, "grad") and _is_torch()]
    for tensor, _ in gradients:
        tensor.grad = None
    try:
        with state.attributes_kept(model):
            yield
    finally:
        alone.assign(kept, values)
        for tensor, gradient in gradients:
            tensor.grad = gradient
        for one, was in attributes:
            _give_back(one, was)


def _is_torch() -> bool:
    return bool(keras.backend.backend() == "torch")


def _give_back(obj: Any, was: dict[str, Any]) -> None:
    now = vars(obj)
    for name in [name for name in now if name not in was]:
        del now[name]
    now.update(was)


def assign_state(model: Any, groups: Any) -> None:
    """Puts the state of a step, as JAX passes it along, into the model's variables; None changes nothing."""
    if groups is None:
        return
    for variables, values in zip(state.state_variables(model), groups, strict=False):
        for variable, value in zip(variables, values, strict=False):
            variable.assign(value)


def train_step(model: Any, data: Any) -> Any:
    """Runs the model's train step once, line by line."""
    if keras.backend.backend() == "jax":
        groups = tuple([v.value for v in group] for group in state.state_variables(model))
        with quirks.step_outside_fit(model):
            return model.train_step(groups, data)
    return model.train_step(data)


def forward(model: Any, data: Any) -> None:
    """Runs what Keras's own train step calls of the user's code: the model, its loss and its metrics."""
    x, y, sample_weight = unpacked(data)
    y_pred = model(x, training=True)
    # Keras's own way in: a `compute_loss` of the user's need not take `training`.
    compute = getattr(model, "_compute_loss", model.compute_loss)
    compute(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
    model.compute_metrics(x, y, y_pred, sample_weight)


def as_tensors(data: Any) -> Any:
    """Returns a batch with its arrays as tensors of the backend; None stays."""
    return keras.tree.map_structure(
        lambda a: keras.ops.convert_to_tensor(a) if hasattr(a, "shape") and hasattr(a, "dtype") else a, data
    )


def unpacked(data: Any) -> tuple[Any, Any, Any]:
    """Returns x, y and sample weights of a batch."""
    return tuple(keras.utils.unpack_x_y_sample_weight(data))


@dataclasses.dataclass
class Call:
    """A layer is being called: with what, in which mode (None where nobody says), and whether the caller says so."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: bool | None
    explicit: bool


def tap_calls(
    patches: Patches,
    before: Callable[[Call], None],
    after: Callable[[Call, Any], Any] = lambda call, out: out,
) -> None:
    """Tells `before` of every layer's call, and lets `after` change what it returns."""
    original = vars(keras.layers.Layer)["__call__"]

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("training")
        training = given if given is not None else _training_around()
        call = Call(self, args, kwargs, training, given is not None)
        before(call)
        return after(call, original(self, *args, **call.kwargs))

    patches.put(keras.layers.Layer, "__call__", __call__)


def _training_around() -> bool | None:
    """Returns the mode that the layers around a call have set, None outside of all and where none is set."""
    context = keras.src.backend.common.global_state.get_global_attribute("current_call_ctx")
    if context is None:
        return None
    get = getattr(context, "get_value", None)
    value = get("training") if get is not None else getattr(context, "training", None)
    return None if value is None else bool(value)


def mask_of(tensor: Any) -> Any:
    """Returns the mask that a tensor carries, None when it carries none."""
    return keras.src.backend.get_keras_mask(tensor)


def set_mask(tensor: Any, mask: Any) -> None:
    """Lets a tensor carry a mask."""
    keras.src.backend.set_keras_mask(tensor, mask)


def reset_metrics(model: Any) -> None:
    """Begins the metrics anew, as an epoch does."""
    model.reset_metrics()


def rows(data: Any) -> int:
    """Returns how many samples a batch has."""
    return next((int(t.shape[0]) for t in keras.tree.flatten(data) if getattr(t, "ndim", 0)), 0)


def loss_is_settable(model: Any) -> bool:
    """Tells whether a model's loss can be asked for: it was compiled with one, or computes one of its own."""
    return getattr(model, "_compile_loss", None) is not None or not state.is_default(model, "compute_loss")


def data_loss(model: Any, x: Any, y: Any, sample_weight: Any) -> Any:
    """Returns the loss of a batch in inference, without what regularisers and layers add to it."""
    y_pred = model(x, training=False)
    if state.is_default(model, "compute_loss") and model._compile_loss is not None:
        return model._compile_loss(y, y_pred, sample_weight)
    return model.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)


def added_loss(model: Any, x: Any) -> Any:
    """Returns what layers and regularisers add to the loss of a batch in training, None where nothing does."""
    model(x, training=True)
    added = list(model.losses)
    return sum(added[1:], start=added[0]) if added else None


def output_losses(model: Any) -> list[str]:
    """Returns the names of the outputs with a loss of their own, when there are several and Keras's step adds them."""
    given = getattr(model, "loss", None)
    if not state.is_default(model, "compute_loss") or not state.is_default(model, "train_step"):
        return []
    if isinstance(given, dict) and len(given) > 1:
        return [str(name) for name, loss in given.items() if loss is not None]
    if isinstance(given, (list, tuple)) and len(given) > 1:
        return list(getattr(model, "output_names", ()))[: len(given)]
    return []


def output_loss(model: Any, x: Any, y: Any, name: str) -> Any:
    """Returns the loss of one output on a batch, in training, times its weight."""
    y_pred = model(x, training=True)
    names = output_losses(model)
    place = names.index(name)

    def part(structure: Any) -> Any:
        return structure[name] if isinstance(structure, dict) else structure[place]

    loss = keras.losses.get(part(model.loss))
    weights = getattr(model._compile_loss, "_user_loss_weights", None)
    weight = 1.0 if weights is None else part(weights)
    target, predicted = part(y), part(y_pred)
    if isinstance(loss, keras.losses.Loss):
        return weight * loss(target, predicted)
    return weight * keras.src.losses.losses.LossFunctionWrapper(loss)(target, predicted)


def same_shapes_kept(model: Any, walk: Callable[[Any], Iterator[tuple[str, Any]]]) -> bool:
    """Tells whether something else on the model has the shapes of its weights, as gradients that are added up have."""
    own = {id(v) for v in model.trainable_variables}
    optimizers = {id(v) for o in state.optimizers(model) for v in o.variables}
    wanted = sorted(tuple(v.shape) for v in model.trainable_variables)
    found = [
        tuple(value.shape)
        for _, value in walk(model)
        if hasattr(value, "shape") and id(value) not in own | optimizers
    ]
    return all(found.count(shape) >= 1 for shape in set(wanted))


def test_step(model: Any, data: Any) -> Any:
    """Runs the model's test step once, line by line."""
    if keras.backend.backend() == "jax":
        groups = state.state_variables(model)
        return model.test_step(tuple([v.value for v in groups[i]] for i in (0, 1, 3)), data)
    return model.test_step(data)
