"""One file per backend, behind the protocol of `base`; the backend Keras runs on decides which is loaded."""

from __future__ import annotations

import importlib
from typing import cast

import keras

from kerascope._backends.base import Backend
from kerascope.errors import SetupError

_KNOWN = ("jax", "tensorflow", "torch")


def current() -> Backend:
    """Returns the adapter of the backend Keras runs on; raises `SetupError` for one we do not know."""
    name = keras.backend.backend()
    if name not in _KNOWN:
        raise SetupError(
            f"kerascope cannot watch this backend. Received: keras.backend.backend()={name!r}. It knows "
            f"{', '.join(_KNOWN)}; choose one with the environment variable KERAS_BACKEND."
        )
    module = importlib.import_module(f"kerascope._backends.{name}")
    return cast(Backend, module.BACKEND)
