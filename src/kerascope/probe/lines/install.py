"""Puts rewritten code into the user's functions while they live, and takes it out again.

A file is compiled twice, as it is and rewritten, and the two are walked in step, so that every code object of the
user's has a twin. A function gets its twin by `fn.__code__ = twin`: its identity, closure, wrappers, methods and
whatever holds it stay as they are. Whole files are compiled because closures, `super()` without arguments, mangled
names and decorators then come out right by themselves.
"""

from __future__ import annotations
import __future__

import contextlib
import functools
import gc
import importlib.machinery
import linecache
import os
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from kerascope.probe.lines import recorder
from kerascope.probe.lines.rewrite import ATTRIBUTE, ENTER, HOLD, PREFIX, STORED, VALUE, rewrite
from kerascope.record.lines import Position, Site
from kerascope.whose import is_users

_HOOKS = {
    VALUE: recorder.value,
    ENTER: recorder.enter,
    HOLD: recorder.hold,
    STORED: recorder.stored,
    ATTRIBUTE: recorder.attribute,
}
_FUTURE = functools.reduce(
    int.__or__, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names)
)
_PYTEST = "@pytest_ar"
"""In the globals of modules whose asserts pytest has rewritten: tests, which are not what a trace is about."""
_TYPED = frozenset(("<string>", "<stdin>", "<console>"))
"""What code is called that came from no file: typed at a prompt, or handed to `exec`."""


class Twins:
    """The code objects of one file and their rewritten twins; `problem` says why there are none."""

    def __init__(self, file: str, flags: int) -> None:
        self.file = file
        self.problem: str | None = None
        self.sites: list[Site] = []
        self.module: types.CodeType | None = None
        self.at: dict[Position, list[Site]] = {}
        self.pairs: dict[tuple[str, int], list[tuple[types.CodeType, types.CodeType]]] = {}
        source = "".join(linecache.getlines(file))
        if not source:
            self.problem = "its source cannot be read"
            return
        try:
            self._compile(source, flags)
        except (SyntaxError, ValueError, RecursionError) as error:
            self.problem = f"its source does not compile: {error}"

    def _compile(self, source: str, flags: int) -> None:
        tree, self.sites = rewrite(source, self.file)
        for site in self.sites:
            self.at.setdefault(site.position, []).append(site)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # they are about the user's source, which has been compiled before
            plain = compile(source, self.file, "exec", flags=flags, dont_inherit=True)
            new = compile(tree, self.file, "exec", flags=flags, dont_inherit=True)
        self.module = _with_hooks(new, self.sites)
        self._pair(plain, self.module)

    def _pair(self, plain: types.CodeType, new: types.CodeType) -> None:
        theirs, ours = _by_place(plain), _by_place(new)
        for place, codes in theirs.items():
            twins_there = ours.get(place, [])
            if len(codes) != len(twins_there):
                continue  # the compiler made one of several that are the same: leave those alone
            for a, b in zip(codes, twins_there, strict=True):
                self.pairs.setdefault((a.co_qualname, a.co_firstlineno), []).append((a, b))
                _original[b] = a
                self._pair(a, b)

    def of(self, code: types.CodeType) -> types.CodeType | None:
        """Returns the twin of a live function's code; None when the file no longer says what was compiled."""
        pairs = self.pairs.get((code.co_qualname, code.co_firstlineno), ())
        # The table of places too: equal code may have been written differently, or stand twice in one line.
        same = [b for a, b in pairs if a == code and a.co_linetable == code.co_linetable]
        return same[0] if len(same) == 1 and same[0].co_freevars == code.co_freevars else None

    def holds(self, code: types.CodeType) -> bool:
        """Tells whether a twin is one of these; a file that was changed for a while has others at the same places."""
        behind = original(code)
        pairs = self.pairs.get((behind.co_qualname, behind.co_firstlineno), ())
        return any(b is code for _, b in pairs)


def _by_place(code: types.CodeType) -> dict[tuple[str, int], list[types.CodeType]]:
    """Returns the code objects inside another, by name and line."""
    found: dict[tuple[str, int], list[types.CodeType]] = {}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.setdefault((constant.co_name, constant.co_firstlineno), []).append(constant)
    return found


_original: dict[types.CodeType, types.CodeType] = {}
_twins: dict[tuple[str, int, str], Twins] = {}


def _with_hooks(code: types.CodeType, sites: list[Site]) -> types.CodeType:
    """Returns the code with hooks and sites in place of the constants that stand for them."""

    def real(constant: Any) -> Any:
        if isinstance(constant, types.CodeType):
            return _with_hooks(constant, sites)
        if isinstance(constant, str) and constant.startswith(PREFIX):
            known = _HOOKS.get(constant)
            return known if known is not None else sites[int(constant.removeprefix(f"{PREFIX}site "))]
        return constant

    return code.replace(co_consts=tuple(real(constant) for constant in code.co_consts))


def twins(file: str, flags: int = 0) -> Twins:
    """Returns the twins of a file; compiled once for each content of the file."""
    flags &= _FUTURE
    linecache.checkcache(file)
    key = (file, flags, "".join(linecache.getlines(file)))
    found = _twins.get(key)
    if found is None:
        found = _twins[key] = Twins(file, flags)
    return found


def original(code: types.CodeType) -> types.CodeType:
    """Returns the user's own code object behind a twin; any other code as it is."""
    return _original.get(code, code)


def site_at(
    code: types.CodeType, place: tuple[int | None, int | None, int | None, int | None]
) -> Site | None:
    """Returns the expression at a place of a function's code, the one that is computed there when several begin."""
    written = [found for (file, _, _), found in reversed(_twins.items()) if file == code.co_filename]
    for found in sorted(written, key=lambda each: not each.holds(code)):
        if place in found.at:
            return next((s for s in found.at[place] if s.kind != "arguments"), None)
    return None


