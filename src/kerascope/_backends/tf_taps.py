"""TensorFlow: see into a train step while it runs or is traced, through four patches that live only that long.

`Optimizer.apply` shows gradients, weights and updates, `Layer.__call__` shows outputs, and
`GradientTape.gradient` shows the loss (its target); `Optimizer.scale_loss` tells which loss a scaled one was.
The taps only remember tensors. The statistics are computed when the step has ended: outside every tape, and
outside XLA, which took longer to compile them than the step itself.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from kerascope._backends.common import output_names, second_calls
from kerascope._backends.tf_function import graph_function
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state

_ELSEWHERE = "computed inside a graph of its own (tf.function, tf.cond, tf.while_loop, tf.map_fn)"
_NAN = float("nan")
_MOST_CALLS = 16  # run eagerly, a recurrent layer calls its cell once per time step

Found = dict[str, tuple[Sequence[str], list[Any]]]


def _floats(x: Any) -> Any:
    """Returns `x` as a float32 tensor."""
    x = tf.convert_to_tensor(x)
    return tf.abs(x) if x.dtype.is_complex else tf.cast(x, tf.float32)


def _scaled(x: Any) -> tuple[Any, Any]:
    """Returns `x / scale` and `scale`, so that the squares of large finite values stay finite."""
    peak = tf.reduce_max(tf.abs(x))
    scale = tf.where((peak > 0) & tf.math.is_finite(peak), peak, tf.ones_like(peak))
    return x / scale, scale


def half_square(x: Any) -> Any:
    """Returns half the squared Euclidean norm in float64, whose range no square leaves; 0 for what holds no numbers.

    Two operations, where scaling in float32 needs a dozen: tracing them is most of what a short training pays.
    """
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool or x.dtype.is_complex):
        return tf.constant(0.0, tf.float64)
    return tf.nn.l2_loss(tf.cast(tf.abs(x) if x.dtype.is_complex else x, tf.float64))


def norm(half_squares: Any) -> Any:
    """Returns the norms of what `half_square` was taken of in float32; not finite where a value is not."""
    return tf.cast(tf.sqrt(2 * half_squares), tf.float32)


def seven(x: Any) -> Any:
    """Returns norm, mean, std, min, max, share of zeros, share of finite values of float32 `x` as float32 (7,)."""
    small, scale = _scaled(x)

    def share(flags: Any) -> Any:
        return tf.reduce_mean(tf.cast(flags, tf.float32))

    stats = tf.stack(
        [
            scale * tf.sqrt(tf.reduce_sum(tf.square(small))),
            tf.reduce_mean(x),
            tf.math.reduce_std(x),
            tf.reduce_min(x),
            tf.reduce_max(x),
            share(tf.equal(x, 0)),
            share(tf.math.is_finite(x)),
        ]
    )
    return tf.where(tf.equal(tf.size(x), 0), tf.constant([0.0, 0, 0, 0, 0, 0, 1]), stats)


_seven_eager: Callable[[Any], Any] = graph_function(
    seven, input_signature=[tf.TensorSpec(None, tf.float32)], autograph=False
)


def table(tensors: Sequence[Any]) -> Any:
    """Returns the statistics of every tensor, (len, 7); a None is a row of NaN."""
    measure = _seven_eager if tf.executing_eagerly() else seven
    return tf.stack([tf.fill([7], _NAN) if t is None else measure(_floats(t)) for t in tensors])


def dense(gradient: Any) -> Any:
    """Returns a gradient as one tensor; the sparse ones of embeddings have repeated rows added up."""
    if isinstance(gradient, tf.IndexedSlices):
        if gradient.dense_shape is None:
            return tf.convert_to_tensor(gradient)
        indices = tf.expand_dims(gradient.indices, -1)
        return tf.scatter_nd(indices, gradient.values, tf.cast(gradient.dense_shape, gradient.indices.dtype))
    return gradient


def apply_arguments(optimizer: Any, grads: Any, variables: Any = None) -> list[tuple[Any, Any]]:
    """Returns (gradient, variable) pairs from the arguments of `Optimizer.apply`, in whichever order."""
    if variables is None:
        variables = keras_state.optimized_variables(optimizer)
    elif any(isinstance(item, (keras.Variable, tf.Variable)) for item in grads):
        grads, variables = variables, grads
    return list(zip(grads, variables, strict=False))


def loss_scale(optimizer: Any) -> Any:
    """Returns what an optimizer's gradients are multiplied by."""
    scale = keras_state.gradient_scale(optimizer)
    if scale is None:
        return 1.0
    return tf.identity(scale.value) if isinstance(scale, keras.Variable) else float(scale)


