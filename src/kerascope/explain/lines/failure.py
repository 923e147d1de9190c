"""Where traced code failed: the user's innermost frame, and the expression that was being computed in it."""

from __future__ import annotations

import dataclasses
import itertools
import re
import types

from kerascope.explain.lines.source import Place, site_of
from kerascope.probe.lines.install import is_users
from kerascope.probe.lines.recorder import Recorder
from kerascope.record.lines import Activation, LineLog, Position, Site

_WRAPPINGS = (
    "Exception encountered when calling",
    "Could not automatically infer the output shape",
    "Unable to automatically build the model",
    "_error_repr",
)
_BOLD = re.compile("\x1b\\[1m(.*?)\x1b\\[0m", re.DOTALL)
_NODE = re.compile(r"\{\{function_node [^}]*\}\}\s*|\s*\[Op:\w+\](\s*name:.*)?")


@dataclasses.dataclass(frozen=True)
class Failure:
    """What went wrong in traced code.

    `error` is None where nothing was raised but the result is not what it should be. `site` is the expression that
    raised, `activation` the execution it stands in, `culprit` the expression where a dimension went wrong, when that
    is known (with `vague` only where one of several sizes that disagree comes from). `logs` are the trace itself and,
    after it, those of probing with other batch sizes. `marks` are further places that have to do with it, each with its
    file.
    """

    error: BaseException | None
    site: Site | None
    activation: Activation | None
    frame: types.FrameType | None = None
    culprit: Site | None = None
    logs: tuple[LineLog, ...] = ()
    marks: tuple[tuple[str, Position], ...] = ()
    vague: bool = False


def locate(error: BaseException, recorder: Recorder) -> Failure:
    """Returns where an exception that came out of a trace was raised in the user's source.

    Call it before the recorder's trace has been forgotten: what an activation saw is found by its frame.
    """
    logs = (recorder.log,)
    found = innermost(error)
    if found is None:
        return Failure(error, None, None, logs=logs)
    frame, place = found
    return Failure(error, site_of(frame, place), recorder.activation_of(frame), frame, logs=logs)


def innermost(error: BaseException) -> tuple[types.FrameType, Place] | None:
    """Returns the user's innermost frame in an exception's traceback, and the place it had come to."""
    deepest = underlying(error)
    # Of a layer of Keras's own that failed inside one of the user's, the first exception never came to the user's code.
    return _innermost(deepest) or (_innermost(error) if deepest is not error else None)


def _innermost(error: BaseException) -> tuple[types.FrameType, Place] | None:
    found: types.TracebackType | None = None
    entry = error.__traceback__
    while entry is not None:
        if is_users(entry.tb_frame.f_code.co_filename):
            found = entry
        entry = entry.tb_next
    if found is None:
        return None
    frame = found.tb_frame
    place = next(itertools.islice(frame.f_code.co_positions(), found.tb_lasti // 2, None))
    return frame, place


def underlying(error: BaseException) -> BaseException:
    """Returns the exception that the user's code raised.

    Keras makes a new exception with a longer text, which lacks what else the first one held, and says elsewhere that
    something could not be built or its shape not be found out; some classes of JAX cannot be made anew, and what comes
    out is an AttributeError about that. What it was about is the context of each.
    """
    context = error.__context__
    if context is None or context.__traceback__ is None:
        return error
    text = str(error)
    return underlying(context) if any(phrase in text for phrase in _WRAPPINGS) else error


def said(error: BaseException) -> str:
    """Returns the exception's own first line, without what Keras and TensorFlow put around it."""
    text = str(underlying(error))
    bold = _BOLD.search(text)
    text = bold.group(1) if bold else text
    if "Error encountered:" in text:
        text = text.split("Error encountered:", 1)[1]
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return _NODE.sub("", line).strip()
