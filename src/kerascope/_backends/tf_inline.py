"""TensorFlow: gradient norms of every step, written by the step itself into a variable of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from kerascope._backends import tf_taps as taps
from kerascope._backends.base import Inline, Logs
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state


class Norms:
    """Sees the gradients of a step being traced, and holds the variable their norms are written to."""

    def __init__(self, model: Any) -> None:
        self._names = graph.variable_keys(model)
        self._graph: Any = None
        self._found: list[tuple[str, Any]] = []
        self.names: list[str] = []
        self.variable: Any = None
        self.error_text: str | None = None

    def begin(self) -> None:
        """A step begins to be traced (or run eagerly)."""
        self._graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        self._found = []

    def before_apply(self, optimizer: Any, *args: Any) -> None:
        if self._graph is not None and tf.compat.v1.get_default_graph() is not self._graph:
            return  # inside tf.cond or the like: nothing of it can be read from the step
        scale = taps.loss_scale(optimizer)
        for gradient, variable in taps.apply_arguments(optimizer, *args):
            name = self._names.get(id(variable)) or getattr(variable, "path", None) or variable.name
            norm = tf.constant(float("nan")) if gradient is None else _norm(gradient) / scale
            self._found.append((name, norm))

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        return None

    def after_call(self, layer: Any, output: Any) -> None:
        return None

    def error(self, where: str, error: Exception) -> None:
        self.error_text = f"{where}: {type(error).__name__}: {error}"

    def end(self) -> None:
        """The step is traced: writes what was found."""
        names = keras_state.unique_names([name for name, _ in self._found])
        norms = [norm for _, norm in self._found]
        self._found = []
        if self.variable is None and names:
            with tf.init_scope():
                self.variable = tf.Variable(tf.fill([len(names)], float("nan")), trainable=False)
            self.names = names
        if self.variable is None:
            return
        # A later trace for other shapes that shows other gradients has no room in the variable.
        missing = tf.fill([len(self.names)], float("nan"))
        self.variable.assign(tf.stack(norms) if names == self.names else missing, read_value=False)


def build(model: Any) -> Inline:
    """Returns Keras's own step function, built around a train step that also keeps its gradients' norms."""
    norms = Norms(model)
    before = model.train_function
    with steps.train_step_replaced(model, _keeping(model.train_step, norms)):
        type(model).make_train_function(model, force=True)
    function = model.train_function
    steps.replace_train_function(model, before)

    def pop(logs: Logs) -> tuple[Logs, Any]:
        return logs, None if norms.variable is None else norms.variable.read_value()

    def names() -> Sequence[str]:
        return list(norms.names)

    return Inline(function, names, pop)


def _keeping(train_step: Callable[..., Any], norms: Norms) -> Callable[..., Any]:
    def step(data: Any) -> Any:
        with steps.Patches() as patches:
            steps.guarded(norms, "inline", norms.begin)
            steps.tap_optimizers(patches, "apply", norms)
            logs = train_step(data)
        steps.guarded(norms, "inline", norms.end)
        return logs

    return step


def _norm(gradient: Any) -> Any:
    return taps.norm(taps.half_square(taps.dense(gradient)))
