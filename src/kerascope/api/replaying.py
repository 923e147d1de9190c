"""A recorded step is run again: on a live model, or where a script has been run up to its training."""

from __future__ import annotations

import bdb
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascope._backends.base import Backend
from kerascope.api import compared
from kerascope.api.replay import RecordedStep, Replay, reach
from kerascope.api.script import Outcome
from kerascope.errors import KerascopeError, ScriptError, UsageError
from kerascope.probe import rerun as reruns
from kerascope.probe.data import named_arrays
from kerascope.probe.rerun import Entry, Point, Rerun
from kerascope.probe.takeover import Act
from kerascope.values import Evidence, Finding, Report, SourceSpan


def on_live(recorded: RecordedStep, model: Any, mode: str, stop: str | None) -> Replay:
    """Runs a step again on a live model, which is left as it was to the bit."""
    from kerascope import _backends
    from kerascope._keras import state as keras_state
    from kerascope._keras import steps

    backend = _backends.current()
    if not keras_state.has_values(model) or not getattr(model, "optimizer", None):
        raise UsageError(
            f"The model is not built and compiled. Received: model={model.name!r}. Train it for one step first, or "
            "leave `model` out so that the script is run again."
        )
    model.make_train_function()
    raw = steps.keras_function(model)
    live = backend.save(model, keras_state.live_state(model)) if backend.functional else None
    rerun = loaded(recorded, model, raw, backend)
    try:
        with rerun.aside(quiet=mode != "pdb"):
            return performed(recorded, rerun, mode, stop)
    finally:
        if live is not None:
            keras_state.put_live_state(model, live)


def loaded(recorded: RecordedStep, model: Any, raw: Callable[..., Any], backend: Backend) -> Rerun:
    """Returns the recorded steps up to the wanted one, for a model that has all its variables."""
    view, start = recorded.model, reach(recorded.model, recorded.number)
    arrays, facts = view.capture(start, "state")
    entries = []
    for step in range(start, recorded.number + 1):
        tensors, about = view.capture(step, "batch")
        data = backend.unpack_data(tensors, about["template"])
        changes = {(i, j): tensors[f"change:{i}:{j}"] for i, j in about["changes"]} or None
        rate = about["learning_rate"]
        entries.append(Entry(step, data, changes, about["reset"], None if rate is None else np.float32(rate)))
    snapshot = backend.unpack_state(model, arrays, facts["facts"])
    return Rerun(backend, model, raw, Point(start, snapshot, entries[0].data, True), entries)


def performed(recorded: RecordedStep, rerun: Rerun, mode: str, stop: str | None = None) -> Replay:
    """Runs the step in one of the modes. Only inside `rerun.aside`."""
    step = recorded.number
    compiled = rerun.compiled(step)
    facts = list(compared.with_recording(recorded.model, rerun, compiled))
    equal = None if not facts else all(fact.equal for fact in facts)
    evidence = [fact.evidence() for fact in facts]
    outcome, lines = compiled, Report("", "", "healthy")
    tolerated, chance = None, False
    if mode == "eager":
        outcome = rerun.eager(step)
    elif mode in ("trace", "pdb"):
        traced, lines = _traced(rerun, step, mode, stop)
        outcome = traced or compiled
    if outcome is compiled:
        twice = compared.repeated(rerun, compiled)
        chance, evidence = len(twice) > 1, [*evidence, *twice]
    elif mode == "eager" and compared.differing(outcome, rerun.eager(step)):
        chance = True
        evidence.append(compared.eager_twice(rerun, step))
    else:
        drift = compared.drift(rerun, compiled, outcome)
        tolerated = drift.within
        evidence += drift.evidence()
    if mode == "eager":
        evidence += _closer(rerun, step, tolerated is not False)
    finding = Finding(
        kind="replay",
        severity="note" if equal is not False and not chance else "warning",
        confidence=1.0,
        title=_title(step, mode, equal, tolerated, chance),
        explanation=_explanation(rerun, step, equal, tolerated, chance),
        location=SourceSpan(step=step),
        evidence=tuple(evidence),
    )
    report = Report(
        subject=f"step {step:,} of {recorded.view.meta.get('subject') or recorded.model.name}",
        backend=rerun.backend.name,
        verdict=lines.verdict,
        findings=(*lines.findings, finding),
        lines=lines.lines,
        gaps=lines.gaps,
        verb="replay",
    )
    weights = {
        n.partition(":")[2]: a for n, a in outcome.state.items() if n.startswith(("weight:", "state:"))
    }
    return Replay(
        step, mode, rerun.start.step, outcome.logs, weights, outcome.gradients, equal, tolerated, report
    )


