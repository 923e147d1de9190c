"""One recorded step in two programs: where another backend, or another version of the script, first differs."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerascope import env
from kerascope.api import compared
from kerascope.api.followed import followed, norm
from kerascope.api.replay import RecordedStep, reach
from kerascope.api.replaying import at_training, first_step, loaded
from kerascope.errors import ScriptError, UsageError
from kerascope.probe.data import named_arrays
from kerascope.probe.rerun import Entry, Point, Rerun
from kerascope.values import Evidence, Finding, Report, SourceSpan

Norms = dict[str, dict[str, float]]
"""The norm of each thing that a step computes: part -> name -> norm, in the order of computing."""

_PARTS = {
    "output": ("layer output", "layer outputs"),
    "line": ("expression", "expressions of the script"),
    "loss": ("loss", "losses"),
    "gradient": ("gradient", "gradients"),
    "inference": ("layer output in inference", "layer outputs in inference"),
}
_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the script is run again, and with what."""

    script: str | None = None
    args: Sequence[str] | None = None
    here: bool = False


def against(recorded: RecordedStep, what: str, place: Place, say: Callable[[str], None]) -> Report:
    """Returns where a recorded step differs when it is computed by something else, forward and backward.

    Args:
        recorded: the step.
        what: the name of another installed backend, or the path of another version of the script.
        place: the script as it was, its arguments and folder.
        say: told what is being done.

    Raises:
        UsageError: there is no such backend or script, or the recording does not hold the step.
        ScriptError: one of the scripts cannot be run up to there.
    """
    reach(recorded.model, recorded.number)
    own = str(recorded.view.meta.get("backend") or "")
    backend, script = _other(what, own)
    home = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="kerascope-against-") as folder:
        carried, result = Path(folder) / "carried", Path(folder) / "result"
        command = _command(recorded, backend, script, place)
        found: list[Report] = []

        def act(model: Any, raw: Callable[..., Any], here: Any, state: Any, data: Any) -> None:
            first_step(recorded, raw, here, state)
            rerun = loaded(recorded, model, raw, here)
            with rerun.aside():
                one = measured(rerun, recorded.number)
                slack = tolerances(rerun, recorded.number, one)
                carried.write_bytes(_carried(rerun, recorded.number))
            say(f"the same step {'on' if script is None else 'with'} {what}, in a process of its own")
            other = _elsewhere(command, backend, home, (carried, result))
            names = (own, what) if script is None else (_script_name(recorded), Path(script).name)
            found.append(_report(recorded, names, one, other, slack))

        at_training(
            recorded, act, script=place.script, args=place.args, here=place.here, backend=own, say=say
        )
    return found[0]


def _other(what: str, own: str) -> tuple[str, str | None]:
    """Returns the backend and the script (None: the same) that are meant."""
    if what in env.BACKENDS:
        if what == own or what not in env.installed_backends():
            why = "the step was recorded on it" if what == own else "it is not installed here"
            raise UsageError(f"There is nothing to compare with. Received: --against {what}, and {why}.")
        return what, None
    if not Path(what).is_file():
        raise UsageError(
            f"There is no such backend or script. Received: --against {what!r}. Give eager, one of "
            f"{', '.join(env.installed_backends())}, or the path of another version of the script."
        )
    return own, str(Path(what).absolute())


# -- what is compared ------------------------------------------------------------------------------------------


def measured(rerun: Rerun, step: int, change: Callable[[Any], Any] = lambda state: state) -> Norms:
    """Returns the norms of what a step computes eagerly. Only inside `aside`."""
    found: Norms = {}
    for part, (names, stats) in rerun.parts(step, eager=True, change=change).items():
        if part in _PARTS:
            found[part] = {str(n): float(v) for n, v in zip(names, stats[:, 0], strict=True)}
    found["inference"] = rerun.inference(step, change=change)
    return {**found, "line": followed(rerun, step, norm, change).measures}


