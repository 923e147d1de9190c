"""Values as JSON data."""

from __future__ import annotations

import json
from typing import Any


def plain(value: Any) -> Any:
    """Returns `value` as JSON data; what JSON cannot hold becomes its repr, shortened."""
    return json.loads(
        json.dumps(value, default=lambda item: repr(item)[:200])
        .replace("NaN", '"nan"')
        .replace("Infinity", '"inf"')
    )
