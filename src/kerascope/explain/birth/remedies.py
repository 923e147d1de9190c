"""Changes that may mend a birth, and trying them on the very steps: kept is what stays finite."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerascope._keras import optimizing
from kerascope.explain.birth.story import Steps, Story
from kerascope.explain.fixes.patch import Edit, Patch, splice
from kerascope.explain.fixes.swap import Program, Refused
from kerascope.record.lines import Site

SECONDS = 15.0
_STEPS_ON = 3
"""Steps that a change has to stay finite for: the bad one and those that were kept after it."""

_LARGE = 1e3
"""From here on an operand is large by itself, and the training ran away rather than one operation being undefined."""


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A change: `around` puts it in place for a block, `diff` shows it when it is one of the source."""

    description: str
    around: Callable[[], contextlib.AbstractContextManager[Any]]
    diff: str | None = None
    from_start: bool = False


def remedies(found: Story, model: Any, steps: Steps) -> Iterator[Remedy]:
    """Yields changes to try, the likeliest first."""
    ran_away = _ran_away(found)
    if ran_away:
        yield from _of_settings(model)
    if found.birth is not None:
        yield from _of_source(found)
    if (
        not ran_away
        and "metric" not in found.facts
        and found.direction in ("forward", "layer", "update", "arrived")
    ):
        yield from _of_settings(model)


def _ran_away(found: Story) -> bool:
    """Tells whether a norm grew tenfold and more before: one operation is not what is wrong then."""
    large = found.blame is None or max(abs(found.blame.low), abs(found.blame.high)) > _LARGE
    for row in found.facts.get("run_up", ()):
        values = [v for v in row["values"] if np.isfinite(v)]
        if "norm" in row["label"] and len(values) > 1 and values[-1] > 10 * max(values[0], 1e-12):
            return large
    return large and found.direction in ("update",)


# -- changes of the source -------------------------------------------------------------------------------------


def _of_source(found: Story) -> Iterator[Remedy]:
    assert found.birth is not None
    site = found.birth.site
    for description, edits in _edits(site, found):
        try:
            program = Program(site.file)
            program.changed(edits)
        except (Refused, SyntaxError, OSError):
            continue
        after = splice(program.source, edits)
        patch = Patch(site.file, description, program.source, after)
        yield Remedy(description, lambda p=program, e=edits: p.trying(e), patch.diff())  # type: ignore[misc]


def _edits(site: Site, found: Story) -> Iterator[tuple[str, list[Edit]]]:
    """Yields (what, edits): an operand is kept away from where the operation is undefined."""
    if found.blame is None:
        return
    child = next((c for c in _children(site) if c.source == found.blame.operand), None)
    if child is None:
        return
    name, text = site.name.lower(), child.source
    module = _module(site)
    for words, form in _keeping(name, found, child):
        yield words.format(f"`{text}`"), [Edit(child.position, form.format(x=text, m=module))]
    if found.direction == "backward" and name not in (*_FROM_ZERO, *_WITHIN_ONE, *_DIVISIONS):
        yield f"keep `{text}` above 0", [Edit(child.position, f"{module}maximum({text}, 1e-7)")]


_FROM_ZERO = ("log", "log2", "log10", "sqrt", "rsqrt", "norm", "power", "pow")
_WITHIN_ONE = ("arccos", "acos", "arcsin", "asin", "arctanh", "atanh")
_DIVISIONS = ("div", "divide", "true_divide", "floordiv", "mod", "reciprocal")


def _keeping(name: str, found: Story, child: Site) -> Iterator[tuple[str, str]]:
    """Yields (words, form): how an operand is kept where the operation is defined, its range elsewhere being left."""
    assert found.blame is not None and found.birth is not None
    if name in _FROM_ZERO:
        yield "keep {} above 0", "{m}maximum({x}, 1e-7)"
        yield "add a small number to {}", "({x} + 1e-7)"
    if name == "log1p":
        yield "keep {} above -1", "{m}maximum({x}, -1 + 1e-7)"
    if name in _WITHIN_ONE:
        yield "keep {} between -1 and 1", "{m}clip({x}, -1 + 1e-6, 1 - 1e-6)"
    if name in _DIVISIONS:
        low, high = _reach(found, child)
        if low >= 0:
            yield "keep {} above 0", "{m}maximum({x}, 1e-7)"
            yield "add a small number to {}", "({x} + 1e-7)"
        elif high <= 0:
            yield "keep {} below 0", "{m}minimum({x}, -1e-7)"
        else:  # it has both signs, and the sign is to stay
            yield "keep {} from being 0", "{m}where({x} == 0, 1e-7, {x})"
    if found.blame.low == -np.inf:
        yield "keep {} above -1e9", "{m}maximum({x}, -1e9)"
    if found.birth.dtype in ("float16", "bfloat16"):
        yield f"compute it in float32: {found.birth.dtype} overflows", '{m}cast({x}, "float32")'
    if found.birth.dtype == "float16" and name in ("square", "multiply", "mult"):
        yield "keep {} between -240 and 240: float16 ends at 65504", "{m}clip({x}, -240, 240)"
    if name in ("exp", "expm1", "exp2", "sinh", "cosh"):
        # The square of the largest one, as in Adam, is infinite in float32; float16 ends at exp(11).
        for most in (10, 5) if found.birth.dtype == "float16" else (60, 20):
            yield f"keep {{}} below {most}", f"{{m}}minimum({{x}}, {most}.0)"


