"""TensorFlow: Keras's step function on one batch, traced exactly as Keras traces it on an iterator."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kerascope._backends.base import Data, Logs
from kerascope._backends.tf_function import graph_function
from kerascope._keras import steps


class OneStep:
    """Runs Keras's step function on one batch, with the shapes its data source declares.

    A batch in hand has a known size; the batches of most data sources have not. What Keras computes depends on
    it: per-output losses are weighted by the batch size only where that is known when the step is traced.
    Keras calls its step from a function that takes the iterator; a function that takes the batch, with the
    iterator's element specification as signature, gives the step the very same arguments.
    """

    def __init__(self, raw: Callable[..., Any]) -> None:
        self._raw = weakref.ref(raw)
        self._iterator: Callable[[], Any] | None = None
        self._functions: list[tuple[Any, Callable[..., Any]]] = []
        self.spec: Any = None
        self._mixed = False

    def comes_from(self, iterator: Any, *, eager: bool) -> None:
        """Notes where the next batches come from."""
        if self._iterator is not None and self._iterator() is iterator:
            return
        spec = None
        if not eager and isinstance(iterator, (tf.data.Iterator, tf.distribute.DistributedIterator)):
            self._iterator = weakref.ref(iterator)
            spec = iterator.element_spec
        else:
            self._iterator = None
        if spec is not None and not any(known == spec for known, _ in self._functions):
            self._functions.append((spec, self._function(spec)))
        self._mixed = self._mixed or (bool(self._functions) and (spec is None or len(self._functions) > 1))
        self.spec = spec

    def _function(self, spec: Any) -> Callable[..., Any]:
        reference = self._raw

        def one_step_on_batch(data: Data) -> Logs:
            raw = reference()
            assert raw is not None
            return raw([data])

        return graph_function(one_step_on_batch, input_signature=[spec], autograph=False)

    def signature(self, data: Data) -> Any:
        """Returns the specification to trace `data` with, None when it is to be taken as it is."""
        if self.spec is None and not self._functions:
            return None
        if not self._mixed or (self.spec is not None and conforms(self.spec, data)):
            return self.spec
        return next((spec for spec, _ in self._functions if conforms(spec, data)), None)

    def __call__(self, raw: Callable[..., Any], data: Data) -> Logs:
        spec = self.signature(data)
        if spec is None:
            return raw([data])
        return next(function for known, function in self._functions if known == spec)(data)


def conforms(spec: Any, data: Data) -> bool:
    """Tells whether a batch is one that a data source with this specification yields."""
    try:
        tf.nest.assert_same_structure(spec, data)
        pairs = zip(tf.nest.flatten(spec), tf.nest.flatten(data), strict=True)
        return all(tf.is_tensor(value) and one.is_compatible_with(value) for one, value in pairs)
    except (TypeError, ValueError):
        return False


def without_optionals(data: Data) -> Data:
    """Returns a batch as Keras passes it to `train_step`: what is absent comes wrapped in an Optional."""
    return steps.map_structure(
        lambda leaf: None if isinstance(leaf, tf.experimental.Optional) else leaf, data
    )
