"""Small layers, losses and metrics that are wrong in one place, each with the healthy class it was meant to be."""

from __future__ import annotations

import collections
import dataclasses

from trace_bugs.abroad import CASES as ABROAD
from trace_bugs.apart import CASES as APART
from trace_bugs.aside import CASES as ASIDE
from trace_bugs.beyond import CASES as BEYOND
from trace_bugs.case import Case, Loaded, load
from trace_bugs.closing import CASES as CLOSING
from trace_bugs.common import CASES as COMMON
from trace_bugs.constructs import CASES as CONSTRUCTS
from trace_bugs.fresh import CASES as FRESH
from trace_bugs.further import CASES as FURTHER
from trace_bugs.held import CASES as HELD
from trace_bugs.kept import CASES as KEPT
from trace_bugs.last import CASES as LAST
from trace_bugs.late import CASES as LATE
from trace_bugs.layers import CASES as LAYERS
from trace_bugs.losses import CASES as LOSSES
from trace_bugs.mailed import CASES as MAILED
from trace_bugs.metrics import CASES as METRICS
from trace_bugs.more import CASES as MORE
from trace_bugs.newest import CASES as NEWEST
from trace_bugs.ordinary import CASES as ORDINARY
from trace_bugs.plain import CASES as PLAIN
from trace_bugs.posted import CASES as POSTED
from trace_bugs.promises import CASES as PROMISES
from trace_bugs.reserve import CASES as RESERVE
from trace_bugs.second import CASES as SECOND
from trace_bugs.settled import CASES as SETTLED
from trace_bugs.shown import CASES as SHOWN
from trace_bugs.slips import CASES as SLIPS
from trace_bugs.spare import CASES as SPARE
from trace_bugs.tried import CASES as TRIED
from trace_bugs.unseen import CASES as UNSEEN
from trace_bugs.usual import CASES as USUAL

ALL: tuple[Case, ...] = (
    *(
        *LAYERS,
        *MORE,
        *LOSSES,
        *METRICS,
        *FURTHER,
        *SECOND,
        *HELD,
        *FRESH,
        *UNSEEN,
        *LATE,
        *NEWEST,
        *ASIDE,
        *APART,
        *BEYOND,
        *CONSTRUCTS,
        *ABROAD,
        *PLAIN,
        *USUAL,
        *COMMON,
        *ORDINARY,
        *SHOWN,
        *KEPT,
        *SPARE,
        *RESERVE,
        *SETTLED,
        *TRIED,
        *SLIPS,
        *CLOSING,
        *POSTED,
        *MAILED,
        *PROMISES,
    ),
    *(dataclasses.replace(case, held_out=True) for case in LAST),
)

_TWICE = [name for name, count in collections.Counter(case.name for case in ALL).items() if count > 1]
if _TWICE:
    raise ValueError(f"{', '.join(_TWICE)}: --only could not tell these cases apart")

__all__ = ["ALL", "Case", "Loaded", "load"]