def value_of(variable: Any) -> Any:
    """Returns the value a variable has at this point of the step."""
    return tf.identity(variable.value if isinstance(variable, keras.Variable) else variable)


def replica() -> int | None:
    """Returns the number of the replica this thread computes, 0 without a strategy, None between replicas."""
    context = tf.distribute.get_replica_context()
    if context is None:
        return None
    if context.num_replicas_in_sync == 1:
        return 0
    return int(tf.get_static_value(context.replica_id_in_sync_group))


class Collected:
    """What a train step showed, by replica. Values inside graphs of their own are skipped and named."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        self.layer_names = graph.layer_keys(model)
        self.variable_names = graph.variable_keys(model)
        self.skipped: dict[str, str] = {}
        self.errors: list[str] = []
        self.applied = False
        self._gradients: dict[int, list[Any]] = {}
        self._rows: list[tuple[str, Any, Any]] = []  # name, weight before, weight after
        self._outputs: dict[int, dict[str, Any]] = {}
        self._calls: dict[tuple[int, str], int] = {}
        self._losses: dict[int, list[Any]] = {}
        self._results: list[Any] = []  # gradients that were handed out: what is made of them is no loss
        self._unscaled: list[tuple[Any, Any]] = []

    def _inner(self) -> bool:
        """Tells whether a graph within the step is being built: its tensors cannot be read from outside."""
        if self.graph is None:
            return not tf.executing_eagerly()
        return tf.compat.v1.get_default_graph() is not self.graph

    def _foreign(self) -> bool:
        """Tells whether this is another thread's eager code, as of a data pipeline, while a step is traced."""
        return self.graph is not None and tf.executing_eagerly()

    def before_apply(self, optimizer: Any, *args: Any) -> list[tuple[Any, Any, Any]] | None:
        number = replica()
        if number is None or self._foreign():
            return None
        self.applied = True
        pairs = apply_arguments(optimizer, *args)
        if self._inner():
            self.skipped["gradients"] = _ELSEWHERE
            return None
        pairs = [(dense(g), v) for g, v in pairs]
        scale = loss_scale(optimizer)
        rows = self._gradients.setdefault(number, [])
        rows += [None if g is None else _floats(g) / scale for g, _ in pairs]
        return [(self._name(v), v, value_of(v)) for _, v in pairs] if number == 0 else None

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        self._rows += [(name, before, value_of(variable)) for name, variable, before in token or ()]

    def _name(self, variable: Any) -> str:
        return self.variable_names.get(id(variable)) or getattr(variable, "path", None) or variable.name

    def after_call(self, layer: Any, output: Any) -> None:
        if layer is self.model:
            return
        tensors = [t for t in (_measurable(leaf) for leaf in steps.flatten(output)) if t is not None]
        number = replica() if tensors else None
        if number is None or self._foreign():
            return
        key = self.layer_names.get(id(layer)) or layer.path or layer.name
        if self._inner():
            self.skipped[key] = _ELSEWHERE
            return
        taken = self._outputs.setdefault(number, {})
        calls = self._calls[number, key] = self._calls.get((number, key), 0) + 1
        if calls > _MOST_CALLS:
            self.skipped[f"{key} after {_MOST_CALLS} calls"] = "called more often in one step"
            return
        for name, tensor in zip(output_names(second_calls(key, taken), len(tensors)), tensors, strict=True):
            taken[name] = tensor

    def after_scale(self, optimizer: Any, loss: Any, scaled: Any) -> None:
        self._unscaled.append((scaled, loss))

    def after_gradient(self, target: Any, result: Any) -> None:
        number = replica()
        losses = [t for t in steps.flatten(target) if not any(t is known for known in self._results)]
        self._results += [g for g in steps.flatten(result) if g is not None]
        if number is None or self._foreign():
            return
        for loss in losses:
            loss = next((original for scaled, original in self._unscaled if scaled is loss), loss)
            loss = _measurable(loss)
            if self._inner():
                self.skipped["loss"] = _ELSEWHERE
            elif loss is not None:
                self._losses.setdefault(number, []).append(loss)

    def error(self, where: str, error: Exception) -> None:
        self.errors.append(f"{where}: {type(error).__name__}: {error}")

    def found(self) -> Found:
        """Returns names and tensors by part, over all replicas together; None stands for no gradient."""
        return steps.guarded(self, "statistics", self.parts) or {}

    def parts(self) -> Found:
        """Does what `found` says."""
        parts: Found = {}
        if self._rows:
            names = keras_state.unique_names([name for name, *_ in self._rows])
            parts["gradient"] = (names, _joined(self._gradients, _added))
            parts["weight"] = (names, [before for _, before, _ in self._rows])
            parts["update"] = (names, [after - before for _, before, after in self._rows])
        elif not self.applied:
            self.skipped.setdefault(
                "gradients", "no optimizer's `apply` or `apply_gradients` ran in the step"
            )
        if self._outputs:
            names = list(self._outputs[0])
            by_replica = {n: [outputs[name] for name in names] for n, outputs in self._outputs.items()}
            parts["output"] = (names, _joined(by_replica, _appended))
            self.skipped = {key: why for key, why in self.skipped.items() if key not in names}
        if self._losses:
            losses = _joined(self._losses, _added)
            parts["loss"] = (keras_state.unique_names(["loss"] * len(losses)), losses)
        return parts


