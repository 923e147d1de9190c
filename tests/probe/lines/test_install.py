"""Everything is put in place for a trace and taken away after it, whatever happens in between."""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.machinery
import io
import linecache
import pickle
import sys
import textwrap
import threading
import types

import numpy as np
import odd_programs
import pytest
from keras import ops

from kerascope._backends import tensors
from kerascope.probe.lines import install
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.session import recording

pytestmark = pytest.mark.backend


def one(*shape):
    return ops.ones(shape or (2, 3))


def sources(log):
    return [e.site.source for e in log.events]


def state():
    """Returns all that a trace puts its hands on."""
    functions = {f: f.__code__ for f in install._functions() if f.__module__ == "odd_programs"}
    return (
        functions,
        importlib.machinery.SourceFileLoader.get_code,
        linecache.getlines,
        linecache.checkcache,
        sys.gettrace(),
        threading.gettrace(),
        list(hooks._active),
        list(install._live),
        list(install._saved),
        dict(hooks._held),
    )


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_everything_is_put_back_whatever_happens(error):
    before = state()
    with pytest.raises(error), recording():
        assert odd_programs.plain.__code__ is not before[0][odd_programs.plain]
        odd_programs.plain(one())
        odd_programs.failing_store(one(), error)
    assert state() == before
    with recording() as recorder:
        odd_programs.plain(one())
    assert state() == before
    assert "x + 1.0" in sources(recorder.log)


def test_an_error_on_the_way_in_leaves_nothing(monkeypatch):
    before = state()
    monkeypatch.setattr(hooks, "begin", lambda recorder: 1 / 0)
    with pytest.raises(ZeroDivisionError), recording():
        pass
    monkeypatch.undo()
    assert state() == before


def test_functions_made_in_the_trace_are_put_back():
    with recording():
        made = odd_programs.make()
        layer = odd_programs.made_class()
        assert made.__code__ in install._original
    assert made.__code__ not in install._original
    assert type(layer).call.__code__ not in install._original
    assert made(1.0) == 3.0


def test_code_that_somebody_else_puts_in_stays():
    def other(x):
        return x

    kept = odd_programs.replaced.__code__
    try:
        with recording():
            odd_programs.replaced.__code__ = other.__code__
        assert odd_programs.replaced.__code__ == other.__code__
    finally:
        odd_programs.replaced.__code__ = kept


def test_nested_traces():
    before = state()
    with recording() as outer:
        odd_programs.plain(one())
        with recording() as inner:
            odd_programs.plain(one(4))
        odd_programs.plain(one(5))
    shapes = [e.facts.shape for e in outer.log.events if e.site.source == "x + 1.0"]
    assert shapes == [(2, 3), (5,)]
    assert [e.facts.shape for e in inner.log.events if e.site.source == "x + 1.0"] == [(4,)]
    assert state() == before
    first, second = recording(), recording()  # and traces that overlap
    first.__enter__()
    later = second.__enter__()
    first.__exit__(None, None, None)
    odd_programs.plain(one())
    second.__exit__(None, None, None)
    assert "x + 1.0" in sources(later.log)
    assert state() == before


