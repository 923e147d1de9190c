"""Puts changed source into the user's live functions for a moment, and the old code back.

The changed top-level statement is compiled, and its code objects are walked in step with the old ones; a function that
has the old code gets the new one by `fn.__code__ = new`. So closures, `super()`, decorators, mangled names, helper
functions and other classes of the same file work as they do in the user's program, and nothing is imported again.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import gc
import linecache
import types
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from kerascope.explain.fixes import outside
from kerascope.explain.fixes.patch import Edit, splice
from kerascope.probe.lines.install import original

_FUTURE = functools.reduce(
    int.__or__, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names)
)

_IMPORTS = (ast.Import, ast.ImportFrom)


class Refused(Exception):
    """A change that cannot be tried: it does not compile, or no live function has the code it changes."""


class Program:
    """One file of the user's and the functions made from it that live now.

    With `source`, the file as a change has made it: `base` is the program before, whose functions hold the changed
    code now.
    """

    def __init__(self, file: str, source: str | None = None, base: Program | None = None) -> None:
        linecache.checkcache(file)
        self.file = file
        self.source = "".join(linecache.getlines(file)) if source is None else source
        self.tree = ast.parse(self.source)
        self.functions: list[tuple[types.FunctionType, types.CodeType]] = []
        live = gc.get_objects() if base is None else [function for function, _ in base.functions]
        for value in live:
            if type(value) is types.FunctionType and value.__code__.co_filename == file:
                self.functions.append((value, original(value.__code__)))
        self._flags = 0
        for _, code in self.functions:
            self._flags |= code.co_flags & _FUTURE
        self._old: dict[int, types.CodeType] = {}
        self._added: list[types.CodeType] = []
        self._defaults: outside.Defaults = {}
        self._before: outside.Defaults = {}
        self._settings: list[tuple[object, str, object]] = []
        self._imports = list(_imports(self.tree.body))

    def names(self) -> dict[str, Any]:
        """Returns the global names that the file's functions see."""
        return next((fn.__globals__ for fn, _ in self.functions), {})

    def _statement(self, edits: Sequence[Edit]) -> ast.stmt:
        first = min(edit.position[0] for edit in edits)
        last = max(edit.position[1] for edit in edits)
        for statement in self.tree.body:
            if _start(statement) <= first and last <= (statement.end_lineno or 0):
                return statement
        raise Refused("the change reaches over several statements")

    def _compiled(self, text: str, start: int) -> types.CodeType:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are about the user's source
            try:
                # Python compiles `ops.relu(x)` otherwise where it sees that `ops` is imported: the imports come along.
                tree = ast.parse("\n" * (start - 1) + text)
                tree.body = [*self._imports, *(s for s in tree.body if not isinstance(s, _IMPORTS))]
                code: types.CodeType = compile(tree, self.file, "exec", flags=self._flags, dont_inherit=True)
                return code
            except (SyntaxError, ValueError) as error:
                raise Refused(f"does not compile: {error}") from error

    def changed(self, edits: Sequence[Edit]) -> list[tuple[types.FunctionType, types.CodeType]]:
        """Returns the live functions that the edits change, each with its new code.

        Errors:
            Refused: the result is no Python, or no live function is changed by it.
        """
        statement = self._statement(edits)
        start, end = _start(statement), statement.end_lineno or 0
        if start not in self._old:
            self._old[start] = self._compiled(_lines(self.source, start, end), start)
        after = splice(self.source, edits)
        grown = after.count("\n") - self.source.count("\n")
        new = self._compiled(_lines(after, start, end + grown), start)
        found: list[tuple[types.FunctionType, types.CodeType]] = []
        self._added = list(_added(self._old[start], new))
        for old_code, new_code in _differing(self._old[start], new):
            found += [(fn, new_code) for fn, code in self.functions if code == old_code]
        before, text = _lines(self.source, start, end), _lines(after, start, end + grown)
        self._before, self._defaults = outside.defaults(before, start), outside.defaults(text, start)
        self._settings = [] if found else outside.set_again(before, text, self.names())
        other = bool(self._settings) or self._defaults != self._before
        if not found and not self._added and not other:
            raise Refused("no live function has this code")
        return found

    @contextlib.contextmanager
    def trying(self, edits: Sequence[Edit]) -> Iterator[None]:
        """Runs a block with the edits in the live functions."""
        with contextlib.ExitStack() as stack:
            for function, code in self.changed(edits):
                before = function.__code__
                self._set_defaults(function, code, stack)
                try:
                    function.__code__ = code
                except ValueError:  # other free variables than before
                    _in_class(function, code, stack)
                else:
                    stack.callback(setattr, function, "__code__", before)
            for code in self._added:
                self._add_method(code, stack)
            outside.put(self._settings, stack)
            outside.put_defaults(self._before, self._defaults, self.functions, stack)
            yield

    def _add_method(self, code: types.CodeType, stack: contextlib.ExitStack) -> None:
        """Puts a method that a class has newly into the live class, and takes it out again by `stack`."""
        namespace = next((fn.__globals__ for fn, _ in self.functions), {})
        owner = namespace.get(code.co_qualname.rpartition(".")[0])
        if not isinstance(owner, type) or code.co_name in vars(owner):
            raise Refused("the class is not a global name of its module")
        cells = tuple(types.CellType(owner) for name in code.co_freevars if name == "__class__")
        if len(cells) != len(code.co_freevars) or code.co_kwonlyargcount:
            raise Refused("the new method needs more than the class")
        defaults = self._defaults.get((code.co_name, code.co_firstlineno))
        if defaults is None:
            raise Refused("the new method has no plain defaults")
        function = types.FunctionType(code, namespace, code.co_name, defaults, cells)
        function.__qualname__ = code.co_qualname
        stack.callback(delattr, owner, code.co_name)
        setattr(owner, code.co_name, function)

    def _set_defaults(
        self, function: types.FunctionType, code: types.CodeType, stack: contextlib.ExitStack
    ) -> None:
        """Gives a function with more parameters than before their defaults, which are no part of its code."""
        if code.co_argcount == function.__code__.co_argcount:
            return
        values = self._defaults.get((code.co_name, code.co_firstlineno))
        if values is None:
            raise Refused("the new parameters have no plain defaults")
        stack.callback(setattr, function, "__defaults__", function.__defaults__)
        function.__defaults__ = values


