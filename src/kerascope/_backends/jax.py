"""JAX: the state is the tuple Keras passes along; statistics come from a second program on a copy of it."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerascope._backends import jax_taps as taps
from kerascope._backends import portable
from kerascope._backends.base import Data, Inline, Leaf, Logs, Part, Sample, State, Stepper
from kerascope._backends.common import quiet_python
from kerascope._keras import quirks, steps
from kerascope._keras import state as keras_state

_copy = jax.jit(lambda tree: jax.tree_util.tree_map(jnp.copy, tree))


@jax.jit
def _norms(state: State) -> jax.Array:
    return jnp.stack([taps.norm(leaf) for leaf in jax.tree_util.tree_leaves(state)])


class JaxBackend:
    """See `base.Backend`. All reads of a state happen before the step that donates its buffers."""

    name = "jax"
    functional = True

    def __init__(self) -> None:
        self._shadows: weakref.WeakKeyDictionary[Any, tuple[Any, Callable[..., Any], Sample]] = (
            weakref.WeakKeyDictionary()
        )
        self._schedules: dict[int, tuple[Any, Callable[..., Any]]] = {}

    def facts(self) -> dict[str, Any]:
        return {"backend_version": jax.__version__, "devices": [str(device) for device in jax.devices()]}

    def limits(self, model: Any) -> dict[str, str]:
        return {}

    def shell(self, model: Any, raw: Callable[..., Any], stepper: Stepper) -> Callable[..., Any]:
        def train_function(state: State, iterator: Iterator[Data]) -> tuple[Logs, State]:
            logs: Logs = None
            for index in range(model.steps_per_execution):
                try:
                    data = stepper.next_batch(iterator)
                except StopIteration:
                    if index == 0:
                        raise
                    break
                logs, state = stepper.step(state, data)
            return logs, state

        return train_function

    def one_step(self, raw: Callable[..., Any], state: State, data: Data) -> tuple[Logs, State]:
        # An iterator of one batch makes Keras's own function run exactly one step, also when
        # steps_per_execution is larger: it takes the end of the data for the end of the epoch.
        logs, state = raw(state, iter((data,)))
        return logs, state

    def keep_logs(self, logs: Logs) -> Logs:
        return logs  # arrays do not change

    def batch(self, data: Data) -> Any:
        return data

    def leaves(self, model: Any) -> list[Leaf]:
        roles = ("weight", "state", "optimizer", "metric")
        groups = keras_state.state_variables(model)
        return [Leaf(role, v.path) for role, group in zip(roles, groups, strict=True) for v in group]

    def save(self, model: Any, state: State) -> Any:
        return _copy(state)

    def load(self, model: Any, snapshot: Any) -> State:
        return _copy(snapshot)

    def apart(self, snapshot: Any) -> Any:
        return snapshot

    def pack_state(self, model: Any, snapshot: Any) -> tuple[portable.Arrays, dict[str, Any]]:
        names = portable.leaf_names(self.leaves(model))
        values = jax.device_get([leaf for group in snapshot for leaf in group])
        return portable.host_only(zip(names, values, strict=True)), {}

    def unpack_state(self, model: Any, arrays: portable.Arrays, facts: dict[str, Any]) -> Any:
        groups = keras_state.state_variables(model)
        variables = [variable for group in groups for variable in group]
        names = portable.leaf_names(self.leaves(model))
        found = portable.matched(arrays, names, [tuple(v.shape) for v in variables])
        for name, own in zip(found, names, strict=True):
            if not name:
                raise portable.misfit(f"nothing was recorded of `{own}`")
        values = iter([jnp.asarray(portable.plain(arrays[name])) for name in found])
        return tuple([next(values) for _ in group] for group in groups)

    def pack_data(self, data: Data) -> tuple[portable.Arrays, Any]:
        return portable.pack_tree(data, _pack_leaf)

    def unpack_data(self, arrays: portable.Arrays, template: Any) -> Data:
        return portable.unpack_tree(
            template, arrays, lambda how, value: value if how == "numpy" else jnp.asarray(value)
        )

    def eager_step(self, model: Any, state: State, data: Data) -> tuple[Logs, State]:
        with quirks.step_outside_fit(model):
            logs, new = model.train_step(tuple(list(group) for group in state), data)
        return logs, new

    def unrolled(self) -> contextlib.AbstractContextManager[None]:
        found: contextlib.AbstractContextManager[None] = jax.disable_jit()
        return found

    def outputs(self, model: Any, state: State, x: Any) -> Any:
        return model.stateless_call(list(state[0]), list(state[1]), x, training=False)[0]

    def usable(self, state: State) -> bool:
        return not any(leaf.is_deleted() for leaf in jax.tree_util.tree_leaves(state))

    def changes(self, before: State, state: State) -> dict[tuple[int, int], Any] | None:
        if state is before:
            return None
        different = {
            (i, j): leaf
            for i, group in enumerate(state)
            for j, leaf in enumerate(group)
            if j >= len(before[i]) or leaf is not before[i][j]
        }
        return _copy(different) if different else None

    def patch(self, state: State, changes: dict[tuple[int, int], Any]) -> State:
        groups = [list(group) for group in state]
        for (i, j), leaf in _copy(changes).items():
            groups[i][j] = leaf
        return tuple(groups)

    def norms(self, model: Any, state: State) -> Any:
        return _norms(state)

    def in_place(self, model: Any) -> bool:
        # Run eagerly, a second step would repeat what the user's Python does besides computing.
        return bool(model.run_eagerly)

    @contextlib.contextmanager
    def instrumented(self, model: Any) -> Iterator[Sample]:
        sample = Sample()
        with taps.tapped(model) as collected:
            yield sample
        _fill(sample, collected, collected.parts())

    def sample(self, model: Any, state: State, data: Data) -> Sample:
        program = steps.keras_function(model)
        entry = self._shadows.get(model)
        if entry is None or entry[0]() is not program:
            entry = (weakref.ref(program), *self._shadow(model))  # Keras's function holds the model
            self._shadows[model] = entry
        _, shadow, traced = entry
        arrays = shadow(state, data)
        names = {part: traced.parts[part].names for part in arrays}
        return Sample(
            {part: Part(names[part], arrays[part]) for part in arrays},
            dict(traced.skipped),
            list(traced.errors),
        )

    def _shadow(self, model: Any) -> tuple[Callable[..., Any], Sample]:
        """The user's train step as a separate program that returns statistics and nothing else."""
        traced = Sample()
        reference = weakref.ref(model)  # a cached program must not keep the model alive

        def shadow(state: State, data: Data) -> dict[str, Any]:
            model = reference()
            assert model is not None
            with self.quiet(), quirks.step_outside_fit(model), taps.tapped(model) as collected:
                model.train_step(state, data)
                parts = collected.parts()
            _fill(traced, collected, parts)
            return {part: stats for part, (_, stats) in parts.items()}

        return (jax.jit(shadow) if model.jit_compile else shadow), traced

    def inline(self, model: Any) -> Inline | str:
        if not model.jit_compile:
            return "`jit_compile` is off: sampled steps already hold the gradients of every variable"
        from kerascope._backends import jax_inline

        return jax_inline.build(model)

    def learning_rate(self, model: Any, state: State) -> Any:
        kind, variable = keras_state.learning_rate_source(model)
        if kind != "variable":
            return None
        for index, candidate in enumerate(model.optimizer.variables):
            if candidate is variable:
                return _copy(state[2][index])
        return None

    def schedule(self, schedule: Callable[[Any], Any], iterations: np.ndarray) -> np.ndarray:
        entry = self._schedules.get(id(schedule))
        if entry is None:
            function = jax.jit(lambda at: jax.lax.map(lambda i: jnp.asarray(schedule(i), jnp.float32), at))
            entry = (schedule, function)
            self._schedules[id(schedule)] = entry
        padded = np.resize(iterations.astype(np.int32), 64 * -(-len(iterations) // 64))
        return np.asarray(entry[1](padded), np.float64)[: len(iterations)]

    def ready(self, value: Any) -> bool:
        return all(leaf.is_ready() for leaf in jax.tree_util.tree_leaves(value) if hasattr(leaf, "is_ready"))

    def host(self, value: Any) -> np.ndarray:
        return np.asarray(value)

    def wait(self, value: Any) -> None:
        jax.block_until_ready(value)

    def address(self, array: Any) -> int | None:
        return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else None

    def copy_data(self, data: Data) -> Data:
        return steps.map_structure(lambda a: a.copy() if isinstance(a, np.ndarray) else a, data)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        with quiet_python():
            yield


def _pack_leaf(leaf: Any) -> tuple[str, np.ndarray]:
    array = np.asarray(leaf)
    if array.dtype.kind in "OSUMm":
        raise portable.Unportable(f"A batch holds {array.dtype}, which cannot be kept.")
    return ("numpy" if isinstance(leaf, np.ndarray) else "device"), array


def _fill(sample: Sample, collected: Any, parts: dict[str, tuple[Sequence[str], Any]]) -> None:
    sample.parts = {part: Part(names, stats) for part, (names, stats) in parts.items()}
    sample.skipped = dict(collected.skipped)
    sample.errors = list(collected.errors)


BACKEND = JaxBackend()