def test_threads():
    with recording() as recorder:
        threads = [threading.Thread(target=odd_programs.many, args=(one(n, 2), 20)) for n in range(3, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events = recorder.log.events
    doubled = [e for e in events if e.site.source == "doubled" and e.site.targets == ("return",)]
    assert len(doubled) == 80
    seen = {}
    for event in events:
        if event.site.function == "in_thread" and event.facts.shape:
            seen.setdefault(id(event.activation), set()).add(event.facts.shape)
    assert len(seen) == 80
    assert all(len(shapes) == 1 for shapes in seen.values())
    for event in doubled:
        assert event.activation.definitions["doubled"].facts == event.facts
        assert event.activation.parent.function == "many"
    assert len({id(e.activation.parent) for e in doubled}) == 4


def test_a_generator_outlives_the_trace():
    with recording() as recorder:
        running = odd_programs.counting(one())
        first = next(running)
    count = len(recorder.log.events)
    assert [float(ops.sum(first))] + [float(ops.sum(x)) for x in running] == [6.0, 12.0, 18.0]
    assert len(recorder.log.events) == count
    with recording() as later:
        running, other = odd_programs.counting(one()), odd_programs.counting(one(4))
        list(zip(running, other, strict=True))
    activations = {}
    for event in later.log.events:
        if event.site.function == "counting":
            activations.setdefault(id(event.activation), set()).add(event.facts.shape)
    assert sorted(map(sorted, activations.values())) == [[(2, 3)], [(4,)]]


def test_async():
    with recording() as recorder:
        result = asyncio.run(odd_programs.gathered(one()))
    assert [float(ops.sum(r)) for r in result] == [12.0, 18.0]
    assert {"x * n", "await later(x, n)"} <= set(sources(recorder.log))
    each = [e.activation for e in recorder.log.events if e.site.source == "x * n"]
    assert each[0] is not each[1]


def test_no_tensor_is_kept(backend):
    import gc
    import weakref

    kept = []

    def listener(event, value, operands, frame):
        kept.extend(type(o.value) for o in operands)

    with recording(listeners=[listener]) as recorder:
        x = odd_programs.Tracked((2, 3))
        reference = weakref.ref(x)
        odd_programs.dropped(x)
        odd_programs.plain(1.0)
        del x
        gc.collect()
        assert reference() is None
    assert kept
    assert recorder.log.events


def test_pickling_by_name_works_and_functions_keep_their_names():
    with recording():
        again = pickle.loads(
            pickle.dumps([odd_programs.plain, odd_programs.Tracked, functools.partial(odd_programs.plain, 1)])
        )
    assert again[0] is odd_programs.plain
    assert again[2].func is odd_programs.plain


def test_torch_in_place(backend):
    if backend != "torch":
        pytest.skip("only torch's tensors change in place")
    import torch

    def run():
        y = torch.zeros(2, 3)
        box = types.SimpleNamespace(total=torch.zeros(2), inner=types.SimpleNamespace(rows=torch.zeros(3)))
        return [t.clone() for t in odd_programs.in_place(y, box)]

    before = run()
    with recording() as recorder:
        after = run()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    check_stores(recorder.log)


def test_numpy_in_place():
    def run():
        y = np.zeros((2, 3))
        box = types.SimpleNamespace(total=np.zeros(2), inner=types.SimpleNamespace(rows=np.zeros(3)))
        return odd_programs.in_place(y, box)

    before = run()
    with recording() as recorder:
        after = run()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    check_stores(recorder.log)


def check_stores(log):
    found = [
        (e.site.source, e.site.kind, e.facts.max) for e in log.events if e.site.kind in ("store", "augmented")
    ]
    assert found == [
        ("y[0]", "store", 4.0),
        ("y[..., 1] += 2.0", "augmented", 6.0),
        ("box.total += 3.0", "augmented", 3.0),
        ("box.inner.rows[0]", "store", 7.0),
        ("y[0, 0]", "store", 9.0),
        ("y[1, 1]", "store", 9.0),
        ("y *= 2.0", "augmented", 18.0),
    ]


def cell(text, name):
    """Runs a notebook's cell the way notebooks do: compiled under a name that `linecache` knows."""
    text = textwrap.dedent(text)
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"ops": ops, "__name__": "__main__"}
    exec(compile(text, name, "exec"), space)
    return space


@pytest.mark.parametrize(
    "name", ["<ipython-input-3-abc>", "/tmp/ipykernel_12/3456.py", "<doctest guide[2]>", "<python-input-4>"]
)
def test_cells(name):
    space = cell(
        """
        def scaled(x):
            y = x * 2.0
            return y
        """,
        name,
    )
    with recording() as recorder:
        space["scaled"](one())
    assert "x * 2.0" in sources(recorder.log)
    assert name in {e.site.file for e in recorder.log.events}


def test_a_module_imported_in_the_trace(tmp_path, monkeypatch):
    (tmp_path / "fresh_module.py").write_text(
        "from keras import ops\nK = ops.ones((7,))\ndef f(x):\n    return x + K\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with recording() as recorder:
        module = importlib.import_module("fresh_module")
        module.f(one(7))
    del sys.modules["fresh_module"]
    assert {"ops.ones((7,))", "x + K"} <= set(sources(recorder.log))
    assert module.f.__code__ not in install._original
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_file_edited_since_it_was_loaded_is_refused_and_shown_by_names(tmp_path, monkeypatch):
    file = tmp_path / "edited_module.py"
    file.write_text("def f(x):\n    y = x + 1.0\n    return y\n\ndef g(x):\n    z = x * 2.0\n    return z\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("edited_module")
    file.write_text(
        "def f(x):\n    y = x + 1.0\n    return y\n\n# moved\ndef g(x):\n    z = x * 2.0\n    return z\n"
    )
    with recording() as recorder:
        module.f(one())
        assert float(ops.sum(module.g(one()))) == 12.0
    del sys.modules["edited_module"]
    assert "x + 1.0" in sources(recorder.log)  # as it was
    assert "x * 2.0" not in sources(recorder.log)
    assert [e.facts.mean for e in recorder.log.events if e.site.source == "z"] == [2.0]
    note = next(n for n in recorder.log.notes if "`g` of edited_module.py" in n)
    assert "has changed since it was loaded" in note and "local names" in note
    assert sys.gettrace() is None


SOURCELESS = """
def f(x):
    y = x * 2.0
    for i in range(2):
        y = y + 1.0
    def inner(v):
        w = v - 1.0
        return w
    return inner(y)
"""


def test_code_without_source_is_shown_by_names():
    space = {"__name__": "__main__"}
    exec(SOURCELESS, space)
    plain = tensors.array_of(space["f"](one()))
    with recording() as recorder:
        odd_programs.calling(space["f"], one())
        result = tensors.array_of(space["f"](one()))
    assert np.array_equal(plain, result)
    shown = [
        (e.site.line, e.site.source, e.facts.mean) for e in recorder.log.events if e.site.file == "<string>"
    ]
    assert shown[:7] == [
        (2, "def f", 1.0), (3, "y", 2.0), (5, "y", 3.0), (5, "y", 4.0), (6, "def inner", 4.0), (7, "w", 3.0),
        (8, "return", 3.0),
    ]  # fmt: skip
    assert [n for n in recorder.log.notes if "`f` of <string>" in n and "source cannot be read" in n]
    inner = next(e for e in recorder.log.events if e.site.source == "w")
    assert inner.activation.parent.parent.function == "calling"
    assert sys.gettrace() is None and threading.gettrace() is None


def test_a_debugger_or_coverage_keeps_its_place():
    if sys.version_info >= (3, 12):
        pytest.skip("there both have room")
    space = {"__name__": "__main__"}
    exec(SOURCELESS, space)

    def follow(*_):
        return None

    sys.settrace(follow)
    try:
        with recording() as recorder:
            space["f"](one())
        assert sys.gettrace() is follow
    finally:
        sys.settrace(None)
    assert [n for n in recorder.log.notes if "a debugger or a coverage tool" in n]


def test_lines_of_the_block_itself():
    def block():
        x = one()
        with recording(running=sys._getframe()) as recorder:
            y = x + 1.0
            z = odd_programs.plain(y)
            y = z * 2.0
        return y, recorder.log

    _, log = block()
    own = [(e.site.source, e.facts.mean) for e in log.events if e.site.function.endswith("block")]
    assert own == [("y", 2.0), ("z", 3.0), ("y", 6.0)]
    assert [n for n in log.notes if "were running when the trace began" in n]
    assert sys._getframe().f_trace is None


def test_what_dataclasses_and_the_like_make_up_is_let_be():
    with recording() as recorder:
        odd_programs.Point(one(), 2)
        odd_programs.Pair(one(), 3)
    assert not [e for e in recorder.log.events if e.site.file == "<string>"]
    assert not [n for n in recorder.log.notes if "<string>" in n]


def test_messages_and_tracebacks_are_the_users_own():
    import traceback

    def message(traced):
        try:
            odd_programs.raising(one())
        except Exception as error:
            out = io.StringIO()
            entries = [
                e for e in traceback.extract_tb(error.__traceback__) if e.filename == odd_programs.__file__
            ]
            return [(e.lineno, e.colno, e.end_colno, e.name) for e in entries], out.getvalue()

    before = message(False)
    with recording():
        assert message(True) == before
    assert message(False) == before