class Installation:
    """Rewritten code in the user's live functions, from `install` until `remove`.

    Several may be in place at a time. The last one to be removed puts everything back: until then rewritten code may
    still be wanted by another.
    """

    def __init__(self, note: Callable[[str], None], select: Callable[[str], bool] = is_users) -> None:
        self.skipped: list[types.FunctionType] = []
        self._note = note
        self._select = select

    def install(self) -> None:
        """Puts twins into all functions of the user's that live now, and into modules imported from now on."""
        collecting = gc.isenabled()
        gc.disable()  # syntax trees are many objects: a full collection among them takes longer than all the rest
        try:
            with _lock:
                _live.append(self)
                _hook_imports()
                self.add(_functions())
        finally:
            if collecting:
                gc.enable()

    def add(self, functions: Iterable[types.FunctionType]) -> None:
        """Puts twins into these functions as far as they are the user's."""
        select = self._select
        known: dict[str, bool] = {}
        files: dict[tuple[str, int], Twins] = {}
        for function in functions:
            code = function.__code__
            file = code.co_filename
            chosen = known.get(file)
            if chosen is None:
                chosen = known[file] = select(file)
            if not chosen:
                if file in _TYPED and _is_typed(function):
                    self.skipped.append(function)
                continue
            if code.co_name == "<module>" or code in _original:
                continue
            key = file, code.co_flags & _FUTURE
            if key not in files:
                files[key] = twins(*key)
            found = files[key]
            twin = found.of(code) if found.problem is None else None
            if twin is None:
                if _PYTEST not in function.__globals__:
                    self.skipped.append(function)
                continue
            _saved.append((function, code))
            function.__code__ = twin

    def remove(self) -> None:
        """Puts every function back as it was, those made meanwhile by rewritten code too."""
        with _lock:
            if self in _live:
                _live.remove(self)
            if not _live:
                _restore()

    def wants(self, file: str) -> bool:
        """Tells whether a file is to be traced."""
        return self._select(file)


_lock = threading.RLock()
_live: list[Installation] = []
_saved: list[tuple[types.FunctionType, types.CodeType]] = []
_get_code: list[Any] = []


def _restore() -> None:
    if _get_code:
        importlib.machinery.SourceFileLoader.get_code = _get_code.pop()  # type: ignore[method-assign]
    while _saved:
        function, code = _saved[-1]
        behind = _original.get(function.__code__)
        if behind is not None:  # else somebody has given it other code meanwhile, which stays
            function.__code__ = code if behind == code else behind
        _saved.pop()
    files = {file for file, _, _ in _twins}
    for function in _functions():
        code = function.__code__
        if code.co_filename in files:
            function.__code__ = _original.get(code, code)


def _hook_imports() -> None:
    if _get_code:
        return
    loader = importlib.machinery.SourceFileLoader
    plain = loader.get_code
    _get_code.append(plain)

    def get_code(self: Any, fullname: str) -> types.CodeType | None:
        path = self.get_filename(fullname)
        if any(installation.wants(path) for installation in _live):
            found = twins(path)
            if found.module is not None:
                return found.module
        return plain(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign]


def _is_typed(function: types.FunctionType) -> bool:
    """Tells a function typed at a prompt or handed to `exec` from those that dataclasses and the like make up."""
    if function.__qualname__.startswith("__create_fn__") or function.__code__.co_qualname.startswith(
        "__create"
    ):
        return False
    space = function.__globals__
    # A namespace without a name could be anybody's: libraries make functions up in such as well.
    return space.get("__name__") == "__main__" or is_users(space.get("__file__") or "")


def without_file(function: types.FunctionType) -> bool:
    """Tells whether a function came from no file: typed at a prompt, or handed to `exec`."""
    return function.__code__.co_filename in _TYPED


@contextlib.contextmanager
def set_aside() -> Iterator[None]:
    """Has the collector pass over what lives now, so that `remove` goes only through what is made in the block.

    For functions that were added by name: they are put back without being looked for. A walk through the million
    objects of the libraries takes a tenth of a second, and a search for a change traces dozens of times.
    """
    if gc.get_freeze_count():  # somebody has set objects aside who does not expect them back
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _functions() -> list[types.FunctionType]:
    return [o for o in gc.get_objects() if type(o) is types.FunctionType]


def why_not(file: str) -> str:
    """Returns why functions of a file could not be rewritten."""
    return twins(file).problem or "the file has changed since it was loaded, or another tool has rewritten it"


def explain_skipped(functions: Iterable[types.FunctionType]) -> list[str]:
    """Returns why functions could not be rewritten, a sentence per file."""
    files: dict[str, list[str]] = {}
    for function in functions:
        files.setdefault(function.__code__.co_filename, []).append(function.__qualname__)
    sentences = []
    for file, names in files.items():
        shown = ", ".join(f"`{name}`" for name in names[:3]) + (
            f" and {len(names) - 3} more" if len(names) > 3 else ""
        )
        sentences.append(f"{os.path.basename(file)}: {shown}: {why_not(file)}")
    return sentences


def frames_of_users(frame: types.FrameType | None) -> types.FrameType | None:
    """Returns the nearest frame from `frame` outwards that runs code of the user's."""
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


__all__ = [
    "Installation",
    "Twins",
    "explain_skipped",
    "frames_of_users",
    "is_users",
    "original",
    "site_at",
    "twins",
    "why_not",
]
assert sys.version_info >= (3, 11)  # `co_qualname`, `co_positions`
