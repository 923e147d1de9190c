"""Copies of a script's folder to try changes in: what is small is copied, what is large is linked and never written."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kerascope.api.trial import REPLY, Spec
from kerascope.errors import KerascopeError
from kerascope.explain.experiments.outcome import Outcome, outcome_of
from kerascope.record.reader import RunView
from kerascope.values import encode

MOST_FILES, MOST_BYTES, LARGE = 2000, 64_000_000, 1_000_000
_SKIPPED = {
    ".git",
    ".hg",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    "runs",
    ".ipynb_checkpoints",
    ".mypy_cache",
}
_REWRITTEN = (".h5", ".hdf5", ".keras", ".ckpt", ".kscope", ".pt", ".npz")
"""Written by libraries that do not ask Python: never linked."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A folder as it was: small files by content, the others by where they lie.

    `folder` is where the script lies in it, `script` its path, `cwd` the folder it runs in; all relative.
    """

    files: Mapping[str, bytes]
    links: Mapping[str, str]
    folders: tuple[str, ...]
    folder: str
    script: str
    cwd: str

    def write(self, root: Path, changes: Mapping[str, str]) -> None:
        """Makes the folder below `root`, with other texts for some files (by their names as seen from the script)."""
        for folder in self.folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (root / name).write_bytes(content)
        for name, target in self.links.items():
            os.symlink(target, root / name)
        for name, text in changes.items():
            place = root / self.folder / name
            newline = "\r\n" if b"\r\n" in self.files.get(str(Path(self.folder) / name), b"") else "\n"
            if place.is_symlink():
                place.unlink()
            with place.open("w", encoding="utf-8", newline="") as file:
                file.write(text.replace("\r\n", "\n").replace("\n", newline))


@dataclasses.dataclass(frozen=True)
class Request:
    """A trial to run: the snapshot, the changed texts, the limits, and how long it may take.

    `compiled` is a folder that trials share for what JAX has compiled, None for none.
    """

    snapshot: Snapshot
    changes: Mapping[str, str]
    args: tuple[str, ...]
    module: str | None
    environment: Mapping[str, str]
    timeout: float
    epochs: int | None = None
    steps: int | None = None
    seed: int = 0
    skill: bool = True
    compiled: str | None = None


def snapshot(script: Path, cwd: Path) -> Snapshot:
    """Returns the folder that a script lies in, and the folder it runs in, as they are now."""
    script, cwd = script.resolve(), cwd.resolve()
    folder = script.parent
    base = cwd if folder.is_relative_to(cwd) else folder
    name = script.relative_to(base).as_posix()
    taken = _Taking(base, folder)
    taken.visit(base)
    taken.links.pop(name, None)
    taken.files[name] = script.read_bytes()
    inside = cwd.relative_to(base).as_posix() if cwd.is_relative_to(base) else "."
    return Snapshot(
        taken.files, taken.links, tuple(taken.folders), folder.relative_to(base).as_posix(), name, inside
    )


class _Taking:
    """Walks a folder: reads what is small, notes what is to be linked; a full snapshot links folders whole."""

    def __init__(self, base: Path, needed: Path) -> None:
        self.base, self.needed = base, needed
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        self.folders = ["."]
        self.size = 0

    def full(self) -> bool:
        return len(self.files) + len(self.links) >= MOST_FILES or self.size >= MOST_BYTES

    def visit(self, folder: Path) -> None:
        """Takes the files of a folder, then what is below it."""
        below = []
        for path in _entries(folder):
            if path.is_dir() and not path.is_symlink():
                below.append(path)
            else:
                self.take(path)
        for path in below:
            name = path.relative_to(self.base).as_posix()
            if path.name in _SKIPPED:
                continue
            if not self.needed.is_relative_to(path) and (self.full() or len(_entries(path)) > MOST_FILES):
                self.links[name] = str(path)
            else:
                self.folders.append(name)
                self.visit(path)

    def take(self, path: Path) -> None:
        """Reads a file when it is small, or may be rewritten; links it otherwise."""
        name = path.relative_to(self.base).as_posix()
        rewritten = path.name.endswith(_REWRITTEN)
        try:
            length = path.stat().st_size if path.is_file() else -1
            small = length >= 0 and (length <= LARGE or rewritten) and self.size + length <= MOST_BYTES
            if small and len(self.files) < MOST_FILES:
                self.files[name] = path.read_bytes()
                self.size += length
                return
        except OSError:
            pass  # a link to nowhere, or not ours to read: linked as it is
        if not rewritten:
            self.links[name] = str(path)


def _entries(folder: Path) -> list[Path]:
    """Returns what lies in a folder; nothing where it is not ours to read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


