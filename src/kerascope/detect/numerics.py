"""Values that are not finite: where the first NaN or infinity appeared, and what it reached."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerascope.detect import births
from kerascope.detect.reading import Checks, Samples, listing, mapping, median, model_tag, plural, show, thin
from kerascope.detect.registry import detector
from kerascope.record.reader import Event, ModelView, RunView
from kerascope.values import Evidence, Finding, SourceSpan

_GREW = 100.0  # times the run's own first gradients: only then the text speaks of growth


@dataclasses.dataclass(frozen=True)
class Span:
    """Something was finite after step `good` (None: never seen finite) and was not at step `bad`."""

    good: int | None
    bad: int
    names: tuple[str, ...] = ()

    def words(self) -> str:
        """Returns "at step 7" or "between steps 3 and 7"."""
        if self.good is None or self.good + 1 >= self.bad:
            return f"at step {self.bad:,}"
        return f"between steps {self.good + 1:,} and {self.bad:,}"


@detector(kinds=("nan-loss", "nan-operation"), slug="non-finite")
def non_finite(view: RunView) -> Iterator[Finding]:
    """Finds losses and weights that became NaN or infinite."""
    for model in view.models:
        loss, weights = loss_span(model), weight_span(model)
        event = _event(view, model)
        # An infinity that reached neither loss nor weights is no fault: masks, steps that a loss scaler skips.
        if event is not None and loss is None and weights is None and not _reaches(event):
            event = None
        if loss or weights or event:
            found = births.told(view, model, _finding(view, model, loss, weights, event))
            operation = births.cause(view, model, found)
            yield from [found] if operation is None else [operation, found]
        else:
            yield from births.of_metrics(view, model)
            yield from _validation(view, model)


def loss_span(model: ModelView) -> Span | None:
    """Returns when the logged training loss first was not finite, None while it was."""
    steps = model.steps()
    if not len(steps.step):
        return _epoch_span(model)
    names = ["loss"] if "loss" in steps.logs else [name for name in steps.logs if "loss" in name]
    bad = np.zeros(len(steps.step), bool)
    for name in names:
        bad |= _bad_rows(model, name)
    if not bad.any():
        return _epoch_span(model)
    first = int(np.argmax(bad))
    fine = np.zeros(len(steps.step), bool)
    for name in names:
        fine |= np.isfinite(steps.logs[name])
    before = np.flatnonzero(fine[:first])
    return Span(int(steps.step[before[-1]]) if len(before) else None, int(steps.step[first]), tuple(names))


def _bad_rows(model: ModelView, name: str) -> np.ndarray:
    """Tells per step whether this log was not finite; a NaN alone may also mean that nothing was logged."""
    steps = model.steps()
    values = np.asarray(steps.logs[name], np.float64)
    known = np.zeros(len(values), bool)
    for other in steps.logs.values():
        known |= ~np.isnan(other)
    for training in np.unique(steps.training):
        rows = steps.training == training
        if np.isnan(values[rows]).all():
            known &= ~rows  # this training may not log it at all
    for row in model.epochs():
        if name in row.logs and not math.isfinite(row.logs[name]):
            known |= (steps.training == row.training) & (steps.epoch == row.epoch)
    return np.isinf(values) | (np.isnan(values) & known)


def _epoch_span(model: ModelView) -> Span | None:
    """Returns the same from the epochs' results, for trainings without logs of single steps."""
    good: int | None = None
    for row in model.epochs():
        if "loss" in row.logs:
            if not math.isfinite(row.logs["loss"]):
                return Span(good, row.last_step, ("loss",))
            good = row.last_step
    return None


def weight_span(model: ModelView) -> Span | None:
    """Returns when weights, other state or optimizer slots first were not finite, None while they were."""
    spans = [span for span in (_checked(model), _sampled(model)) if span is not None]
    if not spans:
        return None
    known = [span.good for span in spans if span.good is not None]
    first = min(spans, key=lambda span: span.bad)
    good = max((step for step in known if step < first.bad), default=None)
    return Span(good, first.bad, first.names)


