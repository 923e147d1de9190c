"""What a train step of the user's hands to its optimizers: all that should learn, each to one, in the right order."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import holdings, objects, state, steps, trial
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding, user_frame
from kerascope.values import Evidence, SourceSpan


@dataclasses.dataclass
class Applied:
    """One call of an optimizer: which, with what, from which line of the user's."""

    optimizer: Any
    variables: list[Any]
    sizes: list[float]  # norms of the gradients, NaN for none
    span: SourceSpan
    method: str


class _Taps:
    """Keeps every call of an optimizer."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.seen: list[Applied] = []
        self.errors: list[str] = []

    def before_apply(self, optimizer: Any, *args: Any) -> None:
        gradients, variables = _pairs(optimizer, args)
        frame = user_frame()
        span = SourceSpan() if frame is None else SourceSpan(frame.f_code.co_filename, frame.f_lineno)
        sizes = [_norm(g) for g in gradients]
        self.seen.append(Applied(optimizer, variables, sizes, span, frame.f_code.co_name if frame else ""))

    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        return None

    def after_call(self, layer: Any, output: Any) -> None:
        return None

    def error(self, where: str, error: Exception) -> None:
        self.errors.append(f"{where}: {type(error).__name__}: {error}")


def _pairs(optimizer: Any, args: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Returns gradients and variables out of the arguments of `apply` or `stateless_apply`."""
    own = state.optimized_variables(optimizer)
    if objects.backend_name() == "jax":
        return list(args[1]), own
    first = list(args[0])
    second = list(args[1]) if len(args) > 1 and args[1] is not None else own
    if first and objects.is_variable(first[0]):
        first, second = second, first
    return first, second


def _norm(gradient: Any) -> float:
    array = None if gradient is None else tensors.array_of(tensors.unwrapped(gradient))
    if array is None:
        values = getattr(gradient, "values", None)  # sparse ones of TensorFlow's embeddings
        array = None if values is None else tensors.array_of(values)
    return float("nan") if array is None else float(np.linalg.norm(np.asarray(array, "float64")))


def look(trial_: Trial) -> Iterator[Found]:
    """Yields what is wrong with who gets which gradient, in a train step of the user's."""
    if "test_step" in trial_.own.methods:
        yield from _validation(trial_)
    if "train_step" not in trial_.own.methods:
        return
    model = trial_.model
    taps = _Taps(model)
    trial_.at_begin()
    before = [np.array(objects.to_numpy(v.value)) for v in model.trainable_variables]
    with steps.Patches() as patches:
        method = "stateless_apply" if objects.backend_name() == "jax" else "apply"
        steps.tap_optimizers(patches, method, taps)
        trial_.step()
    step = source.method(type(model), "train_step")
    if not taps.seen:
        yield from _nothing_applied(trial_, step)
        return
    yield from _not_always(trial_, taps.seen, step)
    got = {id(v) for one in taps.seen for v in one.variables}
    left = [
        v
        for v, was in zip(model.trainable_variables, before, strict=True)
        if id(v) not in got and np.array_equal(was, objects.to_numpy(v.value))
    ]
    if left:
        yield from _left_out(trial_, taps.seen, left, step)
    elif objects.backend_name() == "jax":
        yield from _handed_back(trial_, taps.seen, before, step)


def _handed_back(
    trial_: Trial, applied: Sequence[Applied], before: Sequence[np.ndarray], step: source.Method | None
) -> Iterator[Found]:
    """A step on JAX that updates variables and then returns a state with the old ones."""
    model = trial_.model
    pulled = {id(v) for one in applied for v, size in zip(one.variables, one.sizes, strict=False) if size > 0}
    pairs = list(zip(model.trainable_variables, before, strict=True))
    still = [v for v, was in pairs if id(v) in pulled and np.array_equal(was, objects.to_numpy(v.value))]
    if not still or len(still) == len(pairs):
        return  # all of them: a rate of zero, or gradients that are gathered over several steps
    yield Found(
        finding(
            "gradients-not-applied",
            "fault",
            0.95,
            f"`train_step` of `{model.name}` returns {len(still)} of {len(pairs)} variables as they were",
            "One step was run again: the optimizer was given a gradient for each of these variables and returned new "
            "values, but the state that `train_step` returns holds the old ones. Return what `stateless_apply` gave.",
            SourceSpan() if step is None else (step.last_return() or step.span),
            [Evidence("variables that stay", ", ".join(trial_.name(v) for v in still[:4]))],
        ),
        "still",
        tuple(trial_.name(v) for v in still),
    )


