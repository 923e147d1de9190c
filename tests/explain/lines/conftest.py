"""The programs here are user code: they lie beside the tests, in modules that pytest does not rewrite."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
