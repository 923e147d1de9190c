"""torch: gradient norms of every step, taken in eager code on its way into the optimizer."""

from __future__ import annotations

from typing import Any

import torch

from kerascope._backends import torch_taps as taps
from kerascope._backends.base import Inline, Logs
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state


class InlineStep:
    """Keras's own step function, its optimizers tapped while it runs.

    Putting the patch in place and taking it away costs 14 us a step (measured), which leaves nothing to restore
    between steps. Eager operations are separate kernels: computing a norm beside them changes no rounding.
    """

    def __init__(self, model: Any) -> None:
        self._raw = steps.keras_function(model)
        self._model = model
        self._columns: dict[int, int] = {}
        self._norms: torch.Tensor | None = None
        self.names: list[str] = []
        self.problem: str | None = None

    def __call__(self, data: Any) -> Logs:
        self._norms = None
        if self.problem is not None:
            return self._raw(data)
        with steps.Patches() as patches:
            steps.tap_optimizers(patches, "apply", self)
            return self._raw(data)

    def pop(self, logs: Logs) -> tuple[Logs, torch.Tensor | None]:
        norms, self._norms = self._norms, None
        return logs, norms

    def _number(self) -> None:
        """Gives every trainable variable its column, once: a step may then show some of them, in any order."""
        known = graph.variable_keys(self._model)
        variables = list(self._model.trainable_variables)
        self.names = [known.get(id(variable)) or variable.path for variable in variables]
        self._columns = {id(variable): column for column, variable in enumerate(variables)}

    # -- as `steps.Taps` ---------------------------------------------------------------------------------------

    @taps.unseen
    def before_apply(self, optimizer: Any, *args: Any) -> None:
        """Takes the norms of the gradients an optimizer is given, as they are before it changes them."""
        if taps.hidden() is not None:
            return
        if not self.names:
            self._number()
        given = {self._columns.get(id(v)): g for v, g in taps.gradients_of(optimizer, *args) if taps.plain(g)}
        given.pop(None, None)  # a variable that is not the model's own
        columns = list(given)
        if not columns:
            return
        values = taps.unscaled(taps.norms(list(given.values())), keras_state.gradient_scale(optimizer))
        if columns == list(range(len(self.names))):
            self._norms = values
            return
        if self._norms is None:
            self._norms = torch.full((len(self.names),), float("nan"), device=values.device)
        self._norms = self._norms.index_put((torch.tensor(columns, device=values.device),), values)

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        return None

    def after_call(self, layer: Any, output: Any) -> None:
        return None

    def error(self, where: str, error: Exception) -> None:
        self.problem = f"{where}: {type(error).__name__}: {error}"


def build(model: Any) -> Inline:
    """Returns the step function with gradient norms inside."""
    step = InlineStep(model)
    return Inline(step, lambda: step.names, step.pop, lambda: step.problem)
