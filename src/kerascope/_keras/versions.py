"""Versions of what runs, read from the running program."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import keras


def facts() -> dict[str, Any]:
    """Returns the versions of kerascope and Keras, for the recording."""
    try:
        own = metadata.version("kerascope")
    except metadata.PackageNotFoundError:  # run from a source tree
        own = "unknown"
    return {"kerascope": own, "keras": keras.__version__, "backend": keras.backend.backend()}
