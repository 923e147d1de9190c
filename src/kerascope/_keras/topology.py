"""Any model as one neutral graph of calls, found by running it on placeholders; see `recorder.py`.

graph = topology(model)                 functional, sequential, or built before
graph = topology(model, x)              subclassed and not built yet; built by this, as by calling it
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from typing import Any

import keras

from kerascope._keras import anatomy, assemble, sizes
from kerascope._keras.drafts import short
from kerascope._keras.graph import layer_tree
from kerascope._keras.hooks import recording
from kerascope._keras.recorder import NeedsSizes, Recorder
from kerascope.errors import UsageError
from kerascope.values import Topology


def topology(
    subject: Any, *args: Any, details: bool = False, keywords: dict[str, Any] | None = None
) -> Topology:
    """Returns the graph of a model or layer.

    Args:
        subject: A `keras.Model` or `keras.layers.Layer`.
        args: What it is called with: arrays, placeholders or shapes such as ``(None, 32)``; nothing for a
            functional model or one that has been built. Only shapes and dtypes are used, unless a layer's code
            needs data.
        details: Also each layer's settings and the statistics of each weight (reads the weights).
        keywords: Keyword arguments of the call.

    Raises:
        UsageError: `subject` is no layer, or no input is an array or a shape.
    """
    if not isinstance(subject, keras.layers.Layer):
        raise UsageError(
            f"This is no Keras model or layer. Received: model={type(subject).__name__}. "
            "Give a keras.Model or a keras.layers.Layer, not its class and not a function."
        )
    inputs = sizes.find(subject, args, keywords or {})
    if inputs is None:
        return _parts(subject, details)
    run = _best(subject, inputs)
    return assemble.graph(subject, run.recorder, details, run.notes, run.error)


@dataclasses.dataclass
class _Run:
    recorder: Recorder
    error: str | None = None
    notes: list[str] = dataclasses.field(default_factory=list)


def _best(subject: Any, inputs: sizes.Inputs) -> _Run:
    """Runs without sizes, and with sizes where that is not enough."""
    try:
        run = _run(subject, inputs, None)
        if run.error is None and not sizes.ambiguous(run.recorder, inputs):
            sizes.name_unknown(run.recorder)
            return run
    except NeedsSizes:
        pass
    batches, lengths = sizes.BATCHES, sizes.LENGTHS
    run = _run(subject, inputs, (batches[0], lengths[0]))
    by_batch = _run(subject, inputs, (batches[1], lengths[0])) if inputs.open_batch() else None
    by_length = _run(subject, inputs, (batches[0], lengths[1])) if inputs.open_lengths() else None
    others = [None if other is None else other.recorder for other in (by_batch, by_length)]
    if not sizes.merge(run.recorder, *others):
        run.notes.append(
            "What is called depends on the size of the batch, so B stands wherever a size equals it."
        )
    return run


def _run(subject: Any, inputs: sizes.Inputs, given: tuple[int, int] | None) -> _Run:
    recorder = Recorder(sized=given is not None)
    error = None
    recorder.base = sys._getframe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # masks that end are shown in the graph, the rest Keras says when it trains
        with recording(recorder):
            args, kwargs = inputs.placeholders(given, recorder)
            try:
                outputs = subject(*args, **kwargs)
                del outputs
            except Exception as failure:
                error = short(recorder.failed or failure)
            if given is not None:
                error = error and sizes.unsized(error)
                for draft in recorder.drafts:
                    draft.error = draft.error and sizes.unsized(draft.error)
    recorder.base = None
    return _Run(recorder, error)


def _parts(subject: Any, details: bool) -> Topology:
    """Returns the parts of a model whose inputs are not known: those of them that can be run, are."""

    def inner(layer: Any) -> Recorder | None:
        inputs = sizes.find(layer, (), {}) if sizes.functional_of(layer) is not None else None
        return _best(layer, inputs).recorder if inputs is not None else None

    note = "Its inputs are not known, so it was not run: give an example, as in summary(model, x)."
    return assemble.parts(subject, list(layer_tree(subject)), inner, details, [note])


def optimizer_facts(model: Any) -> tuple[str | None, int, int, bool]:
    """Returns an optimizer's name, its numbers, its bytes, and whether it is built."""
    optimizer = getattr(model, "optimizer", None) if getattr(model, "compiled", False) else None
    if optimizer is None:
        return None, 0, 0, True
    built = bool(optimizer.built)
    variables = list(optimizer.variables) if built else []
    count = anatomy.sizes(variables)
    size = sum(anatomy.bytes_of(anatomy.sizes([v]), str(v.dtype)) for v in variables)
    return type(optimizer).__name__, count, size, built
