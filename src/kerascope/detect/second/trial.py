"""One model taken for a second look: its own code, a recorded batch, states to begin from, and a way back."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerascope import _backends
from kerascope._backends import alone as backend_alone
from kerascope._backends import tensors
from kerascope._keras import alone, objects, state, steps, trial
from kerascope.budget import Budget
from kerascope.probe.lines.install import is_users
from kerascope.probe.lines.session import recording
from kerascope.record.lines import Event
from kerascope.values import Evidence, Finding, Lever, Severity, SourceSpan

_MOST_BYTES = 16 * 1024 * 1024
_LEAST_ROWS = 8
_PATIENCE = 3
"""How many times the given seconds may go by on a machine that is busy with other things."""
SEED = 20


@dataclasses.dataclass
class Found:
    """A finding with the condition under which the recording lets it stand.

    `when` is "always", "nonfinite" (the run met NaN or infinity), "behind" (a fault only where the model does worse
    than simple methods), "lost" (only there does it count at all), "still" (`paths` never change), "worse" (no metric
    of it gets better), "explodes", "dead", "agree" or "unlearnt" (see `detect/examined.py`). `paths` name
    variables of the model, or logs.
    """

    finding: Finding
    when: str = "always"
    paths: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        return {"finding": self.finding.to_json(), "when": self.when, "paths": list(self.paths)}


@dataclasses.dataclass(frozen=True)
class Points:
    """Steps of a run that are looked at: `step`, `snapshot` (None when none was kept) and `data` of each.

    `begin` is its first step, `bad` the first that was not finite, `late` one of the last; None where there is none.
    """

    begin: Any
    bad: Any = None
    late: Any = None


class Trial:
    """A model under examination. Everything is run inside `open`, which puts the model back.

    `steps` is how many the run had.
    """

    def __init__(self, model: Any, points: Points, seconds: float, steps: int = 0) -> None:
        self.model = model
        self.steps = steps
        self.own = trial.own_code(model, is_users)
        self.backend = _backends.current()
        self.begin, self.bad, self.late = points.begin, points.bad, points.late
        self.data = self.batch(self.begin)
        self.x, self.y, self.weights = trial.unpacked(self.data)
        self.paths = {id(v): v.path for v in model.variables}
        self.last: list[np.ndarray] = []
        self.arguments = Arguments()
        self.known: dict[str, Any] = {}
        self.notes: list[str] = []
        self._budget = Budget(seconds, _PATIENCE)

    def seconds_left(self) -> float:
        """Returns how much of the time is left."""
        return self._budget.left()

    def batch(self, point: Any) -> Any:
        """Returns the batch of a point as tensors, its first rows where it is large."""
        data = trial.as_tensors(self.backend.batch(point.data))
        rows = next((int(t.shape[0]) for t in objects.flatten(data) if getattr(t, "ndim", 0)), 0)
        size = sum(int(np.prod(t.shape)) * 4 for t in objects.flatten(data) if hasattr(t, "shape"))
        most = max(_LEAST_ROWS, rows * _MOST_BYTES // max(size, 1))
        if rows <= most:
            return data
        return objects.map_structure(lambda t: t[:most] if getattr(t, "ndim", 0) else t, data)

    @contextlib.contextmanager
    def open(self) -> Iterator[Trial]:
        """Runs the block away from the user's program, which finds everything as it was."""
        with (
            self.backend.quiet(),
            objects.undisturbed(),
            backend_alone.backend_state(),
            trial.put_back(self.model),
            alone.isolated(SEED),
        ):
            self._variables = [v for _, v in state.all_variables(self.model)]
            self.last = alone.values(self._variables)
            yield self

    @property
    def begins(self) -> bool:
        """Whether the state that the training began with was kept."""
        return self.begin is not None and self.begin.snapshot is not None

    # -- states ------------------------------------------------------------------------------------------------

    def at_begin(self) -> None:
        """Puts the model where its first step began (where it ended, if that was not kept)."""
        self._to(self.begin)

    def at_end(self) -> None:
        """Puts the model where its training ended."""
        alone.assign(self._variables, self.last)
        self._seed()

    def at_bad(self) -> None:
        """Puts the model where the first step that was not finite began."""
        self._to(self.bad)

    def at_late(self) -> None:
        """Puts the model where one of the last steps began."""
        self._to(self.late)

    def _to(self, point: Any) -> None:
        alone.assign(self._variables, self.last)
        if point is not None and point.snapshot is not None:
            trial.assign_state(self.model, self.backend.load(self.model, point.snapshot))
        self._seed()

    def _seed(self) -> None:
        alone.set_seed(SEED)
        backend_alone.set_seed(SEED)

    # -- running -----------------------------------------------------------------------------------------------

    def step(self, data: Any = None) -> Any:
        """Runs the model's own train step once, line by line."""
        return trial.train_step(self.model, self.data if data is None else data)

    def lines(self, data: Any = None) -> None:
        """Runs all of the user's lines of one training step: the step itself where it is the user's.

        Of Keras's own step only what calls the user's code is run, without gradients and updates: on JAX each of their
        operations would have to be compiled.
        """
        data = self.data if data is None else data
        if "train_step" in self.own.methods:
            self.step(data)
        else:
            trial.forward(self.model, data)

    def predict(self, x: Any = None, training: bool = False) -> list[np.ndarray]:
        """Returns the tensors of the model's output."""
        result = self.model(self.x if x is None else x, training=training)
        return [a for leaf in objects.flatten(result) if (a := tensors.array_of(leaf)) is not None]

    def first_prediction(self) -> list[np.ndarray]:
        """Returns the outputs for the recorded batch in inference, with the final weights."""
        if "predictions" not in self.known:
            self.at_end()
            self.known["predictions"] = self.predict(), self.predict()
        return self.known["predictions"][0]  # type: ignore[no-any-return]

    def second_prediction(self) -> list[np.ndarray]:
        """Returns the outputs of a second call after the first one: they differ where something is random."""
        self.first_prediction()
        return self.known["predictions"][1]  # type: ignore[no-any-return]

    def traced(self, function: Callable[[], Any], listeners: Sequence[Any]) -> None:
        """Runs a function with its lines shown to the listeners."""
        with recording(statistics=True, listeners=list(listeners)):
            function()

    def files(self) -> list[str]:
        """Returns the user's files that are loaded, the script first."""
        named = [
            (name != "__main__", getattr(m, "__file__", None) or "") for name, m in list(sys.modules.items())
        ]
        return [file for _, file in sorted(named) if file.endswith(".py") and is_users(file)]

    def iterations(self) -> int | None:
        """Returns how many updates the optimizer has made in this training; None where its beginning is not known."""
        if not self.begins:
            return None
        self.at_begin()
        first = state.iterations_done(self.model)
        self.at_end()
        return state.iterations_done(self.model) - first

    def name(self, variable: Any) -> str:
        return str(self.paths.get(id(variable), getattr(variable, "path", "")))


