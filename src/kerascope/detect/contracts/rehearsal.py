"""A few training steps of a compiled model, observed once for all contracts that judge them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends.driven import losses_differentiated
from kerascope._keras import alone, modes, objects, training
from kerascope.detect.contracts import rehearsal_effects, rehearsal_losses
from kerascope.detect.contracts.case import Case, arrays
from kerascope.detect.contracts.registry import Skip
from kerascope.detect.contracts.rehearsal_losses import SIZE

STEPS = 20
Values = list[np.ndarray]


def _most(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max(initial=0))


@dataclasses.dataclass
class Observed:
    """What the steps came to. Lists of values are parallel to `paths`; None where it could not be had.

    `eager` and `compiled` hold the values after one step and after two, from the same start, `late` those after `STEPS`
    steps, as some steps gather the gradients of several batches before they move. `again` is a second
    try of the first step. `called` are the values after a call in training, without a step. `gradients` and `reach`
    are the gradients of the loss and of the output for the trainable variables, zeros where there is none; `reached`
    says which of them the loss has a gradient for, be it zero by chance.
    `losses` are the true loss before and after `STEPS` steps on one batch. `weighted` are the values after a step in
    which two samples weigh 0, for two choices of these samples, `weighed` what was differentiated; `regularized` those
    after a step without and with a strong regularizer, `regularizes` the name of the variable that had it. `reseeded`
    are those after one step with other random numbers, where these change the one output of a call in training.
    `hidden` names the logged metrics that the property `metrics` leaves out. `seeds` tells the random states.
    `added` is by how much the regularizer makes the loss larger, and by how much it should. `tested` are the logs of a
    test step of the model's own with some random numbers and with others. `running` are the logs of a batch, of another
    one, of both in this order and of both in the other, from the same weights throughout. `idle` names the metrics that
    a step of the model's own does not change. `evaluated` are the trainable variables that a test step of the model's
    own changes. `used` tells of each variable that is frozen, though it was made to be trained, whether the output of a
    call in training hangs on it. `shape` is that of what `compute_loss` returns. `scaled` are the values after a step,
    and after one in which the losses that layers add are far larger; `along` is how far the loss goes the way of the
    one given to `compile`, from 1 to -1. `stride` is how many steps it takes to move a trainable variable: several
    where gradients are gathered or the learning rate begins at 0. `strode` are the values after so many; `reseeded`,
    `weighted`, `regularized` and `scaled` are those after so many, too. `driven` has, for steps line by line, the loss
    in the logs and the numbers that were differentiated. `rounded` are the values after the first steps line by line,
    from weights that were moved by rounding, where compiled ones came to something else.
    """

    paths: list[str]
    trainable: list[bool]
    start: Values
    eager: list[Values] = dataclasses.field(default_factory=list)
    compiled: list[Values] = dataclasses.field(default_factory=list)
    late: Values | None = None
    again: Values = dataclasses.field(default_factory=list)
    logs: list[dict[str, float]] = dataclasses.field(default_factory=list)
    iterations: int = 1
    called: Values = dataclasses.field(default_factory=list)
    uses_compute_loss: bool = True
    shape: tuple[int, ...] = ()
    gradients: Values | None = None
    reach: Values | None = None
    reached: list[bool] = dataclasses.field(default_factory=list)
    loss: float | None = None
    losses: tuple[float, float] | None = None
    weighted: tuple[Values, Values] | None = None
    weighed: tuple[list[float], list[float]] = ([], [])
    regularized: tuple[Values, Values] | None = None
    regularizes: str = ""
    reseeded: Values | None = None
    hidden: list[str] = dataclasses.field(default_factory=list)
    seeds: list[bool] = dataclasses.field(default_factory=list)
    added: tuple[float, float] | None = None
    tested: tuple[dict[str, float], dict[str, float]] | None = None
    used: list[bool] = dataclasses.field(default_factory=list)
    idle: list[str] = dataclasses.field(default_factory=list)
    evaluated: list[str] = dataclasses.field(default_factory=list)
    running: list[dict[str, float]] = dataclasses.field(default_factory=list)
    scaled: tuple[Values, Values] | None = None
    along: float | None = None
    stride: int = 1
    strode: Values = dataclasses.field(default_factory=list)
    driven: list[tuple[float, list[float]]] = dataclasses.field(default_factory=list)
    rounded: list[Values] = dataclasses.field(default_factory=list)
    failures: dict[str, Exception] = dataclasses.field(default_factory=dict)

    def moved(self) -> list[bool]:
        """Tells of each variable whether any of the steps that were made changed it."""
        made = [*self.eager, *([] if self.late is None else [self.late])]
        return [any(did) for did in zip(*map(self.changed, made), strict=True)]

    def weighed_alike(self) -> bool:
        """Tells whether what is differentiated is the same for both choices: Adam's first step is for any gradient."""
        one, other = self.weighed
        return len(one) != len(other) or np.allclose(one, other, 1e-3, 1e-5)

    def beyond_rounding(self, paths: list[str], step: int) -> list[str]:
        """Returns those of the variables that differ in a compiled step by more than rounding makes of them."""
        if step >= len(self.rounded):
            return paths
        made = self.paths, self.eager[step], self.compiled[step], self.rounded[step]
        far = {p for p, a, b, c in zip(*made, strict=True) if _most(a, c) < 0.1 * _most(a, b)}
        return [path for path in paths if path in far]

    def changed(self, values: Values) -> list[bool]:
        """Tells of each variable whether it differs from the start."""
        return [not np.array_equal(a, b, equal_nan=True) for a, b in zip(self.start, values, strict=True)]


