"""TensorFlow: the train step as a program of its own that returns statistics, run beside the training."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from kerascope._backends import tf_taps as taps
from kerascope._backends.base import Data, Part, Sample
from kerascope._backends.common import quiet_python
from kerascope._backends.tf_function import graph_function
from kerascope._backends.tf_state import ModelState
from kerascope._backends.tf_steps import without_optionals
from kerascope._keras import state as keras_state
from kerascope._keras import steps

_EARLY = "the first step has still to make variables: measured from the second step on"

_REPEATABLE = re.compile(
    # Operations that TensorFlow calls stateful but that leave nothing behind except in variables we put back.
    r"(Read|Assign|AssignAdd|AssignSub)VariableOp|VariableShape|VarHandleOp|VarIsInitializedOp|Resource\w+"
    r"|(Stateful)?PartitionedCall|If|While|Case|Assert|TensorArray\w*|Lookup\w*(Find|Size)\w*"
    r"|Rng\w+|Stateful(?!PartitionedCall)\w+|Nccl\w+|Collective\w+|Cudnn\w+|CheckNumerics\w*|Debug\w+|Xla\w+"
)
_RANDOM = re.compile(r"Random\w+|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial")
"""Random operations whose state TensorFlow keeps inside the program: another program draws other numbers."""


class Unrepeatable(Exception):
    """A step that does more than computing, so that it may not be run a second time."""


class _Trace:
    """What one trace of a step showed: names by part, and which of them there was a tensor for."""

    def __init__(self, found: taps.Found, skipped: dict[str, str], errors: list[str]) -> None:
        self.names = {part: names for part, (names, _) in found.items()}
        self.present = {part: [t is not None for t in tensors] for part, (_, tensors) in found.items()}
        self.skipped = skipped
        self.errors = errors


class Shadow:
    """One model's train step under taps, traced and compiled apart from Keras's own. Holds the model weakly."""

    def __init__(self, model: Any, spec: Any) -> None:
        self._model = weakref.ref(model)
        self.spec = spec
        self._built_for = weakref.ref(model.train_function) if model.train_function is not None else None
        self._traces: list[_Trace] = []
        self._checked: set[int] = set()
        self._seed: Any = None
        self._concrete: list[Any] = []  # keeps the ids in `_checked` from being used again
        self.notes: dict[str, str] = {}
        self.refused: str | None = None
        self._compile(bool(model.jit_compile))

    def fits(self, model: Any, spec: Any) -> bool:
        """Tells whether the model still trains with the function and the kind of data this was made for."""
        built_for = self._built_for() if self._built_for is not None else None
        return built_for is model.train_function and bool(spec == self.spec)

    def _compile(self, jit: bool) -> None:
        """Makes two functions, one inside the other, as Keras does; see `OneStep` for the signature."""
        self.jit = jit
        step = tf.autograph.experimental.do_not_convert(self._step)
        compiled = graph_function(step, reduce_retracing=True, jit_compile=jit)

        def on_batch(data: Data) -> Any:
            return self._measured(compiled(without_optionals(data)))

        if self.spec is None:
            self._function = graph_function(on_batch, reduce_retracing=True, autograph=False)
        else:
            self._function = graph_function(on_batch, input_signature=[self.spec], autograph=False)

    def _step(self, data: Data) -> dict[str, list[Any]]:
        """The user's train step as Keras would run it; returns what it showed and nothing else."""
        model: Any = self._model()
        with repeated(model), taps.tapped(model) as collected:
            model.distribute_strategy.run(model.train_step, args=(data,))
            found = collected.found()
        self._traces.append(_Trace(found, collected.skipped, collected.errors))
        # The key tells later which trace the tensors came from: the step is traced again for other shapes.
        return {
            str(len(self._traces) - 1): [t for _, tensors in found.values() for t in tensors if t is not None]
        }

    def _measured(self, shown: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
        """Returns the statistics of what a step showed, by trace and part."""
        ((key, tensors),) = shown.items()
        given = iter(tensors)
        stats = {}
        for part, present in self._traces[int(key)].present.items():
            stats[part] = taps.table([next(given) if there else None for there in present])
        return {key: stats}

    def sample(self, model: Any, state: ModelState, data: Data) -> Sample:
        """Measures one step; afterwards the state is to the bit what it was."""
        if not state.whole(model):
            return Sample(skipped={"gradients, updates and activations": _EARLY})
        try:
            self._trace(state, data)
            if not self._seed_is_old():
                return Sample(skipped={"gradients, updates and activations": _EARLY})
            arrays = self._run_aside(model, state, data)
        except Unrepeatable as error:
            self.refused = str(error)
            return Sample(skipped={"gradients, updates and activations": self.refused})
        ((key, stats),) = arrays.items()
        trace = self._traces[int(key)]
        parts = {part: Part(names, stats[part]) for part, names in trace.names.items()}
        return Sample(parts, trace.skipped | self.notes, list(trace.errors))

    def _trace(self, state: ModelState, data: Data) -> None:
        """Traces without running: metrics may be made now, and it shows what running would touch."""
        self._seed = keras_state.global_seed_state()
        concrete = self._function.get_concrete_function(data)
        if id(concrete) in self._checked:
            return
        known = {id(copy) for entry in state.entries(self._model()) for copy in entry.copies}
        state.add_extra([v for v in concrete.graph.variables if id(v) not in known])
        operations = _stateful_operations(concrete)
        unknown = sorted(
            name for name in operations if not _REPEATABLE.fullmatch(name) and not _RANDOM.fullmatch(name)
        )
        if unknown:
            raise Unrepeatable(
                f"the train step runs {', '.join(f'`{name}`' for name in unknown)}, which a second run beside the "
                "training would do again"
            )
        if any(_RANDOM.fullmatch(name) for name in operations):
            self.notes["random numbers"] = (
                "the train step draws from `tf.random` functions that keep their own state: a measured or rewound "
                "step draws other numbers than the training did; `keras.random` draws the same"
            )
        self._checked.add(id(concrete))
        self._concrete.append(concrete)

    def _seed_is_old(self) -> bool:
        """Tells whether tracing left the generator behind unseeded `keras.random` calls as it was.

        When our trace was the first to need it, the training must make its own, from the same Python state.
        """
        if keras_state.global_seed_state() is self._seed:
            return True
        keras_state.set_global_seed_generator(None)
        self._compile(self.jit)
        self._traces.clear()
        return False

    def _run_aside(self, model: Any, state: ModelState, data: Data) -> dict[str, dict[str, Any]]:
        before = state.save(model)
        assert before is not None
        try:
            return dict(self._function(data))
        except tf.errors.OpError as error:
            if not self.jit:
                raise
            why = str(error).splitlines()[0]
        finally:
            state.load(model, before)
        self._compile(False)
        self.notes["statistics"] = (
            f"taken without XLA, which could not compile them ({why}); random numbers differ from the training's"
        )
        self._trace(state, data)
        try:
            return dict(self._function(data))
        finally:
            state.load(model, before)


def _stateful_operations(concrete: Any) -> set[str]:
    """Returns the types of all stateful operations in a traced function, the functions it calls included."""
    definition = concrete.graph.as_graph_def()
    nodes = [node.op for node in definition.node]
    nodes += [node.op for function in definition.library.function for node in function.node_def]
    found = set()
    for name in set(nodes):
        known = op_def_registry.get(name)
        if known is not None and known.is_stateful and name != "Placeholder":
            found.add(name)
    return found


@contextlib.contextmanager
def repeated(model: Any) -> Iterator[None]:
    """Runs the Python of a train step once more without a trace: prints, summaries, attributes, warnings."""
    with quiet(), keras_state.attributes_kept(model), steps.Patches() as patches:
        patches.put(tf, "print", lambda *args, **kwargs: tf.no_op())
        with tf.summary.record_if(False):
            yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Runs user code once more: no prints, no warnings, no log lines; random state of Python and NumPy kept."""
    level = logging.root.manager.disable
    with quiet_python(), steps.Patches() as patches:
        # Not `warnings.catch_warnings`: a warning swallowed there would count as shown.
        patches.put(warnings, "warn", lambda *args, **kwargs: None)
        patches.put(warnings, "warn_explicit", lambda *args, **kwargs: None)
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(level)
