"""What `check` is given, as something that can be made and run again: kind, constructor, inputs."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from kerascope._keras import alone, another, objects, optimizing, training
from kerascope.errors import UsageError
from kerascope.explain.subject import BATCH, InputSpec, Subject, subject


def prepared(
    obj: Any,
    inputs: Sequence[Any],
    kwargs: Mapping[str, Any],
    make: Callable[[], Any] | None = None,
) -> tuple[list[Subject], tuple[str, ...]]:
    """Returns the subjects to check, one for each guess at the inputs, and the kinds of the object.

    Raises:
        UsageError: it is nothing that can be checked, cannot be made, or takes none of the shapes that were tried.
    """
    if objects.kind_of(obj) == "function" and inputs and not _needs_arguments(obj):
        made = _made(obj)
        if made is not None:
            subjects, kinds = _prepared(made, inputs, kwargs, obj)
            return [
                dataclasses.replace(one, name=getattr(obj, "__name__", one.name)) for one in subjects
            ], kinds
        if not inspect.signature(obj).parameters:
            return _prepared(obj, (), {}, make)  # which says why it makes nothing
    return _prepared(obj, inputs, kwargs, make)


def _prepared(
    obj: Any, inputs: Sequence[Any], kwargs: Mapping[str, Any], make: Callable[[], Any] | None
) -> tuple[list[Subject], tuple[str, ...]]:
    kind, name = objects.kind_of(obj), getattr(obj, "__name__", None) or type(obj).__name__
    supposed: Mapping[str, Any] = {}
    if isinstance(obj, type) and kind != "class":
        supposed = {} if make is not None else _arguments(obj)
        make = make or partial(obj, **supposed)
        try:
            obj = make()
        except Exception as error:
            if supposed:
                raise _not_made(name, supposed, error) from None
            return [Subject(kind, name, make)], (kind,)  # the first contract says so
    if kind in ("other", "class"):
        raise UsageError(
            f"This cannot be checked. Received: subject={obj!r} (of type {type(obj).__name__}). Give a layer, model, "
            "loss, metric, optimizer or function, or a class of such."
        )
    run = None
    if kind == "function" and is_loss(obj):
        kind, run = "loss", _call
    if kind == "optimizer":
        make = make or optimizing.maker(obj)
    make = make or (another.maker(obj) if kind not in ("function",) and run is None else lambda: obj)
    kinds: tuple[str, ...] = (kind, "train_step") if kind == "model" and alone.is_compiled(obj) else (kind,)
    if kind == "model" and not training.has_call(obj):
        kinds = _step_alone(obj, name, inputs)
    if kind == "function" and not inputs and not _needs_arguments(obj):
        kinds = ("builder",)  # what takes nothing puts something together
    if kind == "optimizer" or kinds == ("builder",):
        return [Subject(kind, name, make)], kinds
    if inputs or kwargs:
        from kerascope.detect.contracts import pairs

        described = _described(obj, inputs, kwargs, kinds, make)
        described = dataclasses.replace(described, kind=kind, name=name, make=make, run=run)
        return [pairs.widened(described) if kind in ("loss", "metric") else described], kinds
    known = alone.input_specs(obj, InputSpec) if make is not None else None
    if known is not None:
        return [Subject(kind, name, make, known, {}, run)], kinds
    found = _guessed(obj, make, kind, name, supposed)
    return [Subject(kind, name, make, args, {}, run, guessed=True) for args in found], kinds


def _made(function: Callable[[], Any]) -> Any:
    """Returns what a function that takes nothing makes, None where it is nothing that inputs can be given to."""
    try:
        made = function()
    except Exception:  # said by the first contract
        return None
    return made if objects.kind_of(made) in ("layer", "model", "loss", "metric") else None


def _step_alone(model: Any, name: str, inputs: Sequence[Any]) -> tuple[str, ...]:
    """Returns the kinds of a model without a `call`, such as a GAN, which is there to be trained.

    Raises:
        UsageError: it is not compiled, or there is nothing to train it on.
    """
    if not alone.is_compiled(model) or not inputs:
        raise UsageError(
            f"This model has no `call`, so what can be checked is its training step. Received: {name}. Give it "
            "compiled, with a batch of what it is trained on."
        )
    return ("train_step",)


def _described(
    obj: Any,
    inputs: Sequence[Any],
    kwargs: Mapping[str, Any],
    kinds: Sequence[str],
    make: Callable[[], Any] | None,
) -> Subject:
    """Returns the subject with what is said of its arguments, and of what it is trained towards."""
    inputs, towards = _apart(obj, kinds, inputs)
    args = tuple(_specs(one) for one in inputs)
    if kinds[0] in ("loss", "metric") and len(args) == 1:
        args = (*args, *args)
    _one_batch(kinds[0], args, towards)
    described = subject(obj, args, {key: _specs(value) for key, value in kwargs.items()}, make=make)
    if towards is not None:
        described.targets = subject(obj, [args[0], _specs(towards)], {}, make=make).args[1]
    return described


def _one_batch(kind: str, args: Sequence[Any], towards: Any) -> None:
    """Raises UsageError for targets and predictions, or inputs and targets, of different numbers of samples."""
    both = args[:2] if kind in ("loss", "metric") else (args[:1], _specs(towards))
    sizes = {shape[0] for leaf in objects.flatten(both) if (shape := tuple(getattr(leaf, "shape", ())))}
    known = {size for size in sizes if isinstance(size, int)}
    if (kind in ("loss", "metric") or towards is not None) and len(known) > 1:
        raise UsageError(
            "Targets must have as many samples as what they belong to. Received: first axes of "
            f"{' and '.join(map(str, sorted(known)))}. The first axis is the batch."
        )


def _apart(obj: Any, kinds: Sequence[str], inputs: Sequence[Any]) -> tuple[Sequence[Any], Any]:
    """Returns what a model is called with and, where more is given as to `fit`, what it is trained towards, or None."""
    from kerascope.detect.contracts.inputs import takes_several, tensor_parameters

    if "train_step" in kinds and len(inputs) > 1 and len(tensor_parameters(obj)) == 1:
        return inputs[:1], inputs[1]
    if "model" in kinds and "train_step" not in kinds and len(inputs) > 1 and not takes_several(obj):
        raise UsageError(
            f"This model is called with one argument. Received: {len(inputs)} inputs. Give several as a list or dict; "
            "targets are for a model that is compiled, whose training step is checked too."
        )
    return inputs, None


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def is_loss(function: Any) -> bool:
    """Tells a loss or metric function by the names of its arguments."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return names[:2] in (
        ["y_true", "y_pred"],
        ["y_pred", "y_true"],
        ["target", "pred"],
        ["targets", "predictions"],
    )


