"""What a contract gets to work with: instances, inputs, outputs, and the words to say what is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerascope._backends import alone as backend
from kerascope._backends import tensors
from kerascope._backends.uncompiled import uncompiled
from kerascope._keras import alone, drawing, effects, holdings, modes, objects
from kerascope.budget import Budget
from kerascope.detect.contracts.registry import SPENT, Contract, Skip, in_users_code
from kerascope.explain.subject import Subject
from kerascope.probe.lines.session import recording
from kerascope.record.lines import LineLog, Site
from kerascope.values import Evidence, Finding, Fix, Severity, SourceSpan

BATCH = 3
"""The batch size that most contracts use: one shape costs one compilation."""

_PATIENCE = 1.5
"""How much longer than its budget a check may take by the clock, on a busy machine or with code that waits."""

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Case:
    """One object that is checked, and all that its contracts share.

    Attributes:
        subject: how to make another one and inputs for it.
        original: the user's own object, None when a class was given. It is never called or changed.
        kinds: what it is: "layer", "model" (and "train_step" when it is compiled), "loss", "metric", ...
        seed: of weights and inputs.
        allow: names of contracts that are broken on purpose.
        reference: a NumPy function to compare a loss or metric with, None without one.
        broken_by: the contract that runs, whose name and severity findings get.
        made: the values of the variables of `built()` as they were made, before they were changed a little.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        original: Any = None,
        kinds: Collection[str] = (),
        seed: int = 0,
        budget: float = 60.0,
        allow: Collection[str] = (),
        reference: Callable[..., Any] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.subject = subject
        self.original = original
        self.kinds = tuple(kinds) or (subject.kind,)
        self.seed = seed
        self.allow = frozenset(allow)
        self.reference = reference
        self.cache: dict[Any, Any] = {}
        self._budget = Budget(budget, patience=_PATIENCE)
        self._progress = progress
        self._contract: Contract | None = None
        self._built: tuple[Any, list[np.ndarray]] | None = None
        self.made: list[np.ndarray] = []

    def on(self, *args: Any) -> Case:
        """Returns a case like this one, in the middle of the same contract, for other arguments of the call."""
        other = Case(
            dataclasses.replace(self.subject, args=args, kwargs={}, guessed=False),
            original=self.original,
            kinds=self.kinds,
            seed=self.seed,
            budget=max(self.seconds_left(), 0.1),
        )
        other._contract = self._contract
        return other

    # -- time --------------------------------------------------------------------------------------------------

    def begin(self, one: Contract) -> None:
        """Notes which contract runs from now on, and gives it the shared instance as it was after building.

        One that keeps a tensor of a trace is good for nothing any more: there is another one then.
        """
        self._contract = one
        if self._built is not None and "layer" in self.kinds and holdings.leaked(self._built[0]):
            told = {key: value for key, value in self.cache.items() if key == "changed by call"}
            self._built, self.cache = None, told
        self.restore()
        if self._progress is not None:
            self._progress(one.name)

    def seconds_left(self) -> float:
        """Returns how much of the budget is left."""
        return self._budget.left()

    def in_time(self) -> None:
        """Ends the contract that runs where the budget is spent: one alone may take longer than all of it."""
        if self._budget.over():
            raise Skip(SPENT)

    # -- instances ---------------------------------------------------------------------------------------------

    def fresh(self, seed: int | None = None) -> Any:
        """Returns a new object of the user's, with weights that depend on `seed` only once it is built.

        Raises:
            Skip: there is no way to make another one.
        """
        self.in_time()
        if self.subject.make is None:
            raise Skip(f"there is no way to make another {self.subject.name}")
        set_seed(self.seed if seed is None else seed)
        return modes.begins_anew(self.subject.make())

    def built(self) -> Any:
        """Returns one object for all contracts, built by a call, its weights changed a little (see `alone.perturb`).

        Its variables have the same values at the beginning of each contract. Change them as you like; do not compile
        it and leave nothing else behind on it.
        """
        if self._built is None:
            instance = self.fresh()
            args, kwargs = self.inputs(BATCH)
            if "layer" in self.kinds or "model" in self.kinds:
                with line_by_line((args, kwargs)):
                    instance(*args, **kwargs)
            self.made = alone.values(alone.variables(instance))
            alone.perturb(instance, self.seed)
            self._built = (instance, alone.values(alone.variables(instance)))
        return self._built[0]

    def restore(self) -> None:
        """Gives the shared instance the variables that it had after building; does nothing while there is none."""
        if self._built is not None:
            instance, values = self._built
            alone.assign(alone.variables(instance), values)

    # -- inputs and outputs ------------------------------------------------------------------------------------

    def inputs(self, batch: int = BATCH, seed: int = 0) -> Arguments:
        """Returns made-up arguments for a batch of this size, as tensors; the same for the same seed."""
        return self.subject.inputs(batch, self.seed + seed)

    def run(
        self,
        instance: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any] | None = None,
        *,
        training: bool | None = None,
        compiled: bool = False,
    ) -> Any:
        """Calls an object and returns what it yields. With `compiled` as in Keras's compiled steps."""
        self.in_time()
        kwargs = dict(kwargs or {})
        if training is not None and ("layer" in self.kinds or "model" in self.kinds):
            kwargs["training"] = training
        if not compiled:
            with line_by_line((args, kwargs)):
                return self.subject.call(instance, args, kwargs)

        def call(*args: Any) -> Any:
            return self.subject.call(instance, args, kwargs)

        return backend.compiled(call, alone.variables(instance))(*args)

    def outputs(self, *args: Any, **kwargs: Any) -> list[np.ndarray]:
        """Does what `run` does and returns the tensors of the result as NumPy arrays, in order."""
        return arrays(self.run(*args, **kwargs))

    # -- errors ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def attempt(
        self, title: str, explanation: str = "", fixes: Sequence[Fix | str] = ()
    ) -> Iterator[list[Finding]]:
        """Runs the block; an exception in it becomes a finding with this title in the list that is given.

        Use it around what the contract promises to work, and yield what the list holds afterwards.
        """
        found: list[Finding] = []
        try:
            yield found
        except Skip:
            raise
        except Exception as error:
            found.append(self.failed(error, title=title, explanation=explanation, fixes=fixes))

    def failed(
        self,
        error: BaseException,
        doing: str = "",
        *,
        title: str = "",
        explanation: str = "",
        fixes: Sequence[Fix | str] = (),
    ) -> Finding:
        """Returns the finding for an exception: where it was raised in the user's code, and what it says."""
        span = in_users_code(error)
        return self.broken(
            title or f"{self.subject.name} raises {type(error).__name__} while {doing}",
            explanation,
            evidence=[Evidence("error", message(error))],
            location=span or self.where("call"),
            fixes=fixes,
        )

    def asked(self, arrays: Iterable[np.ndarray], failed: list[Finding]) -> np.ndarray | None:
        """Returns what the reference gives for arrays; None, and a finding in the list, where it raises."""
        assert self.reference is not None
        try:
            return np.asarray(self.reference(*arrays), "float64")
        except Exception as error:
            failed.append(
                self.broken(
                    "The reference that was given fails",
                    "It is called as reference(y_true, y_pred) with NumPy arrays of floats or whole numbers.",
                    evidence=[Evidence("error", message(error))],
                    severity="warning",
                )
            )
            return None

    # -- words -------------------------------------------------------------------------------------------------

    def broken(
        self,
        title: str,
        explanation: str,
        *,
        evidence: Sequence[Evidence] = (),
        location: SourceSpan | None = None,
        fixes: Sequence[Fix | str] = (),
        severity: Severity | None = None,
        confidence: float = 0.99,
    ) -> Finding:
        """Returns a finding of the contract that runs.

        Args:
            title: what is wrong in one line, with the object's name.
            explanation: what was done, what was expected, what came, and what follows from it.
            evidence: measured facts.
            location: the line to look at; the object's `call` when it is not given.
            fixes: changes, in words or tried.
            severity: the contract's own when it is not given.
        """
        assert self._contract is not None
        return Finding(
            kind=self._contract.name,
            severity=severity or self._contract.severity,
            confidence=confidence,
            title=title,
            explanation=explanation,
            location=location or self.where("call", "update_state", "train_step"),
            evidence=tuple(evidence),
            fixes=tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes),
        )

    @property
    def cls(self) -> type | None:
        """The class of the object, None for a function."""
        if isinstance(self.original, type):
            return self.original
        if (
            self.original is not None
            and "function" not in self.kinds
            and not inspect.isfunction(self.original)
        ):
            return type(self.original)
        return None

    def where(self, *methods: str, text: str = "") -> SourceSpan:
        """Returns the first of these methods that the user's class defines, or the class, as a place in the source.

        With `text` the first line of the method that contains it.
        """
        target: Any = self.cls or self.original
        parents = self.cls.__mro__ if self.cls is not None else ()
        for method in methods:
            found = next((vars(c)[method] for c in parents if method in vars(c)), None)
            module = str(getattr(found, "__module__", ""))
            if inspect.isfunction(found) and not module.startswith("keras."):
                target = found
                break
        try:
            if str(getattr(target, "__module__", "")).startswith("keras."):
                return SourceSpan()
            lines, first = inspect.getsourcelines(inspect.unwrap(target))
            file = inspect.getsourcefile(inspect.unwrap(target))
        except (OSError, TypeError):
            return SourceSpan()
        at = next((i for i, line in enumerate(lines) if text and text in line), None)
        if at is None:
            at = next((i for i, line in enumerate(lines) if line.lstrip().startswith(("def ", "class "))), 0)
        code = lines[at].rstrip("\n")
        start = code.find(text) if text else -1
        mark = (start, start + len(text)) if start >= 0 else ()
        return SourceSpan(file, first + at, expression=text if mark else None, code=code, columns=mark)

    def traced(self, function: Callable[[], Any]) -> LineLog:
        """Runs a function and returns what the user's lines yielded; what it raises ends it quietly."""
        with recording(statistics=False) as recorder, contextlib.suppress(Exception):
            function()
        return recorder.log


