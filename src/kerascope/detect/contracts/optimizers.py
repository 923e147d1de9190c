"""Optimizers, on a small problem: go downhill, move every variable, keep all state in variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._keras import alone, objects, optimizing, pairs
from kerascope.detect.contracts.case import Case
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.values import Evidence, Finding, Fix, SourceSpan

OPTIMIZER = ("optimizer",)
RUNS = ("optimizer-runs",)
SHAPES = ((3, 2), (3, 2), (4,))
"""Two variables of one shape, so that one taken for the other shows."""

STEPS = 40


class Problem:
    """Variables with targets; the loss is half their squared distance, its gradient the difference."""

    def __init__(self, case: Case, which: Sequence[int] = (0, 1, 2)) -> None:
        random = np.random.default_rng(case.seed)
        starts = [random.normal(size=shape).astype("float32") for shape in SHAPES]
        targets = [random.normal(size=shape).astype("float32") for shape in SHAPES]
        self.variables = optimizing.variables([starts[i] for i in which])
        self.targets = [objects.to_tensor(targets[i]) for i in which]
        self.optimizer = case.fresh()
        self.optimizer.build(self.variables)

    @property
    def all_variables(self) -> list[Any]:
        found = [*self.variables, *alone.variables(self.optimizer)]
        return list({id(variable): variable for variable in found}.values())

    def values(self) -> list[np.ndarray]:
        return alone.values(self.variables)

    def loss(self) -> float:
        pairs = zip(self.values(), self.targets, strict=True)
        return float(sum(0.5 * np.square(value - objects.to_numpy(target)).sum() for value, target in pairs))

    def steps(self, number: int, share: float = 1.0) -> list[np.ndarray]:
        """Makes updates line by line and returns the values then."""
        for _ in range(number):
            optimizing.apply(self.optimizer, self.variables, self.targets, share)
        return self.values()

    def compiled(self, number: int) -> list[np.ndarray]:
        """Makes updates in a compiled function and returns the values then."""
        optimizer, variables, targets = self.optimizer, self.variables, self.targets
        step = backend.compiled(lambda: optimizing.apply(optimizer, variables, targets), self.all_variables)
        for _ in range(number):
            step()
        return self.values()


def _same(a: Sequence[np.ndarray], b: Sequence[np.ndarray], tolerance: float = 1e-5) -> bool:
    return all(
        np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True) for x, y in zip(a, b, strict=True)
    )


def _where(case: Case, text: str = "") -> SourceSpan:
    return case.where("update_step", "apply", "build", text=text)


def _held_where(case: Case, names: Sequence[str]) -> SourceSpan:
    """Returns the line that puts something into one of these attributes during an update."""
    for name in names:
        for text in (f"self.{name}[", f"self.{name} =", f"self.{name}"):
            found = case.where("update_step", "apply", text=text)
            if found.expression:
                return found
    return _where(case, "self.")


@contract("optimizer-runs", kinds=OPTIMIZER)
def runs(case: Case) -> Iterator[Finding]:
    """It can be built and makes updates."""
    with case.attempt(
        f"{case.subject.name} fails when it makes an update",
        "It was built for three variables of shapes (3, 2), (3, 2) and (4,), and `apply` was called twice.",
    ) as found:
        Problem(case).steps(2)
    yield from found


@contract("optimizer-finite", kinds=OPTIMIZER, after=RUNS)
def finite(case: Case) -> Iterator[Finding]:
    """Updates are finite from the first one on, and when a gradient is zero."""
    for share, what in ((1.0, "the first update"), (0.0, "an update with a gradient of zero")):
        values = Problem(case).steps(2 if share == 0 else 1, share)
        if not all(np.isfinite(value).all() for value in values):
            yield case.broken(
                f"{case.subject.name} makes weights NaN or infinite: {what}",
                "Something is divided by 0. Corrections such as 1 - beta ** step need step counted from 1 "
                "(self.iterations + 1); a norm may be 0, as behind a dead ReLU or for words that are not in the batch."
                " One such update is enough to lose the model.",
                evidence=[Evidence("a weight then", str(values[0].ravel()[0]))],
                location=_where(case, "/"),
                fixes=["Add a small number to the divisor, and count steps by self.iterations + 1."],
            )
            return


@contract("optimizer-updates", kinds=OPTIMIZER, after=(*RUNS, "optimizer-finite"))
def updates(case: Case) -> Iterator[Finding]:
    """Every variable with a gradient moves."""
    problem = Problem(case)
    before, after = problem.values(), problem.steps(3)
    still = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if np.array_equal(a, b)]
    if still:
        yield case.broken(
            f"{case.subject.name} does not move every variable",
            f"Three updates were made with gradients that are not zero. Of three variables, number "
            f"{', '.join(str(i + 1) for i in still)} is to the bit what it was.",
            location=_where(case),
        )


@contract("optimizer-descends", kinds=OPTIMIZER, after=(*RUNS, "optimizer-finite"))
def descends(case: Case) -> Iterator[Finding]:
    """It makes the loss smaller on the simplest problem there is."""
    problem = Problem(case)
    before = problem.loss()
    problem.steps(STEPS)
    after = problem.loss()
    if not np.isfinite(after) or after >= before:
        yield case.broken(
            f"{case.subject.name} makes the loss larger",
            f"The loss is half the squared distance to a target; {STEPS} updates were made with its gradient.",
            evidence=[Evidence("loss before", before), Evidence(f"after {STEPS} updates", after)],
            location=_where(case, "assign"),
            fixes=["Subtract the update: self.assign_sub(variable, learning_rate * ...)."],
        )


@contract("optimizer-iterations", kinds=OPTIMIZER, after=RUNS)
def iterations(case: Case) -> Iterator[Finding]:
    """`iterations` counts the updates."""
    problem = Problem(case)
    problem.steps(3)
    if (counted := optimizing.iterations(problem.optimizer)) != 3:
        yield case.broken(
            f"{case.subject.name} counts {counted} updates after 3",
            "Learning rate schedules, corrections of the moments and gradient accumulation go by `iterations`.",
            evidence=[Evidence("iterations", counted)],
            location=case.where("apply", "apply_gradients", "update_step"),
            fixes=[
                "Leave `apply` to Keras and override `update_step`, or call self.iterations.assign_add(1) once."
            ],
        )


@contract("optimizer-state", kinds=OPTIMIZER, after=(*RUNS, "optimizer-finite"))
def state(case: Case) -> Iterator[Finding]:
    """Everything it remembers lies in its variables."""
    problem = Problem(case)
    problem.steps(2)
    variables = problem.all_variables
    kept = alone.values(variables)
    first = problem.steps(2)
    alone.assign(variables, kept)
    again = problem.steps(2)
    if not _same(first, again):
        held = optimizing.held(problem.optimizer)
        yield case.broken(
            f"{case.subject.name} keeps state outside its variables"
            + "".join(f": self.{n}" for n in held[:1]),
            "After two updates its variables and the weights were put down, and two more updates made; then all was "
            "put back, and the two updates came to something else. Keras saves and compiles variables only: such "
            "state is lost when a training is taken up again, and stands still, or leaks, in a compiled step.",
            location=_held_where(case, held),
            fixes=[
                "Make slots in build(): self.add_variable_from_reference(variable, name=...), and assign to them."
            ],
        )


@contract("optimizer-variables", kinds=OPTIMIZER, severity="warning", after=(*RUNS, "optimizer-state"))
def variables(case: Case) -> Iterator[Finding]:
    """A variable's update does not depend on which other variables there are."""
    if optimizing.couples(case.fresh()):
        raise Skip("it looks at all gradients at once")
    together = Problem(case).steps(3)
    mixed = [i for i in range(len(SHAPES)) if not _same([together[i]], Problem(case, [i]).steps(3))]
    if mixed:
        yield case.broken(
            f"{case.subject.name} mixes variables up",
            "Three updates were made for three variables together, and for each alone. For "
            f"{len(mixed)} of them the results differ: a slot may be shared, or looked up by shape or name where two "
            "are alike. An optimizer that is meant to look at all gradients at once can allow `optimizer-variables`.",
            evidence=[Evidence("variables that differ", len(mixed))],
            location=_where(case),
            fixes=["Look slots up by self._get_variable_index(variable)."],
        )