def tolerances(rerun: Rerun, step: int, base: Norms) -> Norms:
    """Returns by how much each norm may differ: eight times the most that rounding the weights changes it."""
    moved = [
        measured(rerun, step, lambda state, seed=seed: rerun.perturbed(state, seed))  # type: ignore[misc]
        for seed in range(compared.DRAWS)
    ]
    return {
        part: {
            name: compared.tolerance(norm, [run.get(part, {}).get(name) for run in moved])
            for name, norm in norms.items()
        }
        for part, norms in base.items()
    }


def _carried(rerun: Rerun, step: int) -> bytes:
    from kerascope.record.tensors import pack

    batch = named_arrays(rerun.backend.batch(rerun.entry(step).data))
    arrays = {f"data:{index}": rerun.backend.host(array) for index, (_, array) in enumerate(batch)}
    return pack({**rerun.arrays_before(step), **arrays}, {"step": step})


# -- in the other process --------------------------------------------------------------------------------------


def _command(recorded: RecordedStep, backend: str, script: str | None, place: Place) -> list[str]:
    """Returns the command of the other process, which begins in this one's folder."""
    given = script or place.script
    command = [sys.executable, "-m", "kerascope", "replay", str(Path(str(recorded.view.path)).absolute())]
    command += ["--step", str(recorded.number), "--model", str(recorded.model.id), "--against", backend]
    command += ["--script", str(Path(given).absolute())] if given is not None else []
    command += ["--here"] if place.here else []
    return [*command, *(["--", *place.args] if place.args is not None else [])]


def _elsewhere(command: list[str], backend: str, home: str, files: tuple[Path, Path]) -> Norms:
    """Returns the norms that another process computes from the same state and batch."""
    carried, result = files
    own = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join([own, *filter(None, [os.environ.get("PYTHONPATH")])])
    at = command.index("--against")
    done = subprocess.run(
        [*command[:at], "--carried", str(carried), "--result", str(result), *command[at:]],
        env={**os.environ, "PYTHONPATH": search, "KERAS_BACKEND": backend},
        cwd=home,
        capture_output=True,
        check=False,
    )
    if not result.is_file():
        tail = done.stderr.decode(errors="replace").strip()[-2000:]
        raise ScriptError(f"The step could not be run there (exit code {done.returncode}). {tail}")
    found: Norms = json.loads(result.read_text())
    return found


def there(recorded: RecordedStep, carried: Path, result: Path, backend: str, place: Place) -> None:
    """Runs a script on some backend with the state and the batch of another process, and writes the norms."""
    from kerascope.record.tensors import unpack

    arrays, facts = unpack(carried.read_bytes())
    found: list[Norms] = []

    def act(model: Any, raw: Callable[..., Any], here: Any, state: Any, data: Any) -> None:
        rerun = _taken_over((model, raw, here, state, data), arrays, facts["step"])
        with rerun.aside():
            found.append(measured(rerun, facts["step"]))

    at_training(
        recorded,
        act,
        script=place.script,
        args=place.args,
        here=place.here,
        backend=backend,
        say=lambda text: print(text, file=sys.stderr),
    )
    result.write_text(json.dumps(found[0]))


