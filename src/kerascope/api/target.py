"""`file.py:Name` and `script.py` on the command line: how every command executes the file and finds the object.

A file is executed up to the first training in it, which is not begun: that is far enough to have its objects.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from kerascope import env
from kerascope.api.hook import KerasHook
from kerascope.errors import KerascopeError, ScriptError, UsageError

_INPUT = re.compile(r"^(?P<shape>[^:<]+)(?::(?P<dtype>\w+))?(?:<(?P<high>\d+))?$")


def split(target: str) -> tuple[str, str | None]:
    """Splits "layers.py:MyLayer" or "package.layers:MyLayer"; the name is None for a script that is to be run."""
    file, colon, name = target.rpartition(":")
    found = file.endswith(".py") or _dotted(file)
    return (file, name) if colon and found and _dotted(name) else (target, None)


def _dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def choose_backend(say: Callable[[str], None]) -> None:
    """Sets the backend when the user has no preference and what Keras would choose is not installed."""
    if os.environ.get("KERAS_BACKEND"):
        return
    choice = env.choose_backend()
    if choice.source == "installed":
        os.environ["KERAS_BACKEND"] = choice.name
        say(choice.reason)


class _UntilFit:
    """Lets nothing train, once Keras is there."""

    say: Callable[[str], None]
    problem: str | None = None

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def start(self, *, keep: bool = False) -> None:
        from kerascope._keras.load import stopping_at_fit

        self._stack.enter_context(stopping_at_fit())

    def stop(self) -> None:
        self._stack.close()


class Reached:
    """How far a file was executed: `trained` is what it was about to train, None when it came to its end."""

    trained: Any = None


@contextlib.contextmanager
def until_fit(say: Callable[[str], None] = lambda text: None) -> Iterator[Reached]:
    """Runs the user's code in the block up to its first training, and goes on after the block.

    Keras comes in with the code's own import of it, since the choice of the backend is the code's business.
    """
    reached = Reached()
    with KerasHook(_UntilFit(), say):
        try:
            yield reached
        except BaseException as error:
            gate = sys.modules.get("kerascope._keras.load")
            if gate is None or not isinstance(error, gate.Trained):
                raise
            reached.trained = error


def load_module(file: str) -> ModuleType:
    """Executes a file as a module of its own name, so that what stands under `if __name__ == "__main__"` does not run.

    The name of a module stands for its file.

    Raises:
        ScriptError: there is no such file or module, or executing it fails.
    """
    if not file.endswith(".py") and _dotted(file):
        file = _file_of(file)
    path = Path(file)
    if not path.is_file():
        raise ScriptError(
            f"There is no such file. Received: {file!r}. Give FILE.py:NAME; the current folder is {os.getcwd()}."
        )
    name, folder = _module_name(path.absolute())
    if "." in name and name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path.absolute())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(folder))
    try:
        with until_fit():
            if package := name.rpartition(".")[0]:
                importlib.import_module(package)
            sys.modules[name] = module
            spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ScriptError(
            f"The file is not valid Python, line {error.lineno}: {error.msg}. Received: {file!r}.",
            slug="script-syntax",
        ) from error
    except KerascopeError:
        raise
    except Exception as error:
        raise ScriptError(
            f"Executing the file failed: {type(error).__name__}: {error}. Received: {file!r}. It is executed as a "
            'module to find the name in it; put what trains under `if __name__ == "__main__"`.'
        ) from error
    return module


def imported(name: str) -> ModuleType:
    """Imports a module or package, also one in the current folder.

    Raises:
        ScriptError: Python does not find it.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _not_found(name, error) from error


def _file_of(name: str) -> str:
    """Returns the file of a module, also of one in the current folder."""
    sys.path.insert(0, str(Path.cwd()))
    spec = None
    try:
        with until_fit():  # what lies above it is imported
            spec = importlib.util.find_spec(name)
    except ImportError as error:
        raise _not_found(name, error) from error
    if spec is None or spec.origin is None:
        raise _not_found(name, ModuleNotFoundError(f"No module named {name!r}"))
    return spec.origin


