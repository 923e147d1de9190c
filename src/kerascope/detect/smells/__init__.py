"""Silent numeric faults: what the traced lines of the user's source compute without an error, and should not.

`Smells` listens to a trace and judges each expression from the numbers that go in and come out; see `listener`. Each
rule stands in a file of its own: scales, shapes, domains, saturation, overflow, cancellation, axes, cuts, logits.
"""

from __future__ import annotations

from kerascope.detect.smells.listener import KINDS, Smells

__all__ = ["KINDS", "Smells"]