@contract("optimizer-learning-rate", kinds=OPTIMIZER, after=(*RUNS, "optimizer-updates"))
def learning_rate(case: Case) -> Iterator[Finding]:
    """A learning rate that is set counts."""
    usual, slow = Problem(case), Problem(case)
    if not optimizing.set_rate(slow.optimizer, 0.1):
        raise Skip("its learning rate is a schedule, or it has none")
    if _same(usual.steps(2), slow.steps(2), 1e-9):
        yield case.broken(
            f"{case.subject.name} ignores its learning rate",
            "The learning rate was divided by ten, as a callback does, and two updates came to the same weights. "
            "Schedules and ReduceLROnPlateau do nothing.",
            location=_where(case, "learning_rate"),
            fixes=["Use the `learning_rate` that update_step(gradient, variable, learning_rate) is given."],
        )


@contract("optimizer-compiled", kinds=OPTIMIZER, after=(*RUNS, "optimizer-state"))
def compiled(case: Case) -> Iterator[Finding]:
    """Compiled updates come to the same as updates line by line."""
    if not backend.compiles():
        raise Skip("Keras compiles nothing on this backend")
    explanation = "Three updates were made line by line, and three in a compiled function, as in fit."
    with case.attempt(
        f"{case.subject.name} cannot be compiled",
        explanation,
        [Fix("Use keras.ops and variables only; no NumPy, float(), or `if` on tensors.")],
    ) as found:
        fast = Problem(case).compiled(3)
    if found:
        yield found[0]
    elif not _same(slow := Problem(case).steps(3), fast, 1e-3):
        worst = max(float(np.abs(a - b).max()) for a, b in zip(slow, fast, strict=True))
        yield case.broken(
            f"{case.subject.name} makes other updates when it is compiled",
            explanation + " What Python objects hold is read once, when the function is compiled.",
            evidence=[Evidence("largest difference of a weight", worst)],
            location=_where(case),
        )


