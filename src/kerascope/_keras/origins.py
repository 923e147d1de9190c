"""Where the user's code draws random numbers and makes variables: noted while a block runs."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Where random numbers were drawn or a variable was made, and with what seed."""

    what: str
    fixed: bool
    file: str | None
    line: int | None


def _caller(is_users: Callable[[str], bool]) -> tuple[str | None, int | None]:
    frame = sys._getframe(2)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None, None


@contextlib.contextmanager
def seeds_drawn(is_users: Callable[[str], bool]) -> Iterator[list[Drawn]]:
    """Notes with which seed each random number in the block is drawn. `is_users` tells whose file is whose."""
    drawn: list[Drawn] = []
    module = keras.src.backend.random
    original = module.draw_seed
    made: list[Any] = []
    generator = keras.random.SeedGenerator
    init = generator.__init__

    def draw_seed(seed: Any) -> Any:
        fixed = isinstance(seed, int) or any(seed is one for one in made)
        text = (
            f"seed={seed}"
            if isinstance(seed, int)
            else "a SeedGenerator made in call"
            if fixed
            else "its own seed"
        )
        drawn.append(Drawn(text, fixed, *_caller(is_users)))
        return original(seed)

    def remembering(self: Any, seed: Any = None, *args: Any, **kwargs: Any) -> None:
        init(self, seed, *args, **kwargs)
        if seed is not None:
            made.append(self)

    module.draw_seed, generator.__init__ = draw_seed, remembering
    try:
        yield drawn
    finally:
        module.draw_seed, generator.__init__ = original, init


@contextlib.contextmanager
def variables_made(is_users: Callable[[str], bool]) -> Iterator[list[Drawn]]:
    """Notes each variable of floats that is made in the block, and where."""
    made: list[Drawn] = []
    cls = keras.src.backend.common.variables.Variable
    init = cls.__init__

    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if keras.backend.is_float_dtype(self.dtype):
            made.append(Drawn(str(self.name), False, *_caller(is_users)))

    cls.__init__ = noting
    try:
        yield made
    finally:
        cls.__init__ = init
