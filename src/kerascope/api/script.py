"""A script or module run as Python itself would run it, from inside this process."""

from __future__ import annotations

import builtins
import dataclasses
import importlib.machinery
import importlib.util
import io
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable
from pathlib import Path

from kerascope.api import threads
from kerascope.errors import ScriptError


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a script ended: its exit code and, when it died, the exception's last line."""

    exit_code: int
    kind: str  # "finished", "failed", "interrupted"
    error: str | None = None


def prepare_script(target: str) -> tuple[types.CodeType, types.ModuleType, str, str]:
    """Compiles a script and makes the `__main__` module Python would make for it."""
    path = Path(target)
    if path.is_dir():
        main = path / "__main__.py"
        if not main.is_file():
            raise ScriptError(
                f"This is a folder without a __main__.py. Received: script={target!r}. Give the path of a Python file."
            )
        path = main
    if not path.is_file():
        raise ScriptError(
            f"There is no such script. Received: script={target!r}. Give the path of a Python file, or a module's "
            f"name after -m. The current folder is {os.getcwd()}."
        )
    try:
        with io.open_code(str(path.absolute())) as file:
            source = file.read()
    except OSError as error:
        raise ScriptError(
            f"The script cannot be read: {error.strerror}. Received: script={target!r}."
        ) from error
    code = _compile(source, str(path.absolute()), target)
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", str(path.absolute()))
    module.__dict__.update(
        __file__=str(path.absolute()),
        __builtins__=builtins,
        __cached__=None,
        __package__=None,
        __loader__=loader,
    )
    return code, module, target, str(path.absolute().parent)


def _compile(source: bytes, filename: str, target: str) -> types.CodeType:
    try:
        return compile(source, filename, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
        line = f"\n    {error.text.strip()}" if error.text else ""
        raise ScriptError(
            f"The script is not valid Python, {place}. Received: script={target!r}.{line}",
            slug="script-syntax",
        ) from error
    except ValueError as error:  # null bytes
        raise ScriptError(
            f"The script is not Python source: {error}. Received: script={target!r}."
        ) from error


def prepare_module(target: str) -> tuple[types.CodeType, types.ModuleType, str, str]:
    """Finds a module's code as ``python -m`` does."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    name = target
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{target}.__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        raise ScriptError(f"The module cannot be imported: {error}. Received: -m {target!r}.") from error
    loader = spec.loader if spec is not None else None
    if spec is None or loader is None or not hasattr(loader, "get_code"):
        raise ScriptError(
            f"There is no such module to run. Received: -m {target!r}. Give a module that `python -m` would run; "
            f"the current folder {os.getcwd()} is searched first."
        )
    try:
        code = loader.get_code(name)
    except SyntaxError as error:
        raise ScriptError(f"The module is not valid Python: {error}. Received: -m {target!r}.") from error
    if code is None:
        raise ScriptError(f"The module has no Python code. Received: -m {target!r}.")
    module = types.ModuleType("__main__")
    module.__dict__.update(
        __file__=spec.origin,
        __builtins__=builtins,
        __spec__=spec,
        __loader__=loader,
        __package__=spec.parent,
        __cached__=spec.cached,
    )
    return code, module, spec.origin or target, os.getcwd()


def execute(
    code: types.CodeType,
    module: types.ModuleType,
    argv: list[str],
    first_path: str,
    failed: Callable[[BaseException], None] = lambda error: None,
) -> Outcome:
    """Runs the code as `__main__`; what it raises is reported as Python would report it.

    `failed` is told of an exception that ended the script, after its traceback has been printed.
    """
    before = threading.enumerate()
    sys.modules["__main__"] = module
    sys.argv = argv
    if not sys.flags.safe_path:
        # The folder of our own command stands where Python puts the script's.
        sys.path[0:1] = [first_path]
    try:
        exec(code, module.__dict__)
        threads.wait(before)
        return Outcome(0, "finished")
    except SystemExit as error:
        return _exited(error)
    except KeyboardInterrupt as error:
        _print_exception(error)
        return Outcome(130, "interrupted", "KeyboardInterrupt")
    except BaseException as error:
        _print_exception(error)
        failed(error)
        return Outcome(1, "failed", traceback.format_exception_only(error)[-1].strip())


def _exited(error: SystemExit) -> Outcome:
    code = error.code
    if code is None:
        return Outcome(0, "finished")
    if isinstance(code, int):
        return Outcome(code & 0xFF, "finished")
    print(code, file=sys.stderr)
    return Outcome(1, "finished")


def _print_exception(error: BaseException) -> None:
    """Prints the traceback as Python would, without our own frames."""
    _strip(error, set())
    sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)


def _strip(error: BaseException | None, seen: set[int]) -> None:
    """Takes our own frames out of an exception's traceback and of those chained to it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    here = str(Path(__file__).resolve().parents[1]) + os.sep
    entries = []
    entry = error.__traceback__
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(here):
            entries.append(entry)
        entry = entry.tb_next
    chain: types.TracebackType | None = None
    for entry in reversed(entries):
        chain = types.TracebackType(chain, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    error.__traceback__ = chain
    _strip(error.__cause__, seen)
    _strip(error.__context__, seen)
