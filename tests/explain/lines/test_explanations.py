"""Errors of traced code: the failing expression, the sizes that disagree, and where they were made so."""

from __future__ import annotations

import broken_keras
import broken_python
import broken_shapes
import healthy
import keras
import pytest
import running

from kerascope.explain.lines.explanation import KINDS, judge
from kerascope.explain.lines.failure import Failure
from kerascope.probe.lines.session import recording

pytestmark = pytest.mark.backend

CASES = {
    name: case
    for name, case in {**broken_shapes.CASES, **broken_python.CASES, **broken_keras.CASES}.items()
    if running.BACKEND in case.only
}


@pytest.mark.catalogue
@pytest.mark.parametrize("name", CASES)
def test_error_is_explained(name):
    case = CASES[name]
    error, failure, finding = running.explained(case)
    assert error is not None
    assert running.problems(case, error, failure, finding) == {}
    assert finding.kind in KINDS and finding.severity == "fault"
    assert failure.error is error and failure.logs


def test_the_exception_is_left_as_it_was(monkeypatch):
    seen = {}
    explain = running.explain

    def kept(error, recorder, subject):
        seen["before"] = (
            error,
            error.args,
            error.__traceback__,
            error.__context__,
            error.__cause__,
            str(error),
        )
        result = explain(error, recorder, subject)
        seen["after"] = (
            error,
            error.args,
            error.__traceback__,
            error.__context__,
            error.__cause__,
            str(error),
        )
        return result

    monkeypatch.setattr(running, "explain", kept)
    error, failure, _ = running.explained(CASES["concat batch"])
    assert all(a is b or a == b for a, b in zip(seen["before"], seen["after"], strict=True))
    assert failure.error is error


def test_explaining_leaves_random_numbers_where_they_were():
    keras.utils.set_random_seed(3)
    running.explained(CASES["dense twice"])
    here = keras.random.normal((2,))
    keras.utils.set_random_seed(3)
    with recording(), pytest.raises(ValueError):
        running.call(CASES["dense twice"].make(), running.tensors(CASES["dense twice"].inputs))
    there = keras.random.normal((2,))
    assert keras.ops.convert_to_numpy(here).tolist() == keras.ops.convert_to_numpy(there).tolist()


def test_nothing_is_said_about_what_is_right():
    """Every expression of sound code is judged as if it had raised."""
    said, count = [], 0

    def judged(event, value, operands, frame):
        nonlocal count
        if event.site.file != healthy.__file__ or event.site.kind == "arguments":
            return
        count += 1
        for error in (
            ValueError("dtype float16 and float32"),
            RuntimeError("'NoneType' is None"),
            TypeError("x"),
        ):
            broken, _ = judge(Failure(error, event.site, event.activation, frame))
            if broken is not None and broken.kind != "dtype-mismatch":
                said.append((event.site.source, broken.text))

    with recording(listeners=[judged]) as recorder:
        healthy.run()
    assert count > 250 and not [note for note in recorder.log.notes if "failed" in note], recorder.log.notes
    assert said == []


def test_where_no_rule_fits_nothing_is_guessed():
    class Fails:
        def __array__(self, *args, **kwargs):
            raise OSError("no such device")

    case = broken_shapes.Case(
        lambda: broken_shapes.masked, (Fails(), 1.0), "values * mask", kind="error-in-user-code"
    )
    error, _, finding = running.explained(case)
    assert finding.kind == "error-in-user-code"
    assert str(error).splitlines()[0] in finding.explanation