def _closer(rerun: Rerun, step: int, tolerated: bool) -> list[Evidence]:
    """Returns where an eager step leaves the compiled one, and which rows of the batch lose most."""
    found = [] if tolerated else [compared.first_layer(rerun, step)]
    arrays = dict(named_arrays(rerun.backend.batch(rerun.entry(step).data)))
    labels = rerun.backend.host(arrays["y"]) if "y" in arrays else None
    found.append(compared.worst_rows(rerun, step, labels))
    return [evidence for evidence in found if evidence is not None]


def _traced(rerun: Rerun, step: int, mode: str, stop: str | None) -> tuple[reruns.Outcome | None, Report]:
    """Returns what the step did, None when its debugger was left before the end, and its lines."""
    from kerascope.api.trace import Trace, recorded

    seen = Trace(f"step {step}")
    wanted = (stop or "step == 1") if mode == "pdb" else None
    around = recorded(seen, None, stop=wanted, statistics=True)
    try:
        return rerun.eager(step, around), seen.report()
    except bdb.BdbQuit:
        return None, seen.report()


def _title(step: int, mode: str, equal: bool | None, tolerated: bool | None, chance: bool) -> str:
    same = {
        True: "the same to the bit as it was recorded",
        False: "NOT as it was recorded",
        None: "run again",
    }
    title = f"Step {step:,}: compiled, {same[equal]}"
    if chance:
        return f"{title}; it is not the same twice"
    if tolerated is None:
        return title
    return f"{title}; run eagerly, {'within' if tolerated else 'NOT within'} what rounding explains"


def _explanation(rerun: Rerun, step: int, equal: bool | None, tolerated: bool | None, chance: bool) -> str:
    text = f"Begun from the state recorded before step {rerun.start.step:,}" + (
        f", and run on to step {step:,} with the compiled step. " if rerun.start.step < step else ". "
    )
    if chance:
        text += (
            "From the same state and batch the step gives something else each time: it draws numbers whose seed is no "
            "part of the model, or holds an operation that is not deterministic. "
        )
    elif equal is False:
        text += (
            "Another version of Keras or the backend, another machine, a changed script, or an operation that is not "
            "deterministic is what makes a step come out otherwise. "
        )
    if tolerated is False:
        text += (
            "Compiled and eager compute something different: other random numbers (XLA draws its own), an operation "
            "that the compiler has replaced, or Python that ran only while compiling. "
        )
    return text.strip()


# -- running the script again ----------------------------------------------------------------------------------


def rerun_script(
    recorded: RecordedStep,
    *,
    mode: str,
    script: str | None,
    args: Sequence[str] | None,
    here: bool,
    stop: str | None,
    say: Callable[[str], None],
) -> Replay:
    """Runs the recorded script up to the training that the step belongs to, in this process, and the step there.

    Raises:
        ScriptError: the script cannot be run, ends before that training, or fails.
        UsageError: the recording holds no such step.
    """
    found: list[Replay] = []

    def act(model: Any, raw: Callable[..., Any], backend: Backend, state: Any, data: Any) -> None:
        first_step(recorded, raw, backend, state)
        found.append(performed(recorded, loaded(recorded, model, raw, backend), mode, stop))

    own = str(recorded.view.meta.get("backend") or "")
    at_training(recorded, act, script=script, args=args, here=here, backend=own, say=say)
    return found[0]


def at_training(
    recorded: RecordedStep,
    act: Act,
    *,
    script: str | None,
    args: Sequence[str] | None,
    here: bool,
    backend: str,
    say: Callable[[str], None],
) -> None:
    """Runs a script up to the training that a step belongs to, in this process, and lets `act` take over there.

    Raises:
        ScriptError: the script cannot be run, ends before that training, or fails.
        UsageError: the recording holds no such step.
    """
    from kerascope.api.script import execute, prepare_module, prepare_script
    from kerascope.probe.takeover import Takeover

    reach(recorded.model, recorded.number)
    meta = recorded.view.meta
    _choose_backend(backend)
    target, module = _target(meta, script)
    given = list(args) if args is not None else [str(word) for word in (meta.get("argv") or [""])[1:]]
    code, namespace, argv0, first_path = (prepare_module if module else prepare_script)(target)
    for line in changes(recorded.view.sources(), code.co_filename):
        say(line)
    problems: list[KerascopeError] = []

    def guarded(*taken: Any) -> None:
        try:
            act(*taken)
        except KerascopeError as error:  # ours, so that no traceback of the script is to be shown
            problems.append(error)

    takeover = Takeover(_training(recorded), guarded, say)
    place = (
        "the current folder" if here else "an empty folder that is deleted afterwards (`--here`: in this one)"
    )
    say(f"running {target} again up to its training, in {place}")
    with _folder(here), _watching(takeover, say):
        outcome = execute(code, namespace, [argv0, *given], first_path)
    if problems:
        raise problems[0]
    if not takeover.done or outcome.error is not None:
        raise _not_reached(outcome, target, given, here)