class Server:
    """A process that has Keras imported and runs trials in forks of itself; see `kerascope.api.trial`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kerascope.api.trial", "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=reaching_us(environment),
            text=True,
        )

    def run(self, spec: Path, cwd: Path, log: Path, timeout: float) -> int | None:
        """Runs a trial; returns its exit code, None when it did not end in time.

        Raises:
            OSError: the process is not there any more.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        order = {"spec": str(spec), "cwd": str(cwd), "log": str(log), "timeout": timeout}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(REPLY):
                code: int | None = json.loads(line.removeprefix(REPLY))
                return code
        raise BrokenPipeError("the process that runs trials has ended")

    def close(self) -> None:
        """Ends the process, and the trial that it may be running."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def reaching_us(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment with our own folder, which is not on the path of a program that runs elsewhere.

    A trial opens no windows, and is no run that an experiment tracker should hear of.
    """
    ours = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(p for p in (environment.get("PYTHONPATH"), ours) if p)
    return {"MPLBACKEND": "Agg", **environment, "PYTHONPATH": path, "WANDB_MODE": "disabled"}


def keeping_compiled(environment: Mapping[str, str], folder: str) -> dict[str, str]:
    """Returns the environment with a folder where JAX keeps all it compiles, unless the user has one.

    Trials are nearly the same program, and compiling it takes longer than a short training.
    """
    if "JAX_COMPILATION_CACHE_DIR" in environment:
        return dict(environment)
    return {
        **environment,
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def run_trial(request: Request, server: Server | None = None) -> Outcome:
    """Runs one trial in a scratch folder and a process of its own; returns what it came to."""
    with tempfile.TemporaryDirectory(prefix="kerascope-trial-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch) / "tree"
        root.mkdir()
        request.snapshot.write(root, request.changes)
        out, place, log = (Path(scratch) / name for name in ("trial.kscope", "spec.json", "log.txt"))
        spec = Spec(
            request.module or str(root / request.snapshot.script),
            request.args,
            request.module is not None,
            str(out),
            scratch,
            request.epochs,
            request.steps,
            request.seed,
            request.skill,
            request.compiled,
        )
        place.write_text(json.dumps(encode(spec)), encoding="utf-8")
        cwd = root / request.snapshot.cwd
        code = _run(request, server, place, cwd, log)
        if code is None:
            return Outcome("timeout", error=f"it did not end within {request.timeout:.0f} s")
        return _read(out, code, log)


def _run(request: Request, server: Server | None, spec: Path, cwd: Path, log: Path) -> int | None:
    """Returns the exit code of a trial, None when it did not end in time."""
    timeout = max(1.0, request.timeout)
    if server is not None:
        try:
            return server.run(spec, cwd, log, timeout)
        except OSError:
            pass  # it died, of the import for example: then without it
    with log.open("w") as file:
        try:
            return subprocess.run(
                [sys.executable, "-m", "kerascope.api.trial", str(spec)],
                cwd=cwd,
                env=reaching_us(request.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=timeout,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return None


def _read(out: Path, code: int, log: Path) -> Outcome:
    try:
        figures = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
        view = RunView.open(out)
    except (OSError, ValueError, KerascopeError):
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
        return Outcome("failed", error=said[-1] if said else f"exit code {code}, and no training was seen")
    try:
        return outcome_of(view, "finished" if code == 0 else "failed", figures.get("skill"))
    finally:
        view.close()
