"""Steps of a training that can be run again: a state, and the batches from there on.

Everything here runs away from the training: `aside` puts the live state back afterwards, to the bit.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends.base import Backend
from kerascope._keras import state as keras_state
from kerascope._keras import steps as keras_steps


@dataclasses.dataclass(slots=True)
class Entry:
    """One step that was run: its batch, and what somebody else changed in the state before it."""

    step: int
    data: Any
    changes: Any
    reset: bool
    learning_rate: Any


@dataclasses.dataclass(slots=True)
class Point:
    """The state just before `step`, on its device."""

    step: int
    snapshot: Any
    data: Any
    clean: bool | None = None  # None: not known yet whether it is finite


@dataclasses.dataclass
class Outcome:
    """What one step that was run again did.

    `logs` are the numbers Keras logs for it, `state` the values of everything it wrote, by name ("weight:path"),
    `gradients` what was handed to the optimizer, by name, where it was taken.
    """

    step: int
    logs: dict[str, float]
    state: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


class Rerun:
    """Runs steps of one model again, from the state before `start.step` on."""

    def __init__(
        self, backend: Backend, model: Any, raw: Callable[..., Any], start: Point, entries: Sequence[Entry]
    ) -> None:
        self.backend = backend
        self.model = model
        self.raw = raw
        self.start = start
        self.entries = [entry for entry in entries if entry.step >= start.step]

    @property
    def steps(self) -> list[int]:
        """The steps that can be run again: no batch is missing between the state and them."""
        found = []
        for number, entry in enumerate(self.entries):
            if entry.step != self.start.step + number:
                break
            found.append(entry.step)
        return found

    @contextlib.contextmanager
    def aside(self, state: Any = None, *, quiet: bool = True) -> Iterator[None]:
        """Runs the block away from the training: afterwards the live state is what it was, to the bit.

        What the user's code prints is dropped, unless `quiet` is False: a debugger talks through the same files.
        """
        live = None if self.backend.functional else self.backend.save(self.model, state)
        try:
            with self.backend.quiet() if quiet else contextlib.nullcontext():
                yield
        finally:
            if live is not None:
                self.backend.load(self.model, live)

    def walk(self, last: int, after: Callable[[int, Any, Any], bool] = lambda *_: False) -> Any:
        """Runs the steps up to `last` again with the training's own program.

        `after(step, logs, state)` is called after each and stops the walk by returning True. Returns the state
        reached. Only inside `aside`.
        """
        state = self.backend.load(self.model, self.start.snapshot)
        for entry in self.entries:
            if entry.step > last:
                break
            state = self.prepared(state, entry)
            logs, state = self.backend.one_step(self.raw, state, entry.data)
            if after(entry.step, logs, state):
                break
        return state

    def before(self, step: int) -> Any:
        """Returns the state just before a step, with what others changed in it. Only inside `aside`."""
        return self.prepared(self.walk(step - 1), self.entry(step))

    def arrays_before(self, step: int) -> dict[str, np.ndarray]:
        """Returns the values of the state just before a step, by name as in `Outcome`. Only inside `aside`."""
        snapshot = self.backend.save(self.model, self.before(step))
        return self.backend.pack_state(self.model, snapshot)[0]

    def entry(self, step: int) -> Entry:
        """Returns what is held of a step."""
        return next(entry for entry in self.entries if entry.step == step)

    def prepared(self, state: Any, entry: Entry) -> Any:
        """Returns the state with what others changed before this step (metrics reset, a new learning rate)."""
        if entry.step == self.start.step:
            return state  # the snapshot was taken after the change
        if not self.backend.functional:
            if entry.reset:
                self.model.reset_metrics()
            if entry.learning_rate is not None:
                keras_state.set_learning_rate(self.model, entry.learning_rate)
        return self.backend.patch(state, entry.changes) if entry.changes else state

    def compiled(self, step: int) -> Outcome:
        """Runs a step again with the program that trained. Only inside `aside`."""
        state = self.before(step)
        logs, new = self.backend.one_step(self.raw, state, self.entry(step).data)
        return self._outcome(step, logs, new)

    def eager(
        self,
        step: int,
        around: contextlib.AbstractContextManager[Any] | None = None,
        change: Callable[[Any], Any] = lambda state: state,
        count: int = 1,
    ) -> Outcome:
        """Runs a step again as the Python it is, in the block `around`. Only inside `aside`.

        `change` is given the state before it; with `count` the steps that follow are run on in the same way. With
        `around`, which follows the lines, compiled loops are run as Python too.
        """
        state = change(self.before(step))
        taps = _Gradients(self.backend)
        logs: Any = None
        loops = contextlib.nullcontext() if around is None else self.backend.unrolled()
        with keras_state.attributes_kept(self.model), loops, around or contextlib.nullcontext():
            for number in range(step, step + count):
                if number > step:
                    state = self.prepared(state, self.entry(number))
                with keras_steps.Patches() as patches:
                    method = "stateless_apply" if self.backend.functional else "apply"
                    keras_steps.tap_optimizers(patches, method, taps)
                    logs, state = self.backend.eager_step(self.model, state, self.entry(number).data)
        found = self._outcome(step + count - 1, self.backend.keep_logs(logs), state)
        found.gradients = taps.found
        return found

    def parts(
        self, step: int, *, eager: bool, change: Callable[[Any], Any] = lambda state: state
    ) -> dict[str, tuple[Sequence[str], np.ndarray]]:
        """Returns the statistics of every layer output and gradient of a step: part -> (names, (names, 7)).

        Compiled as the watch takes them, or eagerly. Only inside `aside`.
        """
        state, data = change(self.before(step)), self.entry(step).data
        if eager:
            with keras_state.attributes_kept(self.model), self.backend.instrumented(self.model) as sample:
                self.backend.eager_step(self.model, state, data)
        else:
            sample = self.backend.sample(self.model, state, data)
        return {name: (part.names, self.backend.host(part.stats)) for name, part in sample.parts.items()}

    def inference(self, step: int, change: Callable[[Any], Any] = lambda state: state) -> dict[str, float]:
        """Returns the norm of every layer output for a step's inputs, as in inference. Only inside `aside`."""
        state = change(self.before(step))
        x = self.backend.batch(self.entry(step).data)[0]
        with keras_state.attributes_kept(self.model), self.backend.instrumented(self.model) as sample:
            self.backend.outputs(self.model, state, x)
        part = sample.parts.get("output")
        if part is None:
            return {}
        return dict(zip(part.names, map(float, self.backend.host(part.stats)[:, 0]), strict=True))

    def losses(self, step: int) -> list[float]:
        """Returns the loss of each row of a step's batch alone, as in inference. Only inside `aside`."""
        state = self.before(step)
        x, y, *_ = self.backend.batch(self.entry(step).data)
        count = int(np.shape(keras_steps.flatten(y)[0])[0])
        predicted = self.backend.outputs(self.model, state, x)
        found = []
        for row in range(count):
            one = [_row_of(part, row) for part in (x, y, predicted)]
            loss = self.model.compute_loss(x=one[0], y=one[1], y_pred=one[2], training=False)
            found.append(float(self.backend.host(loss)))
        return found

    def _outcome(self, step: int, logs: Any, state: Any) -> Outcome:
        snapshot = self.backend.save(self.model, state)
        arrays, _ = self.backend.pack_state(self.model, snapshot)
        return Outcome(step, plain_logs(self.backend, logs), arrays)

    def perturbed(self, state: Any, seed: int) -> Any:
        """Returns the state with every floating-point weight moved by at most one rounding error, at random."""
        random = np.random.default_rng(seed)
        arrays, facts = self.backend.pack_state(self.model, self.backend.save(self.model, state))
        for name, array in arrays.items():
            if name.startswith("weight:") and array.dtype.kind == "f":
                moves = random.choice(np.asarray([-1, 0, 1]), size=array.shape)
                nudged = np.where(moves < 0, np.nextafter(array, -np.inf), np.nextafter(array, np.inf))
                arrays[name] = np.where(moves == 0, array, nudged).astype(array.dtype)
        return self.backend.load(self.model, self.backend.unpack_state(self.model, arrays, facts))


