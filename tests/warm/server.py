"""The process that forks; a program of its own, which `__init__.py` starts and `launcher.py` asks."""

from __future__ import annotations

import atexit
import contextlib
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
import threading
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

NUMBER = struct.Struct("!q")
# Variables that no import of Keras or a backend reads: a program may have others than the server.
FREE = ("COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "PWD", "OLDPWD", "SHLVL", "_")
FREE += ("PYTHONUNBUFFERED", "PYTHONPATH", "MPLBACKEND", "WANDB_MODE", "TMPDIR", "http_proxy", "https_proxy")
FREE_BEGINNINGS = ("KERASCOPE_", "KERAS_MAX_", "PYTEST_", "COV_")


class Server:
    """Forks for every request, until the worker of pytest is gone."""

    def __init__(self, executable: str, life: socket.socket, listener: socket.socket) -> None:
        self.executable, self.life, self.listener = executable, life, listener
        self.before = dict(os.environ)
        importlib.import_module("keras")
        gc.collect()
        gc.freeze()
        self.path = sys.path[1:]
        self.set_by_imports = dict(os.environ.items() - self.before.items())
        self.added = {k: v for k, v in self.set_by_imports.items() if k not in self.before}
        self.running: dict[int, socket.socket] = {}

    def serve(self) -> None:
        while True:
            asking = [self.life, self.listener, *self.running.values()]
            ready, _, _ = select.select(asking, [], [], 0.005 if self.running else None)
            for pid, launcher in list(self.running.items()):
                if launcher in ready or self.life in ready:  # whoever asked has ended, or been killed
                    self.kill(pid)
                self.tell(pid, launcher)
            if self.life in ready:
                sys.exit(0)
            if self.listener in ready:
                self.begin(self.listener.accept()[0])

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.killpg(pid, signal.SIGKILL)

    def tell(self, pid: int, launcher: socket.socket) -> None:
        """Says how a program has ended once it has."""
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with contextlib.suppress(OSError):
                launcher.sendall(NUMBER.pack(status))
            launcher.close()
            del self.running[pid]

    def begin(self, launcher: socket.socket) -> None:
        head, files, _, _ = socket.recv_fds(launcher, NUMBER.size, 3)
        asked = json.loads(launcher.recv(NUMBER.unpack(head)[0], socket.MSG_WAITALL)) if head else {}
        if not asked or not self.can_fork(asked):
            with contextlib.suppress(OSError):
                launcher.sendall(b"n")
            launcher.close()
        elif pid := os.fork():
            self.running[pid] = launcher
            with contextlib.suppress(OSError):
                launcher.sendall(b"y")
        else:
            for one in (self.life, self.listener, launcher, *self.running.values()):
                one.close()
            self.take_over(asked, files)
            _run(asked["arguments"])
        for file in files:
            os.close(file)

    def can_fork(self, asked: Mapping[str, Any]) -> bool:
        """Tells whether a program begins as the server did, apart from what its child takes over."""
        arguments, env = asked["arguments"], asked["env"]
        if not arguments or (arguments[0] != "-m" and not arguments[0].endswith(".py")):
            return False
        if "site-packages" in arguments[0]:
            return False  # a library's own worker may expect more files than three
        if not os.path.isdir(_first(asked)) or _shadowed(_first(asked)):
            return False
        # A program started by another has inherited what the imports have set there.
        same = _fixed(self.added | env) == _fixed(self.added | self.before)
        return same and set(_path(env)) == set(_path(self.before))

    def take_over(self, asked: Mapping[str, Any], files: Sequence[int]) -> None:
        """Makes this process look as a new Python would."""
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"] | self.set_by_imports)
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            setattr(sys, name, _stream(number, getattr(sys, name)))
            setattr(sys, f"__{name}__", getattr(sys, name))
        own = _path(asked["env"])
        sys.path[:] = [_first(asked), *own, *(part for part in self.path if part not in own)]
        sys.argv[:] = asked["arguments"]
        sys.orig_argv[1:] = asked["arguments"]
        sys.executable = self.executable  # what the program starts is forked, too
        importlib.invalidate_caches()
        sys.modules["numpy"].random.seed()  # one of its own, as `random` has after a fork


def _fixed(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if k not in FREE and not k.startswith(FREE_BEGINNINGS)}


def _path(env: Mapping[str, str]) -> list[str]:
    """Returns the folders that an environment adds to `sys.path`."""
    parts = filter(None, env.get("PYTHONPATH", "").split(os.pathsep))
    return list(dict.fromkeys(map(os.path.abspath, parts)))


def _first(asked: Mapping[str, Any]) -> str:
    """Returns what Python would put first on `sys.path`."""
    word, cwd = asked["arguments"][0], asked["cwd"]
    return str(cwd if word == "-m" else os.path.dirname(os.path.realpath(os.path.join(cwd, word))))


def _shadowed(folder: str) -> bool:
    """Tells whether a module of the program's folder has the name of one that is imported already."""
    here = (name.removesuffix(".py") for name in os.listdir(folder) if name[0] not in "_.")
    return any(name in sys.modules for name in here)


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


def _run(arguments: Sequence[str]) -> NoReturn:
    """Runs the program as Python does from here on, and ends this process as Python would."""
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __builtins__=__builtins__, __annotations__={}, __loader__=importlib.machinery.BuiltinImporter
    )
    sys.modules["__main__"] = main
    try:
        if arguments[0] == "-m":
            del sys.argv[1]  # the name of the module
            runpy._run_module_as_main(arguments[1])
        else:
            exec(_code(arguments[0], main), main.__dict__)
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
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


def _code(script: str, main: types.ModuleType) -> types.CodeType:
    file = os.path.abspath(script)
    loader = importlib.machinery.SourceFileLoader("__main__", file)
    main.__dict__.update(__file__=file, __cached__=None, __loader__=loader)
    return compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)


if __name__ == "__main__":
    Server(sys.argv[2], *(socket.socket(fileno=int(file)) for file in sys.argv[3:])).serve()
