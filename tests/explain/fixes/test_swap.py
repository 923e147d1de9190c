"""Changed source in live functions: it takes effect everywhere the code is held, and is gone afterwards."""

from __future__ import annotations

import ast
import importlib.util
import sys

import pytest

from kerascope.explain.fixes.edits.settings import is_plain
from kerascope.explain.fixes.patch import Edit
from kerascope.explain.fixes.swap import Program, Refused

SOURCE = """\
import functools
import math


def twice(function):
    @functools.wraps(function)
    def inner(*args):
        return 2 * function(*args)

    return inner


@twice
def decorated(x):
    return x + 10


def closing(a):
    def inner(x):
        return a * x + 500

    return inner


class Base:
    def value(self):
        return 1000


class Child(Base):
    def __init__(self):
        self.__hidden = 5

    def value(self):
        return super().value() + self.__hidden + math.floor(20.5)


class Plain(Base):
    def __init__(self):
        pass


closed = closing(3)
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "swapped.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("swapped", path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules["swapped"] = loaded
    spec.loader.exec_module(loaded)
    yield loaded
    del sys.modules["swapped"]


def edit(old: str, new: str) -> list[Edit]:
    """Returns the edit that replaces the only occurrence of `old`."""
    assert SOURCE.count(old) == 1
    before = SOURCE[: SOURCE.index(old)]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1)
    return [Edit((line, line, column, column + len(old)), new)]


CASES = [
    ("x + 10", "x + 11", lambda m: m.decorated(0), 20, 22),
    ("a * x + 500", "a * x + 200", lambda m: m.closed(1), 503, 203),
    ("math.floor(20.5)", "math.ceil(20.5)", lambda m: m.Child().value(), 1025, 1026),
    ("self.__hidden + ", "2 * self.__hidden + ", lambda m: m.Child().value(), 1025, 1030),
    ("return 1000", "return 2000", lambda m: m.Child().value(), 1025, 2025),
    # A line more: everything below stands elsewhere.
    ("        return 1000", "        y = 1\n        return y", lambda m: m.Child().value(), 1025, 26),
]


@pytest.mark.parametrize(("old", "new", "run", "before", "after"), CASES)
def test_a_change_takes_effect_and_is_undone(module, old, new, run, before, after):
    program = Program(module.__file__)
    functions = {name: getattr(module, name) for name in ("decorated", "closed")}
    assert run(module) == before
    with program.trying(edit(old, new)):
        assert run(module) == after
    assert run(module) == before
    assert all(getattr(module, name) is function for name, function in functions.items())


def test_it_is_undone_after_an_exception(module):
    program = Program(module.__file__)
    with pytest.raises(ZeroDivisionError), program.trying(edit("x + 10", "x / 0")):
        module.decorated(1)
    assert module.decorated(0) == 20


def test_super_can_be_added(module):
    program = Program(module.__file__)
    before = module.Plain.__init__
    with program.trying(edit("        pass", "        self.added = super().value()")):
        assert module.Plain().added == 1000
    assert module.Plain.__init__ is before
    assert not hasattr(module.Plain(), "added")


def test_what_is_no_python_is_refused(module):
    program = Program(module.__file__)
    with pytest.raises(Refused, match="does not compile"), program.trying(edit("x + 10", "x +")):
        pass
    assert module.decorated(0) == 20


def test_a_change_that_no_live_function_sees_is_refused(module):
    program = Program(module.__file__)
    with pytest.raises(Refused, match="no live function"), program.trying(edit("closing(3)", "closing(4)")):
        pass


def test_a_file_that_has_changed_since_is_refused(module, tmp_path):
    (tmp_path / "swapped.py").write_text(SOURCE.replace("x + 10", "x + 12"))
    program = Program(module.__file__)
    with pytest.raises(Refused, match="no live function"), program.trying(edit("x + 10", "x + 11")):
        pass


def test_changes_can_be_made_on_top_of_changes(module):
    program = Program(module.__file__)
    first = edit("x + 10", "x + 11")
    from kerascope.explain.fixes.patch import splice

    with program.trying(first):
        second = Program(module.__file__, splice(SOURCE, first), program)
        with second.trying([Edit((15, 15, 11, 12), "3 * x")]):
            assert module.decorated(1) == 28
        assert module.decorated(1) == 24
    assert module.decorated(1) == 22


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("(2, -3)", True),
        ("functools.partial(ops.sum, axis=-1)", True),
        ("functools.partial(download(), axis=-1)", False),
        ("functools.partial()", False),
        ("open('x')", False),
    ],
)
def test_only_what_has_no_effect_is_worked_out_again(text, plain):
    assert is_plain(ast.parse(text, mode="eval").body) is plain
