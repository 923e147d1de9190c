"""Programs that begin with Keras and its backend imported: forks of a process that has waited for them.

A test that starts `python -m kerascope ...` or a script spends most of its time importing TensorFlow, PyTorch or JAX.
Each worker of pytest keeps one process, the server, that has imported them and done nothing else: no model, no thread,
nothing of kerascope. `warm.python()` is a command to use in place of `sys.executable`: it has the server fork, and the
child takes over its folder, environment, arguments and files, runs the program as `__main__` and ends as Python ends.

Where an import would have read something else than the server's did, as with another backend or a variable of XLA's,
the command becomes Python itself. So it does everywhere but on Linux, and with TRUE_STARTS=1, to compare.
"""

from __future__ import annotations

import atexit
import functools
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
_LONGEST = 80


class Server:
    """The process that forks, and the command that has it do so."""

    def __init__(self) -> None:
        # The path of a socket has at most 108 bytes.
        short = "/tmp" if len(tempfile.gettempdir()) > _LONGEST else None
        self._folder = tempfile.TemporaryDirectory(prefix="warm-", dir=short)
        self.python = Path(self._folder.name) / "python"
        place = str(self.python.with_name("socket"))
        line = shlex.join([sys.executable, "-SE", str(HERE / "launcher.py"), place, sys.executable])
        self.python.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        self.python.chmod(0o700)
        self._life, its = socket.socketpair()
        # Named like what stands below every `python -m`: no file of the user's, and nothing that a debugger shows.
        code = "import sys; exec(compile(open(sys.argv[1]).read(), '<frozen runpy>', 'exec'))"
        with its, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place)
            listener.listen()  # whoever comes before the imports have ended waits
            files = its.fileno(), listener.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, HERE / "server.py", self.python, *map(str, files)],
                env=environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=files,
                start_new_session=True,  # an interrupt at the terminal is for pytest
            )

    def close(self) -> None:
        self._life.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:  # still importing
            self.process.kill()
            self.process.wait()


@functools.cache
def environment() -> dict[str, str]:
    """Returns what the server begins with: our own, with kerascope and without the TensorFlow of others.

    The first call is before anything imports a backend, whose import sets variables.
    """
    path = [str(HERE.parents[1] / "src"), os.environ.get("PYTHONPATH", ""), str(HERE.parent / "lean")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


_servers: list[Server] = []


def python() -> str:
    """Returns the command that runs a program as Python does; the first call starts the server."""
    if sys.platform != "linux" or "TRUE_STARTS" in os.environ:
        return sys.executable
    if not _servers:
        _servers.append(Server())
        atexit.register(_servers[0].close)
    return str(_servers[0].python)
