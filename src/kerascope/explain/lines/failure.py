"""Where traced code failed: the user's innermost frame, and the expression that was being computed in it."""

from __future__ import annotations

import dataclasses
import itertools
import types

from kerascope.probe.lines.install import is_users, site_at
from kerascope.probe.lines.recorder import Recorder
from kerascope.record.lines import Activation, LineLog, Site


@dataclasses.dataclass(frozen=True)
class Failure:
    """What went wrong in traced code.

    `error` is None where nothing was raised but the result is not what it should be. `site` is the expression that
    raised, `activation` the execution it stands in, `culprit` the expression where a dimension went wrong, when that
    is known. `logs` are the trace itself and, after it, those of probing with other batch sizes.
    """

    error: BaseException | None
    site: Site | None
    activation: Activation | None
    frame: types.FrameType | None = None
    culprit: Site | None = None
    logs: tuple[LineLog, ...] = ()


def locate(error: BaseException, recorder: Recorder) -> Failure:
    """Returns where an exception that came out of a trace was raised in the user's source.

    Call it before the recorder's trace has been forgotten: what an activation saw is found by its frame.
    """
    logs = (recorder.log,)
    found: types.TracebackType | None = None
    entry = error.__traceback__
    while entry is not None:
        if is_users(entry.tb_frame.f_code.co_filename):
            found = entry
        entry = entry.tb_next
    if found is None:
        return Failure(error, None, None, logs=logs)
    frame = found.tb_frame
    place = next(itertools.islice(frame.f_code.co_positions(), found.tb_lasti // 2, None))
    return Failure(error, site_at(frame.f_code, place), recorder.activation_of(frame), frame, logs=logs)
