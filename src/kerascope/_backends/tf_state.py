"""TensorFlow: everything a training step reads and writes, copied and put back by one compiled function each."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import stateful_random_ops

from kerascope._backends import tf_taps as taps
from kerascope._backends.base import Data, Leaf
from kerascope._backends.tf_function import graph_function
from kerascope._keras import state as keras_state

_WRITERS = 4
"""Kinds of snapshots that are put back by turns: those taken before a step had made all variables, and after."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """One variable of the state: what it is, and its copies (one per replica where it is mirrored)."""

    leaf: Leaf
    copies: tuple[Any, ...]
    summed: bool = False  # the variable's value is the sum over the replicas, as a metric's is


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The values of a state's variables. Tensors never change, so this needs no copying when it is put back.

    `unmade` are the values, by path, of optimizer variables that did not exist yet.
    """

    variables: tuple[Any, ...]
    values: tuple[Any, ...]
    unmade: dict[str, Any] = dataclasses.field(default_factory=dict)


class ModelState:
    """Reads and writes the state of one model. Holds its variables, never the model."""

    def __init__(self) -> None:
        self.extra: list[Any] = []  # variables a step uses that belong to no layer, optimizer or metric
        self.stepped = False  # Keras's own step has run: whatever it makes has been made
        self.signature: Callable[[Data], Any] = lambda data: None  # how Keras traces a batch; see `tf_steps`
        self._raw: weakref.ref[Any] | None = None
        self._key: tuple[int, ...] = ()
        self._entries: list[Entry] = []
        self._read: Callable[[], Any] | None = None
        self._norms: Callable[[], Any] | None = None
        self._writers: dict[tuple[int, ...], Callable[[Any], Any]] = {}

    def entries(self, model: Any) -> list[Entry]:
        """Returns what the state consists of now. Variables appear during the first step."""
        found = [_entry(role, v.path, v.value) for role, v in keras_state.all_variables(model)]
        seed = keras_state.global_seed_state()
        if seed is not None:
            found.append(_entry("state", seed.path, seed.value))
        if stateful_random_ops.global_generator is not None:
            found.append(
                _entry("state", "tf.random/global_generator", stateful_random_ops.global_generator.state)
            )
        found += [_entry("state", v.name, v) for v in self.extra]
        known: set[int] = set()
        unique = []
        for entry in found:
            if id(entry.copies[0]) not in known:
                known |= {id(copy) for copy in entry.copies}
                unique.append(entry)
        return unique

    def begins(self, raw: Callable[..., Any]) -> None:
        """Notes the step function in use; a new one may make variables again when it first runs."""
        if self._raw is None or self._raw() is not raw:
            self._raw = weakref.ref(raw)
            self.stepped = False

    def whole(self, model: Any) -> bool:
        """Tells whether every variable of a step exists, so that tracing it once more makes none."""
        return self.stepped or keras_state.all_built(model)

    def _current(self, model: Any) -> list[Entry]:
        entries = self.entries(model)
        key = tuple(id(copy) for entry in entries for copy in entry.copies)
        if key != self._key:
            # The functions below hold the variables, so the ids in the key cannot be used again meanwhile.
            self._key, self._entries = key, entries
            self._read = _reader(entries)
            self._norms = _norms(entries)
        return self._entries

    def save(self, model: Any) -> Snapshot | None:
        """Returns the values of the whole state; None while the first step has still to make some of it.

        Metrics need not exist yet: how they begin is known. How an optimizer begins can be told of Keras's own.
        """
        unmade: dict[str, Any] | None = {}
        if not self.stepped and not keras_state.all_built(model, metrics=False):
            unmade = self._unmade(model)
        if unmade is None:
            return None
        entries = self._current(model)
        assert self._read is not None
        return Snapshot(_copies(entries), tuple(self._read()), unmade)

    def _unmade(self, model: Any) -> dict[str, Any] | None:
        if not all(layer.built for layer in keras_state.layers_of(model)):
            return None
        try:
            values = keras_state.beginning_of_optimizer(model)
        except Exception:  # an optimizer of the user's that cannot be copied
            return None
        return None if values is None else {path: tf.identity(value) for path, value in values.items()}

    def load(self, model: Any, snapshot: Snapshot) -> None:
        """Puts a snapshot back. Optimizers, metrics and random seeds that were made since begin anew.

        Other variables made since keep their value: nothing tells what it was.
        """
        key = tuple(id(variable) for variable in snapshot.variables)
        if key not in self._writers:  # they hold the variables, so the ids in the key cannot be used again
            while len(self._writers) >= _WRITERS:
                del self._writers[next(iter(self._writers))]
            self._writers[key] = _writer(snapshot.variables)
        self._writers[key](list(snapshot.values))
        saved = set(key)
        new = [entry for entry in self.entries(model) if id(entry.copies[0]) not in saved]
        for entry in new:
            if entry.leaf.role == "optimizer" and entry.leaf.path in snapshot.unmade:
                entry.copies[0].assign(snapshot.unmade[entry.leaf.path])
        _restart_metrics(model, {id(entry.copies[0]) for entry in new if entry.leaf.role == "metric"})
        seed = keras_state.global_seed_state()
        if seed is not None and any(entry.copies[0] is seed.value for entry in new):
            keras_state.restart_global_seed()

    def norms(self, model: Any) -> Any:
        """Returns the norm of every entry as one float32 tensor."""
        self._current(model)
        assert self._norms is not None
        return self._norms()

    def add_extra(self, variables: Sequence[Any]) -> None:
        """Counts `variables` among the state from now on."""
        known = {id(v) for v in self.extra}
        self.extra += [v for v in variables if id(v) not in known]