def _measurable(leaf: Any) -> Any:
    """Returns the float tensor in an output, None when it holds none."""
    leaf = leaf.flat_values if isinstance(leaf, tf.RaggedTensor) else leaf
    leaf = tf.convert_to_tensor(leaf) if isinstance(leaf, tf.Variable) else leaf
    return leaf if isinstance(leaf, tf.Tensor) and (leaf.dtype.is_floating or leaf.dtype.is_complex) else None


def _joined(rows: dict[int, list[Any]], join: Callable[[list[Any]], Any]) -> list[Any]:
    """Returns one tensor per row out of the rows of each replica."""
    replicas = [rows[number] for number in sorted(rows)]
    if len(replicas) == 1:
        return replicas[0]
    return [
        None if any(t is None for t in group) else join(list(group)) for group in zip(*replicas, strict=True)
    ]


def _added(tensors: list[Any]) -> Any:
    """The gradients and losses of replicas add up to those of the whole batch."""
    return tf.add_n([_floats(tensor) for tensor in tensors])


def _appended(tensors: list[Any]) -> Any:
    return tf.concat([tf.reshape(_floats(tensor), [-1]) for tensor in tensors], 0)


@contextlib.contextmanager
def tapped(model: Any) -> Iterator[Collected]:
    """Collects what the train step that runs inside does; patches are undone when the block ends."""
    collected = Collected(model)
    with steps.Patches() as patches:
        steps.tap_optimizers(patches, "apply", collected)
        steps.tap_layers(patches, collected)
        _tap_scaling(patches, collected)
        _tap_tape(patches, collected)
        yield collected


def _tap_tape(patches: steps.Patches, collected: Collected) -> None:
    original = tf.GradientTape.gradient
    depth = steps.Depth()

    @functools.wraps(original)
    def gradient(self: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
        depth.value += 1
        try:
            result = original(self, target, *args, **kwargs)
        finally:
            depth.value -= 1
        if depth.value == 0:
            steps.guarded(collected, "tape", collected.after_gradient, target, result)
        return result

    patches.put(tf.GradientTape, "gradient", gradient)


def _tap_scaling(patches: steps.Patches, collected: Collected) -> None:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def scale_loss(self: Any, loss: Any) -> Any:
            scaled = original(self, loss)
            steps.guarded(collected, "scale", collected.after_scale, self, loss, scaled)
            return scaled

        return scale_loss

    for cls in steps.optimizer_classes():
        if "scale_loss" in vars(cls):
            patches.put(cls, "scale_loss", wrap(vars(cls)["scale_loss"]))