def _not_reached(outcome: Outcome, target: str, given: list[str], here: bool) -> ScriptError:
    if outcome.error is not None:
        return ScriptError(
            f"The script failed before the step could be run: {outcome.error}. Received: script={target!r}. "
            + ("" if here else "If it reads files by relative paths, `--here` runs it in the current folder.")
        )
    return ScriptError(
        f"The script ended without the training that the step belongs to. Received: script={target!r}, "
        f"arguments={given}. Give the arguments that it was recorded with after `--`."
    )


def first_step(recorded: RecordedStep, raw: Callable[..., Any], backend: Backend, state: Any) -> None:
    """Runs a recorded batch once, so that everything is built; the recorded state replaces what it did."""
    tensors, about = recorded.model.capture(reach(recorded.model, recorded.number), "batch")
    backend.one_step(raw, state, backend.unpack_data(tensors, about["template"]))


def _training(recorded: RecordedStep) -> int:
    table = recorded.model.steps()
    rows = np.flatnonzero(table.step == recorded.number)
    return int(table.training[rows[0]]) if len(rows) else recorded.model.trainings()[-1].id


def _choose_backend(name: str) -> None:
    if name and os.environ.get("KERAS_BACKEND") not in (None, "", name):
        raise UsageError(
            f"The step was recorded on another backend. Received: KERAS_BACKEND={os.environ['KERAS_BACKEND']!r}. It "
            f"was recorded on {name!r}; unset the variable or set it to that."
        )
    if name:
        os.environ["KERAS_BACKEND"] = name


def _target(meta: Any, script: str | None) -> tuple[str, bool]:
    if script is not None:
        return str(Path(script).absolute()), False
    argv = meta.get("argv") or []
    if meta.get("module"):
        return str(meta.get("subject")), True
    if not argv:
        raise UsageError(
            "The recording does not say which script made it: it was recorded in a notebook or by `kerascope.watch`. "
            "Give `--script FILE`, or in Python the live model: `.replay(model=model)`."
        )
    if not Path(str(argv[0])).is_file():
        raise UsageError(
            f"The recorded script is not here. Received: {argv[0]!r}, seen from {os.getcwd()}. Give `--script FILE`."
        )
    return str(Path(str(argv[0])).absolute()), False


def changes(sources: Any, file: str) -> Iterator[str]:
    """Yields sentences on what has changed in a script since it was recorded; none when nothing has."""
    import difflib

    old = sources.get(Path(file).name)
    if old is None:
        return
    new = Path(file).read_text(encoding="utf-8", errors="replace")
    if old == new:
        return
    before, after = old.splitlines(), new.splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    blocks = [block for block in matcher.get_opcodes() if block[0] != "equal"]
    yield f"{Path(file).name} has changed since it was recorded, in {len(blocks)} place{'s' * (len(blocks) != 1)}:"
    for _, a, b, c, d in blocks[:5]:
        yield from (
            f"  line {n + 1} - {before[n].strip()}" for n in range(a, min(b, a + 3)) if before[n].strip()
        )
        yield from (
            f"  line {n + 1} + {after[n].strip()}" for n in range(c, min(d, c + 3)) if after[n].strip()
        )


@contextlib.contextmanager
def _folder(here: bool) -> Iterator[None]:
    if here:
        yield
        return
    back = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="kerascope-scratch-") as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(back)


@contextlib.contextmanager
def _watching(takeover: Any, say: Callable[[str], None]) -> Iterator[None]:
    """Tells `takeover` about trainings as soon as the script has imported Keras."""
    from kerascope.api.hook import KerasHook

    class Starter:
        problem: str | None = None
        patches: Any = None

        def start(self, **_: Any) -> None:
            from kerascope._keras import steps

            self.patches = steps.watch_trainings(takeover)

        def stop(self) -> None:
            if self.patches is not None:
                self.patches.undo()

    starter: Any = Starter()
    with KerasHook(starter, say):
        yield
