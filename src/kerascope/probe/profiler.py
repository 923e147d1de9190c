"""A profile beside the watch: sampled steps wait for the device, and everything that costs time says what it is."""

from __future__ import annotations

import contextlib
import linecache
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerascope._backends import pipelines, timing
from kerascope._backends.timing import shown
from kerascope._keras import phases, steps
from kerascope.probe import data as batches
from kerascope.probe import experiments, feeding, layer_times
from kerascope.probe.clock import now
from kerascope.probe.memory import Memory
from kerascope.probe.signature import Change, Signatures
from kerascope.probe.stacks import Stacks
from kerascope.probe.timeline import DATA, OWN, Timeline
from kerascope.whose import is_users

if TYPE_CHECKING:
    from kerascope.probe.journal import Journal
    from kerascope.probe.stepper import Stepper

SYNCED, STACKS, SAMPLED = 1, 2, 4
"""Flags of a step's row of timings, see the schema."""

_EVERY, _OFTEN, _LATER = 3, 60, 10
"""Every third of the first sixty steps is waited for, later every tenth: a wait keeps the device from running ahead."""
_WARM = 3
_LEAST_COMPILE = 0.002
_READS = 400
_LONGEST = 1_000_000
_SLOW_FIRST = 4.0


class Profiler:
    """Told of steps by their steppers, of everything else by the backend and by Keras."""

    def __init__(self, timeline: Timeline, *, stack_seconds: float = 1.0) -> None:
        self.timeline = timeline
        self.patches = steps.Patches()
        self.callbacks = phases.CallbackPhases(self.patches, timeline)
        self.stacks = Stacks(stack_seconds)
        self.memory: Memory | None = None
        self.costs: Callable[[Any, Any], dict[str, Any]] | None = None
        self._undo: list[Callable[[], None]] = []
        self._signatures: dict[int, Signatures] = {}
        self._source: dict[str, Any] = {}
        self._metrics: list[tuple[str, str, int]] = []
        self._live: tuple[Any, ...] = ()
        self._compiling: dict[tuple[str, str], float] = {}
        self._compiles: list[dict[str, Any]] = []
        self._functions: dict[str, list[tuple[str, ...]]] = {}
        self._reads: Counter[tuple[str, str, int, str]] = Counter()
        self._read_seconds: dict[tuple[str, str, int, str], float] = {}
        self._called: dict[tuple[str, int, str, bool], list[float]] = {}
        self._change: Change | None = None
        self._began_step = 0.0
        self._synced = False
        self._made = 0.0
        self.busy = False
        self._x: Any = None
        self.last_data: Any = None  # of the batches that have run the last whole one
        self._whole = 0

    def start(self) -> None:
        """Puts the patches in place; Keras is imported."""
        self.backend = timing.current()
        self.stacks.load()
        self.memory = Memory(self.backend.memory)
        original = steps.callback_list().on_train_begin

        def on_train_begin(callbacks: Any, logs: Any = None) -> None:
            self.callbacks.add(callbacks)
            self._live = (*self._live, *getattr(callbacks, "callbacks", ()))
            original(callbacks, logs)

        self.patches.put(steps.callback_list(), "on_train_begin", on_train_begin)
        self._undo = self.backend.watch(self.patches, self)
        pipelines.watch(self.patches, self)

    def stop(self) -> None:
        """Takes everything away again."""
        self.stacks.stop()
        for undo in self._undo:
            with contextlib.suppress(Exception):  # the rest must be taken away too
                undo()
        self._undo = []
        self.patches.undo()
        self._live = ()

    # -- told by the session ------------------------------------------------------------------------------------

    def fit_enter(self, model: Any, arguments: dict[str, Any]) -> None:
        """`fit` was called with these arguments."""
        self._x = x = arguments.get("x")
        self._live = (model, x)  # what may hold on to every batch
        self._source = {
            "kind": f"{type(x).__module__.partition('.')[0]}.{type(x).__name__}",
            "lines": [[name, shown(file), line] for name, file, line in phases.user_lines(x)],
            "arguments": {
                name: value if isinstance(value, (int, float, str, bool)) else type(value).__name__
                for name, value in arguments.items()
                if value is not None and name not in ("x", "y")
            },
            **_settings(x),
        }

    def training_began(self, stepper: Stepper, facts: dict[str, Any]) -> None:
        """A training of the stepper's model begins."""
        self._compiles, self._compiling, self._functions = [], {}, {}
        self._reads, self._read_seconds, self._called = Counter(), {}, {}
        self._signatures[id(stepper)] = Signatures()
        self.last_data, self._whole = None, 0
        expected = (facts.get("epochs") or 0) * (facts.get("steps_per_epoch") or 0)
        self.stacks.begin(expected)
        if self.memory is not None:
            self.memory.begin(self._live)

    def before(self, stepper: Stepper, state: Any, data: Any) -> bool:
        """A step is about to run; returns whether it is one to wait for, so that its time is all its own."""
        self._change = None
        batch = stepper.backend.batch(data)
        size = batches.batch_size(batches.first_array(batch))
        if size >= self._whole:  # what remains at an epoch's end is no usual batch
            self.last_data, self._whole = data, size
        signatures = self._signatures.get(id(stepper))
        if signatures is not None:
            self._change = signatures.see(batch)
        self.stacks.step()
        every = _EVERY if stepper.number <= _OFTEN else _LATER
        self._synced = stepper.number > _WARM and stepper.number % every == 0
        if self._synced:
            stepper.backend.wait(stepper._returned if state is None else state)
        self._made = sum(self._compiling.values())
        self._began_step = now()
        return self._synced

    def after(self, stepper: Stepper, *, sampled: bool) -> None:
        """A step has run."""
        row = stepper.rows.last
        seconds = now() - self._began_step
        if row is not None:
            busy = self.stacks.running
            row.flags = SYNCED * self._synced + STACKS * busy + SAMPLED * sampled
        self.settle(stepper, seconds)
        if self.memory is not None and self.memory.due():
            self.memory.look(stepper.number, stepper.epoch)

    def epoch_end(self, stepper: Stepper, epoch: int) -> None:
        """An epoch has ended, validation included."""
        if self.memory is not None:
            self.memory.look(stepper.number, epoch, census=True)

    def settle(self, stepper: Stepper, seconds: float) -> None:
        """Keeps what was compiled since the last step, and why."""
        made = sum(self._compiling.values()) - self._made
        change = self._change
        typical = stepper.clock.typical
        if change is not None and made < _LEAST_COMPILE and seconds > max(_SLOW_FIRST * typical, 0.02):
            # A program below the one that reports itself was made (XLA under TensorFlow, a kernel's choice).
            excess = seconds - typical if typical else 0.0
            self.timeline.compiled(excess)
            self._compiling["step", ""] = self._compiling.get(("step", ""), 0.0) + excess
        for (phase, name), spent in self._compiling.items():
            if spent < _LEAST_COMPILE:
                continue
            facts: dict[str, Any] = {"phase": phase, "function": name, "seconds": spent}
            if change is not None and phase == "step":
                facts |= change.facts()
            self._compiles.append({"step": stepper.number, **facts})
            if len(self._compiles) <= 200:
                stepper.journal.compiled(stepper.number, facts)
        self._compiling = {}

    # -- told by the backend ------------------------------------------------------------------------------------

    def compiled(self, seconds: float, name: str, signature: tuple[str, ...]) -> None:
        """See `timing.Observer`."""
        if not self.timeline.here() or self.timeline.current == OWN:
            return
        phase = self.timeline.current
        new = self.timeline.compiled(seconds)
        names = [known for place, known in self._compiling if place == phase]
        key = (phase, names[0] if names and phase == "step" else name.removeprefix("jit(").removesuffix(")"))
        self._compiling[key] = self._compiling.get(key, 0.0) + new
        if signature and phase != "step":
            self._functions.setdefault(key[1], []).append(signature)

    def reading(self) -> bool:
        """See `timing.Observer`."""
        return self.timeline.here() and self.timeline.current not in (OWN, "", "set-up", "build")

    def read(self, seconds: float, how: str, place: timing.Place) -> None:
        """See `timing.Observer`."""
        key = (self.timeline.current, *place)
        if len(self._reads) < _READS or key in self._reads:
            self._reads[key] += 1
            self._read_seconds[key] = self._read_seconds.get(key, 0.0) + seconds

    def called_back(self, seconds: float, place: timing.Place, *, feeding: bool = False) -> None:
        """See `timing.Observer`."""
        known = self._called.setdefault((*place, feeding), [0.0, 0.0])
        known[0] += 1
        known[1] += seconds

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self, stepper: Stepper) -> None:
        """Records what was gathered, then measures what would be gained."""
        self.stacks.stop()
        self.settle(stepper, 0.0)
        journal = stepper.journal
        places = {name: [shown(file), line] for name, (file, line) in self.callbacks.places.items()}
        journal.profile("source", self._source)
        journal.profile("stacks", self.stacks.facts())
        if self.stacks.missing is not None:
            journal.gap("the lines of your code inside steps and data", self.stacks.missing)
        journal.profile("callbacks", {"places": places})
        self._metrics = phases.metric_lines(stepper.model)
        journal.profile(
            "metrics", {"lines": [[name, shown(file), line] for name, file, line in self._metrics]}
        )
        journal.profile("reads", {"reads": self._read_facts()})
        journal.profile("called back", {"calls": self._call_facts()})
        functions = {name: {"count": len(s), "signatures": s[:4]} for name, s in self._functions.items()}
        journal.profile("functions", {"functions": functions})
        if self.memory is not None:
            journal.profile("memory", self.memory.facts())
        self._sources(journal)
        self.busy, began = True, now()
        try:
            journal.guard("probe.experiments", lambda: experiments.run(stepper, self.last_data))
            seen = self.stacks.facts()
            journal.guard(
                "probe.host",
                lambda: experiments.without_python(
                    stepper, self.last_data, seen["lines"], seen["seconds"].get("step", 0.0)
                ),
            )
            journal.guard("probe.layers", lambda: layer_times.run(stepper, self.last_data, self.costs))
            waited = self.timeline.total.get(DATA, 0.0) / max(stepper.number, 1)
            journal.guard("probe.feeding", lambda: feeding.run(stepper, self.last_data, self._x, waited))
        finally:
            journal.profile("measured", {"seconds": now() - began})
            self.busy, self.last_data, self._x = False, None, None
            timing.ANSWERS.clear()

    def _sources(self, journal: Journal) -> None:
        """Keeps the text of the user's files that were named, so that their lines can be shown."""
        files = {place[0] for place in self.callbacks.places.values()} | {key[1] for key in self._reads}
        files |= {line[1] for line in self._metrics}
        files |= {place[0] for place in self._called} | {line[1] for line in self._source.get("lines", ())}
        files |= self.stacks.files() | {
            str(step.get("file", "")) for step in self._source.get("pipeline", ())
        }
        for file in sorted(file for file in files if file and not timing.foreign(file))[:20]:
            text = "".join(linecache.getlines(file))
            if 0 < len(text) < _LONGEST:
                journal.writer.source(shown(file), text)

    def _read_facts(self) -> list[dict[str, Any]]:
        return [
            {"phase": phase, "file": shown(file), "line": line, "function": function, "count": count}
            | {"seconds": self._read_seconds[phase, file, line, function]}
            for (phase, file, line, function), count in self._reads.most_common(40)
        ]

    def _call_facts(self) -> list[dict[str, Any]]:
        called = sorted(self._called.items(), key=lambda item: -item[1][1])[:20]
        return [
            {"file": shown(file), "line": line, "function": function, "count": count, "seconds": seconds}
            | {"feeding": feeding}
            for (file, line, function, feeding), (count, seconds) in called
        ]


def _settings(x: Any) -> dict[str, Any]:
    """Returns what is known of how a data source works: workers, prefetching, the operations of a pipeline."""
    found: dict[str, Any] = {}
    for name in ("workers", "num_workers", "use_multiprocessing", "max_queue_size", "persistent_workers"):
        value = getattr(x, name, None)
        if isinstance(value, (int, bool)):
            found[name] = value
    chain: list[dict[str, Any]] = []
    while x is not None and len(chain) < 40 and hasattr(x, "element_spec"):
        parallel = getattr(x, "_num_parallel_calls", None)
        function = getattr(getattr(x, "_map_func", None), "_func", None)
        file, line = phases.place(function) if function is not None else ("", 0)
        step = {"op": type(x).__name__.strip("_"), "parallel": parallel is not None}
        chain.append(step | ({"file": shown(file), "line": line} if is_users(file) else {}))
        x = getattr(x, "_input_dataset", None)
    return found | ({"pipeline": chain} if chain else {})