def _checked(model: ModelView) -> Span | None:
    checks = Checks.of(model)
    found: Span | None = None
    for (role, path), norms in checks.columns.items():
        if role == "metric":
            continue
        # A norm is also NaN where the check lacks the variable: only checks that were seen to be bad count.
        bad = np.isinf(norms) | (np.isnan(norms) & ~checks.finite)
        if role != "weight" and len(bad) and bad[0] and np.isinf(norms[bad]).all():
            continue  # made infinite on purpose from the start, e.g. a mask or "best so far"
        if bad.any():
            at = int(np.argmax(bad))
            if np.isnan(norms).all() and role != "weight":
                continue
            if found is None or checks.step[at] < found.bad:
                good = int(checks.step[at - 1]) if at else None
                found = Span(good, int(checks.step[at]), (path,))
            elif checks.step[at] == found.bad:
                found = dataclasses.replace(found, names=(*found.names, path))
    return found


def _sampled(model: ModelView) -> Span | None:
    samples = Samples.of(model, "weight")
    bad = samples.figure("finite") < 1.0  # not so where the tensor is absent: NaN < 1 is false
    rows = bad.any(axis=1)
    if not rows.any():
        return None
    at = int(np.argmax(rows))
    names = tuple(samples.names[column] for column in np.flatnonzero(bad[at]))
    # The statistics are those of the weights a step began with.
    return Span(int(samples.step[at - 1]) if at else None, max(1, int(samples.step[at]) - 1), names)


def _event(view: RunView, model: ModelView) -> Event | None:
    events = [
        event for event in view.events("nonfinite") if event.model == model.id and event.step is not None
    ]
    return min(events, key=lambda event: event.step or 0, default=None)


def _reaches(event: Event) -> bool:
    parts = {mapping(item).get("part") for item in listing(event.facts.get("order"))}
    return bool(parts & {"loss", "weight"}) or event.facts.get("first") in ("loss", "weight")


def _order(model: ModelView, event: Event) -> list[tuple[str, str]]:
    """Returns what was not finite in the order of computing, without what had been so in sound steps before."""
    usual: set[tuple[str, str]] = set()
    for part in ("output", "gradient"):
        samples = Samples.of(model, part)
        early = samples.step < (event.step or 0)
        bad = (samples.figure("finite")[early] < 1.0).any(axis=0)
        usual |= {(part, samples.names[column]) for column in np.flatnonzero(bad)}
    for step, facts in model.batches():
        if step < (event.step or 0):
            for array in listing(facts.get("arrays")):
                share = mapping(array).get("finite")
                if isinstance(share, (int, float)) and share < 1:
                    usual.add(("input", str(mapping(array).get("name"))))
    order = [
        (str(mapping(i).get("part")), str(mapping(i).get("name"))) for i in listing(event.facts.get("order"))
    ]
    return [item for item in order if item not in usual]


def _first(model: ModelView, event: Event | None) -> tuple[str | None, str | None, str | None]:
    """Returns what came first: part, tensor and layer, as far as it was traced."""
    if event is None:
        return None, None, None
    order = _order(model, event)
    recorded = (event.facts.get("first"), event.facts.get("tensor"), event.facts.get("layer"))
    if order and order[0] != (recorded[0], recorded[1]):
        part, name = order[0]
        layer = name.partition("#")[0] if part == "output" else name.rpartition("/")[0]
        return part, name, layer if part in ("output", "gradient", "weight") and layer else None
    return tuple(str(value) if value is not None else None for value in recorded)  # type: ignore[return-value]


