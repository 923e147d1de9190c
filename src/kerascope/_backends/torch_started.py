"""Which of the user's functions start the operations of an eager step on torch, and how many."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from kerascope._backends.timing import OURS, foreign, shown
from kerascope._keras import units

_MOST = 8
_STEPPING = re.compile(r"torch.(optim|nn.modules|autograd)\b")
_Place = tuple[str, int, str]


class Started(TorchDispatchMode):
    """Counts every operation: those of the backward pass, and the others by the user's function that asked for it.

    What a layer or an optimizer does inside is its own, whoever calls it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all = self.backward = 0
        self.places: Counter[_Place] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.all += 1
        if torch._C._current_graph_task_id() != -1:  # the graph that is being walked back
            self.backward += 1
        else:
            place = _asking()
            if place is not None:
                self.places[place] += 1
        return func(*args, **(kwargs or {}))


def started(run: Callable[[], Any]) -> dict[str, Any]:
    """Runs a step; returns how many operations it starts ("all", "backward"), and for which functions most."""
    with Started() as counted:
        run()
    rows = [
        {"file": shown(file), "line": line, "function": function, "count": count}
        for (file, line, function), count in counted.places.most_common(_MOST)
    ]
    return {"all": counted.all, "backward": counted.backward, "started": rows}


def _asking() -> _Place | None:
    """Returns the function of the user for which an operation runs, None when it is that of a layer or of Keras."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith(OURS) and not foreign(file):
            return None if units.in_layer(frame) else (file, code.co_firstlineno, code.co_name)
        if _STEPPING.search(file) or units.acts_by_itself(file):
            return None
        frame = frame.f_back
    return None
