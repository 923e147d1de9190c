"""Why a script died that nobody traced: the object it died in is run once more, traced, on inputs of the same shapes.

Where none can be made anew, or the failure does not come back, what the dead frames still hold has to do: the place of
the failing expression, and the operands that are plain names or attributes.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

from kerascope.budget import Budget
from kerascope.explain.lines.explanation import span
from kerascope.explain.lines.failure import Failure, innermost
from kerascope.explain.lines.source import site_of
from kerascope.probe.lines.install import is_users
from kerascope.record.lines import LineLog, Site
from kerascope.values import Finding

SECONDS = 5.0
"""No further run is begun after this time."""

_NEVER = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)
_METHODS = {
    "layer": ("call", "build", "compute_output_shape", "compute_output_spec"),
    "model": ("call", "build", "train_step", "test_step"),
    "metric": ("update_state", "result"),
    "loss": ("call",),
}
_MOST_WEIGHTS = 20_000_000


def explain_crash(error: BaseException) -> Finding | None:
    """Returns why a script died, None where nothing can be told that its traceback does not say.

    The user's code is run again at most as the object that failed, on a fresh instance and made-up inputs, with nothing
    printed; the exception is not touched. Anything that fails in here means None.
    """
    if isinstance(error, _NEVER) or "keras" not in sys.modules:
        return None
    try:
        return _explained(error)
    except Exception:  # the traceback has been shown already; a second one would only stand in its way
        return None


def _explained(error: BaseException) -> Finding | None:
    from kerascope.explain.lines.explanation import explanation_of

    place = innermost(error)
    if place is None:
        return None
    frame, where = place
    site = site_of(frame, where)
    if site is None:
        return None
    budget = Budget(SECONDS / 2)
    for about in _subjects(frame):
        if budget.over():
            break
        found = _again(about, site)
        if found is not None and found.kind != "error-in-user-code":
            return found
    failure, complete = read(error, frame, site)
    found = explanation_of(failure, complete=complete)
    told = found.kind != "error-in-user-code" or found.evidence
    return found if told else None


def _again(about: Any, site: Site) -> Finding | None:
    """Runs the object once, traced; returns the explanation if it fails where the script did."""
    from kerascope._keras import objects
    from kerascope.explain.lines import dims
    from kerascope.explain.lines.explanation import explain
    from kerascope.probe.lines.session import recording

    first, second, _ = dims.batches_for(about)
    # As it is, then with another batch, as the last one of an epoch is, then symbolically.
    attempts: list[Callable[[], Any]] = [lambda: about.inputs(first), lambda: about.inputs(second)]
    if about.kind != "train_step":
        attempts.append(about.symbolic)
    error: BaseException | None = None
    with recording() as recorder, objects.undisturbed(), dims.silent():
        instance = None
        for number, attempt in enumerate(attempts):
            try:
                args, kwargs = attempt()
                instance = about.make() if number != 1 else instance
                about.call(instance, args, kwargs)
            except Exception as raised:
                error = raised
                break
        if error is None:
            return None
        failure, found = explain(error, recorder, about)
    same = (
        failure.site is not None and failure.site.position == site.position and failure.site.file == site.file
    )
    return _by_cause(failure, found) if same and found is not None else None


_ALONG_AN_AXIS = {
    "concatenate", "stack", "append", "softmax", "log_softmax", "normalize", "mean", "sum", "max", "min", "std", "var",
    "prod", "norm", "cumsum", "flip", "roll", "repeat", "split", "argmax", "argmin", "logsumexp", "expand_dims",
    "squeeze", "take", "swapaxes", "moveaxis", "transpose", "cat", "concat",
}  # fmt: skip


def _by_cause(failure: Failure, found: Finding) -> Finding:
    """Returns the finding where a person would change something: at the operation along the wrong axis, if it is one.

    That one operation failed and another is to blame is told by the evidence.
    """
    culprit = failure.culprit
    if found.kind != "shape-mismatch" or culprit is None or culprit.name not in _ALONG_AN_AXIS:
        return found
    if "the batch" not in found.explanation:
        return found  # along the features it may well be right, and another size wrong
    return dataclasses.replace(
        found,
        kind="wrong-axis",
        title=f"{found.title}: `{culprit.source}` goes along another axis than it should",
        location=span(culprit),
    )


def _subjects(frame: types.FrameType | None) -> Iterator[Any]:
    """Yields what failed around a frame, innermost first, as subjects that can be run again."""
    from kerascope._keras import objects
    from kerascope.explain.subject import step_subject, subject

    while frame is not None:
        code = frame.f_code
        if is_users(code.co_filename) and code.co_name != "<module>":
            given = _parameters(frame)
            owner = next(iter(given.values()), None)
            kind = objects.kind_of(owner) if not isinstance(owner, type) else "other"
            if code.co_name in _METHODS.get(kind, ()):
                about = None
                if code.co_name in ("call", "update_state", "build"):
                    args, kwargs = objects.call_arguments(frame, owner) or (tuple(given.values())[1:], {})
                    about = subject(owner, args, kwargs)
                if about is not None and about.make is not None and _small(owner) and about.specs():
                    yield about
                elif kind == "model" and code.co_name in ("train_step", "test_step") and len(given) > 1:
                    about = step_subject(owner, code.co_name, list(given.values())[-1])
                    if about.specs():
                        yield about
            elif kind not in _METHODS:
                function = _function_of(code)
                about = subject(function, tuple(given.values()), {}) if function is not None else None
                if about is not None and about.specs():
                    yield about
        frame = frame.f_back


def _parameters(frame: types.FrameType) -> dict[str, Any]:
    """Returns the positional parameters of a frame's function, as far as they have not been deleted."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount]
    values = frame.f_locals
    return {name: values[name] for name in names if name in values}


def _function_of(code: types.CodeType) -> Any:
    """Returns the one function that has this code."""
    found = [o for o in gc.get_referrers(code) if type(o) is types.FunctionType and o.__code__ is code]
    return found[0] if len(found) == 1 else None


def _small(owner: Any) -> bool:
    weights = getattr(owner, "weights", None) or ()
    return sum(_size(weight) for weight in weights) <= _MOST_WEIGHTS


def _size(weight: Any) -> int:
    count = 1
    for size in getattr(weight, "shape", ()):
        count *= int(size or 1)
    return count


def read(error: BaseException, frame: types.FrameType, site: Site) -> tuple[Failure, bool]:
    """Returns the failure as the dead frame shows it, and whether all operands could be read from there."""
    from kerascope._backends import tensors
    from kerascope.explain.lines.reading import MISSING, lookup

    log = LineLog()
    activation = log.activate(frame.f_code.co_qualname, frame.f_code.co_filename, None)
    complete = True
    waiting = [*site.children, *((site,) if site.kind in ("name", "attribute") else ())]
    while waiting:
        child = waiting.pop(0)
        if child.kind not in ("name", "attribute"):
            complete = False
            waiting += child.children
            continue
        value = lookup(frame, child.node)
        if value is MISSING or tensors.kind(value) == "other":
            continue
        events = [
            log.add(
                child,
                activation,
                tensors.facts(tensor, statistics=tensors.dtype(tensor).startswith("int")),
                path,
            )
            for path, tensor in tensors.leaves(value)
        ]
        if events:
            activation.last[child] = events[0]
            if tensors.kind(value) == "container":
                activation.parts[child] = events
    return Failure(error, site, activation, frame, logs=(log,)), complete