def _not_found(name: str, error: ImportError) -> ScriptError:
    return ScriptError(
        f"There is no such file, module or package: {error}. Received: {name!r}. Give FILE.py, FILE.py:NAME or "
        "the name of a package that Python can import."
    )


def _module_name(path: Path) -> tuple[str, Path]:
    """Returns the name to import a file by, and the folder to import it from.

    That of a package's file is dotted, since what it imports by `from .` is not found otherwise.
    """
    folder = path.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    parts = path.relative_to(folder).with_suffix("").parts
    name = ".".join(parts[:-1] if path.name == "__init__.py" else parts)
    return (f"_kerascope_{name}" if "." not in name and name in sys.modules else name), folder


def lookup(module: ModuleType, name: str) -> Any:
    """Returns the object of a dotted name.

    Raises:
        UsageError: there is none; the message names those that there are.
    """
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__]
            raise UsageError(
                f"There is no {part!r} in {Path(str(module.__file__)).name}. Received: name={name!r}. "
                f"It defines: {', '.join(own) or 'nothing'}."
            )
        found = getattr(found, part)
    return found


def parse_arguments(text: str) -> dict[str, Any]:
    """Returns the constructor's arguments from "units=4, activation='relu'"; values are Python literals.

    Raises:
        UsageError: it is not of that form.
    """
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call) and not call.args and all(k.arg for k in call.keywords)
        return {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise UsageError(
            f'These are no arguments. Received: --args {text!r}. Allowed: "name=value, ..." with numbers, texts, '
            "lists and the like."
        ) from None


def parse_input(text: str, seed: int) -> Any:
    """Returns a made-up input for "2,5", "2,5:int32", "2,7:int32<1000" or, symbolic, "B,5".

    Floats are drawn from the standard normal distribution, integers from 0 up to the bound (2 without one).

    Raises:
        UsageError: it is not of that form.
    """
    from kerascope._keras import objects
    from kerascope.explain.subject import InputSpec

    match = _INPUT.match(text.replace(" ", ""))
    sizes = (match["shape"] if match else "").strip("(),").split(",")
    known = match and all(size.isdigit() or size in ("B", "None") for size in sizes if size)
    if match is None or not known:
        raise UsageError(
            f"This is no input. Received: --input {text!r}. Allowed: a shape such as 2,5, with a dtype 2,5:int32, with "
            "a bound for integers 2,7:int32<1000, or with an unknown batch size B,5."
        )
    symbolic = any(size in ("B", "None") for size in sizes)
    shape = tuple(int(size) if size.isdigit() else None for size in sizes if size)
    dtype = match["dtype"] or ("int32" if match["high"] else "float32")
    if symbolic:
        return objects.symbolic(shape, dtype)
    spec = InputSpec(tuple(size for size in shape if size is not None), dtype, 0, int(match["high"] or 2))
    return objects.to_tensor(spec.array(0, np.random.default_rng(seed)))


def inputs(texts: Sequence[str], kind: str) -> list[Any]:
    """Returns the inputs for a call; a loss or metric that is given one takes it for both of its arguments."""
    if not texts:
        raise UsageError(
            "No input was given. Received: no --input. Give the shape of each argument: --input 2,5 --input 2,1."
        )
    if kind in ("loss", "metric") and len(texts) == 1:
        texts = [*texts, *texts]
    return [parse_input(text, seed) for seed, text in enumerate(texts)]


def made(module: ModuleType, name: str, arguments: Mapping[str, Any]) -> tuple[Any, Callable[[], Any] | None]:
    """Returns the object of that name; of a class, an object of it, and a function that makes another."""
    from kerascope.api.calls import instance

    found = lookup(module, name)
    if not isinstance(found, type):
        return found, None
    return instance(found, arguments), lambda: found(**arguments)
