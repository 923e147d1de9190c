"""One model's training, step by step: what is done before and after Keras's own function runs."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kerascope._backends.base import Backend, Sample
from kerascope._keras import state as keras_state
from kerascope.probe import data as batches
from kerascope.probe import instrumented, nonfinite
from kerascope.probe.capture import Keeper, Room
from kerascope.probe.clock import Clock, now
from kerascope.probe.journal import Journal
from kerascope.probe.looking import Looking
from kerascope.probe.options import Options
from kerascope.probe.rerun import Entry, Point
from kerascope.probe.rows import Row, Rows
from kerascope.probe.sampling import CompileBudget, Sampler
from kerascope.probe.timeline import DATA, OWN, STEP, Timeline
from kerascope.probe.window import Window, data_bytes

if TYPE_CHECKING:
    from kerascope.probe.profiler import Profiler

_POLL = 16
_DATA_FIRST = 3
_DATA_MOST = 64
_BATCH_KEPT = 64 * 1024 * 1024


class Stepper:
    """Runs Keras's own step and records around it. Nothing of ours that fails reaches the caller."""

    def __init__(
        self,
        model: Any,
        backend: Backend,
        journal: Journal,
        options: Options,
        compiles: CompileBudget,
        room: Room,
        timeline: Timeline,
        profiler: Profiler | None = None,
    ):
        self._model = weakref.ref(model)
        self.backend = backend
        self.journal = journal
        self.compiles, self.timeline = compiles, timeline
        self.profiler = profiler
        self.number = self.epoch = self.training = 0
        self.raw: Callable[..., Any] | None = None
        self.clock = Clock()
        self.window = Window(backend, model, options.memory, options.snapshot_every)
        self.sampler = Sampler(options, in_place=backend.in_place(model))
        self.buffers = batches.BufferGuard(backend)
        self.rows = Rows(backend, journal, self.window.mark)
        self.rows.on_metric = lambda step, name: self.looking.metric(self, step, name)
        self.keeper = Keeper(backend, journal, options, room)
        self.keeper.trained = lambda: self.clock.stepping
        self.looking: Looking = Looking(options)
        self.traced = self.dead = False
        self.on_error: Callable[[], None] | None = None
        self.beginning: Point | None = None  # the first step's state and batch, for a second look afterwards
        self.before_bad: Point | None = None  # those of the first step that was not finite
        self._options = options
        self._returned: Any = None
        self._entered = 0.0
        self._reset, self._opens = True, False
        self._rate: Any = None
        self._data_seen = self._heavy = self._checked = self._largest = 0
        self._limits = backend.limits(model)
        self._timed_snapshot = self._synced = False

    @property
    def model(self) -> Any:
        """The model, which is held only weakly: the watch must not keep a model alive."""
        return self._model()

    @property
    def examines(self) -> bool:
        """Whether a second look is wanted when the training is over."""
        return self._options.examine > 0

    # -- the hot path ------------------------------------------------------------------------------------------

    def next_batch(self, iterator: Iterator[Any]) -> Any:
        """Returns the next batch; the time that takes is waiting for data. See `base.Stepper`."""
        token = self.timeline.enter(DATA)
        try:
            return next(iterator)
        finally:
            self.timeline.leave(token)

    def step(self, state: Any, data: Any) -> tuple[Any, Any]:
        """Runs one step of Keras's own function; see `base.Stepper`."""
        raw = self.raw
        assert raw is not None
        if self.dead:
            return self.backend.one_step(raw, state, data)
        entered = now()
        token = self.timeline.enter(OWN)
        sampling: contextlib.AbstractContextManager[Sample] | None = None
        try:
            sampling = self._before(state, data, entered)
        except Exception as error:
            self._fail("probe.before", error)
        self.timeline.switch(token, STEP)
        began = now()
        sample = None
        try:
            if sampling is None:
                logs, new = self.backend.one_step(raw, state, data)
            else:
                logs, new, sample = instrumented.run(self, sampling, raw, state, data)
            if self._synced:
                self.backend.wait((logs, new))
        except BaseException:
            self.timeline.leave(token)
            self.journal.guard("probe.aborted", self._aborted)
            raise
        ended = now()
        self.timeline.switch(token, OWN)
        if self.rows.inline is not None:
            logs, norms = self.rows.inline.pop(logs)
            if self.rows.last is not None:
                self.rows.last.norms = norms
        try:
            self._after(logs, new, sample, ended - began)
        except Exception as error:
            self._fail("probe.after", error)
        self.clock.add_own(began - entered + now() - ended)
        self.timeline.leave(token)
        return logs, new

    def _before(
        self, state: Any, data: Any, entered: float
    ) -> contextlib.AbstractContextManager[Sample] | None:
        if self.rows.last is not None and self._entered:
            self._close_row(entered)
        else:
            self.timeline.cut()  # what came before the first step belongs to none
        self.number += 1
        self._entered = entered
        batch = self.backend.batch(data)
        changes = self._changes(state)
        first = batches.first_array(batch)
        size = batches.batch_size(first)
        held = self.buffers.hold(data, first, self.journal.note)
        if not self.backend.functional or changes is not None or self._returned is None:
            self._rate = self.backend.learning_rate(self.model, state)
        self._snapshot(state, held, size)
        if self.examines and (self.beginning is None or self.beginning.snapshot is None):
            self._keep_beginning(held)
        entry = Entry(self.number, held, changes, self._reset, self._rate)
        self.window.add(entry)
        if not self.keeper.off:
            self.keeper.seen(entry, self.window)
        self.rows.add(Row(self.number, self.epoch, self.clock.at(), math.nan, 0.0, size, self._rate, None))
        sampling = self._measure(state, held, batch)
        self._reset = self._opens = False
        if self.profiler is not None:
            self._synced = self.profiler.before(self, state, held)
        return sampling

    def _after(self, logs: Any, new: Any, sample: Sample | None, busy: float) -> None:
        row = self.rows.last
        assert row is not None
        row.busy = busy
        if self.profiler is not None:
            self.profiler.after(self, sampled=sample is not None)
        row.logs = self.backend.keep_logs(logs)
        self._returned = new
        if self.looking.breaks is not None:
            self.journal.guard("probe.break", lambda: self.looking.after(self, row, new))
        if sample is not None:
            self._record_sample(self.number, sample)
            self.sampler.spent(
                self.number, max(busy - self.clock.typical, 0.02 * busy), self.clock.typical, self.clock.share
            )
        if self.number - self._checked >= self.window.interval(self.number) or self.number == 1:
            row.check = self._check(new)
            self._checked = self.number
        if self.number % _POLL == 0 or self.number <= 2:
            self.poll()
        if self.sampler.ripe(self.clock.stepping, self.clock.first_step):
            self.open_sampler()

    def _check(self, state: Any) -> Any:
        return self.backend.leaves(self.model), self.backend.norms(self.model, state)

    def _close_row(self, entered: float) -> None:
        row = self.rows.last
        assert row is not None
        row.seconds = entered - self._entered
        row.parts = self.timeline.cut()
        self.clock.add(row.seconds)
        self.compiles.stepping += row.seconds

    # -- parts of a step ---------------------------------------------------------------------------------------

    def _changes(self, state: Any) -> Any:
        if self._returned is None:
            return None
        changes = self.backend.changes(self._returned, state)
        # Once in a while (an epoch begins, validation ran) is normal; at every step there is somebody else.
        heavy = changes and any(
            group < 3 and getattr(leaf, "ndim", 0) > 0 for (group, _), leaf in changes.items()
        )
        self._heavy = self._heavy + 1 if heavy else 0
        if self._heavy > 3 and self.window.off is None:
            self.window.off = "another training changes this model's weights between its steps"
            self.window.drop()
            self.journal.gap("exact first non-finite step", self.window.off)
        return changes

    def _snapshot(self, state: Any, held: Any, size: int) -> None:
        if self.window.off is not None or "snapshots" in self._limits:
            return
        if self.number <= 3 or size > self._largest or self.number % 64 == 0:
            self._largest = max(size, self._largest)
            self.window.measure(held)
        if self.window.off is not None:
            self.journal.gap("snapshots", self.window.off)
        elif self.window.due(self.number):
            self.journal.guard("probe.snapshot", lambda: self._take(state, held), self._no_window)

    def _keep_beginning(self, held: Any) -> None:
        """Keeps what the second look begins from: the batch at least, where it is not too large to be kept."""
        if self.number > 3:
            return
        point = self.window.taken(self.number)
        if point is None and self.beginning is None and data_bytes(held) <= _BATCH_KEPT:
            point = Point(self.number, None, held)
        self.beginning = point or self.beginning

    def _take(self, state: Any, held: Any) -> None:
        timed = self.number > 16 and not self._timed_snapshot
        if timed:
            self.backend.wait(state)
        began = now()
        self.window.take(self.number, state, held)
        if timed:  # once: how far apart snapshots belong so that they cost next to nothing
            self._timed_snapshot = True
            self.backend.wait(self.window.newest())
            self.window.space(now() - began, self.clock.typical)

    def _no_window(self) -> None:
        self.window.off = "taking a snapshot failed"
        self.window.drop()

    def _measure(self, state: Any, held: Any, batch: Any) -> contextlib.AbstractContextManager[Sample] | None:
        """Takes what is due of this step: facts of the data, statistics. Returns a block to run the step in."""
        due = self.sampler.due(self.number) and "samples" not in self._limits
        if self.number <= _DATA_FIRST or ((due or self._opens) and self._data_seen < _DATA_MOST):
            self._data_seen += 1
            facts = self.journal.guard("probe.data", lambda: batches.batch_facts(self.backend, batch))
            self.journal.batch(self.number, facts or {})
        if not due:
            return None
        if self.sampler.in_place:
            return self.backend.instrumented(self.model)
        self.journal.guard("probe.sample", lambda: self._sample(self.number, state, held), self._no_samples)
        return None

    def _no_samples(self) -> None:
        self.sampler.off = "taking statistics failed"

    def _sample(self, step: int, state: Any, data: Any) -> Sample:
        """Runs the second program on one step and records what it says."""
        began = now()
        sample = self.backend.sample(self.model, state, data)
        self.backend.wait([part.stats for part in sample.parts.values()])
        seconds = now() - began
        if not self.sampler.cost:  # the first one compiles
            self.compiles.spent += seconds
            began = now()
            self.backend.wait([p.stats for p in self.backend.sample(self.model, state, data).parts.values()])
            seconds = now() - began
        self.sampler.spent(step, seconds, self.clock.typical, self.clock.share)
        self._record_sample(step, sample)
        return sample

    def _record_sample(self, step: int, sample: Sample) -> None:
        for error in sample.errors:
            self.journal.failed("probe.sample", error, "this statistic is missing")
        for what, why in sample.skipped.items():
            self.journal.gap(what, why)
        for part, values in sample.parts.items():
            self.journal.sample(step, part, values.names, self.backend.host(values.stats))

    def poll(self, *, force: bool = False) -> None:
        """Writes rows whose values have arrived; waits for them only when forced."""
        bad = self.rows.poll(self.number, self.training, force=force)
        if bad is not None and not self.traced:
            self.traced = True
            self.journal.guard("probe.nonfinite", lambda: nonfinite.trace(self, bad))

    # -- begin and end -----------------------------------------------------------------------------------------

    def began_training(self) -> None:
        """A new training of this model begins; statistics may be taken in another way than before."""
        kind, source = keras_state.learning_rate_source(self.model)
        self.rows.schedule = None
        if kind == "schedule":
            # The counter stands where the last training left it; from here on it grows with our steps.
            self.rows.schedule = (source, keras_state.iterations_done(self.model) - self.number)
        self.sampler.in_place = self.backend.in_place(self.model)
        self.sampler.open = self.sampler.open or self.sampler.in_place
        if self.sampler.open or self.sampler.off is not None:
            self.window.drop_points()  # they are for a second program that is not compiled yet

    def will_end_at(self, step: int) -> None:
        """The training is going to end with this step, as far as Keras knows."""
        if step > self.number:
            self.window.plan(step)

    def epoch_ended(self, logs: dict[str, float]) -> None:
        """An epoch has ended with these results, validation included."""
        self.journal.guard("probe.capture", lambda: self.keeper.epoch(logs, self.window))

    def epoch_began(self, epoch: int) -> None:
        """Keras is about to begin an epoch: metrics have been reset."""
        self.epoch = epoch
        self._reset = True
        # Whether the data stay the same is looked at in some epochs, at little cost.
        self._opens = epoch < 4 or epoch & (epoch - 1) == 0

    def always_resets(self) -> None:
        """Every call resets the metrics (`train_on_batch`)."""
        self._reset = True

    def open_sampler(self) -> None:
        """Compiles the second program and measures the points kept so far."""
        estimate = 1.5 * self.clock.first_step
        self.sampler.open = True
        if self.sampler.every is None and not self.compiles.allows(estimate):
            self.sampler.off = "compiling the statistics would take longer than the training allows"
            self.journal.gap(
                "gradients, updates and activations", f"{self.sampler.off}; `--every N` asks for them anyway"
            )
            self.window.drop_points()
            return
        points, limits = list(self.window.points), self._limits
        self.window.drop_points()
        if "samples" not in limits and points:
            self.journal.guard("probe.sample", lambda: self._sample_points(points), self._no_samples)

    def _sample_points(self, points: list[Point]) -> None:
        with self.window.aside(self._returned):
            for point in points:
                self._sample(point.step, self.backend.load(self.model, point.snapshot), point.data)

    def finish(self) -> None:
        """Reads everything that is still under way. The model may change hands afterwards."""
        if not self.number or self.dead:
            return
        self.journal.guard("probe.finish", self._finish)
        self.journal.guard("probe.capture", lambda: self.keeper.finish(self.model, self.window))
        self.journal.guard("probe.story", lambda: self.looking.tell(self))
        if self.profiler is not None:
            profiler = self.profiler
            self.journal.guard("probe.profile", lambda: profiler.finish(self))
        self._returned = None
        self.window.forget()

    def _finish(self) -> None:
        problem = self.rows.inline.problem() if self.rows.inline is not None else None
        if problem is not None:
            self.journal.gap("gradient norms of every step", problem)
        if self.rows.last is not None and self._entered:
            self._close_row(now())
            self._entered = 0.0
            row = self.rows.last
            assert row is not None
            if row.check is None and row.logs is not None and self.backend.usable(self._returned):
                row.check = self.journal.guard("probe.check", lambda: self._check(self._returned))
        self.poll(force=True)
        if not self.sampler.open and self.sampler.off is None:
            self.open_sampler()

    def _aborted(self) -> None:
        """The step raised: it did not happen."""
        self.rows.abandon(self.number)
        self.window.abandon(self.number)
        self.number -= 1
        self._entered = 0.0
        if self.on_error is not None:
            self.on_error()

    def _fail(self, where: str, error: Exception) -> None:
        """The watch of this model steps aside; its training goes on."""
        self.dead = True
        self.keeper.forget()
        self.window.drop()
        self.journal.failed(where, error, "this model is not watched any further")
