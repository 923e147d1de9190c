"""Runs a failing program and explains it, as `kerascope.trace` does."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerascope.explain.lines.explanation import explain
from kerascope.explain.subject import Subject, subject
from kerascope.probe.lines.session import recording

BACKEND = keras.backend.backend()


def tensors(values: tuple) -> list:
    return keras.tree.map_structure(
        lambda a: keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a, list(values)
    )


def call(obj: Any, args: list) -> None:
    if isinstance(obj, keras.metrics.Metric):
        obj.update_state(*args)
        obj.result()
    else:
        obj(*args)


def explained(case: Any) -> tuple[BaseException | None, Any, Any]:
    """Returns the exception, the failure and the finding."""
    error: BaseException | None = None
    about: Subject | None = None
    with recording() as recorder:
        try:
            obj = case.make()
            args = tensors(case.inputs)
            about = subject(
                obj,
                args,
                {},
                make=None
                if callable(case.make) and not isinstance(case.make, type) and obj is case.make()
                else case.make,
            )
            call(obj, args)
        except Exception as raised:
            error = raised
        if error is None:
            return None, None, None
    return error, *explain(error, recorder, about)


def problems(case: Any, error: Any, failure: Any, finding: Any) -> dict[str, str]:
    """Returns what the explanation does not do, by part: "expression", "says", "cause", "kind"."""
    if finding is None:
        return {"expression": f"no finding for {type(error).__name__}: {str(error)[:100]}"}
    wrong = {}
    if case.expression is not None and finding.location.expression != case.expression:
        wrong["expression"] = str(finding.location.expression)
    text = finding.explanation + " " + " ".join(f"{e.label} {e.value}" for e in finding.evidence)
    if missing := [part for part in case.says if part not in text]:
        wrong["says"] = f"{missing} not in {text}"
    if case.cause is not None and (failure.culprit is None or failure.culprit.source != case.cause):
        wrong["cause"] = f"{failure.culprit}: {text}"
    if finding.kind != case.kind:
        wrong["kind"] = f"{finding.kind}: {text}"
    return wrong
