"""The model that a command line names: ``model.keras``, ``script.py`` or ``script.py:name``."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascope.api import target as targets
from kerascope.api.script import prepare_script
from kerascope.errors import ScriptError, UsageError


def load_subject(text: str, arguments: Sequence[str] = ()) -> tuple[Any, tuple[Any, ...]]:
    """Returns a model or layer and, where the script shows it, an example of its input.

    A script is run up to its first `fit`, which is not run; without a name the model is the one it would train, or the
    only one it makes. A name may be a model, a class or a function without arguments that returns a model.

    Raises:
        ScriptError: the script is missing, fails, or has no such model.
        UsageError: the file is no model that can be loaded in safe mode.
    """
    file, name = targets.split(text)
    path = Path(file)
    if not path.is_file():
        raise ScriptError(
            f"There is no such file. Received: {text!r}. Give model.keras, script.py or script.py:name."
        )
    if path.suffix in (".keras", ".h5"):
        from kerascope._keras.load import saved_model

        if path.suffix == ".h5":
            raise UsageError(
                f"Safe mode does not cover .h5 files. Received: {text!r}. Save the model as .keras, or give the script."
            )
        return saved_model(path), ()
    if path.suffix != ".py":
        raise UsageError(
            f"This is no model and no script. Received: {text!r}. Allowed: FILE.keras, FILE.py, FILE.py:NAME."
        )
    if name is not None:
        return _named(targets.load_module(file), name, path), ()
    return _trained(path, arguments)


def _trained(path: Path, arguments: Sequence[str]) -> tuple[Any, tuple[Any, ...]]:
    """Runs a script as `__main__` and returns the model that it would train, or the only one it makes."""
    code, module, argv0, folder = prepare_script(str(path))
    kept = sys.argv, sys.path[0], sys.modules.get("__main__")
    sys.argv, sys.path[0], sys.modules["__main__"] = [argv0, *arguments], folder, module
    try:
        with targets.until_fit() as reached:
            exec(code, module.__dict__)
    except (Exception, SystemExit) as error:
        from kerascope._keras.load import failure

        raise failure(error, str(path)) from error
    finally:
        sys.argv, sys.path[0] = kept[0], kept[1]
        if kept[2] is not None:
            sys.modules["__main__"] = kept[2]
    return _only(reached.trained, module, path)


def _only(trained: Any, module: types.ModuleType, path: Path) -> tuple[Any, tuple[Any, ...]]:
    from kerascope._keras.load import is_layer

    if trained is not None:
        return trained.model, () if trained.inputs is None or trained.model.built else (trained.inputs,)
    models = {name: value for name, value in vars(module).items() if is_layer(value)}
    if len({id(value) for value in models.values()}) == 1:
        return next(iter(models.values())), ()
    found = (
        f"It makes {', '.join(sorted(models))}"
        if models
        else "It makes no model at its top level and trains none"
    )
    raise ScriptError(f"Which model is meant? {found}. Received: {str(path)!r}. Give {path}:NAME.")


def _named(module: types.ModuleType, name: str, path: Path) -> Any:
    from kerascope._keras.load import is_layer, is_layer_class

    value = targets.lookup(module, name)
    if is_layer(value):
        return value
    if callable(value):
        try:
            made = value()
        except Exception as error:
            what = "class" if is_layer_class(value) else "function"
            raise ScriptError(
                f"The {what} could not be called without arguments: {type(error).__name__}: {error} "
                f"Received: {str(path)!r}, name={name!r}. Give the name of a model that the script has made."
            ) from error
        if is_layer(made):
            return made
    raise ScriptError(
        f"This name is no model and makes none. Received: {str(path)!r}, name={name!r}, a {type(value).__name__}."
    )


def input_shape(text: str) -> tuple[int | None, ...]:
    """Returns the shape that a command line gives, e.g. "None,32" or "B,28,28,1"; the batch is the first."""
    try:
        return tuple(
            None if part.strip() in ("None", "B", "") else int(part)
            for part in text.strip("() ").rstrip(",").split(",")
        )
    except ValueError:
        raise UsageError(
            f"This is no shape. Received: --input {text!r}. Give numbers, and None for what is open: --input None,32."
        ) from None


SAFE_MODE = (
    "loaded in safe mode: code stored in the file (lambdas, custom layers) is not run, and a file that needs it is "
    "refused."
)