def user_frame(start: types.FrameType | None = None) -> types.FrameType | None:
    """Returns the innermost frame of the user's own code on the stack."""
    frame = start or sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame
        frame = frame.f_back  # type: ignore[assignment]
    return None


@dataclasses.dataclass
class Given:
    """What a function of the user's was called with: its file and first line, its `self`, arguments by name."""

    file: str
    line: int
    function: str
    owner: Any
    arguments: dict[str, Any]


class Arguments:
    """A listener that keeps what the user's functions are called with, the first time each is called."""

    def __init__(self) -> None:
        self.given: dict[tuple[int, str, int], Given] = {}

    def __call__(self, event: Event, value: Any, operands: Any, frame: types.FrameType) -> None:
        if event.site.kind != "arguments":
            return
        code = frame.f_code
        owner = frame.f_locals.get("self")
        key = (id(owner), code.co_filename, code.co_firstlineno)
        if key in self.given or len(self.given) > 200:
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        values = {n: _held(frame.f_locals[n]) for n in names if n != "self" and n in frame.f_locals}
        self.given[key] = Given(code.co_filename, code.co_firstlineno, code.co_name, owner, values)

    def of(self, owner: Any, *functions: str) -> Given | None:
        """Returns what a method of an object was called with."""
        return next((g for g in self.given.values() if g.owner is owner and g.function in functions), None)

    def of_function(self, function: Any) -> Given | None:
        """Returns what a plain function was called with."""
        code = getattr(function, "__code__", None)
        if code is None:
            return None
        return next(
            (
                g
                for g in self.given.values()
                if g.file == code.co_filename and g.line == code.co_firstlineno and g.function == code.co_name
            ),
            None,
        )


def _held(value: Any) -> Any:
    """Returns a value that may be kept: tensors without what differentiates them."""
    if tensors.kind(value) == "tensor":
        array = tensors.array_of(value)
        return value if array is None else np.array(array)
    return value


def finding(
    kind: str,
    severity: Severity,
    confidence: float,
    title: str,
    explanation: str,
    location: SourceSpan,
    evidence: Sequence[Evidence] = (),
    levers: Sequence[Sequence[Lever]] = (),
) -> Finding:
    """Returns a finding, its location as a person reads it."""
    return Finding(
        kind,
        severity,
        confidence,
        title,
        explanation,
        location,
        tuple(evidence),
        levers=tuple(map(tuple, levers)),
    )


__all__ = ["Arguments", "Found", "Given", "Trial", "finding", "steps", "user_frame"]
