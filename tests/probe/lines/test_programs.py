"""Programs as users write them: every tagged line is reported with its shapes, and every result is what it was."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import numpy as np
import pytest

from kerascope._backends import tensors
from kerascope.probe.lines.session import recording

pytestmark = pytest.mark.backend
programs = pytest.importorskip("keras") and __import__("programs")


def plain(value):
    """Returns a result as something that can be compared to the bit."""
    array = tensors.array_of(value) if tensors.kind(value) == "tensor" else None
    if array is not None:
        return array.dtype.str, array.shape, array.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def expected():
    """Yields line and shape of every tag of the programs, by the function it stands in."""
    text = Path(programs.__file__).read_text(encoding="utf-8")
    spans = [
        (node.lineno, node.end_lineno, node.name)
        for node in ast.parse(text).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    ]
    for number, line in enumerate(text.splitlines(), 1):
        if "# >" in line and not line.startswith('"'):
            name = next(name for first, last, name in spans if first <= number <= last)
            for shape in re.findall(r"\([^()]*\)", line.split("# >")[1]):
                yield name, number, ast.literal_eval(shape)


def inputs():
    from keras import ops

    x = ops.convert_to_tensor(np.linspace(-1.0, 2.0, 10, dtype="float32").reshape(2, 5))
    return x, ops.convert_to_tensor(np.linspace(0.1, 1.5, 15, dtype="float32").reshape(5, 3))


def run(program):
    x, w = inputs()
    return program()(x) if isinstance(program, type) else program(x, w)


@functools.cache
def traced(program):
    with recording() as recorder:
        result = plain(run(program))
    return result, recorder.log


@pytest.mark.catalogue
@pytest.mark.parametrize("program", [*programs.FUNCTIONS, *programs.LAYERS], ids=lambda p: p.__name__)
def test_the_result_is_that_of_the_untraced_run(program):
    before = plain(run(program))
    result, log = traced(program)
    assert result == before
    assert plain(run(program)) == before
    assert log.events
    assert [n for n in log.notes if "programs.py: " in n and "test_" not in n] == []


def needed(name):
    return getattr(programs, "decorated" if name == "doubled" else name)


@pytest.mark.parametrize(("name", "line", "shape"), list(expected()))
def test_a_line_is_reported_with_its_shapes(name, line, shape):
    _, log = traced(needed(name))
    found = {e.facts.shape for e in log.events if e.site.position[0] <= line <= e.site.position[1]}
    assert shape in found, sorted(map(str, found))


def test_statistics_are_those_of_the_values():
    x, _ = inputs()
    _, log = traced(programs.unassigned)
    facts = next(e.facts for e in log.events if e.site.source == "ops.relu(-x)")
    values = np.maximum(-tensors.array_of(x), 0)
    got = [facts.min, facts.max, facts.mean, facts.std, facts.zeros, facts.finite]
    assert got == pytest.approx([0, 1, values.mean(), values.std(), (values == 0).mean(), 1], abs=1e-6)
    assert (facts.dtype, facts.mode) == ("float32", "eager")


def test_definitions_operands_and_functions():
    _, log = traced(programs.unassigned)
    event = next(e for e in log.events if e.site.source.startswith("matmul(ops.concatenate"))
    assert event.site.targets == ("return",)
    shapes = [o.facts.shape for o in event.activation.operands(event.site)]
    assert shapes == [(4, 5), (5, 3)]
    _, log = traced(programs.closure)
    scaled = next(e for e in log.events if e.site.source == "v * factor")
    assert scaled.activation.function == "closure.<locals>.scaled"
    assert scaled.activation.parent.function == "closure.<locals>.both"
    assert scaled.activation.parent.parent.function == "closure"


def test_each_execution_has_its_own_activation():
    _, log = traced(programs.recursion)
    arguments = [e for e in log.events if e.site.kind == "arguments" and e.path == "x"]
    assert [e.facts.shape for e in arguments] == [(2, 5), (2, 10), (2, 20), (2, 40)]
    assert len({id(e.activation) for e in arguments}) == 4
    assert [e.activation.definitions["x"].facts.shape for e in arguments] == [
        e.facts.shape for e in arguments
    ]


def test_rows_sum_up_loops():
    _, log = traced(programs.recursion)
    row = next(r for (site, path), r in log.rows.items() if site.source.startswith("ops.concatenate"))
    assert (row.count, row.first.facts.shape, row.last.facts.shape) == (3, (2, 10), (2, 40))
    assert row.shapes == [(2, 10), (2, 20), (2, 40)]


def test_a_lambda_stored_before_the_trace():
    x, _ = inputs()
    before = plain(programs.stored_before[1](x))
    with recording() as recorder:
        assert plain(programs.stored_before[1](x)) == before
    shown = {e.site.source: e for e in recorder.log.events}
    assert {"ops.relu(v)", "ops.relu(v) + 1.0", "stored_before[0](v) * 2.0"} <= set(shown)
    inner, outer = shown["ops.relu(v)"].activation, shown["stored_before[0](v) * 2.0"].activation
    assert inner is not outer
    assert inner.parent is outer
