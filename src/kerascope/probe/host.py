"""What the step takes when the user's Python in it costs nothing: its functions answer what they answered last."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kerascope._backends.timing import ANSWERS, shown
from kerascope._keras import steps

_PLAIN = 0.9
"""Of a function's time in Python or NumPy, so that it holds no part of the model."""
_PART = 0.1
"""Of the step's time, from which a function is left out."""


def plain_function(lines: Sequence[Mapping[str, Any]], seconds: float) -> tuple[str, str] | None:
    """Returns file and name of the function in which the step runs plain Python longest, None when there is none.

    Args:
        lines: rows of `Stacks.facts`.
        seconds: what was seen of the step in all.
    """
    whole: dict[tuple[str, str], float] = {}
    plain: dict[tuple[str, str], float] = {}
    for row in lines:
        if row["phase"] == "step":
            key = (row["file"], row["function"])
            whole[key] = whole.get(key, 0.0) + row["seconds"]
            plain[key] = plain.get(key, 0.0) + row["plain"]
    found = [key for key in whole if plain[key] >= max(_PLAIN * whole[key], _PART * seconds)]
    return max(found, key=lambda key: plain[key], default=None)


@contextlib.contextmanager
def skipped(function: tuple[str, str] | None) -> Iterator[list[int]]:
    """Lets host functions answer what they answered last inside the block; yields how often one did."""
    count = [0]
    with contextlib.ExitStack() as stack:
        stack.enter_context(ANSWERS.skipping(count))
        patches = stack.enter_context(steps.Patches())
        for owner, name, original in _owners(function) if function is not None else ():
            patches.put(owner, name, _answering(original, count))
        yield count


def _owners(function: tuple[str, str]) -> Iterator[tuple[Any, str, Any]]:
    """Yields where the function stands: a module or a class, the name there, and the function."""
    file, wanted = function
    for module in list(sys.modules.values()):
        if shown(str(getattr(module, "__file__", None) or "")) != file:
            continue
        for owner in (module, *(one for one in vars(module).values() if isinstance(one, type))):
            for name, value in list(vars(owner).items()):
                code = getattr(value, "__code__", None)
                if code is not None and code.co_name == wanted and shown(code.co_filename) == file:
                    yield owner, name, value


def _answering(original: Any, count: list[int]) -> Any:
    kept: list[Any] = []

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kept:
            count[0] += 1
            return kept[0]
        result = original(*args, **kwargs)
        if not any(map(steps.is_tensor, steps.flatten(result))):
            kept.append(result)  # a tensor may belong to a gradient, and is used once
        return result

    return call