def _taken_over(taken: tuple[Any, ...], arrays: Mapping[str, Any], step: int) -> Rerun:
    """Returns a step for a live model of another program: values are matched by path, then by order and shape."""
    from kerascope._backends import portable

    model, raw, backend, state, data = taken
    _, state = backend.one_step(raw, state, data)  # so that everything is built
    own, facts = backend.pack_state(model, backend.save(model, state))
    roles = ("weight:", "state:", "optimizer:", "metric:")
    names = [name for name in own if name.startswith(roles)]
    saved = {n: portable.plain(a) for n, a in arrays.items() if not n.startswith("data:")}
    for name, match in zip(names, portable.matched(saved, names, [own[n].shape for n in names]), strict=True):
        if match:
            own[name] = np.asarray(saved[match]).astype(own[name].dtype)
        elif name.startswith("weight:"):
            raise portable.misfit(f"nothing was recorded of `{name}`")
    own_batch, template = backend.pack_data(data)
    batch = {n: portable.plain(arrays[n]) for n in own_batch if n in arrays}
    if len(batch) != len(own_batch):
        raise portable.misfit(f"its batches hold {len(own_batch)} arrays")
    given = backend.unpack_data(batch, template)
    point = Point(step, backend.unpack_state(model, own, facts), given, True)
    return Rerun(backend, model, raw, point, [Entry(step, given, None, False, None)])


# -- the report ------------------------------------------------------------------------------------------------


def _report(recorded: RecordedStep, names: tuple[str, str], one: Norms, other: Norms, slack: Norms) -> Report:
    here, there = names
    first, evidence, counts = "", [], []
    for part, (word, words) in _PARTS.items():
        common = [name for name in one.get(part, {}) if name in other.get(part, {})]
        counts += [f"{len(common)} {words if len(common) > 1 else word}"] if common else []
        name = next((n for n in common if not _agree(one[part][n], other[part][n], slack[part][n])), None)
        if name is not None:
            first = first or f"the first to differ is the {word} `{name}`"
            said = f"norm {one[part][name]:.6g}, with {there} {other[part][name]:.6g} (rounding: "
            evidence.append(Evidence(f"first {word}", f"`{name}`   {said}{slack[part][name]:.1g})"))
    evidence += _alone(names, one.get("line", {}), other.get("line", {}))
    same = not first
    finding = Finding(
        kind="replay",
        severity="note" if same else "warning",
        confidence=1.0,
        title=f"Step {recorded.number:,} with {there}: "
        + (first or f"the same as with {here}, within rounding"),
        explanation=(
            "Both began from the state recorded before the step, on the same batch, and ran it eagerly. A norm may "
            "differ by eight times the most that rounding the weights at random changed it. "
            + ("" if same else _why(evidence, recorded))
        ).strip(),
        location=SourceSpan(step=recorded.number),
        evidence=(*evidence, Evidence("compared", ", ".join(counts) or "nothing has a name in common")),
    )
    subject = f"step {recorded.number:,} of {recorded.view.meta.get('subject') or recorded.model.name}"
    backend = str(recorded.view.meta.get("backend"))
    return Report(subject, backend, "healthy" if same else "faulty", (finding,), verb="replay")


def _script_name(recorded: RecordedStep) -> str:
    name = str(recorded.view.meta.get("subject") or "what was recorded")
    return f"the recorded {Path(name).name}"


def _agree(one: float, other: float, most: float) -> bool:
    return compared.far(one, other) <= most


def _alone(names: tuple[str, str], one: Mapping[str, float], other: Mapping[str, float]) -> list[Evidence]:
    """Returns the expressions that only one of the two has: what was changed between versions of a script."""
    found = []
    for name, mine, others in ((names[0], one, other), (names[1], other, one)):
        only = [f"`{expression}`" for expression in mine if expression not in others]
        if only:
            more = f" and {len(only) - _SHOWN} more" if len(only) > _SHOWN else ""
            found.append(Evidence(f"only in {name}", ", ".join(only[:_SHOWN]) + more))
    return found


def _why(evidence: Sequence[Evidence], recorded: RecordedStep) -> str:
    """Random numbers are a harmless reason, which is said: each backend draws its own."""
    kept, _ = recorded.model.capture(reach(recorded.model, recorded.number), "state")
    first = {e.label for e in evidence}
    if any("seed" in name for name in kept) and "first layer output in inference" not in first:
        return (
            "In inference all layers agree. The model draws random numbers (dropout, noise), and each backend draws "
            "its own: that explains such a difference."
        )
    return ""
