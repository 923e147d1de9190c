"""Layers that are made while a model is called: each call has new ones, and none of them is ever trained."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from typing import Any

from kerascope._keras import making, steps
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, SourceSpan
from kerascope.whose import is_ours, is_users


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the first layer with weights that a call of the trained model makes anew."""
    made: list[tuple[Any, types.CodeType, int]] = []

    def note(layer: Any) -> None:
        frame = _maker(layer, sys._getframe(2))
        if frame is not None and all(layer is not known for known, *_ in made):
            made.append((layer, frame.f_code, frame.f_lineno))

    trial_.at_end()
    with steps.Patches() as patches:
        making.note_made(patches, note)
        trial_.predict()
    for layer, code, line in made:
        if layer.trainable_variables:
            yield _new_each_time(layer, code, line)
            return


def _maker(layer: Any, frame: types.FrameType | None) -> types.FrameType | None:
    """Returns the frame of the user's that called the constructor, None where Keras made the layer for itself."""
    while frame is not None:
        code = frame.f_code
        own = code.co_argcount and frame.f_locals.get(code.co_varnames[0]) is layer
        if not own and not is_ours(code.co_filename):
            return frame if is_users(code.co_filename) else None
        frame = frame.f_back
    return None


def _new_each_time(layer: Any, code: types.CodeType, line: int) -> Found:
    parsed = source.tree(code.co_filename)
    kind = type(layer).__name__
    calls = [n for n in ast.walk(parsed) if isinstance(n, ast.Call) and n.lineno == line] if parsed else []
    node = next((n for n in calls if ast.unparse(n.func).rpartition(".")[2] == kind), None)
    place = (
        source.span(code.co_filename, node) if node is not None else SourceSpan(code.co_filename, line, line)
    )
    return Found(
        finding(
            "frozen-weights",
            "fault",
            0.97,
            f"`{kind}` is made anew in each call of `{code.co_name}`, so its weights are never trained",
            "The line runs every time the model is called: there is a new layer each time, with new random weights, "
            "which Keras does not know of and no optimizer changes. Make it once, in `__init__` or `build`, "
            "keep it in an attribute, and call that.",
            place,
            [Evidence("weights of the new layer", len(layer.trainable_variables))],
        )
    )