def observed(case: Case) -> Observed:
    """Returns what a few steps of the model came to; they are run once per case.

    Raises:
        Skip: there is nothing to run them on.
    """
    if "steps" not in case.cache:
        case.cache["steps"] = _observe(case)
    found = case.cache["steps"]
    if isinstance(found, Skip):
        raise found
    return found  # type: ignore[no-any-return]


def _observe(case: Case) -> Observed | Skip:
    model = case.original if training.is_compiled(case.original) else case.fresh()
    if not training.is_compiled(model):
        return Skip("the model is not compiled")
    args, kwargs = case.inputs(SIZE)
    if len(args) != 1 or kwargs:
        return Skip("a training step calls the model with one argument")
    with modes.forgetful(model):
        if training.has_call(model):
            model(*args)
        with training.rehearsal(model):
            y = next(rehearsal_losses.targets(case, model, args[0]), None)
            return Rehearsal(model, args[0], y, case).run()


class Rehearsal:
    """The steps themselves: each part starts from the same values and leaves what it saw in an `Observed`."""

    def __init__(self, model: Any, x: Any, y: Any, case: Case) -> None:
        self.model, self.x, self.y, self.case = model, x, y, case
        alone.perturb(model, case.seed)
        self.calls, self.differentiated = training.has_call(model), list[float]()
        self.weights = list(model.variables)
        self.variables = self._variables()
        self.values = alone.values(self.variables)
        trainable = {id(v) for v in model.trainable_variables}
        self.reset()
        # Where the backend draws from random numbers of its own, their state counts as one more variable.
        extra = len(self._values()) - len(self.weights)
        self.seen = Observed(
            [v.path for v in self.weights] + ["the state of random numbers"] * extra,
            [id(v) in trainable for v in self.weights] + [False] * extra,
            self._values(),
        )
        drawn = {id(v) for v in alone.seed_variables(model, global_too=False)}
        self.seen.seeds = [id(v) in drawn for v in self.weights] + [True] * extra

    def _variables(self) -> list[Any]:
        """Returns all variables; optimizers of the model's own have theirs after a first step only, as it left them."""
        found, weights = alone.variables(self.model), alone.values(alone.variables(self.model))
        others = training.other_optimizers(self.model).values()
        if others:
            training.begin(self.model, compiled=False)
            with contextlib.suppress(Exception):  # the steps to come will say so
                training.step(self.model, self.x, self.y)
            alone.assign(found, weights)
        return found + [variable for optimizer in others for variable in optimizer.variables]

    def run(self) -> Observed:
        parts = (
            self._lines,
            self._loss,
            self._given,
            self._noise,
            self._weights,
            self._regularizer,
            self._tested,
            self._running,
            self._compiled,
        )
        for part in parts:
            if part != self._lines and "_lines" in self.seen.failures:
                break
            self.case.in_time()
            self.reset()
            try:
                part()
            except Exception as error:
                self.seen.failures[part.__name__] = error
        rehearsal_effects.rounding(self)
        return self.seen

    def reset(self) -> None:
        alone.assign(self.variables, self.values)
        alone.set_seed(self.case.seed)
        backend.set_seed(self.case.seed)

    def _values(self) -> Values:
        state = backend.random_state()
        return alone.values(self.weights) + ([] if state is None else [np.array(state)])

    def step(self, x: Any = None, y: Any = None, sample_weight: Any = None) -> Values:
        x, y = (self.x if x is None else x), (self.y if y is None else y)
        self.seen.logs.append(self._step(x, y, sample_weight))
        return self._values()

    def _step(self, x: Any, y: Any, sample_weight: Any = None, *, first: bool = True) -> dict[str, float]:
        if not self.model.run_eagerly:
            return training.step(self.model, x, y, sample_weight, first=first)
        with losses_differentiated() as values:
            logs = training.step(self.model, x, y, sample_weight, first=first)
        self.differentiated = values
        if first and sample_weight is None and "loss" in logs:
            self.seen.driven.append((logs["loss"], values))
        return logs

    def stride(self, y: Any = None, sample_weight: Any = None) -> Values:
        """Makes as many steps as it takes to move a trainable variable, line by line."""
        training.begin(self.model, compiled=False)
        for _ in range(self.seen.stride):
            values = self.step(y=y, sample_weight=sample_weight)
        return values

    def _measure_stride(self) -> None:
        seen = self.seen
        seen.strode = seen.eager[0]
        for number, values in enumerate(self._one_by_one(), 1):
            if any(t and did for t, did in zip(seen.trainable, seen.changed(values), strict=True)):
                seen.stride, seen.strode = number, values
                return

    def _one_by_one(self) -> Iterator[Values]:
        yield from self.seen.eager
        self.reset()
        for number in range(1, STEPS + 1):
            values = self.step()
            if number > len(self.seen.eager):
                yield values

    def _lines(self) -> None:
        """Two steps line by line, and the first of them again."""
        training.begin(self.model, compiled=False)
        before = training.iterations(self.model)
        with training.losses_counted(self.model) as calls:
            self.seen.eager.append(self.step())
        self.seen.uses_compute_loss = bool(calls)
        self.seen.iterations = training.iterations(self.model) - before
        self.seen.hidden = [name for name in training.hidden_metrics(self.model) if name in self.seen.logs[0]]
        self.seen.eager.append(self.step())
        self.reset()
        self.seen.again = self.step()
        self.reset()
        if self.calls:
            self.model(self.x, training=True)
        self.seen.called = self._values()
        self._measure_stride()
        rehearsal_effects.used(self)

    def _loss(self) -> None:
        model = self.model
        if not self.seen.uses_compute_loss or not self.calls:
            return
        self.seen.shape = objects.to_numpy(training.loss(model, self.x, self.y)).shape
        if self.seen.shape:
            return
        self.reset()
        trainable = list(model.trainable_variables)
        value, found, _ = backend.gradients(lambda: training.loss(model, self.x, self.y), trainable)
        self.seen.loss, self.seen.gradients = float(value), self.filled(found)
        self.seen.reached = rehearsal_losses.reached(self)
        self.reset()
        _, found, _ = backend.gradients(
            lambda: rehearsal_losses.probe(model(self.x, training=True)), trainable
        )
        self.seen.reach = self.filled(found)

    def _given(self) -> None:
        rehearsal_losses.against(self)
        self.reset()
        rehearsal_losses.added(self)

    def _noise(self) -> None:
        """One step with other random numbers, where the output in training depends on them."""
        if not self.calls:
            return
        usual = arrays(self.model(self.x, training=True))
        self._reseed()
        if len(usual) != 1 or np.array_equal(usual[0], arrays(self.model(self.x, training=True))[0]):
            return
        self._reseed()
        self.seen.reseeded = self.stride()

    def _reseed(self) -> None:
        """Does what `_reset` does, with other random numbers."""
        self.reset()
        for variable in alone.seed_variables(self.model, global_too=False):
            alone.assign([variable], [alone.values([variable])[0] + 1])
        alone.set_seed(self.case.seed + 1)
        backend.set_seed(self.case.seed + 1)

    def filled(self, gradients: list[np.ndarray | None]) -> Values:
        """Returns one array for each weight, zeros for those without a gradient."""
        found = dict(zip((id(v) for v in self.model.trainable_variables), gradients, strict=True))
        arrays = [
            np.zeros(tuple(v.shape)) if found.get(id(v)) is None else np.asarray(found[id(v)])
            for v in self.weights
        ]
        return arrays + [np.zeros(()) for _ in self.seen.paths[len(arrays) :]]

    def _weights(self) -> None:
        rehearsal_effects.weights(self)

    def _regularizer(self) -> None:
        variable = next((v for v in self.model.trainable_variables if v.regularizer is not None), None)
        if variable is None:
            return
        found = []
        for regularizer in (None, training.strong_regularizer()):
            self.reset()
            with training.regularized(variable, regularizer):
                found.append(self.stride())
        self.seen.regularized, self.seen.regularizes = (found[0], found[1]), variable.path
        if self.seen.uses_compute_loss and self.calls:
            self._added(variable)

    def _added(self, variable: Any) -> None:
        """By how much the loss grows with the regularizer, beside what that regularizer comes to."""
        losses = []
        for regularizer in (None, training.strong_regularizer()):
            self.reset()
            with training.regularized(variable, regularizer):
                losses.append(float(objects.to_numpy(training.loss(self.model, self.x, self.y))))
        self.reset()
        wanted = float(objects.to_numpy(training.strong_regularizer()(variable)))
        self.seen.added = losses[1] - losses[0], wanted

    def _tested(self) -> None:
        if not training.own_methods(self.model, "test_step"):
            return
        first = training.evaluated(self.model, self.x, self.y)
        moved = self.seen.changed(self._values())
        self.seen.evaluated = [
            path
            for path, did, may in zip(self.seen.paths, moved, self.seen.trainable, strict=True)
            if did and may
        ]
        self._reseed()
        self.seen.tested = first, training.evaluated(self.model, self.x, self.y)

    def _running(self) -> None:
        """The logs of two batches alone and one after the other, where the model makes its logs itself."""
        if self.y is None or not training.own_methods(self.model, "train_step", "compute_metrics"):
            return
        training.begin(self.model, compiled=False)
        counted = {id(v) for v in self.model.metrics_variables}
        weights = [(v, x) for v, x in zip(self.variables, self.values, strict=True) if id(v) not in counted]
        other = objects.map_structure(rehearsal_losses.first_two_rolled, self.y)
        for targets in ((self.y,), (other,), (self.y, other), (other, self.y)):
            for number, y in enumerate(targets):
                alone.assign(*map(list, zip(*weights, strict=True)))
                alone.set_seed(self.case.seed)
                backend.set_seed(self.case.seed)
                logs = self._step(self.x, y, first=number == 0)
            self.seen.running.append(logs)
        self.seen.idle = training.idle_metrics(self.model)

    def _compiled(self) -> None:
        """The first steps compiled, then more of them on the same batch, the loss taken before and after."""
        training.begin(self.model, compiled=True)
        self.seen.compiled = [self.step(), self.step()]
        if self.seen.loss is None:
            return
        for _ in range(STEPS - 2):
            self.seen.late = self.step()
        seeds = [id(v) for v in alone.seed_variables(self.model, global_too=False)]
        for variable, value in zip(self.variables, self.values, strict=True):
            if id(variable) in seeds:
                variable.assign(value)
        backend.set_seed(self.case.seed)
        after = float(objects.to_numpy(training.loss(self.model, self.x, self.y)))
        if after > self.seen.loss:
            learnt = {id(v) for v in self.model.trainable_variables}
            others = [(v, x) for v, x in zip(self.variables, self.values, strict=True) if id(v) not in learnt]
            alone.assign([v for v, _ in others], [x for _, x in others])
            backend.set_seed(self.case.seed)
            other = float(objects.to_numpy(training.loss(self.model, self.x, self.y)))
            if abs(other - after) > 1e-3 * abs(after):
                return  # the loss is another one after the steps, as one of which a share grows with them
        self.seen.losses = self.seen.loss, after
