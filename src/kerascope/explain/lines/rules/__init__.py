"""Rules that operations have to keep: one small function per family, silent unless the numbers break it."""

from kerascope.explain.lines.rules import (  # noqa: F401  (importing registers them)
    arguments,
    axes,
    joining,
    layers,
    lookup,
    objects,
    products,
    python,
    refused,
    shapes,
)
from kerascope.explain.lines.rules import dtypes as dtypes  # last: types matter only where shapes agree
from kerascope.explain.lines.rules.registry import Broken, rules_for

__all__ = ["Broken", "rules_for"]