def set_seed(seed: int) -> None:
    """Makes all random numbers from here on repeatable."""
    alone.set_seed(seed)
    backend.set_seed(seed)


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Runs the block with repeatable random numbers, and puts back whatever global it changes."""
    with backend.backend_state(), alone.isolated(seed), drawing.by_numpy():
        backend.set_seed(seed)
        yield


def like_a_power(sizes: Sequence[float]) -> bool:
    """Tells whether results for inputs of twice the size each time grow like a power of them, up to 16 times as far.

    What grows like a power is still small then; what grows like exp is rightly infinite.
    """
    if not all(np.isfinite(sizes)) or min(sizes) <= 0:
        return False
    first, second = sizes[1] / sizes[0], sizes[2] / sizes[1]
    return bool(second <= 1.5 * first and second**2 * sizes[2] < 1e30)


def line_by_line(inputs: Any) -> contextlib.AbstractContextManager[None]:
    """Runs the block on JAX without compiling each of its operations, where its inputs have values.

    Most of the time would go there: a loop of `scan`, for one, is compiled anew at each call.
    """
    if backend.name() != "jax" or any(effects.is_placeholder(leaf) for leaf in objects.flatten(inputs)):
        return contextlib.nullcontext()
    return uncompiled()


def arrays(structure: Any) -> list[np.ndarray]:
    """Returns the tensors of a structure as NumPy arrays, in order; 16-bit floats as float32."""
    found = (tensors.array_of(leaf) for leaf in objects.flatten(structure))
    return [array for array in found if array is not None]


def span(site: Site) -> SourceSpan:
    """Returns the place of an expression of the user's."""
    return SourceSpan(site.file, site.line, site.position[1], expression=site.source)


def message(error: BaseException) -> str:
    """Returns what an exception says, in one line, without the frame that Keras puts around it."""
    while error.__context__ is not None and "_error_repr" in str(error):
        error = error.__context__  # Keras makes an error of JAX's anew, and fails in that
    told = str(error).rpartition("Error encountered:")[2]  # Keras puts the user's error behind its own
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    own = [
        line for line in lines if not line.startswith(("Exception encountered when", "Arguments received"))
    ]
    text = own[0] if own else ""
    for code in ("\x1b[1m", "\x1b[0m"):
        text = text.replace(code, "")
    return f"{type(error).__name__}: {text}"[:300]
