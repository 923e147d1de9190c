"""What the code that runs is for: a layer's forward pass, a loss, a metric, a training step; told from whose it is."""

from __future__ import annotations

import sys
import types
from typing import Any, Literal

from kerascope.record.lines import Activation

Role = Literal["layer", "loss", "metric", "train", "other"]

_STEPS = {"train_step", "compute_loss", "train_on_batch", "fit", "_train_step"}
_SETTING_UP = {"__init__", "build", "compute_output_shape", "compute_output_spec", "get_config"}
_known: dict[tuple[int, types.CodeType], tuple[Activation, Role]] = {}


def role(frame: types.FrameType, activation: Activation) -> Role:
    """Returns the role of an execution; helpers have that of whoever called them."""
    key = id(activation), frame.f_code  # a lambda shares the execution it was made in
    known = _known.get(key)
    if known is not None and known[0] is activation:
        return known[1]
    if len(_known) > 512:
        _known.clear()
    found = _role(frame) or _by_name(frame)
    _known[key] = (activation, found)
    return found


def forget() -> None:
    """Lets go of what has been looked up."""
    _known.clear()


def _role(start: types.FrameType) -> Role | None:
    frame: types.FrameType | None = start
    while frame is not None:
        code = frame.f_code
        if code.co_argcount and code.co_varnames[0] == "self":
            found = _of_method(frame.f_locals.get("self"), code.co_name)
            if found is not None:
                return found
        frame = frame.f_back
    return None


def _of_method(owner: Any, method: str) -> Role | None:
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "Optimizer"):
        if isinstance(owner, keras.Metric):
            return "metric"
        if isinstance(owner, keras.Loss):
            return "loss"
        if isinstance(owner, keras.optimizers.Optimizer):
            return "train"
        if isinstance(owner, keras.Model) and method in _STEPS:
            return "train"
        if isinstance(owner, keras.Model) and method in ("test_step", "evaluate"):
            return "metric"
        if isinstance(owner, keras.Layer):
            return None if method in _SETTING_UP else "layer"
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "nn") and isinstance(owner, torch.nn.Module):
        return "layer" if method in ("forward", "call") else None
    return None


def is_guess(frame: types.FrameType) -> bool:
    """Tells whether only the names of its arguments make a function a loss: it may be a metric too."""
    return _role(frame) is None and not says_loss(frame.f_code.co_name)


def says_loss(name: str) -> bool:
    """Tells whether the name of a function says that it is a loss, and no metric."""
    return "loss" in name.lower() or "entropy" in name.lower()


def _by_name(frame: types.FrameType) -> Role:
    """A function on its own has only its name and its arguments' names to go by."""
    code = frame.f_code
    name = code.co_name.lower()
    if any(word in name for word in ("accuracy", "metric", "score", "precision", "recall")):
        return "metric"
    given = code.co_varnames[: code.co_argcount]
    if says_loss(name) or ("y_true" in given and "y_pred" in given):
        return "loss"
    return "train" if name in _STEPS else "other"
