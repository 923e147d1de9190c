"""`kerascope.load(RUN).step(k)`: one recorded step, to be run again."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerascope.errors import UsageError
from kerascope.values import Evidence, Finding, LineRow, Report
from kerascope.values.encoding import decode

if TYPE_CHECKING:
    from kerascope.record.reader import ModelView, RunView

MODES = ("compiled", "eager", "trace", "pdb")


@dataclasses.dataclass
class Replay:
    """What came of running a recorded step again.

    Attributes:
        step: the step, counted from 1.
        mode: "compiled", "eager", "trace" or "pdb".
        start: the step whose recorded state was begun from; the steps from there on were run with the compiled step.
        logs: the numbers Keras logs for the step (the loss is the running mean since the epoch began).
        weights: every trainable and other weight after the step, by path.
        gradients: what the optimizer was given, by path of the variable; empty in compiled mode.
        equal: True when all that the recording holds of the step came out the same to the bit, False when something
            did not, None when it holds nothing to compare with. In the other modes it is about the compiled step.
        tolerated: True when the step run eagerly differs by no more than rounding explains; None in compiled mode, and
            where the step does not give the same twice.
        report: everything as plain records.
    """

    step: int
    mode: str
    start: int
    logs: dict[str, float]
    weights: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    equal: bool | None
    tolerated: bool | None
    report: Report

    @property
    def loss(self) -> float:
        """The logged loss."""
        return self.logs.get("loss", float("nan"))

    @property
    def lines(self) -> tuple[LineRow, ...]:
        """In trace mode one row for each expression of the user's source."""
        return self.report.lines

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, worst first."""
        return self.report.findings

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What was compared, and how it came out."""
        return tuple(e for f in self.findings if f.kind == "replay" for e in f.evidence)

    @property
    def ok(self) -> bool:
        """True when nothing worse than a note was found."""
        return self.report.ok

    def to_json(self) -> dict[str, Any]:
        """Returns the report as plain JSON data."""
        return self.report.to_json()

    def __repr__(self) -> str:
        from kerascope.render.terminal import to_text

        return to_text(self.report)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from kerascope.render.html import notebook_bundle

        return notebook_bundle(self.report)


class RecordedStep:
    """One step of a recording."""

    def __init__(self, view: RunView, model: ModelView, number: int) -> None:
        self.view = view
        self.model = model
        self.number = number

    def replay(
        self,
        mode: str = "compiled",
        *,
        model: Any = None,
        script: str | Path | None = None,
        args: Sequence[str] | None = None,
        here: bool = False,
        stop: str | None = None,
        say: Callable[[str], None] = lambda text: print(f"kerascope: {text}", file=sys.stderr),
    ) -> Replay:
        """Runs the step again and returns what it did.

        Args:
            mode: "compiled" runs the very program that trained; "eager" the same Python uncompiled, and compares;
                "trace" shows every line of the user's with its values; "pdb" stops in the user's frame.
            model: the live model, as in a notebook: nothing is run but the step, and the model stays as it is.
            script: without `model`, the script that makes the model; by default the one that was recorded. It is run
                again, in a process of its own, up to the training that the step belongs to.
            args: the script's arguments; by default those of the recorded run.
            here: run the script in the current folder. By default it runs in an empty one that is deleted afterwards,
                so that it writes over nothing.
            stop: in mode "pdb" where to stop, see `kerascope.trace`.
            say: told what is being done.

        Raises:
            UsageError: the mode is unknown, or the recording does not hold what the step needs.
            ScriptError: the script cannot be run, or does not train up to there.
        """
        if mode not in MODES:
            raise UsageError(
                f"There is no such mode. Received: mode={mode!r}. Use one of {', '.join(MODES)}."
            )
        reach(self.model, self.number)
        if model is not None:
            from kerascope.api.replaying import on_live

            return on_live(self, model, mode, stop)
        return self._in_process(mode, script, args, here, stop, say)

    def _in_process(
        self,
        mode: str,
        script: str | Path | None,
        args: Sequence[str] | None,
        here: bool,
        stop: str | None,
        say: Callable[[str], None],
    ) -> Replay:
        path = self.view.path
        if path is None:
            raise UsageError(
                "The recording is only in memory, so no other process can read it. Give `model=`."
            )
        with tempfile.TemporaryDirectory(prefix="kerascope-replay-") as folder:
            result = Path(folder) / "result"
            command = [sys.executable, "-m", "kerascope", "replay", str(path), "--step", str(self.number)]
            command += ["--mode", mode, "--model", str(self.model.id), "--result", str(result)]
            command += ["--script", str(script)] if script is not None else []
            command += ["--stop", stop] if stop is not None else []
            command += ["--here"] if here else []
            command += ["--", *args] if args is not None else []
            say(
                f"running {' '.join(command[3:5])} --step {self.number}: the script runs again up to its training"
            )
            own = str(Path(__file__).resolve().parents[2])
            search = os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])
            captured = None if mode == "pdb" else subprocess.PIPE
            done = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": search},
                stdout=captured,
                stderr=captured,
                check=False,
            )
            if not result.is_file():
                from kerascope.errors import ScriptError

                tail = (done.stderr or b"").decode(errors="replace").strip()[-2000:]
                raise ScriptError(f"The step could not be run again (exit code {done.returncode}). {tail}")
            return read_result(result)


