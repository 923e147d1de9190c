"""A script runs again up to one of its trainings, and there somebody else takes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kerascope import _backends
from kerascope._backends.base import Backend
from kerascope._keras import steps

Act = Callable[[Any, Callable[..., Any], Backend, Any, Any], None]
"""Told model, Keras's own step function, backend, state and batch of the step that was about to run."""


class TakenOver(SystemExit):
    """Ends the script: what was wanted of it has been done."""

    def __init__(self) -> None:
        super().__init__(0)


class Takeover:
    """An observer of trainings (`_keras.steps.Observer`) that counts them as the watch did when it recorded.

    Trainings before the wanted one are hurried through: of each model one step is run, so that everything is built,
    and the others are passed over. Weights are not those of the recording then; the recorded state replaces them.
    """

    def __init__(self, training: int, act: Act, say: Callable[[str], None]) -> None:
        self._wanted = training
        self._act = act
        self._say = say
        self._count = 0
        self._current: dict[int, int] = {}
        self._fitting: set[int] = set()
        self._series: set[int] = set()
        self._last: dict[int, Any] = {}
        self._models: list[Any] = []  # keeps ids from being used again
        self._busy = False
        self.done = False

    def make_train_function(self, model: Any) -> None:
        """Keras has made its step function: put the shell around it."""
        if self._busy or model.train_function is None:
            return
        self._attach(model)
        if id(model) not in self._fitting and id(model) not in self._series:
            self._series.add(id(model))
            self._begin(model)

    def fit_enter(self, model: Any, arguments: dict[str, Any]) -> None:
        """`fit` was called."""
        self._fitting.add(id(model))

    def fit_begin(self, model: Any, params: dict[str, Any]) -> None:
        """`fit` is about to run its first epoch."""
        self._attach(model)
        self._series.discard(id(model))
        self._begin(model)

    def fit_end(self, model: Any, outcome: str) -> None:
        """`fit` has ended."""
        self._fitting.discard(id(model))

    def epoch_begin(self, model: Any, epoch: int) -> None:
        """An epoch begins."""

    def epoch_end(self, model: Any, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch has ended."""

    def used(self, model: Any, method: str, x: Any) -> None:
        """`evaluate` or `predict` was called."""

    def _begin(self, model: Any) -> None:
        self._count += 1
        self._current[id(model)] = self._count
        if self._count < self._wanted:
            self._say(f"training {self._count} is passed over: the step belongs to training {self._wanted}")

    def _attach(self, model: Any) -> None:
        if hasattr(model.train_function, "kerascope_raw"):
            return
        backend = _backends.current()
        raw = model.train_function
        shell: Any = backend.shell(model, raw, _Step(self, model, raw, backend))
        shell.kerascope_raw = raw
        self._models.append(model)
        steps.replace_train_function(model, shell)

    def step(
        self, model: Any, raw: Callable[..., Any], backend: Backend, state: Any, data: Any
    ) -> tuple[Any, Any]:
        """A step is about to run."""
        if self._current.get(id(model)) == self._wanted:
            self.done = True
            self._busy = True
            self._act(model, raw, backend, state, data)
            raise TakenOver
        if id(model) not in self._last:
            logs, state = backend.one_step(raw, state, data)
            self._last[id(model)] = backend.keep_logs(logs)
        return self._last[id(model)], state


class _Step:
    def __init__(self, owner: Takeover, model: Any, raw: Callable[..., Any], backend: Backend) -> None:
        self._owner, self._model, self._raw, self._backend = owner, model, raw, backend

    def step(self, state: Any, data: Any) -> tuple[Any, Any]:
        return self._owner.step(self._model, self._raw, self._backend, state, data)

    def next_batch(self, iterator: Iterator[Any]) -> Any:
        return next(iterator)