def _nothing_applied(trial_: Trial, step: source.Method | None) -> Iterator[Found]:
    """No optimizer was called at all: the line to change is behind where gradients are computed."""
    model = trial_.model
    span = SourceSpan() if step is None else (step.last_call("gradient", "grad", "backward") or step.span)
    yield Found(
        finding(
            "gradients-not-applied",
            "fault",
            0.99,
            f"`train_step` of `{model.name}` never calls an optimizer",
            "One step was run again line by line: it computes what it computes, and hands no gradient to any "
            "optimizer. Call `self.optimizer.apply(gradients, self.trainable_variables)` (TensorFlow: "
            "`apply_gradients(zip(gradients, variables))`) right after the gradients are known.",
            span,
            [
                Evidence("calls of an optimizer in one step", 0),
                Evidence("trainable variables", len(model.trainable_variables)),
            ],
        ),
        "still",
        tuple(trial_.name(v) for v in model.trainable_variables),
    )


def _validation(trial_: Trial) -> Iterator[Found]:
    """Validation must not train."""
    model = trial_.model
    trial_.at_end()
    before = [np.array(objects.to_numpy(v.value)) for v in model.trainable_variables]
    trial.test_step(model, trial_.data)
    moved = [
        trial_.name(v)
        for v, was in zip(model.trainable_variables, before, strict=True)
        if not np.array_equal(was, objects.to_numpy(v.value))
    ]
    step = source.method(type(model), "test_step")
    if moved and step is not None:
        place = step.last_call("apply", "train_step") or step.span
        yield Found(
            finding(
                "data-leakage",
                "fault",
                0.97,
                f"`test_step` of `{model.name}` changes weights: validation trains",
                "It was run once on the recorded batch, and trainable weights were others afterwards. So the model "
                "learns the validation data, and its figures say nothing about new data.",
                place,
                [Evidence("weights changed by one test step", _listed(moved))],
            )
        )


def _not_always(trial_: Trial, seen: Sequence[Applied], step: source.Method | None) -> Iterator[Found]:
    """Steps that skip the optimizer, and add nothing up for later."""
    steps_done, updates = trial_.steps, trial_.iterations()
    if len(seen) != 1 or steps_done < 20 or updates is None or updates > 0.9 * steps_done:
        return
    if trial.same_shapes_kept(trial_.model, lambda model: holdings.walk(model, into_layers=False)):
        return  # gradients are added up between the updates
    place = (
        step.span_of(call)
        if step is not None and (call := _call_of(step, seen[0])) is not None
        else seen[0].span
    )
    yield Found(
        finding(
            "gradients-not-applied",
            "warning",
            0.85,
            f"`train_step` of `{trial_.model.name}` updates weights in {updates} of {steps_done} steps",
            "The optimizer counts its updates, and they are fewer than the steps; no gradients are kept on the model "
            "between them either. What the other steps compute is thrown away.",
            place,
            [Evidence("updates", updates), Evidence("steps", steps_done)],
        )
    )


def _call_of(step: source.Method, applied: Applied) -> ast.Call | None:
    if applied.span.line is None or applied.span.file != step.file:
        return None
    return step.call_at(applied.span.line, "apply", "apply_gradients", "stateless_apply")


def _left_out(
    trial_: Trial, seen: Sequence[Applied], left: Sequence[Any], step: source.Method | None
) -> Iterator[Found]:
    """Some trainable variables get nothing."""
    twice = _same_twice(seen)
    if twice is not None:
        yield _two_on_one(trial_, twice, left, step)
        return
    rows = _matters(trial_, left)
    fresh = [v for v in left if id(v) in rows]
    trial_.at_end()
    if not fresh or not _random(trial_, fresh):
        return
    span = _where_from(seen[-1], step)
    yield Found(
        finding(
            "wrong-variables",
            "warning",
            0.8,
            f"`train_step` leaves {_listed([trial_.name(v) for v in fresh])} out of what it updates",
            "They are trainable and the loss depends on them, but the step hands them to no optimizer: they keep "
            "the random values they began with. If that is meant, `trainable = False` says so; otherwise give the "
            "optimizer all of `self.trainable_variables`, and take the gradient with respect to them.",
            dataclasses.replace(span, layer=_owner(trial_.model, fresh)),
            [
                Evidence(
                    "left out", f"{len(fresh)} of {len(trial_.model.trainable_variables)} trainable variables"
                ),
                Evidence("change of the loss when they are disturbed", _most(rows, fresh)),
            ],
        ),
        "still",
        tuple(trial_.name(v) for v in fresh),
    )


