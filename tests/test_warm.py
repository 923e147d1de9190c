"""A program that the warm process forks for is as one that Python starts, and nothing is left behind."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm

pytestmark = [pytest.mark.backend, pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")]

FACTS = """
import atexit, gc, os, sys, threading, __main__
atexit.register(print, "bye")
print(sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.warnoptions, __name__, __package__, __file__)
print(sorted(vars(__main__)), type(__loader__), __spec__ and __spec__.name, os.getcwd(), sys.stdin.read())
print(sys.stdin.name, sys.stdout.name, sys.stderr.name, sys.stdout.line_buffering, sys.stdout.write_through)
print(sys.stderr.line_buffering, threading.active_count(), sorted(os.listdir("/proc/self/fd")), gc.isenabled())
print([(name, os.environ.get(name)) for name in os.environ["KERASCOPE_NAMES"].split()])
def f():
    END
f()
"""
ENDS = [
    "pass",
    "1 / 0",
    "sys.exit(3)",
    "sys.exit('words')",
    "raise KeyboardInterrupt",
    "os.kill(os.getpid(), 15)",
    "os._exit(5)",
    "threading.Timer(0.2, print, ['later']).start()",
    "if",
]
UNTOUCHED = {
    "jax": "from jax._src import xla_bridge; print(not xla_bridge._backends)",
    "tensorflow": "from tensorflow.python.eager import context; print(context._context is None)",
    "torch": "import torch; print(not torch.cuda.is_initialized())",
}
KNOWN = """
import os, sys
print("keras" in sys.modules, "kerascope" in sys.modules, len(os.listdir("/proc/self/task")))
"""


@pytest.fixture
def started(subprocess_env, tmp_path):
    """Runs a program with a command for Python; returns its exit code and what it printed."""

    def run(python, *arguments, **settings):
        env = {**subprocess_env, **settings}
        env["KERASCOPE_NAMES"] = " ".join(sorted(env.keys() - {"PWD", "OLDPWD", "SHLVL", "_"}))
        done = subprocess.run(
            [python, *arguments],
            cwd=tmp_path,
            env=env,
            input="typed",
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.catalogue
@pytest.mark.parametrize("module", [False, True], ids=["script", "module"])
@pytest.mark.parametrize("end", ENDS)
def test_a_program_is_as_one_that_python_starts(started, tmp_path, end, module):
    (tmp_path / "facts.py").write_text(FACTS.replace("END", end))
    arguments = ["-m", "facts", "--x", "y"] if module else ["facts.py", "--x", "y"]
    unbuffered = {"PYTHONUNBUFFERED": "1" if module else ""}
    assert started(warm.python(), *arguments, **unbuffered) == started(
        sys.executable, *arguments, **unbuffered
    )


def test_the_backend_is_imported_and_nothing_more(started, tmp_path, backend):
    (tmp_path / "known.py").write_text(KNOWN + UNTOUCHED[backend])
    assert started(warm.python(), "known.py") == (0, "True False 1\nTrue\n", "")
    nested = "import subprocess, sys; subprocess.run([sys.executable, 'known.py'])"
    (tmp_path / "nested.py").write_text(nested)
    assert started(warm.python(), "nested.py") == (0, "True False 1\nTrue\n", "")


MINE = """
import keras

class Mine(keras.layers.Layer):
    def call(self, x):
        return x - keras.ops.mean(x)
"""


@pytest.mark.catalogue
@pytest.mark.parametrize("command", [["check", "mine.py:Mine"], ["trace", "mine.py:Mine", "--input", "2,5"]])
def test_a_command_says_the_same(started, tmp_path, command):
    (tmp_path / "mine.py").write_text(MINE)
    done = [started(python, "-m", "kerascope", *command) for python in (warm.python(), sys.executable)]
    codes, said = [one[0] for one in done], [re.sub(r"[\d.]+ s on", "s on", one[1]) for one in done]
    assert codes[0] == codes[1] and said[0] == said[1]
    assert "Mine" in said[0]


@pytest.mark.parametrize("setting", ["KERAS_BACKEND", "XLA_FLAGS", "PYTHONPATH"])
def test_what_begins_otherwise_is_started_by_python(started, tmp_path, setting):
    (tmp_path / "known.py").write_text(KNOWN)
    assert started(warm.python(), "known.py", **{setting: ""}) == (0, "False False 1\n", "")


def test_a_module_of_the_programs_own_is_not_taken_for_a_librarys(started, tmp_path):
    (tmp_path / "known.py").write_text("import logging\n" + KNOWN)
    (tmp_path / "logging.py").write_text("print('mine')")
    assert started(warm.python(), "known.py") == (0, "mine\nFalse False 1\n", "")


def ended(pid: int) -> bool:
    """Tells whether a process ends within seconds."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


@pytest.fixture
def waiting(subprocess_env, tmp_path):
    """Starts a program that waits, with a command for Python; returns the process and the program's number."""
    (tmp_path / "wait.py").write_text("import os, time; print(os.getpid(), flush=True); time.sleep(300)")

    def start(python):
        process = subprocess.Popen(
            [python, "wait.py"], cwd=tmp_path, env=subprocess_env, stdout=subprocess.PIPE, text=True
        )
        return process, int(process.stdout.readline())

    return start


def test_a_program_is_killed_as_others_are(waiting):
    process, pid = waiting(warm.python())
    with process:
        process.kill()
        assert ended(pid)


@pytest.mark.catalogue
def test_all_ends_with_the_tests(waiting):
    """What holds the other end of the socket closes it when it is killed, too."""
    server = warm.Server()
    process, pid = waiting(str(server.python))
    with process:
        server.close()
        assert ended(pid) and process.wait(20) != 0
    assert server.process.returncode == 0