_WHERE: Mapping[str, str] = {
    "input": "The data of that step already hold it: `{tensor}`.",
    "output": "The first place is the output of `{layer}`; everything computed before it is finite.",
    "loss": "Every recorded layer output is finite; the loss computed from them is not.",
    "gradient": "Outputs and loss are finite; the gradient of `{tensor}` is the first that is not.",
    "weight": "The weight `{tensor}` is the first that is not finite.",
    "state": "It is in the model's state; what produced it was not traced.",
}
_WHAT_TO_DO: Mapping[str, str] = {
    "input": "Look at the rows of that batch and at the code that prepares them.",
    "output": (
        "Look at the operations of that layer that are undefined somewhere (log, sqrt, division, power, exp of large "
        "values) and at the range of its inputs."
    ),
    "loss": "Look at the operations of the loss that are undefined for some predictions: log of 0, division by 0.",
    "gradient": (
        "A finite value with an undefined derivative is typical of sqrt or a norm at 0, power at 0, and of `where` "
        "around an unsafe branch: the branch that is not taken still has its derivative computed."
    ),
}
_HARMLESS = (
    "{epochs}The weights stayed finite all the same, so what these batches do to them does not follow from the "
    "loss."
)
_GROWTH = (
    "The gradients had grown {times} times before that (norm {first} to {last}), so the values ran away over several "
    "steps rather than in one operation; smaller steps (learning rate, gradient clipping) or smaller inputs and "
    "targets are what to try first."
)


def _finding(
    view: RunView, model: ModelView, loss: Span | None, weights: Span | None, event: Event | None
) -> Finding:
    part, tensor, layer = _first(model, event)
    span = _span(loss, weights, event)
    harmless = loss is not None and weights is None and _stayed_finite(model, loss.bad)
    thing = "The loss" if loss is not None else "A weight" if weights is not None else "The training"
    parts = [f"{_reached(loss, weights)}"]
    if part is not None and part in _WHERE:
        parts.append(_WHERE[part].format(tensor=tensor, layer=layer or tensor))
    growth = _grew(model, span.bad)
    if growth is not None:
        times, first, last = growth
        parts.append(_GROWTH.format(times=show(times), first=show(first), last=show(last)))
    elif part is not None and part in _WHAT_TO_DO:
        parts.append(_WHAT_TO_DO[part])
    if harmless:
        parts.append(_HARMLESS.format(epochs=_bad_epochs(model)))
    return Finding(
        kind="nan-loss",
        severity="warning" if harmless else "fault",
        confidence=0.9 if harmless else 1.0,
        title=_title(span, harmless, thing, _place(part, tensor, layer)),
        explanation=" ".join(parts),
        location=SourceSpan(layer=layer, step=span.bad),
        evidence=(*model_tag(view, model), *_evidence(model, span, event)),
    )


def _title(span: Span, harmless: bool, thing: str, where: str) -> str:
    where = f", first in {where}" if where else ""
    if harmless:
        return f"The loss is not finite {span.words()}{where}; the weights stay finite"
    if span.good is None or span.good + 1 >= span.bad:
        return f"{thing} is not finite from step {span.bad:,} on{where}"
    return f"{thing} stops being finite {span.words()}{where}"


def _bad_epochs(model: ModelView) -> str:
    rows = [row for row in model.epochs() if "loss" in row.logs]
    bad = sum(not math.isfinite(row.logs["loss"]) for row in rows)
    return f"Keras reports such a loss in {bad} of {plural(len(rows), 'epoch')}. " if rows else ""


def _span(loss: Span | None, weights: Span | None, event: Event | None) -> Span:
    if event is not None and event.step is not None:
        good = event.facts.get("last_finite_step")
        if event.facts.get("exact") is True:
            return Span(event.step - 1, event.step)
        bad = min(span.bad for span in (loss, weights, Span(None, event.step)) if span is not None)
        known = [span.good for span in (loss, weights) if span is not None and span.good is not None]
        return Span(good if isinstance(good, int) else max((g for g in known if g < bad), default=None), bad)
    spans = [span for span in (loss, weights) if span is not None]
    return min(spans, key=lambda span: span.bad)


def _reached(loss: Span | None, weights: Span | None) -> str:
    said = []
    if loss is not None:
        said.append(f"The logged loss is NaN or infinite {loss.words()} and after.")
    if weights is not None:
        shown = ", ".join(f"`{name}`" for name in weights.names[:3])
        more = f" and {len(weights.names) - 3} more" if len(weights.names) > 3 else ""
        said.append(f"Weights or state are not finite ({shown}{more}), seen {weights.words()}.")
    return " ".join(said) or "A value that is not finite reached the loss or the weights."


