"""The tests of topology run on one backend at a time, the one in KERAS_BACKEND; models are in `architectures.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