@contract("optimizer-config", kinds=OPTIMIZER, after=RUNS)
def config(case: Case) -> Iterator[Finding]:
    """An optimizer revived from its configuration has the same settings."""
    own = case.original if case.original is not None and not isinstance(case.original, type) else case.fresh()
    try:
        revived = pairs.revived(own)
    except Exception as error:
        finding = case.failed(error, title=f"{case.subject.name} cannot be revived from its configuration")
        yield case.broken(
            finding.title,
            "`from_config(get_config())` fails, so a model saved with it cannot be loaded as it was compiled.",
            evidence=finding.evidence,
            location=case.where("get_config", "__init__"),
            fixes=[
                "Take **kwargs in __init__ and hand it on; return your arguments beside super().get_config()."
            ],
            severity="warning",
        )
        return
    before, after = pairs.plain_state(own), pairs.plain_state(revived)
    lost = [
        name
        for name, value in before.items()
        if not name.startswith("_")
        and name not in ("built", "name")
        and not pairs.alike(value, after.get(name))
    ] or pairs.lost_settings(own)
    if lost:
        yield case.broken(
            f"{case.subject.name} forgets {', '.join(lost)} in its configuration",
            "The optimizer revived by `from_config(get_config())` has other settings: a training that is taken up "
            "again from a file goes on otherwise, without a word.",
            evidence=[
                Evidence(name, f"{before[name]!r}, then {after.get(name)!r}")
                for name in lost
                if not pairs.alike(before.get(name), after.get(name))
            ],
            location=case.where("get_config", "__init__"),
            fixes=[f"Return {{**super().get_config(), {lost[0]!r}: self.{lost[0]}}} from get_config()."],
        )
