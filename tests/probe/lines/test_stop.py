"""Stopping in a debugger: conditions, the user's frame, stepping on, leaving; also within an eager `fit`."""

from __future__ import annotations

import bdb
import io
import sys
from functools import partial

import keras
import mode_programs as programs
import numpy as np
import pytest
import stop_programs
from keras import ops

from kerascope.errors import UsageError
from kerascope.probe.lines.condition import parse
from kerascope.probe.lines.session import recording
from kerascope.probe.lines.stop import Stop, stopper
from kerascope.values import TensorFacts

pytestmark = pytest.mark.backend
FACTS = TensorFacts((4, "B"), "float32", "cpu", "eager", -1.0, 12.0, 0.5, 1e-7, 0.25, 0.75)


def stopped(condition, commands, run, expect=None, statistics=True):
    """Runs with commands for the debugger; returns what it printed, the stop and the log."""
    out = io.StringIO()
    stop = Stop(condition, stdin=io.StringIO(commands), stdout=out)
    with recording(listeners=[stop], statistics=statistics) as recorder:
        if expect is None:
            run()
        else:
            with pytest.raises(expect):
                run()
    assert sys.gettrace() is None
    return out.getvalue(), stop, recorder.log


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("nonfinite", True),
        ("a.max > 10", True),
        ("a.std < 1e-6", True),
        ("a.b[0].min >= -1", True),
        ("ops.log(x).finite < 1", True),
        ("a.mean != 0.5", False),
        ("a.zeros == 0.25", True),
        ("a.max < inf", True),
        ("a.min < -2", False),
        ("a.shape[0] == 4", True),
        ("a.shape[1] == 4", False),
        ("a.shape[1] > 4", False),
        ("a.shape[-2] == 4", True),
        ("a.shape[7] == 4", False),
        ("a.shape == (4, 'B')", True),
        ("a.dtype == 'float32'", True),
    ],
)
def test_conditions(text, holds):
    assert parse(text).holds(FACTS) is holds


@pytest.mark.parametrize(
    "text",
    [
        "", "finite", "loss", "loss > 3", "loss.max", "loss.max >", "loss.max > other", "loss.max > print(1)",
        "loss.maximum > 1", "1 < loss.max < 2", "loss.max > 1 and loss.min < 0", "loss[0] > 1", "x.shape > 3",
        "x.shape[a] == 1", "x.dtype > 'a'", "x.dtype == 3", "x.max == 'a'", "lambda: 0", "import os", "x.shape == 2",
        "x.mean is 3",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match=r"Received: stop=.*Allowed are"):
        parse(text)


def test_other_things_are_no_condition():
    with pytest.raises(UsageError, match="Received: stop=3"):
        stopper(3)


def test_first_non_finite_in_the_users_frame():
    x = ops.convert_to_tensor(np.array([[1.0, -2.0]], "float32"))
    text, stop, log = stopped(
        "nonfinite",
        "where\np sorted(locals())\np float(ops.max(scaled))\nup\np here\nc\n",
        lambda: stop_programs.outer(x),
    )
    assert "stop_programs.py:11, in inner: `ops.log(scaled)`" in text
    assert "50 % not finite" in text
    assert "['scaled', 'x']" in text
    assert "2.0" in text and "'outer'" in text
    assert stop.hits == 1
    assert [e.site.source for e in log.events if e.site.function == "outer"][-1] == "got + 1.0"


def test_next_steps_through_the_users_lines_with_values_assigned():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    text, _, _ = stopped(
        "scaled.max > 1",
        "n\np 'first', 'y' in dir()\nn\np 'second', 'y' in dir()\nn\nn\nn\np 'outer', here\nc\n",
        lambda: stop_programs.outer(x),
    )
    assert "('first', False)" in text
    assert "('second', True)" in text
    assert "('outer', 'outer')" in text
    assert "kerascope/" not in text


def test_step_goes_into_the_users_functions_only():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    text, _, _ = stopped(
        "start.max > 1", "s\ns\ns\nwhere 1\np 'here', sorted(locals())\nc\n", lambda: stop_programs.calling(x)
    )
    assert "('here', ['x'])" in text
    assert "inner(x)" in text


def test_quit_leaves_and_everything_is_put_back():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    code = stop_programs.inner.__code__
    out = io.StringIO()
    with (
        pytest.raises(bdb.BdbQuit),
        recording(listeners=[Stop("y.max > 0", stdin=io.StringIO("q\n"), stdout=out)]),
    ):
        assert stop_programs.inner.__code__ is not code
        stop_programs.outer(x)
    assert stop_programs.inner.__code__ is code
    assert sys.gettrace() is None
    for commands in ("n\nq\n", ""):  # later on, and at the end of the commands
        stopped("y.max > 0", commands, lambda: stop_programs.outer(x), bdb.BdbQuit)


def test_source_text_names_an_expression_and_statistics_are_made_when_missing():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    text, stop, _ = stopped(
        "ops.log( scaled ).max>1", "c\n", lambda: stop_programs.outer(x), statistics=False
    )
    assert stop.hits == 1 and "`ops.log(scaled)`" in text
    _, stop, _ = stopped("ops.log(scaled).max > 2", "", lambda: stop_programs.outer(x))
    assert stop.hits == 0


def test_arguments_and_unpacked_names():
    x = ops.convert_to_tensor(np.array([[1.0, 5.0]], "float32"))
    text, stop, _ = stopped("right.max > 4", "c\n", lambda: stop_programs.unpacked(x))
    assert stop.hits == 1 and "`ops.split(x, 2, axis=1)` is (1, 1) float32, 5 to 5" in text
    _, stop, _ = stopped("left.max > 4", "c\n", lambda: stop_programs.unpacked(x))
    assert stop.hits == 0
    text, stop, _ = stopped("x.shape[1] == 2", "c\n" * 9, partial(stop_programs.inner, x))
    assert "`def inner` is (1, 2) float32" in text and stop.hits == 1


def test_a_function_as_condition():
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], "float32"))
    text, stop, _ = stopped(
        lambda site, facts: site.name == "log" and facts.max < 9, "c\n", lambda: stop_programs.outer(x)
    )
    assert stop.hits == 1 and "(the function given as stop=)" in text
    _, stop, log = stopped(lambda site, facts: 1 / 0, "", lambda: stop_programs.outer(x))
    assert stop.hits == 0
    assert [n for n in log.notes if "ZeroDivisionError" in n and "not asked again" in n]


