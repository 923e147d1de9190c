"""The watch of one process: which models train, when a training begins and ends, what is recorded of each."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerascope import _backends
from kerascope._backends.base import Backend
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state
from kerascope._keras.sites import Sites
from kerascope.probe import given
from kerascope.probe.account import Account
from kerascope.probe.capture import Room
from kerascope.probe.clock import now
from kerascope.probe.dataset.facts import settings_of_fit
from kerascope.probe.journal import Failures, Journal
from kerascope.probe.looking import Autopsy, Pause
from kerascope.probe.options import Options
from kerascope.probe.sampling import CompileBudget
from kerascope.probe.stepper import Stepper
from kerascope.probe.timeline import OWN
from kerascope.probe.watchdog import Watchdog, sentence
from kerascope.probe.watched import Watched
from kerascope.probe.window import state_bytes
from kerascope.record.writer import Writer

if TYPE_CHECKING:
    from kerascope.probe.profiler import Profiler

_KEPT_MODELS = 4
_KEPT_BYTES = 256 * 1024 * 1024


class Session:
    """Watches models and records them through the writer that `open_writer` makes.

    What it is told of trainings is `_keras.steps.Observer`.
    `wanted` limits the watch to some models; None watches all.
    """

    def __init__(
        self, open_writer: Callable[[], Writer], options: Options, wanted: list[Any] | None = None
    ) -> None:
        self._open_writer = open_writer
        self._writer: Writer | None = None
        self.options = options
        self.failures = Failures()
        self.began = now()
        self.watch_seconds = 0.0
        self.account = Account()
        self.timeline = self.account.timeline
        self.profiler: Profiler | None = None
        self._wanted = None if wanted is None else [weakref.ref(model) for model in wanted]
        self._backend: Backend | None = None
        self._compiles = CompileBudget()
        self._room = Room(options.keep_bytes)
        self.autopsy: Autopsy | None = None
        self.pause: Pause | None = None
        self._watched: dict[int, Watched] = {}
        self._gone: list[Watched] = []
        self._fitting: dict[int, dict[str, Any]] = {}
        self._attaching = False
        self._closed = False
        self._watchdog: Watchdog | None = None
        self.say: Callable[[str], None] = lambda text: None
        self.detach_on_error = False
        self.sites = Sites()
        self.worth_keeping: Callable[[Any], bool] | None = None

    @property
    def writer(self) -> Writer:
        """The recording, opened when the first model trains: a program that trains nothing leaves no file."""
        if self._writer is None:
            self._writer = self._open_writer()
        return self._writer

    def start_profile(self, costs: Callable[[Any, Any], dict[str, Any]] | None = None) -> None:
        """Measures from now on where the time goes; `costs` gives the operations of each layer of a model."""
        from kerascope.probe.profiler import Profiler

        self.profiler = Profiler(self.timeline)
        self.profiler.costs = costs
        self._guarded("probe.profile", self.profiler.start)

    def at(self) -> float:
        """Returns seconds since the watch began."""
        return now() - self.began

    @property
    def steps(self) -> int:
        """Number of steps seen so far, over all models."""
        return sum(watched.stepper.number for watched in [*list(self._watched.values()), *self._gone])

    @property
    def own_seconds(self) -> float:
        """Host seconds the watch has taken so far."""
        return self.watch_seconds + sum(
            watched.stepper.clock.own for watched in [*self._watched.values(), *self._gone]
        )

    # -- told by the hooks; none of these raises ------------------------------------------------------------------

    def make_train_function(self, model: Any) -> None:
        """Keras has made (or kept) its step function: put the shell around it."""
        self._guarded("probe.attach", lambda: self._attach(model, begin=id(model) not in self._fitting))

    def fit_enter(self, model: Any, arguments: dict[str, Any]) -> None:
        """`fit` was called; it will make its step function next."""
        self._fitting[id(model)] = arguments
        if self._wants(model) and self.account.enter(model) and self.profiler is not None:
            self._guarded("probe.profile", functools.partial(self.profiler.fit_enter, model, arguments))

    def fit_begin(self, model: Any, params: dict[str, Any]) -> None:
        """`fit` is about to run its first epoch."""
        self.account.ready()
        self._guarded("probe.fit_begin", lambda: self._fit_begin(model, params))

    def fit_end(self, model: Any, outcome: str) -> None:
        """`fit` has ended, for whatever reason."""
        self.account.leave(model)
        self._guarded("probe.fit_end", lambda: self._detach(model, outcome))
        self._fitting.pop(id(model), None)

    def used(self, model: Any, method: str, x: Any) -> None:
        """The program has called `evaluate` or `predict`, or Keras has in a training."""
        watched = self._known(model)
        if watched is not None and watched.method is None and self.options.data:
            self._guarded("probe.used", lambda: given.used(watched, method, x, self.sites.of(model, method)))

    def epoch_begin(self, model: Any, epoch: int) -> None:
        """An epoch begins."""
        watched = self._known(model)
        if watched is not None:
            watched.stepper.epoch_began(epoch)
            if watched.stepper.buffers.gathered is not None:
                watched.stepper.buffers.gathered.epoch()
            watched.epoch_began = now()

    def epoch_end(self, model: Any, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch has ended, validation included."""
        watched = self._known(model)
        if watched is not None:
            self._guarded("probe.epoch_end", lambda: self._epoch_end(watched, epoch, logs))

    def _guarded(self, where: str, action: Callable[[], None]) -> None:
        if self._closed:
            return
        began = now()
        token = self.timeline.enter(OWN)
        try:
            action()
        except Exception as error:
            failure = self.failures.add(where, error, "this model is not watched")
            if failure is not None:
                try:
                    self.writer.event("internal", self.at(), failure)
                except Exception as second:
                    self.failures.add("record.writer", second, "not in the recording")
        finally:
            self.timeline.leave(token)
            self.watch_seconds += now() - began

    # -- attaching ----------------------------------------------------------------------------------------------

    def _known(self, model: Any) -> Watched | None:
        watched = self._watched.get(id(model))
        return watched if watched is not None and watched.model() is model else None

    def _wants(self, model: Any) -> bool:
        return self._wanted is None or any(reference() is model for reference in self._wanted)

    def _attach(self, model: Any, *, begin: bool) -> None:
        """Puts the shell around the model's step function; `begin` starts a series of `train_on_batch`."""
        busy = self.profiler is not None and self.profiler.busy
        if self._attaching or busy or not self._wants(model) or model.train_function is None:
            return  # a second step function is being made for our own use, or nothing to do
        self._attaching = True
        try:
            self._attach_to(model, begin=begin)
        finally:
            self._attaching = False

    def _attach_to(self, model: Any, *, begin: bool) -> None:
        watched = self._known(model) or self._new(model)
        if watched.stepper.dead:
            return
        if model.train_function is not watched.shell:
            self._wrap(watched, model)
        if begin and watched.method is None:
            self._begin(watched, "train_on_batch", {})
        if watched.method == "train_on_batch":
            watched.stepper.always_resets()

    def _wrap(self, watched: Watched, model: Any) -> None:
        assert self._backend is not None
        stepper = watched.stepper
        watched.raw = stepper.raw = model.train_function
        stepper.rows.inline = None
        if self.options.inline:
            self._inline(model, stepper)
        shell: Any = self._backend.shell(model, stepper.raw, stepper)
        shell.kerascope_raw = watched.raw
        watched.shell = shell
        steps.replace_train_function(model, shell)

    def _inline(self, model: Any, stepper: Stepper) -> None:
        assert self._backend is not None
        inline = stepper.journal.guard("probe.inline", lambda: stepper.backend.inline(model))
        if isinstance(inline, str):
            stepper.journal.gap("gradient norms of every step", inline)
        elif inline is not None:
            stepper.rows.inline = inline
            stepper.raw = inline.function

    def _new(self, model: Any) -> Watched:
        if self._backend is None:
            self._backend = _backends.current()
            self.writer.meta({"backend": self._backend.name, **self._backend.facts()})
        lost = self._watched.get(id(model))
        if lost is not None:  # another model lived at this address
            self._lost(lost, "finished")
            self._gone.append(lost)
        number = self.writer.model(str(model.name), type(model).__name__, {})
        journal = Journal(self.writer, self.failures, number, self.at)
        stepper = Stepper(
            model,
            self._backend,
            journal,
            self.options,
            self._compiles,
            self._room,
            self.timeline,
            self.profiler,
        )
        stepper.looking.autopsy, stepper.looking.pause = self.autopsy, self.pause
        stepper.clock.began = self.began
        reference = weakref.ref(model)
        if self.detach_on_error:
            # A callback is not told that `fit` failed; an exception in the step is the moment to leave.
            stepper.on_error = lambda: self.fit_end(reference(), "failed")
        watched = Watched(model, stepper)
        self._watched[id(model)] = watched
        for what, why in self._backend.limits(model).items():
            journal.gap(what, why)
        for name, text in {**self.sites.files(), **graph.source_files(model)}.items():
            self.writer.source(name, text)
        return watched

    def _begin(self, watched: Watched, method: str, facts: dict[str, Any]) -> None:
        stepper = watched.stepper
        watched.method = method
        stepper.training = self.writer.training(
            stepper.journal.model, method, stepper.number + 1, self.at(), {"loss_log": "mean", **facts}
        )
        self.account.began(method)
        if self._watchdog is None:
            guard = functools.partial(self._guarded, "probe.watchdog")
            self._watchdog = Watchdog(
                self.timeline, lambda: self.steps, self._usual, self._stalled, guard=guard
            )
            self._watchdog.start()
        stepper.began_training()
        if self.profiler is not None:
            profiler = self.profiler
            stepper.journal.guard("probe.profile", lambda: profiler.training_began(stepper, facts))

    def _fit_begin(self, model: Any, params: dict[str, Any]) -> None:
        if not self._wants(model):
            return
        self._attach(model, begin=False)
        watched = self._known(model)
        if watched is None or watched.shell is None:
            return
        if watched.method is not None:
            self._end(watched, model, "finished")
        facts = {"epochs": params.get("epochs"), "steps_per_epoch": params.get("steps")}
        self._begin(watched, "fit", {**facts, "fit": settings_of_fit(self._fitting.get(id(model), {}))})
        epochs, each = params.get("epochs"), params.get("steps")
        if isinstance(epochs, int) and isinstance(each, int):
            watched.stepper.will_end_at(watched.stepper.number + epochs * each)
        self._describe(watched, model)
        watched.stepper.journal.guard("probe.invariants", lambda: self._invariants(watched, model))

    def _describe(self, watched: Watched, model: Any) -> None:
        """Records what the model is made of, as soon as it is built."""
        journal = watched.stepper.journal
        journal.guard(
            "probe.topology", lambda: self.writer.model_facts(journal.model, graph.facts(model, self.sites))
        )

    def _invariants(self, watched: Watched, model: Any) -> None:
        """Marks what must not change, and records where the optimizer was built for what should not train."""
        if self.options.data:
            given.begins(watched, model, self._fitting.get(id(model), {}))
        found = keras_state.out_of_step(model, graph.variable_keys(model))
        if found:
            watched.out_of_step(found)

    def _epoch_end(self, watched: Watched, epoch: int, logs: dict[str, Any]) -> None:
        stepper = watched.stepper
        stepper.poll()
        if self.profiler is not None:
            self.profiler.epoch_end(stepper, epoch)
        plain = stepper.rows.plain_logs(logs)
        stepper.epoch_ended(plain)
        self.writer.epoch(stepper.training, epoch, stepper.number, now() - watched.epoch_began, plain)

    def _end(self, watched: Watched, model: Any, outcome: str) -> None:
        stepper = watched.stepper
        time = self.account.ended(watched.method)
        stepper.finish()
        mean = watched.method == "train_on_batch" or keras_state.loss_is_mean(model)
        facts: dict[str, Any] = {"loss_log": "mean" if mean else "batch", **time}
        arguments = self._fitting.get(id(model))
        if arguments is not None and self.options.data:
            look = functools.partial(given.ended, watched, model, arguments, stepper.backend)
            facts["data"] = stepper.journal.guard("probe.dataset", look) or {}
        self.writer.training_ended(stepper.training, self.at(), outcome, facts)
        self._describe(watched, model)
        watched.method = None
        stepper.journal.guard("probe.beginning", watched.let_go)
        self._keep(watched, model)
        self.writer.flush()

    def _detach(self, model: Any, outcome: str) -> None:
        """Ends a training and gives the model back the function that Keras made."""
        watched = self._known(model)
        if watched is None or watched.shell is None:
            return
        try:
            if watched.method is not None:
                self._end(watched, model, outcome)
        finally:
            if model.train_function is watched.shell:
                steps.replace_train_function(model, watched.raw)
            # Keras's function holds its model, and the watch must not.
            watched.shell = watched.raw = watched.stepper.raw = watched.stepper.rows.inline = None

    def _keep(self, watched: Watched, model: Any) -> None:
        """Keeps a small model alive for the second look, where that is wanted and there is something to look at."""
        if self.worth_keeping is None or not self.options.examine or watched.kept is not None:
            return
        kept = [one for one in self._watched.values() if one.kept is not None]
        room = _KEPT_BYTES - sum(state_bytes(one.kept) for one in kept)
        if len(kept) < _KEPT_MODELS and state_bytes(model) <= room and self.worth_keeping(model):
            watched.kept = model

    def ended(self) -> list[tuple[Watched, Any]]:
        """Returns the models, with their watch, whose training is over and that can be looked at again."""
        found = []
        for watched in self._watched.values():
            model = watched.model()
            if model is not None and watched.method is None and watched.stepper.beginning is not None:
                found.append((watched, model))
        return found

    def _usual(self) -> float:
        return max((w.stepper.clock.slow for w in list(self._watched.values())), default=0.0)

    def _stalled(self, facts: dict[str, Any]) -> None:
        """Told by the watchdog, from its own thread."""
        self.writer.event("stall", self.at(), facts)
        self.say(sentence(facts))

    def close(self, outcome: str = "finished") -> None:
        """Ends all trainings still open and takes every shell off. Closes no writer."""
        for watched in list(self._watched.values()):
            model = watched.model()
            if model is not None:
                self._guarded("probe.close", functools.partial(self._detach, model, outcome))
            elif watched.method is not None:
                self._guarded("probe.close", functools.partial(self._lost, watched, outcome))
        if self._watchdog is not None:
            self._watchdog.stop()
        if self.profiler is not None:
            self._guarded("probe.profile", self.profiler.stop)
        self._closed = True

    def _lost(self, watched: Watched, outcome: str) -> None:
        """The model itself is gone; what it left to read is read."""
        if watched.method is None:
            return
        watched.method = None
        watched.stepper.poll(force=True)
        self.writer.training_ended(watched.stepper.training, self.at(), outcome, {})
