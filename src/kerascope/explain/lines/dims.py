"""Which sizes are the batch: an object is run on several batch sizes, and each size is told by how it moves along.

The runs are aligned execution by execution of each function, so that a loop that goes round more often in one of them,
or a branch that only some take, costs the labels of what is in it and no others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kerascope._keras import objects
from kerascope.budget import Budget
from kerascope.explain.lines.failure import underlying
from kerascope.explain.subject import BATCH, Subject
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.recorder import Recorder
from kerascope.probe.lines.session import recording
from kerascope.record.lines import Activation, Event, LineLog, Site

BATCHES = (2, 11, 13)
_OTHERS = (3, 17, 19, 23, 29, 31, 37, 41, 43, 47)
_NEAR = 2
"""A size so near to one that stands for an unknown one is taken to be made of it, as by a convolution."""
SECONDS = 4.0
"""No further run is begun after this time."""

Labels = dict[Event, tuple[str, ...]]


class Probe(NamedTuple):
    """One run: what it recorded, and what it returned or raised."""

    log: LineLog
    outcome: Any


@dataclasses.dataclass
class Probes:
    """The runs, with the batch size and recorder of each, and the names of sizes that stand for unknown ones."""

    runs: list[Probe] = dataclasses.field(default_factory=list)
    batches: list[int] = dataclasses.field(default_factory=list)
    recorders: list[Recorder] = dataclasses.field(default_factory=list)
    names: Mapping[int, str] = dataclasses.field(default_factory=dict)

    @property
    def logs(self) -> tuple[LineLog, ...]:
        """What the runs recorded."""
        return tuple(run.log for run in self.runs)


def probe(subject: Subject, batches: Sequence[int] = BATCHES) -> list[Probe]:
    """Runs a fresh object on made-up inputs of each batch size; returns (log, result or exception) for each.

    Shapes only, nothing printed, and the random numbers of the program are left where they were.
    """
    return run_probes(subject, batches).runs


def run_probes(subject: Subject, batches: Sequence[int], seconds: float = SECONDS) -> Probes:
    """Runs the object on each batch size as long as there is time."""
    found = Probes(names=subject.unknown)
    if subject.make is None:
        return found
    budget = Budget(seconds)
    with recording(statistics=False), objects.undisturbed(), silent():
        for batch in batches:
            # One batch alone tells no sizes apart, and the first may have had to wait for an import.
            expected = budget.spent() / len(found.runs) if len(found.runs) > 1 else 0.0
            if found.runs and expected >= budget.left():
                break
            recorder, outcome = _run(subject, batch)
            found.runs.append(Probe(recorder.log, outcome))
            found.batches.append(batch)
            found.recorders.append(recorder)
    return found


def _run(subject: Subject, batch: int) -> tuple[Recorder, Any]:
    """Runs the object once; where that spares compiling each operation for each size, on shapes alone."""
    recorder, outcome = Recorder(LineLog(), statistics=False), None
    spared = (
        objects.backend_name() == "jax" and subject.kind != "train_step"
    )  # a step changes the model's state
    for shapes_alone in (True, False) if spared else (False,):
        recorder = Recorder(LineLog(), statistics=False)
        hooks.begin(recorder)
        try:
            outcome = _once(subject, batch, shapes_alone)
        finally:
            hooks.end(recorder)
        if not (shapes_alone and isinstance(outcome, Exception) and _for_want_of_values(outcome)):
            break
    return recorder, outcome


def _for_want_of_values(error: Exception) -> bool:
    """Tells whether code failed only because there were no values."""
    name = type(underlying(error)).__name__
    return "Tracer" in name or "Concretization" in name or "stateless" in str(error).lower()


def _once(subject: Subject, batch: int, shapes_alone: bool) -> Any:
    assert subject.make is not None
    try:
        instance = subject.make()
        if not shapes_alone:
            args, kwargs = subject.inputs(batch)
            return subject.call(instance, args, kwargs)
        args, kwargs = subject.shapes(batch)
        if subject.kind in ("layer", "model") and subject.run is None:
            return instance(*args, **kwargs)
        return objects.compute_output_spec(lambda *a, **k: subject.call(instance, a, k), *args, **kwargs)
    except Exception as error:
        return error


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Runs a block whose prints go nowhere."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def batches_for(subject: Subject, log: LineLog | None = None) -> tuple[int, ...]:
    """Returns three batch sizes that are no other size met: a batch as large as a weight would pass for it."""
    met: set[int | str | None] = {size for spec in subject.specs() for size in spec.shape if size != BATCH}
    if log is not None:
        met |= {size for row in log.rows.values() for shape in row.shapes for size in shape or ()}
    free = [size for size in (*BATCHES, *_OTHERS) if size not in met]
    return tuple(sorted(free[:3])) if len(free) >= 3 else BATCHES


def label_log(log: LineLog, subject: Subject) -> Labels:
    """Returns the sizes of a trace's tensors in terms of the batch size B, as far as they can be found out."""
    return transfer(log, probes_for(subject, log))


def probes_for(subject: Subject, log: LineLog) -> Probes:
    """Runs the object on the batch sizes that tell most about the sizes of a trace."""
    batches = batches_for(subject, log)
    found = run_probes(subject, batches)
    if not any(short for short, batch in zip(_short(log, found), found.batches, strict=True) if batch % 2):
        return found
    even = run_probes(subject, [2 * batch for batch in batches])  # a batch may be halved
    return found if any(_short(log, even)) else even


