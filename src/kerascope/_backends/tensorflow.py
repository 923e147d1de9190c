"""TensorFlow: the state lives in variables; statistics come from a second program run on it and undone."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kerascope._backends import portable, tf_portable, tf_shadow
from kerascope._backends import tf_taps as taps
from kerascope._backends.base import Data, Inline, Leaf, Logs, Part, Sample, State, Stepper
from kerascope._backends.tf_function import graph_function
from kerascope._backends.tf_shadow import Shadow
from kerascope._backends.tf_state import Snapshot, States
from kerascope._backends.tf_steps import OneStep, without_optionals
from kerascope._keras import state as keras_state
from kerascope._keras import steps

_OUT_OF_DATA = (StopIteration, tf.errors.OutOfRangeError)
_SCHEDULES = 4


class TensorFlowBackend:
    """See `base.Backend`. Everything a step writes is a variable, so a step can be run and taken back."""

    name = "tensorflow"
    functional = False

    def __init__(self) -> None:
        self._states = States()
        self._steps: weakref.WeakKeyDictionary[Callable[..., Any], OneStep] = weakref.WeakKeyDictionary()
        self._shadows: weakref.WeakKeyDictionary[Any, Shadow] = weakref.WeakKeyDictionary()
        self._schedules: dict[int, tuple[Any, Callable[..., Any]]] = {}

    def facts(self) -> dict[str, Any]:
        devices = [device.name for device in tf.config.list_logical_devices()]
        return {"backend_version": tf.__version__, "devices": devices}

    def limits(self, model: Any) -> dict[str, str]:
        """Returns what cannot be watched on this model and why; empty when nothing is missing."""
        strategy = model.distribute_strategy
        if _is_mirrored(strategy) or not _is_spread(strategy):
            return {}
        why = f"kerascope cannot copy variables under `{type(strategy).__name__}`; it can under `MirroredStrategy`"
        return {"snapshots": why, "samples": why}

    def shell(self, model: Any, raw: Callable[..., Any], stepper: Stepper) -> Callable[..., Any]:
        state = self._states[model]
        state.begins(raw)
        one_step = self._steps.setdefault(raw, OneStep(raw))
        state.signature = one_step.signature
        eager = self.in_place(model)

        def train_function(iterator: Iterator[Data]) -> Logs:
            logs: Logs = None
            one_step.comes_from(iterator, eager=eager)
            for index in range(model.steps_per_execution):
                try:
                    data = stepper.next_batch(iterator)
                except _OUT_OF_DATA:
                    if index == 0:
                        # Keras's own step notices the end of the data only when it runs, and moves random
                        # seeds before that. Ending here instead would change the weights of later epochs.
                        return raw(iterator)
                    break
                logs, _ = stepper.step(None, data)
                state.stepped = True
            return logs

        return train_function

    def one_step(self, raw: Callable[..., Any], state: State, data: Data) -> tuple[Logs, State]:
        # Given no TensorFlow iterator, Keras's function takes the batches one by one, here exactly one.
        known = self._steps.get(raw)
        return (raw([data]) if known is None else known(raw, data)), None

    def keep_logs(self, logs: Logs) -> Logs:
        return steps.map_structure(lambda v: tf.identity(v) if isinstance(v, tf.Variable) else v, logs)

    def batch(self, data: Data) -> Any:
        """Returns the batch as Keras hands it to the model: absent parts as None, replicas' parts together."""
        if not any(isinstance(leaf, _WRAPPED) for leaf in steps.flatten(data)):
            return data
        return steps.map_structure(_unwrapped, data)

    def leaves(self, model: Any) -> list[Leaf]:
        return [entry.leaf for entry in self._states[model].entries(model)]

    def save(self, model: Any, state: State) -> Snapshot | None:
        if "snapshots" in self.limits(model):
            return None
        return self._states[model].save(model)

    def load(self, model: Any, snapshot: Snapshot) -> State:
        self._states[model].load(model, snapshot)
        return None

    def apart(self, snapshot: Snapshot) -> Snapshot:
        return snapshot

    def pack_state(self, model: Any, snapshot: Snapshot) -> tuple[portable.Arrays, dict[str, Any]]:
        return tf_portable.pack(self._states[model].entries(model), snapshot)

    def unpack_state(self, model: Any, arrays: portable.Arrays, facts: dict[str, Any]) -> Snapshot:
        return tf_portable.unpack(self._states[model].entries(model), arrays)

    def pack_data(self, data: Data) -> tuple[portable.Arrays, Any]:
        return portable.pack_tree(data, tf_portable.pack_leaf)

    def unpack_data(self, arrays: portable.Arrays, template: Any) -> Data:
        return portable.unpack_tree(template, arrays, tf_portable.unpack_leaf)

    def eager_step(self, model: Any, state: State, data: Data) -> tuple[Logs, State]:
        return model.train_step(without_optionals(data)), None

    def unrolled(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # loops are Python there anyway

    def outputs(self, model: Any, state: State, x: Any) -> Any:
        return model(x, training=False)

    def usable(self, state: State) -> bool:
        return True

    def changes(self, before: State, state: State) -> dict[tuple[int, int], Any] | None:
        return None

    def patch(self, state: State, changes: dict[tuple[int, int], Any]) -> State:
        return state

    def norms(self, model: Any, state: State) -> Any:
        return self._states[model].norms(model)

    def in_place(self, model: Any) -> bool:
        # Run eagerly, a second step would repeat what the user's Python does besides computing.
        return bool(model.run_eagerly or tf.config.functions_run_eagerly())

    @contextlib.contextmanager
    def instrumented(self, model: Any) -> Iterator[Sample]:
        sample = Sample()
        with taps.tapped(model) as collected:
            yield sample
        found = collected.found()
        sample.parts = {part: Part(names, taps.table(tensors)) for part, (names, tensors) in found.items()}
        sample.skipped = dict(collected.skipped)
        sample.errors = list(collected.errors)

    def sample(self, model: Any, state: State, data: Data) -> Sample:
        missing = self.limits(model).get("samples")
        if missing is not None:
            return Sample(skipped={"gradients, updates and activations": missing})
        spec = self._states[model].signature(data)
        shadow = self._shadows.get(model)
        if shadow is None or not shadow.fits(model, spec):
            shadow = self._shadows[model] = Shadow(model, spec)
        if shadow.refused is not None:
            return Sample(skipped={"gradients, updates and activations": shadow.refused})
        return shadow.sample(model, self._states[model], data)

    def inline(self, model: Any) -> Inline | str:
        strategy = model.distribute_strategy
        if _is_spread(strategy):
            return (
                f"gradient norms inside the step are not taken under `{type(strategy).__name__}`: each replica has "
                "a part of each gradient. Sampled steps hold the sums"
            )
        if model.jit_compile:
            # Measured: a small net and a convolutional one end with other weights, off in the last digits.
            return (
                "inside a step compiled by XLA, gradient norms change the rounding of the step itself. Sampled steps "
                "hold the gradients; `jit_compile=False` allows norms of every step"
            )
        from kerascope._backends import tf_inline

        return tf_inline.build(model)

    def learning_rate(self, model: Any, state: State) -> Any:
        kind, variable = keras_state.learning_rate_source(model)
        return tf.identity(variable.value) if kind == "variable" else None

    def schedule(self, schedule: Callable[[Any], Any], iterations: np.ndarray) -> np.ndarray:
        at = tf.constant(iterations, tf.int64)
        entry = self._schedules.get(id(schedule))
        try:
            if entry is None:
                entry = self._schedules[id(schedule)] = (schedule, _compiled_schedule(schedule))
                while len(self._schedules) > _SCHEDULES:
                    del self._schedules[next(iter(self._schedules))]
            return np.asarray(entry[1](at).numpy(), np.float64)
        except Exception:  # a schedule of the user's may need a Python number
            with self.quiet():
                return np.asarray([float(schedule(int(i))) for i in iterations], np.float64)

    def ready(self, value: Any) -> bool:
        return True

    def host(self, value: Any) -> np.ndarray:
        if isinstance(value, tf.SparseTensor):
            value = tf.sparse.to_dense(value)
        return np.asarray(value.numpy() if hasattr(value, "numpy") else value)

    def wait(self, value: Any) -> None:
        if tf.config.list_logical_devices("GPU"):
            tf.test.experimental.sync_devices()

    def address(self, array: Any) -> int | None:
        return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else None

    def copy_data(self, data: Data) -> Data:
        return steps.map_structure(lambda a: a.copy() if isinstance(a, np.ndarray) else a, data)

    def quiet(self) -> contextlib.AbstractContextManager[None]:
        return tf_shadow.quiet()


class _Joined:
    """The parts of one array that the replicas got, seen as one array along the batch axis."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts = parts
        self.dtype = parts[0].dtype
        self.shape = (
            (sum(int(part.shape[0]) for part in parts), *parts[0].shape[1:]) if parts[0].shape.rank else ()
        )

    def numpy(self) -> np.ndarray:
        if not self.shape:
            return np.asarray(self._parts[0].numpy())
        return np.concatenate([part.numpy() for part in self._parts])


_WRAPPED = (tf.experimental.Optional, tf.distribute.DistributedValues)


def _unwrapped(leaf: Any) -> Any:
    if isinstance(leaf, tf.experimental.Optional):
        return None
    return _Joined(tuple(leaf.values)) if isinstance(leaf, tf.distribute.DistributedValues) else leaf


def _is_mirrored(strategy: Any) -> bool:
    return type(strategy) is tf.distribute.MirroredStrategy


def _is_spread(strategy: Any) -> bool:
    """Tells whether a strategy keeps variables, or copies of them, in several places."""
    elsewhere = (
        tf.distribute.TPUStrategy,
        tf.distribute.MultiWorkerMirroredStrategy,
        tf.distribute.experimental.ParameterServerStrategy,
    )
    return strategy.num_replicas_in_sync > 1 or isinstance(strategy, elsewhere)


def _compiled_schedule(schedule: Callable[[Any], Any]) -> Callable[..., Any]:
    def at_all(iterations: Any) -> Any:
        return tf.map_fn(
            lambda i: tf.cast(schedule(i), tf.float32),
            iterations,
            fn_output_signature=tf.TensorSpec([], tf.float32),
        )

    return graph_function(at_all, input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)


BACKEND = TensorFlowBackend()
