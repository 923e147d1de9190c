"""Training mode and inference: what is random or learns where it should not, and what never does where it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import modes, objects, state, steps, trial
from kerascope.detect.contracts.running import difference
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding, user_frame
from kerascope.values import Evidence, Lever, SourceSpan

_WORSE = 1.15
"""How many times larger the loss must be with what is left on in inference than without."""


@dataclasses.dataclass
class _Mode:
    layer: Any
    training: bool | None
    explicit: bool
    span: SourceSpan


def look(trial_: Trial) -> Iterator[Found]:
    """Yields layers that are in training mode in inference, and those that never are in training."""
    seen = _modes_of(trial_, trial_.predict)
    forced = [m for m in seen if m.explicit and m.training and modes.depends(m.layer)]
    if forced:
        yield from _left_on(trial_, forced)
    elif difference(trial_.first_prediction(), trial_.second_prediction(), 1e-5) is not None:
        yield from _random(trial_)
    if modes.any_depends(trial_.model) and (trial_.own.methods or modes.any_set(trial_.model)):
        yield from _never(trial_)


def _modes_of(trial_: Trial, run: Any) -> list[_Mode]:
    found: list[_Mode] = []

    def before(call: Any) -> None:
        frame = user_frame()
        place = SourceSpan() if frame is None else SourceSpan(frame.f_code.co_filename, frame.f_lineno)
        found.append(_Mode(call.layer, call.training, call.explicit, place))

    trial_.at_end()
    with steps.Patches() as patches:
        trial.tap_calls(patches, before)
        run()
    return found


def _place(trial_: Trial, mode: _Mode, value: str) -> SourceSpan:
    """Returns the line that says so: in the call of the user's layer, or where a functional model is put together."""
    line = mode.span
    if _says(line, value):
        return dataclasses.replace(line, expression=f"training={value}", layer=str(mode.layer.name))
    found = source.keyword(trial_.files(), "training", value) or line
    return dataclasses.replace(found, layer=str(mode.layer.name))


def _says(line: SourceSpan, value: str) -> bool:
    """Tells whether the mode is written down in a line, rather than handed on by it."""
    if not line.file or not line.line:
        return False
    return f"training={value}" in source.text(line.file, line.line).replace(" ", "")


def _left_on(trial_: Trial, forced: list[_Mode]) -> Iterator[Found]:
    """Compares the loss in inference as it is with the loss when these layers follow the mode."""
    if len(state.optimizers(trial_.model)) > 1:
        return
    wanted = {id(m.layer) for m in forced}

    def off(call: Any) -> None:
        if id(call.layer) in wanted:
            call.kwargs["training"] = False

    if not trial.loss_is_settable(trial_.model) or trial_.y is None:
        return
    as_it_is = float(np.mean([_loss(trial_, restart=number == 0) for number in range(4)]))
    with steps.Patches() as patches:
        trial.tap_calls(patches, off)
        without = _loss(trial_, restart=True)
    if not np.isfinite([as_it_is, without]).all() or as_it_is <= _WORSE * without:
        yield from _statistics(trial_, forced)
        return
    names = ", ".join(dict.fromkeys(f"`{m.layer.name}`" for m in forced))
    yield Found(
        finding(
            "training-flag",
            "fault",
            0.95,
            f"{names} stays in training mode when the model predicts",
            "The model was called in inference on the recorded batch, with its final weights: this layer is called "
            f"with `training=True` all the same. When it follows the mode, the loss is {without:.3g} instead of "
            f"{as_it_is:.3g}. Hand on the `training` argument of `call`, or leave it out: Keras passes the mode along.",
            _place(trial_, forced[0], "True"),
            [
                Evidence("loss in inference", float(f"{as_it_is:.4g}")),
                Evidence("loss when the layer follows the mode", float(f"{without:.4g}")),
            ],
            [[Lever("line", "training", None)]],
        )
    )


def _statistics(trial_: Trial, forced: list[_Mode]) -> Iterator[Found]:
    """Statistics of a normalisation that move in inference, even where that does the loss no harm yet."""
    trial_.at_end()
    kept = [(m, [np.array(objects.to_numpy(v.value)) for v in modes.statistics(m.layer)]) for m in forced]
    trial_.predict()
    moved = [
        m
        for m, before in kept
        if any(
            not np.array_equal(was, objects.to_numpy(v.value))
            for was, v in zip(before, modes.statistics(m.layer), strict=True)
        )
    ]
    if moved:
        layer = moved[0].layer
        yield Found(
            finding(
                "training-flag",
                "warning",
                0.8,
                f"`{layer.name}` goes on learning its statistics when the model predicts",
                "The model was called in inference on the recorded batch, and the moving mean and variance of this "
                "layer were others afterwards: it is called with `training=True` always. So validation and use change "
                "the model, and an answer depends on the rows that happen to be asked with it. Hand on the `training` "
                "argument of `call`, or leave it out: Keras passes the mode along.",
                _place(trial_, moved[0], "True"),
                [Evidence("layers whose statistics move in inference", len(moved))],
                [[Lever("line", "training", None)]],
            )
        )