def _needs_arguments(function: Any) -> bool:
    from kerascope.detect.contracts.inputs import tensor_parameters

    return bool(tensor_parameters(function))


def _arguments(cls: type) -> Mapping[str, Any]:
    from kerascope.detect.contracts.inputs import constructor_arguments

    arguments, unknown = constructor_arguments(cls)
    if unknown:
        names = ", ".join(f"{name}=..." for name in unknown)
        raise UsageError(
            f"An object of this class cannot be made: its constructor needs {' and '.join(unknown)}. Received: "
            f'{cls.__name__}. Give an object, such as {cls.__name__}({names}), or on the command line --args "{names}".'
        )
    return arguments


def _not_made(name: str, supposed: Mapping[str, Any], error: Exception | None = None) -> UsageError:
    """Returns what is said of a class for which the values that its arguments' names suggest do not work."""
    told = ", ".join(f"{key}={value!r}" for key, value in supposed.items())
    why = (
        f"its constructor raised {type(error).__name__}"
        if error
        else "it took none of the inputs that were tried"
    )
    return UsageError(
        f"An object of this class cannot be made: its constructor needs arguments; with {told} {why}. "
        f"Received: {name}. Give an object, such as {name}(...)."
    )


def _specs(value: Any) -> Any:
    """Returns the arguments with an array-like specification in the place of every shape."""
    if (
        isinstance(value, tuple)
        and value
        and all(size is None or size == BATCH or isinstance(size, int) for size in value)
    ):
        if any(isinstance(size, int) and size < 0 for size in value):
            raise UsageError(
                f"No size of a shape is negative. Received: inputs={value!r}. Give B or None for any."
            )
        return objects.symbolic(tuple(None if size == BATCH else size for size in value), "float32")
    if isinstance(value, InputSpec):
        return value
    if str(getattr(value, "dtype", "")) == "object":
        raise UsageError(
            "These are Python objects, no numbers. Received: an array of dtype object. Give one of numbers, or of "
            "texts: np.asarray(x, 'float32')."
        )
    if isinstance(value, (list, tuple)):
        return type(value)(_specs(item) for item in value)
    if isinstance(value, dict):
        return {key: _specs(item) for key, item in value.items()}
    return value


def _is_size(value: Any) -> bool:
    if isinstance(value, str):
        return value == BATCH
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _guessed(
    obj: Any, make: Callable[[], Any] | None, kind: str, name: str, supposed: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    if make is None:
        raise UsageError(
            f"There is no way to make another {name}, and no input to call it on. Received: inputs=(). Give inputs, "
            "such as (32, 10), or a class."
        )
    if kind in ("loss", "metric"):
        from kerascope.detect.contracts import pairs

        return [pairs.guess(make, "function" if objects.kind_of(obj) == "function" else kind)]
    from kerascope.detect.contracts.inputs import candidates, guesses

    found = guesses(make)
    if not found and supposed:
        raise _not_made(name, supposed)
    return found or [next(iter(candidates(obj)))]
