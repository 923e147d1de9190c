"""All Keras objects that a module or package defines."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from kerascope.errors import UsageError

CHECKED = ("layer", "model", "loss", "metric", "optimizer")


def objects_in(name: str) -> tuple[list[tuple[str, Any]], list[str]]:
    """Returns every class and loss function that a package defines, and what in it could not be looked at.

    The first list has (qualified name, object) in the order of names. Names that begin with an underscore are left out,
    as are abstract classes and what is imported from elsewhere. The second has a sentence for each module of the
    package that cannot be imported.

    Args:
        name: of a module or package that can be imported, such as "mypackage" or "mypackage.layers".

    Raises:
        UsageError: there is no such module, or it defines nothing that can be checked.
    """
    try:
        package = importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"This module cannot be imported: {error}. Received: {name!r}. Give the name of a module or package that "
            "Python finds from here, such as mypackage or mypackage.layers."
        ) from error
    failed: list[str] = []
    found = {qualified: obj for module in _modules(package, failed) for qualified, obj in _defined(module)}
    if not found:
        raise UsageError(
            f"This module defines no layer, model, loss, metric or optimizer. Received: {name!r}. Classes that begin "
            "with an underscore and those imported from elsewhere do not count."
        )
    return sorted(found.items()), failed


def _modules(package: ModuleType, failed: list[str]) -> Iterator[ModuleType]:
    yield package
    path, start = getattr(package, "__path__", ()), f"{package.__name__}."
    # A folder that cannot be imported is met again as a module, and noted then.
    for info in pkgutil.walk_packages(path, start, onerror=lambda _: None):
        parts = info.name.split(".")
        if parts[-1].startswith("_") or "tests" in parts or parts[-1].endswith("_test"):
            continue
        try:
            yield importlib.import_module(info.name)
        except Exception as error:  # of whatever the module does when it is imported
            failed.append(f"{info.name} cannot be imported: {type(error).__name__}: {error}")


def _defined(module: ModuleType) -> Iterator[tuple[str, Any]]:
    from kerascope._keras import objects
    from kerascope.api.subjects import is_loss

    for name, obj in vars(module).items():
        if (
            name.startswith("_")
            or getattr(obj, "__module__", None) != module.__name__
            or inspect.isabstract(obj)
        ):
            continue
        is_class = isinstance(obj, type) and objects.kind_of(obj) in CHECKED
        if is_class or (inspect.isfunction(obj) and is_loss(obj)):
            yield f"{module.__name__}.{name}", obj