def _short(log: LineLog, probes: Probes) -> list[bool]:
    """Tells of each run whether it failed before it came to where the trace ended."""
    ours = {event.site for event in log.events}
    return [
        isinstance(run.outcome, Exception) and len({event.site for event in run.log.events}) < len(ours)
        for run in probes.runs
    ]


def transfer(log: LineLog, probes: Probes) -> Labels:
    """Returns labels for the events of a trace, from runs of the same code."""
    if len(probes.runs) < 2:
        return {}
    known = labels(probes.logs, probes.batches)
    result: Labels = {}
    # What called the object is not run again, so callers may differ; so may whether it ran symbolically.
    for modes, parents in ((True, True), (True, False), (False, False)):
        ours, theirs = _keyed(log, modes, parents), _keyed(probes.runs[0].log, modes, parents)
        for key, event in ours.items():
            label = known.get(theirs[key]) if key in theirs else None
            if label is not None and event not in result and _agrees(event, label):
                result[event] = tuple(named(part, probes.names) for part in label)
    return result


def _agrees(event: Event, label: tuple[str, ...]) -> bool:
    """Tells whether a label can be true of a tensor: as many axes, and the same constants."""
    shape = event.facts.shape
    if shape is None or event.facts.mode == "symbolic":
        return shape is None or len(shape) == len(label)
    if len(shape) != len(label):
        return False
    return all(
        not part.isdigit() or not isinstance(size, int) or int(part) == size
        for part, size in zip(label, shape, strict=True)
    )


def labels(logs: Sequence[LineLog], batches: Sequence[int]) -> Labels:
    """Returns, for events of the first log, each size as a constant, B, 2·B, B+1, B², or "?" where none fits."""
    keyed = [_keyed(log) for log in logs]
    found: Labels = {}
    for key, event in keyed[0].items():
        same = [(event, batches[0])]
        same += [(k[key], b) for k, b in zip(keyed[1:], batches[1:], strict=True) if key in k]
        shapes = [each.facts.shape for each, _ in same]
        if len(same) < 2 or None in shapes or len({len(s or ()) for s in shapes}) != 1:
            continue
        sizes = zip(*(shape or () for shape in shapes), strict=True)
        found[event] = tuple(label(column, [b for _, b in same]) for column in sizes)
    return found


def label(sizes: Sequence[int | str | None], batches: Sequence[int]) -> str:
    """Returns one size in terms of B: the sizes it had with these batch sizes tell."""
    if len(set(sizes)) == 1:
        return "?" if sizes[0] is None else str(sizes[0])
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) != len(sizes):
        return "?"
    steps = (known[1] - known[0]) / (batches[1] - batches[0])
    rest = known[0] - steps * batches[0]
    certain = len(known) > 2 or rest == 0
    if certain and all(steps * b + rest == size for b, size in zip(batches, known, strict=True)):
        factor = "B" if steps == 1 else "B/2" if steps == 0.5 else f"{steps:g}·B"
        return factor if rest == 0 else f"{factor}{rest:+g}"
    if all(
        size % (b * b) == 0 and size // (b * b) == known[0] // batches[0] ** 2
        for b, size in zip(batches, known, strict=True)
    ):
        times = known[0] // batches[0] ** 2
        return "B²" if times == 1 else f"{times}·B²"
    return "?"


def named(part: str, names: Mapping[int, str]) -> str:
    """Returns a size in terms of the unknown ones that it is made of: of 86, where 43 stands for N, "2·N"."""
    number, _, batch = part.partition("·") if part.endswith("·B") else (part, "", "")
    if not names or not number.isdigit():
        return part
    size = int(number)
    for stand_in, name in names.items():
        times, rest = divmod(size, stand_in)
        if size == stand_in**2:
            number = f"{name}²"
        elif times and rest == 0:
            number = name if times == 1 else f"{named(str(times), names)}·{name}"
        elif abs(size - stand_in) <= _NEAR and not batch:
            number = f"{name}{size - stand_in:+d}"
        else:
            continue
        break
    return f"{number}·{batch}" if batch else number


Key = tuple[Any, ...]


def _keyed(log: LineLog, modes: bool = True, parents: bool = True) -> dict[Key, Event]:
    """Returns the events by what they are: expression, execution of the function, how often there before."""
    eager: dict[Activation, bool] = {}
    for event in log.events:
        eager.setdefault(event.activation, event.facts.mode == "eager")
    names: dict[Activation | None, Key] = {None: ()}
    counts: Counter[Key] = Counter()

    def name_of(activation: Activation | None) -> Key:
        if activation not in names:
            assert activation is not None
            mode = eager.get(activation, True) if modes else None
            outer = name_of(activation.parent) if parents else ()
            stem = (outer, activation.file, activation.function, mode)
            counts[stem] += 1
            names[activation] = (*stem, counts[stem])
        return names[activation]

    passes: Counter[tuple[Activation, Site, str]] = Counter()
    found: dict[Key, Event] = {}
    for event in log.events:
        place = (event.activation, event.site, event.path)
        passes[place] += 1
        found[name_of(event.activation), event.site, event.path, passes[place]] = event
    return found


def words(parts: Iterable[str]) -> str:
    """Returns a labelled shape in words: `(2·B, 5)`."""
    sizes = list(parts)
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
