"""One trial run, in a process of its own: a (changed) script, shortened, watched, kept from writing elsewhere.

``python -m kerascope.api.trial SPEC`` reads a JSON file with the fields of `Spec`; the outcome is the recording it
names, and beside it a JSON file with kerascope's own figure. With ``--serve`` it imports Keras once and runs each trial
that standard input names in a fork of itself, which saves the seconds that the import takes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascope.api.hook import KerasHook
from kerascope.api.script import execute, prepare_module, prepare_script
from kerascope.api.watching import Recorder
from kerascope.values import decode

if TYPE_CHECKING:
    from kerascope._keras.skill import Skill
    from kerascope._keras.steps import Patches
    from kerascope.probe.watch import Session


@dataclasses.dataclass(frozen=True)
class Spec:
    """What to run: a script or module, its arguments, the folder to write in, limits, and a shift of the seed.

    `compiled` is a second folder that may be written, which trials share.
    """

    target: str
    args: tuple[str, ...]
    module: bool
    out: str
    scratch: str
    epochs: int | None = None
    steps: int | None = None
    seed: int = 0
    skill: bool = True
    compiled: str | None = None


class _Bounded(Recorder):
    """A recorder that shortens what it watches and measures it at the end."""

    def __init__(self, spec: Spec, options: dict[str, Any], meta: dict[str, Any]) -> None:
        super().__init__(Path(spec.out), options, meta)
        self.spec = spec
        self.skill: Skill | None = None
        self._limits: Patches | None = None

    def start(self, *args: Any, **kwargs: Any) -> Session:
        """Begins to watch, with limits on every training."""
        from kerascope._keras import limits, skill, steps

        self._limits = steps.Patches()
        if self.spec.skill:
            self.skill = skill.Skill()
            self.skill.install(self._limits)
        session = super().start(*args, **{**kwargs, "keep": False})  # no second look at a trial
        limits.limit_trainings(self._limits, self.spec.epochs, self.spec.steps)
        if self.spec.seed:
            limits.shift_seeds(self._limits, self.spec.seed)
        return session


def main(argv: Sequence[str]) -> int:
    """Runs one trial; returns the script's exit code."""
    spec = decode(Spec, json.loads(Path(argv[0]).read_text(encoding="utf-8")))
    _keep_inside(spec.scratch, *([spec.compiled] if spec.compiled else []))
    code, namespace, argv0, first = (prepare_module if spec.module else prepare_script)(spec.target)
    options = {"every": 0, "memory": 0, "examine": 0, "data": False, "keep_bytes": 0}
    recorder = _Bounded(spec, options, {"subject": Path(spec.target).name, "argv": [argv0, *spec.args]})
    with KerasHook(recorder, lambda text: None):
        outcome = execute(code, namespace, [argv0, *spec.args], first)
        recorder.finish(outcome=outcome.kind, exit_code=outcome.exit_code, error=outcome.error, judge=False)
    if recorder.problem is not None:
        print(recorder.problem, file=sys.stderr)
    figures = {"skill": recorder.skill.value if recorder.skill is not None else None, "error": outcome.error}
    Path(f"{spec.out}.json").write_text(json.dumps(figures), encoding="utf-8")
    return outcome.exit_code


_WRITES = {
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.truncate": (0,),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.chmod": (0,),
    "shutil.rmtree": (0,),
}
_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _keep_inside(scratch: str, *others: str) -> None:
    """Refuses to write files outside of the scratch folder, in which temporary files go as well, and some others.

    A trial may fail at that, the user's files must not change. Code that writes without asking Python is not seen.
    """
    sys.dont_write_bytecode = True
    tempfile.tempdir = os.environ["TMPDIR"] = os.path.join(scratch, "tmp")
    os.makedirs(tempfile.tempdir, exist_ok=True)
    allowed = [os.path.realpath(place) + os.sep for place in (scratch, "/dev", *others)]

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else bool((flags or 0) & _FLAGS)
            places = [path] if writes else []
        else:
            places = [args[i] for i in _WRITES.get(event, ()) if i < len(args)]
        for place in places:
            if isinstance(place, (str, bytes, os.PathLike)):
                real = os.path.realpath(os.fsdecode(place)) + os.sep
                if not real.startswith(tuple(allowed)):
                    raise PermissionError(
                        f"a trial run of kerascope may not write there: {os.fsdecode(place)}"
                    )

    sys.addaudithook(refuse)


REPLY = "kerascope-trial-ended "
"""Begins the line that says how a trial ended; whatever else is printed is no reply."""


def serve() -> int:
    """Runs the trials that standard input names, one a line, as JSON: spec, cwd, log, timeout."""
    from kerascope._keras import limits, skill, steps  # noqa: F401 - this is what takes long

    running: list[int] = []

    def stop(number: int, frame: Any) -> None:
        for pid in running:
            _end(pid)
        os._exit(1)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this decides when it ends
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _forked(order)
        running[:] = [pid]
        print(f"{REPLY}{json.dumps(_wait(pid, float(order['timeout'])))}", flush=True)
        running.clear()
    return 0


def _forked(order: dict[str, Any]) -> None:
    """Runs one trial and ends the process."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for old, new in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(old, new)
        os.chdir(order["cwd"])
        code = main([order["spec"]])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _wait(pid: int, timeout: float) -> int | None:
    """Returns how a child ended, None when it had to be ended."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    _end(pid)
    os.waitpid(pid, 0)
    return None


def _end(pid: int) -> None:
    """Ends a trial with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(serve() if sys.argv[1:] == ["--serve"] else main(sys.argv[1:]))
