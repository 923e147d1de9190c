"""Memory over a training: how much the process and the device hold, and which objects become more."""

from __future__ import annotations

import collections
import gc
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerascope._backends.timing import foreign
from kerascope.probe.clock import now

_SECONDS = 1.0
_SHORTEST, _PATIENT = 0.1, 200
"""Seconds between looks at first, and how many times what a look takes must have passed before the next one."""
_SOON = 40
"""Looks after which they are made once a second."""
_ENTRIES = 20
"""Of a dictionary that are looked into."""
_CENSUSES = 10
_PATIENCE = 50
_FIRST_CENSUS = 15.0
_TYPES = 200
_LOOKS = 400
_STATM = Path("/proc/self/statm")


def resident() -> float:
    """Returns the bytes of memory that this process holds; the most it ever held where the system says no more."""
    if _STATM.exists():
        return float(int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak * (1 if sys.platform == "darwin" else 1024))


class Memory:
    """Looks ten times a second at first, then once, and counts objects at the ends of epochs."""

    def __init__(self, device: Callable[[], dict[str, float]]) -> None:
        self._device = device
        self._next = 0.0
        self._rest = 0.0
        self._looks: list[dict[str, Any]] = []
        self._types: list[tuple[int, Counter[str]]] = []
        self._sizes: list[tuple[int, dict[str, int]]] = []
        self._roots: tuple[Any, ...] = ()
        self._modules: dict[str, Any] = {}

    def begin(self, roots: tuple[Any, ...]) -> None:
        """A training begins; `roots` (model, data source, callbacks) are searched for containers that grow."""
        self._looks, self._types, self._sizes = [], [], []
        self._roots = roots
        self._next = now() + _SHORTEST
        self._rest = now() + _FIRST_CENSUS
        self._modules = user_modules()

    def due(self) -> bool:
        """Tells whether it is time to look again."""
        return now() >= self._next and len(self._looks) < _LOOKS

    def look(self, step: int, epoch: int, *, census: bool = False) -> None:
        """Notes what is held now."""
        start = now()
        self._looks.append({"step": step, "epoch": epoch, "resident": resident(), **self._device()})
        self._sizes.append((step, sizes(self._roots, self._modules)))
        pause = _SHORTEST if len(self._looks) < _SOON else _SECONDS
        self._next = now() + max(pause, _PATIENT * (now() - start))
        if census and len(self._types) < _CENSUSES and now() >= self._rest:
            began = now()
            self._types.append((step, Counter(type(one).__name__ for one in gc.get_objects())))
            # Walking all objects takes a tenth of a second: no more than a fiftieth of the time goes there.
            self._rest = now() + _PATIENCE * (now() - began)

    def facts(self) -> dict[str, Any]:
        """Returns the looks, the types of which there are ever more, and the containers that grow."""
        return {"looks": self._looks, "types": self._growing_types(), "containers": self._growing()}

    def _growing_types(self) -> list[dict[str, Any]]:
        if len(self._types) < 3:
            return []
        series = self._types[1:]
        steps = series[-1][0] - series[0][0]
        found: list[dict[str, Any]] = []
        for name in series[-1][1]:
            counts = [counter[name] for _, counter in series]
            grown = counts[-1] - counts[0]
            if steps > 0 and grown >= 0.5 * steps and all(b > a for a, b in itertools.pairwise(counts)):
                found.append({"type": name, "from": counts[0], "to": counts[-1], "steps": steps})
        return sorted(found, key=lambda entry: -entry["to"] + entry["from"])[:8]

    def _growing(self) -> list[dict[str, Any]]:
        if len(self._sizes) < 3:
            return []
        (first, before), (last, after) = self._sizes[0], self._sizes[-1]
        middle = self._sizes[len(self._sizes) // 2][1]
        found: list[dict[str, Any]] = [
            {"name": name, "from": before.get(name, 0), "to": count, "steps": last - first}
            for name, count in after.items()
            if last > first
            and count - before.get(name, 0) >= 0.5 * (last - first)
            and before.get(name, 0) < middle.get(name, 0) < count
        ]
        return sorted(found, key=lambda entry: -entry["to"])[:8]


def user_modules() -> dict[str, Any]:
    """Returns the modules that the user wrote, by name."""
    files = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    # A package is judged by its own file: there are thousands of modules, and each would ask the disk.
    strange = {name for name, file in files.items() if "." not in name and file and foreign(file)}
    return {
        name: sys.modules[name]
        for name, file in files.items()
        if file and name.partition(".")[0] not in strange and not foreign(file)
    }


def sizes(roots: tuple[Any, ...], modules: dict[str, Any]) -> dict[str, int]:
    """Returns the lengths of the containers that the user's objects and modules hold, by name."""
    found: dict[str, int] = {}
    for root in roots:
        kind = type(root)
        if not foreign(getattr(sys.modules.get(kind.__module__), "__file__", None) or ""):
            found |= _lengths(f"{kind.__name__}.", getattr(root, "__dict__", {}))
    for name, module in modules.items():
        found |= _lengths("" if name == "__main__" else f"{name}.", vars(module))
    return found


def _lengths(prefix: str, values: dict[str, Any]) -> dict[str, int]:
    kinds = (list, dict, set, collections.deque)
    found = {f"{prefix}{name}": value for name, value in list(values.items()) if isinstance(value, kinds)}
    for name, value in list(found.items()):
        if isinstance(value, dict):
            inside = list(itertools.islice(value.items(), _ENTRIES))  # never a copy of a large one
            # Writing another key down would run the user's code, or read a tensor from the device.
            named = [(key, entry) for key, entry in inside if isinstance(key, (str, int))]
            found |= {f"{name}[{key!r}]": entry for key, entry in named if isinstance(entry, kinds)}
    return {name: len(value) for name, value in found.items()}
