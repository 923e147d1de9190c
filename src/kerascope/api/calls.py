"""How an object of the user's is called once: the call itself, and the subject that can be run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerascope._keras import objects
from kerascope.errors import UsageError
from kerascope.explain.subject import Subject, step_subject, subject


def prepared(
    obj: Any, args: Sequence[Any], kwargs: Mapping[str, Any], make: Callable[[], Any] | None = None
) -> tuple[Callable[[], Any], Subject]:
    """Returns a function that runs `obj` once on these arguments, and the subject for running it again.

    Raises:
        UsageError: the object cannot be called, or is a class that needs arguments.
    """
    if isinstance(obj, type):
        if make is None:
            fits(obj, {})
        cls, make = obj, make or obj
        try:
            obj = make()
        except Exception:  # the user's constructor fails: that it does is what is traced
            return make, subject(cls, args, kwargs, make=make)
    kind = objects.kind_of(obj)
    if kind in ("other", "optimizer"):
        raise UsageError(
            f"This cannot be traced. Received: subject={obj!r} (of type {type(obj).__name__}). Give a layer, model, "
            "loss, metric, a bound `train_step`, or a function."
        )
    owner = getattr(obj, "__self__", None)
    if (
        kind == "function"
        and objects.kind_of(owner) == "model"
        and obj.__name__ in ("train_step", "test_step")
    ):
        args = objects.step_arguments(owner, obj, tuple(args))
        about = step_subject(owner, obj.__name__, args[-1])
        return (lambda: obj(*args, **kwargs)), about
    about = subject(obj, args, kwargs, make=make)
    if kind == "metric":
        return (lambda: _metric(obj, args, kwargs)), about
    return (lambda: obj(*args, **kwargs)), about


def _metric(metric: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    metric.update_state(*args, **kwargs)
    return metric.result()


def instance(cls: type, arguments: Mapping[str, Any] | None = None) -> Any:
    """Returns an object of the class.

    Raises:
        UsageError: the constructor needs arguments that were not given, or does not take those that were.
    """
    fits(cls, arguments or {})
    return cls(**(arguments or {}))


def fits(cls: type, arguments: Mapping[str, Any]) -> None:
    """Checks that the constructor of a class takes these arguments.

    Raises:
        UsageError: the constructor needs arguments that were not given, or does not take those that were.
    """
    import inspect

    try:
        inspect.signature(cls).bind(**arguments)
    except TypeError as error:
        raise UsageError(
            f"An object of this class cannot be made: {error}. Received: {cls.__name__} with "
            f'arguments={dict(arguments)}. Give an object, or on the command line --args "name=value, ...".'
        ) from None
    except ValueError:  # a class without a signature
        pass
