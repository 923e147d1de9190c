"""The process that forks for `warm.py`: it runs as a program of its own."""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

NUMBER = struct.Struct("!q")
REFUSED = -1


def serve(its: socket.socket) -> None:
    """Forks for every request until the worker of pytest is gone."""
    before = dict(os.environ)
    importlib.import_module("keras")
    gc.collect()
    gc.freeze()
    path, set_by_imports = sys.path[1:], dict(os.environ.items() - before.items())
    while True:
        asked, files = _request(its)
        refused = _shadowed(_first(asked) or asked["cwd"])
        pid = REFUSED if refused else os.fork()
        if pid == 0:
            its.close()
            asked["env"] |= set_by_imports
            _take_over(asked, files, path)
            _run(asked["command"])
        for file in files:
            os.close(file)
        its.sendall(NUMBER.pack(pid))
        if not refused:
            its.sendall(NUMBER.pack(_end(pid, its)))


def _request(its: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, files, _, _ = socket.recv_fds(its, NUMBER.size, 3)
    if not head:
        sys.exit(0)
    asked = its.recv(NUMBER.unpack(head)[0], socket.MSG_WAITALL)
    return json.loads(asked), files


def _end(pid: int, its: socket.socket) -> int:
    """Waits until the child has ended; returns its status. Where the worker of pytest ends first, so does the child."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if select.select([its], [], [], 0.005)[0]:  # nothing is asked meanwhile
            os.kill(pid, signal.SIGKILL)
            os.killpg(pid, signal.SIGKILL)
            sys.exit(0)


def _first(asked: Mapping[str, Any]) -> str:
    """Returns what Python would put first on `sys.path`."""
    word = asked["command"][1]
    if word == "-c":
        return ""
    return str(asked["cwd"] if word == "-m" else os.path.dirname(os.path.join(asked["cwd"], word)))


def _shadowed(folder: str) -> bool:
    """Tells whether a module of the program's folder has the name of one that is imported already."""
    here = (name.removesuffix(".py") for name in os.listdir(folder) if name[0] not in "_.")
    return any(name in sys.modules for name in here)


def _take_over(asked: Mapping[str, Any], files: Iterable[int], path: list[str]) -> None:
    """Makes this process look as a new Python would."""
    os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        setattr(sys, name, _stream(number, getattr(sys, name)))
        setattr(sys, f"__{name}__", getattr(sys, name))
    command = asked["command"]
    own = dict.fromkeys(
        os.path.abspath(part) for part in asked["env"]["PYTHONPATH"].split(os.pathsep) if part
    )
    sys.path[:] = [_first(asked), *own, *(part for part in path if part not in own)]
    sys.orig_argv[:] = command
    sys.argv[:] = command[1:] if command[1][0] != "-" else [command[1], *command[3:]]
    importlib.invalidate_caches()
    sys.modules["numpy"].random.seed()  # one of its own, as `random` has after a fork


def _stream(number: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    """Returns a stream as Python opens it."""
    raw = io.FileIO(number, "wb" if number else "rb", closefd=False)
    raw.name = like.name
    at_once = bool(number and os.environ.get("PYTHONUNBUFFERED"))
    lines = not at_once and (number == 2 or os.isatty(number))
    file = raw if at_once else io.BufferedWriter(raw) if number else io.BufferedReader(raw)
    stream = io.TextIOWrapper(file, like.encoding, like.errors, "\n", lines, at_once)
    stream.mode = like.mode
    return stream


def _run(command: Sequence[str]) -> NoReturn:
    """Runs the program as Python does from here on, and ends this process as Python would."""
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __builtins__=__builtins__, __annotations__={}, __loader__=importlib.machinery.BuiltinImporter
    )
    sys.modules["__main__"] = main
    try:
        if command[1] == "-m":
            runpy._run_module_as_main(command[2])
        else:
            exec(_code(command, main), main.__dict__)
        sys.exit(0)
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        while trace and trace.tb_frame.f_globals is globals():
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        interrupted = isinstance(error, KeyboardInterrupt)
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


def _code(command: Sequence[str], main: types.ModuleType) -> types.CodeType:
    if command[1] == "-c":
        return compile(command[2], "<string>", "exec", dont_inherit=True)
    file = os.path.abspath(command[1])
    loader = importlib.machinery.SourceFileLoader("__main__", file)
    main.__dict__.update(__file__=file, __cached__=None, __loader__=loader)
    return compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[2])))