def _two_on_one(trial_: Trial, twice: Applied, left: Sequence[Any], step: source.Method | None) -> Found:
    """Two optimizers have the same variables, and others none."""
    names = [trial_.name(v) for v in left]
    shown = _listed(names)
    return Found(
        finding(
            "wrong-variables",
            "fault",
            0.95,
            f"Two optimizers update the same variables, and {shown} get none",
            "In one step, run again line by line, the second optimizer was handed the very variables that the "
            f"first one had updated, while {shown} were handed to none and never change. Hand each optimizer the "
            "variables of its own part of the model.",
            dataclasses.replace(_where_from(twice, step), layer=_owner(trial_.model, left)),
            [
                Evidence("updated twice", _listed([trial_.name(v) for v in twice.variables])),
                Evidence("never updated", shown),
            ],
        ),
        "still",
        tuple(names),
    )


def _most(rows: dict[int, float], variables: Sequence[Any]) -> float:
    return float(f"{max(rows[id(v)] for v in variables):.3g}")


def _same_twice(seen: Sequence[Applied]) -> Applied | None:
    """Returns the later of two calls of different optimizers with the same variables."""
    for index, one in enumerate(seen):
        for other in seen[:index]:
            same = {id(v) for v in one.variables} == {id(v) for v in other.variables}
            if same and one.variables and one.optimizer is not other.optimizer:
                return one
    return None


def _where_from(applied: Applied, step: source.Method | None) -> SourceSpan:
    """Returns the line that says which variables an optimizer gets: where the name it is handed was assigned."""
    if step is None or applied.span.line is None or applied.span.file != step.file:
        return applied.span
    call = step.call_at(applied.span.line, "apply", "apply_gradients", "stateless_apply")
    if call is None:
        return applied.span
    names = [n.id for n in ast.walk(call) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    for name in reversed(names):
        at = step.assigned(name, before=applied.span.line)
        if at is not None and "variables" in ast.unparse(at.value) and not isinstance(at.value, ast.ListComp):
            return step.span_of(at)
    return step.span_of(call)


def _owner(model: Any, variables: Sequence[Any]) -> str | None:
    """Returns the name of the outermost layer or model whose variables these are."""
    wanted = {id(v) for v in variables}
    for layer in [one for one in getattr(model, "layers", ())]:
        own = {id(v) for v in layer.variables}
        if (own and own <= wanted) or wanted <= own:
            return str(layer.name)
    return None


def _matters(trial_: Trial, variables: Sequence[Any]) -> dict[int, float]:
    """Returns by how much the step's logs change when one of these variables is disturbed, for those where they do."""

    def logs() -> list[float]:
        result = trial_.step()
        if isinstance(result, tuple):  # JAX hands the state back beside the logs
            result = result[0]
        found = []
        for leaf in objects.flatten(result):
            array = tensors.array_of(tensors.unwrapped(leaf))
            found.append(float("nan") if array is None or array.size != 1 else float(array))
        return found

    trial_.at_begin()
    trial.reset_metrics(trial_.model)
    still = logs()
    moved = {}
    random = np.random.default_rng(0)
    for variable in variables[:6]:
        trial_.at_begin()
        trial.reset_metrics(trial_.model)
        value = objects.to_numpy(variable.value)
        spread = float(np.std(value)) or 0.1
        variable.assign((value + spread * random.normal(size=value.shape)).astype(value.dtype))
        change = [
            abs(a - b) for a, b in zip(still, logs(), strict=False) if np.isfinite(a) and np.isfinite(b)
        ]
        if change and max(change) > 1e-6 * max(1.0, *(abs(a) for a in still if np.isfinite(a))):
            moved[id(variable)] = max(change)
    return moved


def _random(trial_: Trial, variables: Sequence[Any]) -> bool:
    """Tells whether these still are what they were made as: nobody has trained or loaded them before."""
    from kerascope.detect.second.frozen import as_made

    return as_made(trial_.model, variables)


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"`{name}`" for name in names[:3]) + rest