def _loss(trial_: Trial, *, restart: bool) -> float:
    if restart:
        trial_.at_end()
    value = trial.data_loss(trial_.model, trial_.x, trial_.y, trial_.weights)
    array = tensors.array_of(tensors.unwrapped(value))
    return float("nan") if array is None or array.size != 1 else float(array)


def _random(trial_: Trial) -> Iterator[Found]:
    """A layer of the user's own that drops at random whatever the mode."""
    runs: list[list[tuple[Any, Any, Any]]] = []

    def after(call: Any, output: Any) -> Any:
        given = (
            tensors.array_of(call.args[0]) if call.args and tensors.kind(call.args[0]) == "tensor" else None
        )
        array = tensors.array_of(output) if tensors.kind(output) == "tensor" else None
        runs[-1].append((call.layer, given, None if array is None else np.array(array)))
        return output

    trial_.at_end()
    with steps.Patches() as patches:
        trial.tap_calls(patches, lambda call: None, after)
        for _ in range(2):
            runs.append([])
            trial_.predict()
    for (layer, given, one), (other, given2, two) in zip(*runs, strict=False):
        same_in = given is not None and given2 is not None and np.array_equal(given, given2)
        if layer is not other or not same_in or one is None or two is None or np.array_equal(one, two):
            continue
        if not any(layer is own for own in trial_.own.layers):
            return
        takes = modes.takes_training(layer)
        drops = given.shape == one.shape and bool((((one == 0) != (two == 0)) & (given != 0)).mean() > 0.01)
        if takes or drops:
            yield _ignores(layer, one, two, takes)
        return


def _ignores(layer: Any, one: np.ndarray, two: np.ndarray, takes: bool) -> Found:
    where = source.method(type(layer), "call")
    place = (
        SourceSpan()
        if where is None
        else where.last_call("dropout", "uniform", "normal", "bernoulli") or where.first
    )
    apart = float(np.mean(np.abs(one - two)) / max(float(np.mean(np.abs(one))), 1e-12))
    return Found(
        finding(
            "training-flag",
            "fault" if apart > 0.05 else "warning",
            0.9,
            f"`{type(layer).__name__}` is random in inference too",
            f"It was called twice in inference on the same input and gave two results. It "
            f"{'takes' if takes else 'has no'} "
            "`training` argument and does not act on it. What is meant for training only belongs behind "
            "`if training:` in `call(self, inputs, training=False)`.",
            dataclasses.replace(place, layer=str(layer.name)),
            [Evidence("mean change between two calls", round(apart, 3), "of the result's size")],
        )
    )


def _never(trial_: Trial) -> Iterator[Found]:
    """Dropout that never drops and normalisation that never learns, because nobody turns training mode on."""
    seen = [
        m
        for m in _modes_of(trial_, trial_.lines)
        if modes.depends(m.layer) and modes.learns_in_training(m.layer)
    ]
    off = {id(m.layer): m for m in seen if not m.training}
    for m in seen:
        if m.training:
            off.pop(id(m.layer), None)
    off = {key: m for key, m in off.items() if not modes.is_pretrained(m.layer)}
    if not off or (len(off) < len({id(m.layer) for m in seen}) and not any(m.explicit for m in off.values())):
        return
    first = next((m for m in off.values() if m.explicit), next(iter(off.values())))
    step = source.method(type(trial_.model), "train_step")
    place = _place(trial_, first, "False")
    if step is not None and not (first.explicit and _says(first.span, "False")):
        # Nobody wrote it down: the step calls the model without a mode, and every layer below hands on what it got.
        place = step.last_call_of("self") or step.last_call("stateless_call") or place
    names = ", ".join(f"`{m.layer.name}`" for m in list(off.values())[:3])
    yield Found(
        finding(
            "training-flag",
            "warning",
            0.85,
            f"{names} {'is' if len(off) == 1 else 'are'} never in training mode, not even in the train step",
            "The train step was run again: it calls "
            + ("this layer" if len(off) == 1 else "these layers")
            + " in inference mode. Dropout drops nothing then, and a BatchNormalization keeps the statistics it began "
            "with. Call the model with `training=True` in `train_step`.",
            place,
            [Evidence("layers in inference mode", len(off), f"of {len({id(m.layer) for m in seen})}")],
        )
    )
