"""Python processes that begin with Keras and its backend imported: forks of one that has waited for them.

A test that starts `python -m kerascope ...` or a script spends most of its time importing TensorFlow, PyTorch or JAX.
Each worker of pytest keeps one process, a server, that has imported them and done nothing else: no model, no thread,
nothing of kerascope. Asked for a program, it forks, and the child takes over folder, environment, arguments and files,
runs the program as `__main__` and ends as Python ends. Where an import would have read something else, such as another
backend or a variable of XLA's, the program gets a Python of its own, as it does everywhere but on Linux.

TRUE_STARTS=1 gives every program a Python of its own, to compare.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent
# Variables that no import of Keras or a backend looks at: the child may have others than the server.
FREE = (
    "COLUMNS",
    "LINES",
    "TERM",
    "NO_COLOR",
    "FORCE_COLOR",
    "PWD",
    "OLDPWD",
    "_",
    "PYTHONUNBUFFERED",
    "PYTHONPATH",
)
FREE_BEGINNINGS = ("KERASCOPE_", "KERAS_MAX_", "PYTEST_", "COV_", "http_proxy", "https_proxy")
NUMBER = struct.Struct("!q")
REFUSED = -1


class Process:
    """A program that the server runs, with the methods of a `subprocess.Popen` that tests need."""

    def __init__(self, server: Server, pid: int) -> None:
        self._server = server
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._server.ours], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a forked program", timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(self._server.number())
            self._server.busy = False
        return self.returncode

    def kill(self) -> None:
        """Kills the program with all that it has started."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
                os.killpg(self.pid, signal.SIGKILL)


class Server:
    """The process that forks."""

    def __init__(self) -> None:
        self.env = canonical()
        self.ours, its = socket.socketpair()
        # Named like what stands below every `python -m`: no file of the user's, and nothing that a debugger shows.
        code = "import sys; exec(compile(open(sys.argv[1]).read(), '<frozen runpy>', 'exec'))"
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, str(TESTS / "warm_server.py"), str(its.fileno())],
                env=self.env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,  # an interrupt at the terminal is for pytest
            )
        self.busy = False
        atexit.register(self.close)

    def number(self) -> int:
        told = self.ours.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(told) < NUMBER.size:
            raise RuntimeError(f"The process that forks has ended with {self.process.wait(10)}.")
        return int(NUMBER.unpack(told)[0])

    def start(
        self, command: Sequence[str], env: Mapping[str, str], cwd: str, files: Sequence[int]
    ) -> Process | None:
        asked = json.dumps({"command": list(command), "env": dict(env), "cwd": cwd}).encode()
        socket.send_fds(self.ours, [NUMBER.pack(len(asked))], list(files))
        self.ours.sendall(asked)
        pid = self.number()
        self.busy = pid != REFUSED
        return Process(self, pid) if self.busy else None

    def close(self) -> None:
        self.ours.close()
        self.process.wait(10)


_servers: list[Server] = []


def canonical() -> dict[str, str]:
    """Returns the environment of the server: our own, with kerascope and without the TensorFlow of others."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(FREE_BEGINNINGS)}
    path = [str(TESTS.parent / "src"), *filter(None, [env.get("PYTHONPATH")]), str(TESTS / "lean")]
    return {**env, "PYTHONPATH": os.pathsep.join(path)}


def can_fork(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Tells whether a program begins as the server did, apart from what its child takes over."""
    if sys.platform != "linux" or "TRUE_STARTS" in os.environ or command[0] != sys.executable:
        return False
    if command[1].startswith("-") and command[1] not in ("-m", "-c"):
        return False
    known = canonical()
    return fixed(env) == fixed(known) and folders(env) == folders(known)


def fixed(env: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in env.items() if k not in FREE and not k.startswith(FREE_BEGINNINGS)}


def folders(env: Mapping[str, str]) -> set[str]:
    return {os.path.abspath(part) for part in env.get("PYTHONPATH", "").split(os.pathsep) if part}


def start(command: Sequence[str], *, env: Mapping[str, str], cwd: Any = None, files: Sequence[int]) -> Any:
    """Starts a program with these files as its input, output and errors; returns its process."""
    if can_fork(command, env):
        if not _servers:
            _servers.append(Server())
        server = _servers[0]
        found = None if server.busy else server.start(command, env, str(cwd or os.getcwd()), files)
        if found is not None:
            return found
    stdin, stdout, stderr = files
    return subprocess.Popen(
        command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Any = None,
    timeout: float = 300,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Does what `subprocess.run` does with `capture_output=True, text=True`."""
    with open(os.devnull) as nothing, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = start(command, env=env, cwd=cwd, files=[file.fileno() for file in (nothing, out, err)])
        try:
            process.wait(timeout)
        finally:
            process.kill()
            process.wait(10)
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(io.TextIOWrapper(file).read())
    done = subprocess.CompletedProcess(list(command), process.returncode, *said)
    if check:
        done.check_returncode()
    return done
