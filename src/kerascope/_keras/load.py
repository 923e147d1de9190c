"""Models from files: a saved one in safe mode, or the one a script makes."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from kerascope._keras.steps import Patches
from kerascope.errors import ScriptError, UsageError


def saved_model(path: Path) -> Any:
    """Returns the model of a ``.keras`` file, loaded in safe mode: no code that is stored in the file runs."""
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a file holds must end in one sentence
        text = str(error).strip().splitlines()
        raise UsageError(
            f"Keras does not load this file in safe mode: {type(error).__name__}: {text[0] if text else ''} "
            f"Received: {str(path)!r}. A model with custom layers or lambdas needs the script that makes it: give "
            "script.py:name instead."
        ) from None


def is_layer(value: Any) -> bool:
    """Tells whether a value is a model or a layer."""
    return isinstance(value, keras.layers.Layer)


def is_layer_class(value: Any) -> bool:
    """Tells whether a value is a class of models or layers."""
    return isinstance(value, type) and issubclass(value, keras.layers.Layer)


class Trained(BaseException):
    """The script has come to its first training; `model` is the model to be trained."""

    def __init__(self, model: Any, inputs: Any) -> None:
        self.model = model
        self.inputs = inputs


@contextlib.contextmanager
def stopping_at_fit() -> Iterator[None]:
    """Raises `Trained` where a model would begin to train."""
    patches = Patches()
    for name in ("fit", "train_on_batch"):
        patches.put(keras.Model, name, _stop(getattr(keras.Model, name)))
    try:
        yield
    finally:
        patches.undo()


def _stop(original: Any) -> Any:
    @functools.wraps(original)
    def stop(self: Any, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        raise Trained(self, x if hasattr(x, "shape") else None)

    return stop


def failure(error: BaseException, subject: str) -> ScriptError:
    """Returns the error to raise for a script that failed before its model was there."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == os.path.abspath(subject):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" in line {line}" if line is not None else ""
    return ScriptError(
        f"The script failed{where} before its model was there: {type(error).__name__}: {error} Received: {subject!r}."
    )
