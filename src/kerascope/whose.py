"""Whose code a file holds: the user's, a library's, Python's or ours."""

from __future__ import annotations

import functools
import importlib.util
import os
import sysconfig
from pathlib import Path

_CELLS = ("<ipython-input-", "<python-input-", "<doctest ")
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_STANDARD = tuple({os.path.realpath(sysconfig.get_paths()[k]) + os.sep for k in ("stdlib", "platstdlib")})
_OURS = str(Path(__file__).resolve().parent) + os.sep
_FRAMEWORKS = ("keras", "jax", "jaxlib", "tensorflow", "torch", "numpy", "optree")


@functools.lru_cache(maxsize=4096)
def is_users(file: str, *, installed: bool = False) -> bool:
    """Tells whether a file is the user's: not Python's own, not Keras's or a backend's, not ours.

    Args:
        file: the name in a code object, which may be a notebook's cell.
        installed: take other installed libraries for the user's too.
    """
    if not file or file.startswith("<"):
        return file.startswith(_CELLS) or (installed and file == "<stdin>")
    if "__autograph_generated_file" in file or file.startswith(_frameworks()):
        return False
    if any(part in file for part in _INSTALLED):
        # Outside a virtual environment these folders lie within the standard library's.
        return installed
    return not os.path.realpath(file).startswith(_STANDARD)


def is_ours(file: str) -> bool:
    """Tells whether a file is part of kerascope."""
    return file.startswith(_OURS)


@functools.lru_cache(1)
def _frameworks() -> tuple[str, ...]:
    """Returns the folders of Keras, of the backends and of ourselves, wherever they lie, imported by now or not."""
    places = [_OURS.rstrip(os.sep)]
    for name in _FRAMEWORKS:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):  # a module put into `sys.modules` by hand has no spec
            continue
        if spec is not None and spec.origin:
            places.append(str(Path(spec.origin).parent))
    return tuple(place + os.sep for place in places)