def test_without_a_terminal_the_place_is_told_and_the_run_goes_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    x = ops.convert_to_tensor(np.array([[1.0, -2.0]], "float32"))
    stop = stopper("nonfinite")
    with recording(listeners=[stop]) as recorder:
        stop_programs.outer(x)
    assert stop.hits == 1
    assert "there is no terminal" in capsys.readouterr().err
    assert [n for n in recorder.log.notes if "`ops.log(scaled)`" in n and "there is no terminal" in n]


def data():
    x, y = programs.data()
    x[40, 2] = -1.0
    return x, y


@pytest.mark.parametrize("commands", ["p tuple(scaled.shape)\nc\n", "n\np tuple(y.shape)\nn\nc\n"])
def test_in_an_eager_fit(commands):
    model = programs.model(run_eagerly=True)
    x, y = data()
    text, stop, _ = stopped(
        "nonfinite", commands, lambda: model.fit(x, y, batch_size=16, shuffle=False, verbose=0)
    )
    assert stop.hits == 1
    assert "in Scaled.call: `ops.log(scaled)`" in text
    assert "(16, 5)" in text.split("not finite")[1].split("\n", 1)[1]
    assert int(model.optimizer.iterations) == 4


def test_quit_leaves_an_eager_fit():
    model = programs.model(run_eagerly=True)
    x, y = data()

    def fit():
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0)

    text, _, _ = stopped("nonfinite", "q\n", fit, bdb.BdbQuit)
    assert "ops.log(scaled)" in text
    assert int(model.optimizer.iterations) == 2


@pytest.mark.parametrize("own_step", [True, False])
def test_at_a_step(own_step):
    x, y = programs.data()
    if own_step:
        model = stop_programs.Stepping()
        model.compile("sgd", "mse", run_eagerly=True)
    else:
        model = programs.model(run_eagerly=True)
    keras.utils.set_random_seed(0)
    text, stop, _ = stopped(
        "step == 3",
        "up\nc\n",
        lambda: model.fit(x, y, batch_size=16, shuffle=False, verbose=0),
    )
    assert stop.hits == 1
    assert ("def train_step" if own_step else "def call") in text