def reach(model: ModelView, step: int) -> int:
    """Returns the step whose recorded state a step is reached from.

    Raises:
        UsageError: the recording does not hold what it takes; the message says which steps it can reach.
    """
    kept = model.captures()
    states = {number for number, kind, _ in kept if kind == "state"}
    batches = {number for number, kind, _ in kept if kind == "batch"}
    if start := _start(states, batches, step):
        return start
    raise UsageError(
        f"The recording does not hold what it takes to run this step again. Received: step={step}. It holds "
        f"{within_reach(model)}. `--snapshot-every`, `--keep-batches` and `--keep` of `kerascope run` say how much "
        "is kept."
    )


def within_reach(model: ModelView) -> str:
    """Returns the steps that can be run again as a phrase: "steps 1 to 3, 77 to 80"."""
    kept = model.captures()
    states = {number for number, kind, _ in kept if kind == "state"}
    batches = {number for number, kind, _ in kept if kind == "batch"}
    can = [number for number in sorted(batches) if _start(states, batches, number)]
    return f"steps {_ranges(can)}" if can else "no states and batches at all; its gaps say why"


def _start(states: set[int], batches: set[int], step: int) -> int | None:
    for number in range(step, 0, -1):
        if number not in batches:
            return None
        if number in states:
            return number
    return None


def _ranges(numbers: Sequence[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in parts)


def write_result(replay: Replay, path: str | Path) -> None:
    """Writes a replay to a file, for the process that asked for it."""
    from kerascope.record.tensors import pack

    arrays = {f"w:{name}": value for name, value in replay.weights.items()}
    arrays |= {f"g:{name}": value for name, value in replay.gradients.items()}
    facts = {
        "step": replay.step,
        "mode": replay.mode,
        "start": replay.start,
        "logs": {name: repr(value) for name, value in replay.logs.items()},
        "equal": replay.equal,
        "tolerated": replay.tolerated,
        "report": json.dumps(replay.report.to_json()),
    }
    Path(path).write_bytes(pack(arrays, facts))


def read_result(path: Path) -> Replay:
    """Returns the replay that `write_result` wrote."""
    from kerascope.record.tensors import unpack

    arrays, facts = unpack(path.read_bytes())
    return Replay(
        step=facts["step"],
        mode=facts["mode"],
        start=facts["start"],
        logs={name: float(value) for name, value in facts["logs"].items()},
        weights={name[2:]: value for name, value in arrays.items() if name.startswith("w:")},
        gradients={name[2:]: value for name, value in arrays.items() if name.startswith("g:")},
        equal=facts["equal"],
        tolerated=facts["tolerated"],
        report=decode(Report, json.loads(facts["report"])),
    )
