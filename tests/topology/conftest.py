"""The tests of topology run on one backend at a time, the one in KERAS_BACKEND; models are in `architectures.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))


@pytest.fixture(autouse=True)
def numbered_from_one(request):
    """Keras numbers the names it gives; a test must not depend on how many there were before."""
    if request.node.get_closest_marker("backend"):
        import keras

        keras.backend.clear_session()
