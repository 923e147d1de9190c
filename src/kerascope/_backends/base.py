"""What the watch needs of a backend: one small protocol, and the values that pass through it.

A backend file knows JAX, TensorFlow or torch; it knows nothing of steps to sample, recordings or findings.
A *state* is everything a training step reads and writes. On JAX it is the tuple Keras passes along; on
TensorFlow and torch it lives in the model's variables and is written None.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

Model = Any
Logs = Any
State = Any
Data = Any
Snapshot = Any
DeviceArray = Any


class Stepper(Protocol):
    """The watch's side: runs one step of Keras's own function, with whatever it does before and after."""

    def step(self, state: State, data: Data) -> tuple[Logs, State]: ...
    def next_batch(self, iterator: Iterator[Data]) -> Data: ...


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One variable of the state; `role` is "weight", "state", "optimizer" or "metric"."""

    role: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.role}:{self.path}"


@dataclasses.dataclass
class Part:
    """Statistics of one part of a sample, still on the device: `stats` has shape (names, 7)."""

    names: Sequence[str]
    stats: DeviceArray


@dataclasses.dataclass
class Sample:
    """Full statistics of one step by part: "gradient", "weight", "update", "output", "loss".

    `skipped` names what could not be measured, each with its reason; `errors` are failures of ours.
    """

    parts: dict[str, Part] = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    errors: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Inline:
    """Keras's step function built with per-step gradient norms inside.

    `function` has the signature of `model.train_function`. `pop` takes the logs of a step, returns them as
    Keras would have, and the handle of the norms (shape (names,)). `problem` says why it gave up, if it did.
    """

    function: Callable[..., Any]
    names: Callable[[], Sequence[str]]
    pop: Callable[[Logs], tuple[Logs, DeviceArray | None]]
    problem: Callable[[], str | None] = lambda: None


class Backend(Protocol):
    """One of JAX, TensorFlow and torch, as far as watching a training goes."""

    name: str
    functional: bool  # the state is passed along as a value; otherwise it lives in the model's variables

    def facts(self) -> dict[str, Any]:
        """Returns version and devices, for the recording."""

    def limits(self, model: Model) -> dict[str, str]:
        """Returns what cannot be watched on this model and why: "snapshots", "samples", "inline", ..."""

    def shell(self, model: Model, raw: Callable[..., Any], stepper: Stepper) -> Callable[..., Any]:
        """Returns the function to put in place of `model.train_function`: it hands every batch to `stepper`."""

    def one_step(self, raw: Callable[..., Any], state: State, data: Data) -> tuple[Logs, State]:
        """Runs Keras's own function `raw` on exactly one batch."""

    def keep_logs(self, logs: Logs) -> Logs:
        """Returns logs that may be read later: a metric may return its own variable, which goes on changing."""

    def batch(self, data: Data) -> Any:
        """Returns the batch (x, y, ...) out of what `shell` handed over."""

    def leaves(self, model: Model) -> list[Leaf]:
        """Returns what the state consists of, in the order of `norms`."""

    def save(self, model: Model, state: State) -> Snapshot:
        """Returns a copy of the whole state on its device, random number generators included.

        None while there is no whole state yet (variables that the first step will make).
        """

    def load(self, model: Model, snapshot: Snapshot) -> State:
        """Puts a snapshot back and returns the state to go on from; the snapshot stays usable."""

    def apart(self, snapshot: Snapshot) -> Snapshot:
        """Returns a snapshot that keeps no model alive; `load` takes it as any other."""

    def pack_state(self, model: Model, snapshot: Snapshot) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Returns a snapshot as named arrays and plain facts, to be kept in a file."""

    def unpack_state(self, model: Model, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Snapshot:
        """Returns the snapshot that `pack_state` was given, for a model that has all its variables.

        Raises `portable.Unportable` when the model is another one.
        """

    def pack_data(self, data: Data) -> tuple[dict[str, np.ndarray], Any]:
        """Returns a batch, as `shell` hands it over, as named arrays and a plain description of their structure."""

    def unpack_data(self, arrays: dict[str, np.ndarray], template: Any) -> Data:
        """Returns the batch that `pack_data` was given."""

    def eager_step(self, model: Model, state: State, data: Data) -> tuple[Logs, State]:
        """Runs the model's train step on one batch as the Python it is, uncompiled."""

    def unrolled(self) -> contextlib.AbstractContextManager[None]:
        """Lets the loops and compiled helpers within an eager step run as the Python they are, with values."""

    def outputs(self, model: Model, state: State, x: Any) -> Any:
        """Returns what the model predicts of `x` with the weights of `state`, as in inference, uncompiled."""

    def usable(self, state: State) -> bool:
        """Tells whether a state can still be read: another training may have taken its memory."""

    def changes(self, before: State, state: State) -> dict[tuple[int, int], DeviceArray] | None:
        """Returns copies of the leaves that somebody changed between two steps, None when there are none."""

    def patch(self, state: State, changes: dict[tuple[int, int], DeviceArray]) -> State:
        """Returns `state` with `changes` put in again."""

    def norms(self, model: Model, state: State) -> DeviceArray:
        """Returns the norm of every leaf, float32 (leaves,); not finite where the leaf is not."""

    def in_place(self, model: Model) -> bool:
        """Tells whether a step can be measured while it runs; otherwise `sample` runs it beside the training."""

    def instrumented(self, model: Model) -> contextlib.AbstractContextManager[Sample]:
        """Measures the step that runs inside; the sample is complete when the block ends."""

    def sample(self, model: Model, state: State, data: Data) -> Sample:
        """Measures one step on a copy of the state; afterwards everything is as it was."""

    def inline(self, model: Model) -> Inline | str:
        """Returns the step function with gradient norms inside, or a sentence that says why there is none."""

    def learning_rate(self, model: Model, state: State) -> DeviceArray | None:
        """Returns a copy of the learning rate in use, None when it is a schedule."""

    def schedule(self, schedule: Callable[[Any], Any], iterations: np.ndarray) -> np.ndarray:
        """Returns a learning-rate schedule's values at `iterations`, float64."""

    def ready(self, value: Any) -> bool:
        """Tells whether `host` would return without waiting for the device."""

    def host(self, value: DeviceArray) -> np.ndarray:
        """Returns a device value as a NumPy array, waiting for it."""

    def wait(self, value: Any) -> None:
        """Waits until a value has been computed (for measuring time)."""

    def address(self, array: Any) -> int | None:
        """Returns where a host array's memory begins, None for device memory."""

    def copy_data(self, data: Data) -> Data:
        """Returns a copy of a batch with memory of its own."""

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        """Keeps what running user code twice would leave behind (random state, prints) as it was."""


@contextlib.contextmanager
def kept(save: Callable[[], Any], restore: Callable[[Any], None]) -> Iterator[None]:
    """Runs the block and puts back what `save` returned, whatever happens."""
    value = save()
    try:
        yield
    finally:
        restore(value)
