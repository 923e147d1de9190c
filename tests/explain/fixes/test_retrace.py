"""What lives is set aside while a change is traced; what is made meanwhile is put back all the same."""

from __future__ import annotations

import gc
import importlib.util

import pytest

from kerascope.probe.lines import install


@pytest.fixture
def maker(tmp_path):
    """A function of a user's that makes another."""
    file = tmp_path / "makes.py"
    file.write_text("def maker(n):\n    def add(x):\n        return x + n\n    return add\n")
    spec = importlib.util.spec_from_file_location("makes", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.maker


@pytest.fixture
def thawed():
    """No object is set aside, as in a user's process and unlike in these tests."""
    kept = gc.get_freeze_count()
    gc.unfreeze()
    yield
    if kept:
        gc.freeze()


def made_in_a_trace(maker):
    installation = install.Installation(lambda _: None)
    with install.set_aside():
        installation.add([maker])
        made = maker(1)
        assert install.original(made.__code__) is not made.__code__
        seen = install._functions()
        installation.remove()
    assert made.__code__ is install.original(made.__code__) and made(2) == 3
    return seen


def test_a_function_made_meanwhile_is_put_back_without_a_walk_through_all(maker, thawed):
    code = maker.__code__
    assert len(made_in_a_trace(maker)) < len(install._functions()) / 10
    assert maker.__code__ is code and gc.get_freeze_count() == 0
    assert maker in install._functions()


def test_what_somebody_else_has_set_aside_stays_there(maker, thawed):
    gc.freeze()
    made_in_a_trace(maker)
    assert gc.get_freeze_count() > 0