def _reach(found: Story, child: Site) -> tuple[float, float]:
    """Returns the smallest and the largest value that an operand had in that step."""
    assert found.birth is not None
    arrays = [a for site, a in found.birth.operands if site.source == child.source and a is not None]
    finite = [a[np.isfinite(a)] for a in arrays]
    sizes = [(float(a.min()), float(a.max())) for a in finite if a.size]
    return (min(s[0] for s in sizes), max(s[1] for s in sizes)) if sizes else (0.0, 0.0)


def _children(site: Site) -> Iterator[Site]:
    for child in site.children:
        yield child
        yield from _children(child)


def _module(site: Site) -> str:
    """Returns how the source writes Keras's operations, "ops." mostly."""
    source = site.source
    for word in ("keras.ops.", "ops.", "tf.", "jnp.", "torch."):
        if word in source:
            return word
    return "keras.ops." if _imports(site, "keras") and not _imports(site, "ops") else "ops."


def _imports(site: Site, name: str) -> bool:
    return name in Program(site.file).names()


# -- changes of settings ---------------------------------------------------------------------------------------


def _of_settings(model: Any) -> Iterator[Remedy]:
    optimizer = getattr(model, "optimizer", None)
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    if inner is None:
        return
    if getattr(inner, "clipnorm", None) is None and getattr(inner, "global_clipnorm", None) is None:
        yield Remedy(
            "clip the gradients: `global_clipnorm=1.0` for the optimizer",
            lambda: optimizing.with_clipping(inner, 1.0),
            from_start=True,
        )
    for factor in (10, 100, 1000):
        yield Remedy(
            f"a learning rate {factor} times smaller",
            lambda f=factor: optimizing.slower(inner, f),  # type: ignore[misc]
            from_start=True,
        )


# -- trying ----------------------------------------------------------------------------------------------------


def tried(found: Story, model: Any, steps: Steps) -> list[dict[str, Any]]:
    """Returns the changes with which the same steps stay finite, as facts; at most two. Only inside `aside`."""
    began = time.perf_counter()
    kept: list[dict[str, Any]] = []
    last = max(steps.steps)
    for remedy in remedies(found, model, steps):
        if len(kept) == 2 or time.perf_counter() - began > SECONDS:
            break
        if any(_digits_apart(remedy.description) == _digits_apart(one["description"]) for one in kept):
            continue  # the same change by another number
        first = steps.start.step if remedy.from_start else found.step
        count = min(last - first + 1, 12 if remedy.from_start else _STEPS_ON)
        if first + count <= found.step:
            continue
        with contextlib.suppress(Exception):  # a change that fails is none
            with remedy.around():
                outcome = steps.eager(first, count=count)
            if _finite(outcome, "" if "metric" in found.facts else "loss"):
                kept.append(_fact(remedy, outcome, first, count, found.step))
    return kept


def _digits_apart(text: str) -> str:
    return re.sub(r"\d+", "", text)


def _finite(outcome: Any, wanted: str) -> bool:
    logs = all(np.isfinite(v) for name, v in outcome.logs.items() if wanted in name)
    state = (a for name, a in outcome.state.items() if a.dtype.kind == "f" and not name.startswith("metric:"))
    return logs and all(np.isfinite(a).all() for a in state)


def _fact(remedy: Remedy, outcome: Any, first: int, count: int, bad: int) -> dict[str, Any]:
    return {
        "description": remedy.description,
        "patch": remedy.diff,
        "before": {"finite": f"not from step {bad} on"},
        "after": {
            "finite": f"steps {first} to {first + count - 1}" if count > 1 else f"step {first}",
            "loss": next((v for name, v in outcome.logs.items() if name == "loss"), None),
        },
    }
