"""`kerascope check`: one object of a file, or every Keras object of a file, module or package."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any

from kerascope.api import target as targets
from kerascope.api.check import BUDGET, Check, checked
from kerascope.errors import KerascopeError, UsageError

KINDS = ("layer", "model", "loss", "metric", "optimizer")


@dataclasses.dataclass(frozen=True)
class Missed:
    """Something that could not be checked, and why."""

    name: str
    reason: str


def check_target(
    target: str,
    *,
    inputs: Sequence[str] = (),
    arguments: str = "",
    allow: Collection[str] = (),
    reference: str | None = None,
    budget: float = BUDGET,
    seed: int = 0,
    fixes: bool = True,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Check | Missed]:
    """Yields the check of each object: of `FILE.py:NAME` one, of `FILE.py`, a module or a package all that it defines.

    Args:
        target: what is checked; `module:NAME` is one object, too.
        inputs: shapes, see `target.parse_input`; only for one object.
        arguments: of the constructor, such as "units=4"; only for one object.
        allow: names of contracts that are broken on purpose.
        reference: "module:function" that a loss or metric must agree with.
        budget: seconds for each object.
        seed: of what is made up.
        fixes: False to try no changes of the source.
        say: is told what the user should know.
        progress: is told what is looked at.

    Raises:
        ScriptError: the file or package cannot be executed.
        UsageError: there is no such object, or an option is not of the right form.
    """
    targets.choose_backend(say)
    options: dict[str, Any] = {"allow": allow, "budget": budget, "seed": seed, "fixes": fixes}
    options["reference"] = _reference(reference)
    file, name = targets.split(target)
    if name is not None:
        yield _one(targets.load_module(file), name, inputs, arguments, progress, options)
        return
    if inputs or arguments:
        raise UsageError(
            f"Inputs and arguments are for one object. Received: {target!r} with --input or --args. Give FILE.py:NAME."
        )
    modules = [targets.load_module(file)] if file.endswith(".py") else list(modules_of(file, say))
    found = [pair for module in modules for pair in objects_in(module)]
    if not found:
        yield Missed(target, "it defines no layer, model, loss, metric, optimizer or loss function")
    for label, obj in found:
        yield check_one(label, obj, progress=progress, **options)


def check_one(
    label: str, obj: Any, *, progress: Callable[[str], None] | None = None, **options: Any
) -> Check | Missed:
    """Returns the check of an object without being told its inputs, or why there is none."""
    tell = None if progress is None else (lambda contract: progress(f"{label}: {contract}"))
    try:
        return checked(obj, (), {}, progress=tell, **options)
    except UsageError as error:
        return Missed(label, str(error).split(" Received:")[0])


def objects_in(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yields name and object of every Keras class and instance that a module defines itself, in the order of its lines.

    So are functions of targets and predictions whose name says that they are losses. Names with an underscore in front
    are left out, and so are abstract classes.
    """
    from kerascope._keras import objects
    from kerascope.api.checkable import is_loss
    from kerascope.detect.smells.roles import says_loss

    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        own = isinstance(value, FunctionType) and value.__module__ == module.__name__
        if own and is_loss(value) and says_loss(name):
            yield name, value
        if objects.kind_of(value) not in KINDS:
            continue
        cls = value if isinstance(value, type) else type(value)
        if isinstance(value, type) and (cls.__module__ != module.__name__ or inspect.isabstract(cls)):
            continue
        yield name, value


def _one(
    module: ModuleType,
    name: str,
    inputs: Sequence[str],
    arguments: str,
    progress: Callable[[str], None] | None,
    options: dict[str, Any],
) -> Check:
    from kerascope._keras import objects

    found = targets.lookup(module, name)
    make = None
    if isinstance(found, type) and arguments:
        keywords = targets.parse_arguments(arguments)
        try:
            targets.made(module, name, keywords)
        except KerascopeError:
            raise
        except Exception as error:
            raise UsageError(
                f"{found.__name__} cannot be made with these arguments: {type(error).__name__}: {error} "
                f"Received: --args {arguments!r}. Give those of its constructor."
            ) from error

        def make() -> Any:
            return found(**keywords)

    given = targets.inputs(inputs, objects.kind_of(found)) if inputs else ()
    return checked(found, given, {}, make=make, progress=progress, **options)


def modules_of(name: str, say: Callable[[str], None]) -> Iterator[ModuleType]:
    """Yields a module and, of a package, all modules in it; those that cannot be imported are said."""
    module = targets.imported(name)
    yield module
    for info in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
        if info.name.rsplit(".", 1)[-1].startswith(("test", "__main__")) or ".tests" in info.name:
            continue
        try:
            yield importlib.import_module(info.name)
        except Exception as error:  # an optional dependency of theirs, most often
            say(f"{info.name} is left out, importing it fails: {type(error).__name__}: {error}")


def _reference(text: str | None) -> Callable[..., Any] | None:
    """Returns the function of "package.module:function"."""
    if text is None:
        return None
    module, _, name = text.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"There is no such reference: {error}. Received: --reference {text!r}. Give MODULE:FUNCTION, such as "
            "sklearn.metrics:log_loss."
        ) from error
    return found
