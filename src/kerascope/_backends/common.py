"""What the three backends share and no framework is needed for."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Container, Iterator

import numpy as np


def second_calls(name: str, taken: Container[str]) -> str:
    """Returns `name`, or "name#2", "name#3", ... when it is taken: a layer may be called more than once."""
    if name not in taken and f"{name}[0]" not in taken:
        return name
    count = 2
    while f"{name}#{count}" in taken or f"{name}#{count}[0]" in taken:
        count += 1
    return f"{name}#{count}"


def output_names(name: str, count: int) -> list[str]:
    """Returns one name per output of a layer."""
    return [name] if count == 1 else [f"{name}[{index}]" for index in range(count)]


@contextlib.contextmanager
def quiet_python() -> Iterator[None]:
    """Runs user code once more without a trace: Python's and NumPy's random state kept, prints dropped."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