class States:
    """The `ModelState` of each model alive."""

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Any, ModelState] = weakref.WeakKeyDictionary()

    def __getitem__(self, model: Any) -> ModelState:
        state = self._of.get(model)
        if state is None:
            state = self._of[model] = ModelState()
        return state


def copies_of(variable: Any) -> tuple[Any, ...]:
    """Returns the plain variables behind `variable`: one per replica under a strategy, otherwise itself."""
    if isinstance(variable, tf.distribute.DistributedValues):
        return tuple(variable.values)
    return (variable,)


def _entry(role: str, path: str, variable: Any) -> Entry:
    copies = copies_of(variable)
    synchronization = getattr(variable, "synchronization", None)
    return Entry(Leaf(role, path), copies, synchronization == tf.VariableSynchronization.ON_READ)


def _restart_metrics(model: Any, new: set[int]) -> None:
    for metric in model.metrics if new else ():
        own = [id(copies_of(v.value)[0]) for v in metric.variables]
        if own and new.issuperset(own):
            metric.reset_state()


def _copies(entries: Sequence[Entry]) -> tuple[Any, ...]:
    return tuple(copy for entry in entries for copy in entry.copies)


def _reader(entries: Sequence[Entry]) -> Callable[[], Any]:
    variables = _copies(entries)
    # What is read shares the variable's memory; TensorFlow copies that memory before the next write.
    return graph_function(lambda: [tf.identity(v) for v in variables], autograph=False)


def _writer(variables: Sequence[Any]) -> Callable[[Any], Any]:
    def write(values: Any) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value, read_value=False)

    return graph_function(write, autograph=False, reduce_retracing=True)


def _norms(entries: Sequence[Entry]) -> Callable[[], Any]:
    def norms() -> Any:
        if not entries:
            return tf.zeros([0])
        return taps.norm(tf.stack([taps.half_square(_value(entry)) for entry in entries]))

    return graph_function(norms, autograph=False)


def _value(entry: Entry) -> Any:
    if entry.summed and len(entry.copies) > 1:
        return tf.add_n([tf.cast(copy, tf.float32) for copy in entry.copies])
    return tf.identity(entry.copies[0])