def _place(part: str | None, tensor: str | None, layer: str | None) -> str:
    """Returns what came first as a phrase, empty when it was not traced."""
    if part not in _WHERE or part == "state":
        return ""
    if part == "output":
        return f"the output of `{layer or tensor}`"
    if part == "loss":
        return "the loss"
    return f"the {part} `{tensor}`"


def _stayed_finite(model: ModelView, step: int) -> bool:
    """Tells whether a check after `step` shows the whole state finite (and none shows it otherwise)."""
    return bool((np.asarray(Checks.of(model).step) > step).any())


def _grew(model: ModelView, step: int) -> tuple[float, float, float] | None:
    """Returns how much the gradients had grown before `step`: times, first norm, last norm."""
    samples = Samples.of(model, "gradient")
    total = samples.total()[samples.step <= step]
    total = total[np.isfinite(total) & (total > 0)]
    if len(total) < 2 or total[-1] < _GREW * total[0]:
        return None
    return float(total[-1] / total[0]), float(total[0]), float(total[-1])


def _evidence(model: ModelView, span: Span, event: Event | None) -> Iterator[Evidence]:
    if event is not None:
        order = _order(model, event)
        if order:
            yield Evidence(
                "not finite, in order", ", ".join(f"{p} {n}" for p, n in order[:6]), steps=(span.bad,)
            )
        how = event.facts.get("how")
        if isinstance(how, str):
            yield Evidence("how it was found", how)
    steps = np.asarray(model.steps().step)
    losses = np.asarray(model.batch_loss(), np.float64)
    before = losses[(steps < span.bad) & np.isfinite(losses)]
    if len(before):
        yield Evidence("last finite losses", float(before[-1]), plot=thin(before[-24:]))
    samples = Samples.of(model, "gradient")
    rows = (samples.step < span.bad) & np.isfinite(samples.total())
    if rows.any():
        total = samples.total()[rows]
        found = tuple(int(s) for s in samples.step[rows][-8:])
        yield Evidence("gradient norm before, all layers", median(total[-3:]), steps=found, plot=thin(total))
    yield from _ranges(model, span.bad)


def _ranges(model: ModelView, step: int) -> Iterator[Evidence]:
    for number, facts in model.batches():
        if number == step:
            for array in listing(facts.get("arrays")):
                yield from _range(mapping(array), step)


def _range(array: Mapping[str, Any], step: int) -> Iterator[Evidence]:
    low, high, share = array.get("min"), array.get("max"), array.get("finite")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        bad = (
            f", {show(100 * (1 - share))} % not finite"
            if isinstance(share, (int, float)) and share < 1
            else ""
        )
        yield Evidence(
            f"`{array.get('name')}` in that step", f"{show(low)} .. {show(high)}{bad}", steps=(step,)
        )


def _validation(view: RunView, model: ModelView) -> Iterator[Finding]:
    """Finds a validation loss that is not finite while the training is."""
    rows = [row for row in model.epochs() if "val_loss" in row.logs]
    bad = [row for row in rows if not math.isfinite(row.logs["val_loss"])]
    if not bad:
        return
    yield Finding(
        kind="nan-loss",
        severity="warning",
        confidence=0.9,
        title=f"The validation loss is not finite from epoch {bad[0].epoch + 1} on; the training loss is",
        explanation=(
            f"In {len(bad)} of {plural(len(rows), 'epoch')} the validation loss is NaN or infinite, while loss and "
            "weights of the training stayed finite. The validation data, or what the model does differently outside "
            "of training (moving statistics, dropout), hold the cause."
        ),
        location=SourceSpan(step=bad[0].last_step),
        evidence=(
            *model_tag(view, model),
            Evidence("training loss in that epoch", bad[0].logs.get("loss"), steps=(bad[0].last_step,)),
        ),
    )
