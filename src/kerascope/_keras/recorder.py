"""Records what a model calls while it runs on placeholders: layers, models and operations, one inside another.

The model's own `call` is run with `KerasTensor`s, which know shape and dtype and nothing else, so operations and
slices are seen as well as layers, and the graph is the same on every backend. Where a layer's code does not work on
placeholders (a TensorFlow function, an `if` on a value), that layer is run on data instead and what it calls is seen.

All hooks are on classes and modules and are gone when the run ends; see `hooks.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from kerascope._keras.drafts import (
    Draft,
    Seen,
    argument_names,
    changes_nothing,
    copy_of,
    einsum_sizes,
    leaves,
    opens,
    repeated,
    sample,
    settings_of,
    short,
)
from kerascope.whose import is_users

Producers = dict[int, tuple[Any, int, int]]
"""Tensor by id: the tensor (kept, so that the id stays its own), the call it comes from, which output it is."""


class NeedsSizes(BaseException):
    """Placeholders of unknown size were not enough. No `Exception`, so that no user code swallows it."""


class Recorder:
    """The calls of one run. `sized` says that the placeholders have sizes, so data of those sizes may be used."""

    def __init__(self, sized: bool) -> None:
        self.sized = sized
        self.drafts: list[Draft] = []
        self.stack: list[Draft] = []
        self.producers: Producers = {}
        self.thread = threading.get_ident()
        self.base: Any = None  # the frame above which no code is the user's
        self.quiet = 0  # above 0 nothing is recorded
        self.building = 0
        self.on_data = 0  # above 0 calls come with arrays
        self.masking = 0
        self.failed: BaseException | None = None
        self.ran_on_data = False
        self.given: dict[int, Any] = {}  # the user's own array for an input, by id of its placeholder
        self._names: dict[tuple[int, str], int] = {}

    # ---- what the hooks ask

    def listening(self) -> bool:
        return not self.quiet and self.thread == threading.get_ident()

    def naming(self) -> bool:
        """Tells whether an operation that is being made belongs to the run, not to the model."""
        return bool(self.stack) and not self.building and self.thread == threading.get_ident()

    def op_name(self, name: str) -> str:
        """Returns a name for an operation made during the run; Keras's own counter is left alone."""
        key = (self.stack[-1].id if self.stack else -1, name)
        count = self._names.get(key, 0)
        self._names[key] = count + 1
        return f"{name}_{count}" if count else name

    # ---- calls on placeholders

    def symbolic(self, target: Any, args: Any, kwargs: Any, original: Callable[..., Any]) -> Any:
        """Records a call on placeholders and returns its output placeholders."""
        is_layer = isinstance(target, keras.layers.Layer)
        if not is_layer and type(target).__name__ == "ConvertToTensor" and changes_nothing(target, args):
            return args[0]
        draft = self.begin(target, args, kwargs)
        opened = is_layer and opens(target)
        try:
            outputs = (
                self._open(draft, args, kwargs) if opened else self._shut(target, args, kwargs, original)
            )
            self._peek(draft)
        except Exception as error:
            self.fail(draft, error)
            raise
        finally:
            self.stack.pop()
        return self.end(draft, outputs, opened)

    def _shut(self, target: Any, args: Any, kwargs: Any, original: Callable[..., Any]) -> Any:
        """Takes Keras's word for the output of one of its own layers or operations."""
        with self.silence():
            outputs = original(target, *args, **kwargs)
        return einsum_sizes(target, args[0], outputs) if type(target).__name__ == "EinsumDense" else outputs

    def _peek(self, draft: Draft) -> None:
        """Shows what a layer that repeats another one repeats: once, on one step of the sequence."""
        layer = draft.target
        inner = getattr(layer, "layer" if type(layer).__name__ == "TimeDistributed" else "cell", None)
        is_repeater = isinstance(layer, keras.layers.RNN) or type(layer).__name__ == "TimeDistributed"
        if not is_repeater or not isinstance(inner, keras.layers.Layer) or not draft.inputs:
            return
        if isinstance(layer, keras.layers.RNN) and type(inner).__module__.startswith("keras."):
            return  # LSTM and the like are known as a whole
        shape, dtype = draft.inputs[0].shape, draft.inputs[0].dtype
        step = keras.KerasTensor((shape[0], *shape[2:]), dtype=dtype)
        self.producers[id(step)] = (step, -1, 0)
        try:
            if isinstance(layer, keras.layers.RNN):
                sizes = keras.tree.flatten(inner.state_size)
                inner(step, [keras.KerasTensor((shape[0], *np.atleast_1d(n)), dtype=dtype) for n in sizes])
            else:
                inner(step)
        except Exception as error:
            draft.notes.append(f"what it repeats could not be run: {short(error)}")

    def _open(self, draft: Draft, args: Any, kwargs: Any) -> Any:
        """Runs the layer's own `call`, first on the placeholders, then on data."""
        mark = len(self.drafts)
        try:
            return draft.target.call(*args, **kwargs)
        except Exception as error:
            if self.failed is not None:
                raise  # it has been tried on data, further in
            if not self.sized:
                raise NeedsSizes from error
            kept = self._cut(mark)
            try:
                outputs = self._run_on_data(draft, args, kwargs)
            except Exception as second:
                self.failed = second
                if self._same_place(kept, self.drafts[mark:]):
                    self._cut(mark)
                    self.drafts += kept  # the same place, and the operations before it are known
                    self.failed = error
                raise
            draft.notes.append("run on data, because its code does not take placeholders")
            self.ran_on_data = True
            return outputs

    def _cut(self, mark: int) -> list[Draft]:
        kept = self.drafts[mark:]
        del self.drafts[mark:]
        # What is tried again is numbered again from the start; `mark - 1` is the layer that is tried again.
        self._names = {key: count for key, count in self._names.items() if key[0] < mark - 1}
        return kept

    @staticmethod
    def _same_place(kept: list[Draft], new: list[Draft]) -> bool:
        def place(drafts: list[Draft]) -> Any:
            layers = [d.target for d in drafts if isinstance(d.target, keras.layers.Layer)]
            return len(layers), [id(layer) for layer in layers[-1:]]

        return place(kept) == place(new)

    def fail(self, draft: Draft, error: BaseException) -> None:
        """Notes the error at the innermost call it passes."""
        if not any(other.error for other in self.drafts[draft.id :] if other is not draft):
            draft.error = short(error)

    def refused(self, layer: Any, args: Any, kwargs: Any, mark: int, error: Exception) -> None:
        """Notes a call that Keras refused before it began: a shape that does not fit, a `build` that fails."""
        parent = self.stack[-1].id if self.stack else None
        begun = any(d.target is layer and d.parent == parent for d in self.drafts[mark:])
        if begun or (self.failed is not None and self.on_data == 0):
            return
        draft = self.begin(layer, args, kwargs)
        self.stack.pop()
        self.fail(draft, error)

    def end(self, draft: Draft, outputs: Any, opened: bool) -> Any:
        """Notes what came out; a layer that hands its input through gets a placeholder of its own."""
        empty = opened and len(self.drafts) == draft.id + 1

        def one(value: Any) -> Any:
            if not isinstance(value, keras.KerasTensor):
                return value
            known = self.producers.get(id(value))
            if known is not None and (not opened or empty):
                value, known = copy_of(value), None
            source, index = (known[1], known[2]) if known else (draft.id, len(draft.outputs))
            if known is None:
                self.producers[id(value)] = (value, source, index)
            draft.outputs.append(self._seen(value, source, index))
            return value

        return keras.tree.map_structure(one, outputs)

    # ---- calls on data

    def _run_on_data(self, draft: Draft, args: Any, kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(self._array, (args, kwargs))
        # Layers opened on placeholders inside are not wanted here: only what the arrays meet.
        self.on_data += 1
        try:
            outputs = draft.target.call(*args, **kwargs)
        finally:
            self.on_data -= 1
        return keras.tree.map_structure(functools.partial(self._placeholder, draft), outputs)

    def _array(self, value: Any) -> Any:
        if not isinstance(value, keras.KerasTensor):
            return value
        given = self.given.get(id(value))
        data = sample(value.shape, value.dtype) if given is None else repeated(given, value.shape)
        array = keras.ops.convert_to_tensor(data, dtype=value.dtype)
        if (known := self.producers.get(id(value))) is not None:
            self.producers[id(array)] = (array, known[1], known[2])
        return array

    def _placeholder(self, draft: Draft, value: Any) -> Any:
        if not keras.ops.is_tensor(value):
            return value
        source, index = self._known(value, draft)
        shape = tuple(int(n) for n in value.shape)
        tensor = keras.KerasTensor(shape, dtype=keras.backend.standardize_dtype(value.dtype))
        self.producers[id(tensor)] = (tensor, source, index)
        return tensor

    def data_call(self, layer: Any, args: Any, kwargs: Any, original: Callable[..., Any]) -> Any:
        """Records a call on arrays."""
        draft = self.begin(layer, args, kwargs)
        opened = opens(layer)
        try:
            if opened:
                outputs = original(layer, *args, **kwargs)
            else:
                with self.silence():
                    outputs = original(layer, *args, **kwargs)
        except Exception as error:
            self.fail(draft, error)
            raise
        finally:
            self.stack.pop()
        for value in keras.tree.flatten(outputs):
            if keras.ops.is_tensor(value):
                if opened and len(self.drafts) > draft.id + 1:
                    source, index = self._known(value, draft)
                else:
                    source, index = draft.id, len(draft.outputs)
                    self.producers[id(value)] = (value, source, index)
                draft.outputs.append(self._seen(value, source, index))
        return outputs

    def _known(self, array: Any, parent: Draft | None) -> tuple[int, int]:
        """Returns where an array comes from; from code that Keras does not see, when nobody else made it."""
        known = self.producers.get(id(array))
        if known is None:
            code = self._code(array, parent)
            known = self.producers[id(array)] = (array, code.id, 0)
        return known[1], known[2]

    def _code(self, array: Any, parent: Draft | None) -> Draft:
        """Adds a box for calculations between layers: from everything not yet used, to `array`."""
        inside = [d for d in self.drafts if parent is not None and d.parent == parent.id]
        used = {(s.source, s.index) for d in inside for s in d.inputs}
        free = [s for d in inside for s in d.outputs if (s.source, s.index) not in used]
        if not free and parent is not None:
            free = [s for s in parent.inputs if s.role == "data"]
        draft = Draft(len(self.drafts), parent.id if parent else None, None, self.op_name("code"), "code")
        draft.inputs = [dataclasses.replace(s, argument="") for s in free]
        draft.notes.append("calculated outside Keras; what exactly goes in is not known")
        self.drafts.append(draft)
        draft.outputs.append(self._seen(array, draft.id, 0))
        return draft

    # ---- both

    def begin(self, target: Any, args: Any, kwargs: Any) -> Draft:
        """Opens a call: what goes in, from where, on which line."""
        parent = self.stack[-1] if self.stack else None
        inputs = self._inputs(
            target, args, kwargs, parent
        )  # may add a box for code, so before our own number
        category = "op"
        if isinstance(target, keras.layers.Layer):
            category = "model" if isinstance(target, keras.Model) else "layer"
        name = str(target.name)
        draft = Draft(len(self.drafts), parent.id if parent else None, target, name, category, inputs)
        if category == "op":
            draft.settings = settings_of(target, args, kwargs)
        draft.file, draft.line = self._place()
        draft.for_mask = bool(self.masking)
        self.drafts.append(draft)
        self.stack.append(draft)
        return draft

    def add_input(self, tensor: Any, name: str, target: Any = None) -> None:
        """Adds an input of the graph."""
        draft = Draft(len(self.drafts), None, target, name, "input")
        self.producers[id(tensor)] = (tensor, draft.id, 0)
        draft.outputs.append(self._seen(tensor, draft.id, 0))
        self.drafts.append(draft)

    def note_masks(self, layer: Any, outputs: Any) -> None:
        """Marks the outputs of a layer's last call that carry a mask; Keras sets masks when the call is over."""
        draft = next((d for d in reversed(self.drafts) if d.target is layer), None)
        if draft is not None:
            for tensor, seen in zip(keras.tree.flatten(outputs), draft.outputs, strict=False):
                seen.masked = getattr(tensor, "_keras_mask", None) is not None

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """Records nothing inside the block."""
        self.quiet += 1
        try:
            yield
        finally:
            self.quiet -= 1

    def _inputs(self, target: Any, args: Any, kwargs: Any, parent: Draft | None) -> list[Seen]:
        names = argument_names(type(target))
        pairs = [(names[i] if i < len(names) else names[-1] if names else "", a) for i, a in enumerate(args)]
        found = []
        for argument, value in [*pairs, *kwargs.items()]:
            for leaf in leaves(value):
                if (seen := self._input(leaf, argument, parent)) is not None:
                    found.append(seen)
        return found

    def _input(self, value: Any, argument: str, parent: Draft | None) -> Seen | None:
        role = "mask" if argument.endswith("mask") else "data"
        if isinstance(value, keras.KerasTensor):
            known = self.producers.get(id(value))
            return self._seen(value, known[1] if known else None, known[2] if known else 0, role, argument)
        if isinstance(value, keras.Variable):
            return self._seen(value, None, 0, "state", argument)
        if isinstance(value, np.ndarray) or keras.ops.is_tensor(value):
            if len(value.shape) == 0:
                return None  # a factor or an axis, no tensor of the model
            known = self.producers.get(id(value))
            if known is None and self.on_data and role == "data" and not isinstance(value, np.ndarray):
                return self._seen(value, *self._known(value, parent), role, argument)
            if known is None:
                return self._seen(value, None, 0, "constant" if role == "data" else role, argument)
            return self._seen(value, known[1], known[2], role, argument)
        return None

    @staticmethod
    def _seen(value: Any, source: int | None, index: int, role: str = "data", argument: str = "") -> Seen:
        shape = tuple(None if n is None else int(n) for n in value.shape)
        dtype = keras.backend.standardize_dtype(value.dtype)
        masked = getattr(value, "_keras_mask", None) is not None
        return Seen(shape, dtype, source, index, role, argument, masked)

    def _place(self) -> tuple[str | None, int | None]:
        frame: Any = sys._getframe(2)
        while frame is not None and frame is not self.base:
            if is_users(frame.f_code.co_filename, installed=True):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return None, None
