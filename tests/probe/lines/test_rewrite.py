"""Real code of other people, rewritten: it compiles, every function finds its twin, and results stay what they were."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import textwrap
import types
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerascope.probe.lines import install
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.recorder import Recorder
from kerascope.probe.lines.rewrite import PREFIX, rewrite
from kerascope.record.lines import LineLog

STANDARD = Path(sysconfig.get_paths()["stdlib"])


def library():
    keras = importlib.util.find_spec("keras")
    folders = [STANDARD] + ([Path(keras.origin).parent / "src"] if keras else [])
    files = [
        p
        for folder in folders
        for p in folder.rglob("*.py")
        if "site-packages" not in str(p.relative_to(folder))
    ]
    return sorted(
        str(p) for p in files if p.stat().st_size < 60_000 and "lib2to3" not in str(p) and "bad" not in p.name
    )


FILES = library()


def codes(code):
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes(constant)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(FILES))
def test_every_function_of_a_real_file_finds_its_twin(file):
    try:
        source = "".join(install.linecache.getlines(file))
        plain = compile(source, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return
    twins = install.Twins(file, 0)
    assert twins.problem is None or not source
    missing = [c for c in codes(plain) if twins.of(c) is None]
    twice = {(c.co_name, c.co_firstlineno) for c in missing}
    assert all(name.startswith("<") for name, _ in twice), (
        twice
    )  # two the same in one line have no place of their own
    for code in codes(plain):
        twin = twins.of(code)
        if twin is not None:
            assert (twin.co_name, twin.co_varnames, twin.co_freevars, twin.co_cellvars, twin.co_flags) == (
                code.co_name, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags,
            )  # fmt: skip
            assert not any(isinstance(c, str) and c.startswith(PREFIX) for c in twin.co_consts)


def test_positions_are_those_of_the_source():
    for file in FILES[:: max(1, len(FILES) // 25)]:
        source = "".join(install.linecache.getlines(file))
        try:
            ast.parse(source)
        except SyntaxError:
            continue
        _, sites = rewrite(source, file)
        for site in sites:
            if site.kind not in ("arguments", "store"):
                assert ast.get_source_segment(source, site.node) == site.source


def module(name, rewritten):
    file = str(STANDARD / f"{name}.py")
    made = types.ModuleType(f"copy_of_{name}")
    made.__dict__["__file__"] = file
    code = (
        install.twins(file).module
        if rewritten
        else compile(Path(file).read_text(encoding="utf-8"), file, "exec")
    )
    sys.modules[made.__name__] = made
    exec(code, made.__dict__)
    return made


text = st.text(st.sampled_from("ab c-'\"\\\n\t{}$%[]0,9é"), max_size=40)
CALLS = {
    "textwrap": (text, lambda m, s: (m.wrap(s, 11), m.dedent(s), m.shorten(s, 12))),
    "shlex": (text, lambda m, s: (m.split(s), m.quote(s))),
    "difflib": (text, lambda m, s: (list(m.ndiff(s.split(), s[::-1].split())), m.get_close_matches(s, ["ab", "c"]))),
    "fnmatch": (text, lambda m, s: (m.translate(s), m.filter(["ab", s], s))),
    "string": (text, lambda m, s: (m.Template(s).safe_substitute(a=1), m.capwords(s))),
    "tokenize": (text, lambda m, s: [tuple(t) for t in m.generate_tokens(iter(s.splitlines(True)).__next__)]),
    "fractions": (
        st.tuples(st.integers(-99, 99), st.integers(1, 99)),
        lambda m, p: (str(m.Fraction(*p) ** 2 - m.Fraction(p[1], 7)), hash(m.Fraction(*p)), round(m.Fraction(*p))),
    ),
    "statistics": (
        st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=9),
        lambda m, v: (m.mean(v), m.stdev(v), m.median(v), m.quantiles(v), m.fmean(v)),
    ),
    "heapq": (st.lists(st.integers(), max_size=9), lambda m, v: (m.nsmallest(3, v), list(m.merge(sorted(v), [1, 2])))),
    "colorsys": (st.tuples(*[st.floats(0, 1)] * 3), lambda m, c: (m.rgb_to_hsv(*c), m.hls_to_rgb(*c))),
    "ast": (st.sampled_from(["a + b * (c, d)", "[x for x in y if z]", "lambda a, *b, c=1: {**d}", "("]),
            lambda m, s: (m.unparse(m.parse(s)), m.dump(m.parse(s)))),
    "csv": (text, lambda m, s: m.Sniffer().has_header(s)),
    "pprint": (st.recursive(st.integers() | text, lambda c: st.lists(c) | st.dictionaries(text, c)),
               lambda m, v: m.pformat(v, width=20)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_real_functions_give_the_same_results(name):
    plain, rewritten = module(name, False), module(name, True)
    strategy, call = CALLS[name]

    def outcome(which, value):
        try:
            return repr(call(which, value))
        except Exception as error:
            return type(error).__name__, str(error).replace(which.__name__, "")

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def same(value):
        recorder = Recorder(LineLog())
        hooks.begin(recorder)
        try:
            assert outcome(rewritten, value) == outcome(plain, value)
        finally:
            hooks.end(recorder)
        assert recorder.log.notes == []

    same()


def test_a_hook_is_called_for_what_was_rewritten(monkeypatch):
    seen = []
    monkeypatch.setattr(
        hooks,
        "_active",
        [
            types.SimpleNamespace(
                guarded=lambda report, *a: seen.append(a[0]), yielded=None, entered=None, probe=None
            )
        ],
    )
    module("textwrap", True).wrap("one two three", 5)
    assert {site.function for site in seen} >= {"wrap", "TextWrapper.wrap"}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="its syntax is newer")
def test_type_parameters(tmp_path):
    file = tmp_path / "generic.py"
    file.write_text(
        textwrap.dedent(
            """
            from __future__ import annotations
            type Pair[T] = tuple[T, T]
            def first[T: (int, str)](pair: Pair[T], *, k: int = 3) -> T:
                type Inner = list[T]
                return pair[0] * k
            class Box[T, *Ts, **P]:
                width: int = 2
                def get[S](self, x: S) -> S:
                    return [f"{x + self.width!r:>{self.width + 1}}" for _ in range(2) if x - 1]
            """
        )
    )
    twins = install.Twins(str(file), 0)
    plain: dict[str, object] = {"__name__": "generic"}
    exec(compile(file.read_text(), str(file), "exec"), plain)
    space: dict[str, object] = {"__name__": "generic"}
    exec(twins.module, space)
    for names in (plain, space):
        assert names["first"]((2, 3)) == 6
        assert names["Box"]().get(4) == ["  6", "  6"]
        assert str(names["Pair"].__value__) == "tuple[T, T]"
    assert twins.of(plain["first"].__code__) is not None
    assert twins.of(plain["Box"].get.__code__) is not None