def _row_of(part: Any, row: int) -> Any:
    return keras_steps.map_structure(lambda array: array[row : row + 1], part)


class _Gradients:
    """Keeps what the optimizer is given, by the variable's path; the last step's when several are run."""

    def __init__(self, backend: Backend) -> None:
        self.found: dict[str, np.ndarray] = {}
        self._backend = backend

    def before_apply(self, optimizer: Any, *args: Any) -> None:
        grads = args[1] if self._backend.functional else args[0]
        variables = keras_state.optimized_variables(optimizer)
        if not self._backend.functional and len(args) > 1 and args[1] is not None:
            variables = list(args[1])
        for variable, gradient in zip(variables, grads, strict=False):
            if gradient is not None:
                self.found[variable.path] = self._backend.host(gradient)

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        return None

    def after_call(self, layer: Any, output: Any) -> None:
        return None

    def error(self, where: str, error: Exception) -> None:
        self.found = {}  # such as a gradient in a form of the backend's own


def plain_logs(backend: Backend, logs: Any) -> dict[str, float]:
    """Returns the scalars of Keras's logs as floats; what is no single number is left out."""
    plain: dict[str, float] = {}
    for name, value in logs.items() if isinstance(logs, dict) else ():
        if isinstance(value, dict):
            plain |= plain_logs(backend, value)
        elif value is not None:
            array = np.asarray(backend.host(value) if hasattr(value, "shape") else value)
            if array.size == 1 and array.dtype.kind in "fiub":
                plain[str(name)] = float(array.reshape(()))
    return plain