def _in_class(function: types.FunctionType, code: types.CodeType, stack: contextlib.ExitStack) -> None:
    """Puts a method that newly uses `super()` into its class, as a function of its own; out again by `stack`."""
    owner_name = function.__qualname__.rpartition(".")[0]
    owner = function.__globals__.get(owner_name)
    have = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    missing = set(code.co_freevars) - set(have)
    if missing != {"__class__"} or vars(owner or object).get(function.__name__) is not function:
        raise Refused("the change needs variables that the live function does not have")
    have["__class__"] = types.CellType(owner)
    cells = tuple(have[name] for name in code.co_freevars)
    new = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, cells)
    new.__kwdefaults__, new.__qualname__ = function.__kwdefaults__, function.__qualname__
    stack.callback(setattr, owner, function.__name__, function)
    setattr(owner, function.__name__, new)


def _imports(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields the import statements of a module, those inside `if` and `try` too."""
    for statement in body:
        if isinstance(statement, _IMPORTS):
            yield statement
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for field in ("body", "orelse", "handlers", "finalbody"):
                yield from _imports(getattr(statement, field, ()))


def _start(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _lines(source: str, start: int, end: int) -> str:
    return b"".join(source.encode().splitlines(keepends=True)[start - 1 : end]).decode()


def _differing(old: types.CodeType, new: types.CodeType) -> Iterator[tuple[types.CodeType, types.CodeType]]:
    theirs = [c for c in old.co_consts if isinstance(c, types.CodeType)]
    ours = [c for c in new.co_consts if isinstance(c, types.CodeType)]
    added = _new_methods(theirs, ours)
    ours = [c for c in ours if c not in added]
    if [c.co_name for c in theirs] != [c.co_name for c in ours]:
        return  # the functions inside are made anew whenever the outer one runs
    for a, b in zip(theirs, ours, strict=True):
        if a != b or list(a.co_positions()) != list(b.co_positions()):
            yield a, b
            yield from _differing(a, b)


def _added(old: types.CodeType, new: types.CodeType) -> Iterator[types.CodeType]:
    """Yields the methods that the classes of a module have newly."""
    theirs = [c for c in old.co_consts if isinstance(c, types.CodeType)]
    ours = [c for c in new.co_consts if isinstance(c, types.CodeType)]
    for a, b in zip(theirs, ours, strict=False):
        if a.co_name == b.co_name and a.co_qualname == a.co_name:
            inner = [c for c in a.co_consts if isinstance(c, types.CodeType)]
            yield from _new_methods(inner, [c for c in b.co_consts if isinstance(c, types.CodeType)])


def _new_methods(theirs: Sequence[types.CodeType], ours: Sequence[types.CodeType]) -> list[types.CodeType]:
    """Returns what the second class body defines beside what the first does, or one of them under another name."""
    names = {code.co_name for code in theirs}
    new = [code for code in ours if code.co_name not in names]
    renamed = len(ours) == len(theirs) and len(new) == 1 and new[0].co_name.isidentifier()
    return new if len(ours) > len(theirs) or renamed else []
