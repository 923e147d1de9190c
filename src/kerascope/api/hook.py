"""Notice the import of Keras in the user's program, and only then begin to watch."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Protocol

from kerascope import env
from kerascope.errors import KerascopeError


class Follower(Protocol):
    """What begins once Keras is there, and ends with the hook. `problem` is set when it could not begin."""

    problem: str | None
    say: Callable[[str], None]

    def start(self, *, keep: bool = False) -> Any: ...

    def stop(self) -> None: ...


class KerasHook(importlib.abc.MetaPathFinder):
    """While installed: chooses a backend just before Keras is imported, if the user has no preference, and
    starts the recorder just after. A program that never imports Keras is not touched."""

    def __init__(self, recorder: Follower, say: Callable[[str], None]) -> None:
        self.recorder = recorder
        self.say = recorder.say = say
        self._busy = False

    def __enter__(self) -> KerasHook:
        if "keras" in sys.modules:
            self.imported()
        else:
            sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self.recorder.stop()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Lets the import system find Keras, and stands between it and the module's execution."""
        if fullname != "keras" or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec("keras")
        finally:
            self._busy = False
        if spec is None or spec.loader is None:
            return None
        self._choose()
        spec.loader = _Loader(spec.loader, self)
        return spec

    def _choose(self) -> None:
        """Sets KERAS_BACKEND when what Keras would choose is not installed."""
        if os.environ.get("KERAS_BACKEND"):
            return
        try:
            choice = env.choose_backend()
        except KerascopeError as error:
            self.say(str(error))
            return
        if choice.source == "installed":
            os.environ["KERAS_BACKEND"] = choice.name
            self.say(choice.reason)

    def imported(self) -> None:
        """Keras has been imported: watch from here on. Nothing that fails here reaches the program."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            keras = sys.modules["keras"]
            problem = env.keras_problem(str(getattr(keras, "__version__", "unknown")))
            if problem is not None:
                self.say(problem)
                self.recorder.problem = problem
                if env.keras_unwatchable(str(getattr(keras, "__version__", "unknown"))):
                    return
            self.recorder.start(keep=True)
        except Exception as error:
            self.recorder.problem = f"the watch could not begin: {type(error).__name__}: {error}"
            self.say(self.recorder.problem)


class _Loader(importlib.abc.Loader):
    """Executes Keras's own module and then tells the hook; everything else is the original loader's."""

    def __init__(self, loader: Any, hook: KerasHook) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook.imported()
