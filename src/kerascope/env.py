"""Facts about this machine: Python, Keras, the backends and which one Keras will use; `kerascope doctor` prints them.

Nothing here imports Keras or a backend: versions come from the packages' metadata, and a backend counts as installed
when Python could find it. No other file compares versions of Keras or chooses a backend.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

from kerascope.errors import SetupError
from kerascope.values import encode

MIN_KERAS = (3, 10)
"""Oldest minor version that works: 3.9 and earlier call `jax.spmd_mode`, which JAX has removed."""

MAX_KERAS = (3, 15)
"""Newest minor version that kerascope's tests ran with."""

BACKENDS = ("tensorflow", "jax", "torch")
"""The backends that can train; Keras has others (`numpy`, `openvino`) that only predict."""

KERAS_DEFAULT = "tensorflow"
"""What Keras uses when nobody has a preference."""

_OWN_ORDER = ("jax", "torch")
"""Which one kerascope takes when Keras's own choice is not installed."""

_DISTRIBUTIONS = {
    "keras": ("keras", "keras-nightly"),
    "numpy": ("numpy",),
    "rich": ("rich",),
    "jax": ("jax",),
    "jaxlib": ("jaxlib",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
    "torch": ("torch",),
}
"""Packages worth naming, and the distributions that bring them; the first one found counts."""

Surroundings = Literal["notebook", "terminal", "pipe"]
Source = Literal["KERAS_BACKEND", "keras.json", "default", "installed"]

INSTALL_BACKEND = 'pip install "kerascope[jax]" (or kerascope[tensorflow], or kerascope[torch])'


@dataclasses.dataclass(frozen=True, slots=True)
class BackendChoice:
    """The backend a training will use, and why: `reason` is one sentence.

    `source` says whose choice it is: the environment variable's, the file's, Keras's own default, or ("installed")
    kerascope's, because the one Keras would take is not there. Only in that case KERAS_BACKEND has to be set.
    """

    name: str
    reason: str
    source: Source


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """What keras.json says: the backend it names, and what is wrong with it. `fatal`: Keras does not start with it."""

    backend: str | None = None
    complaint: str | None = None
    fatal: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """What `kerascope doctor` knows. `problems` keep a training from being watched, `notes` do not."""

    kerascope: str
    python: str
    platform: str
    surroundings: Surroundings
    cores: int
    memory: int | None
    """Bytes of main memory, None where the system does not tell."""
    packages: Mapping[str, str | None]
    backends: tuple[str, ...]
    choice: BackendChoice | None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when a training on this machine could be watched."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Returns the facts as plain JSON data."""
        return {"schema": "kerascope/environment/1", "ok": self.ok, **cast("dict[str, Any]", encode(self))}


def describe() -> Environment:
    """Returns the facts about this machine, as far as they can be had without importing anything."""
    packages = {name: version(name) for name in _DISTRIBUTIONS}
    configuration = read_configuration()
    problems: list[str] = []
    notes: list[str] = []
    keras = keras_problem(packages["keras"])
    if keras is not None:
        (problems if keras_unwatchable(packages["keras"]) else notes).append(keras)
    if configuration.complaint is not None:
        (problems if configuration.fatal else notes).append(configuration.complaint)
    choice: BackendChoice | None = None
    try:
        choice = choose_backend()
        if (unusable := backend_problem(choice)) is not None:
            problems.append(unusable)
    except SetupError as error:
        problems.append(str(error))
    return Environment(
        kerascope=own_version(),
        python=platform.python_version(),
        platform=platform.platform(),
        surroundings=surroundings(),
        cores=cores(),
        memory=memory(),
        packages=packages,
        backends=installed_backends(),
        choice=choice,
        problems=tuple(problems),
        notes=tuple(notes),
    )


# Keras


def keras_problem(version: str | None) -> str | None:
    """Returns what is wrong with this version of Keras, in one paragraph; None when it is supported.

    A version newer than the tested ones is only a warning: ask `keras_unwatchable` whether to go on.
    """
    supported = f"kerascope supports Keras {_dotted(MIN_KERAS)} to {_dotted(MAX_KERAS)}"
    if version is None:
        return f'Keras is not installed. {supported}. Install it: pip install "keras>={_dotted(MIN_KERAS)}".'
    minor = _minor(version)
    if minor is not None and minor < MIN_KERAS:
        return (
            f"This Keras is too old to be watched. Received: keras {version}. {supported}. "
            f'Install a newer one: pip install "keras>={_dotted(MIN_KERAS)}".'
        )
    if minor is not None and minor <= MAX_KERAS:
        return None
    return (
        f"kerascope has not been tested with this Keras. Received: keras {version}. {supported}; a newer one may "
        "well work. If something looks wrong, install a tested one: "
        f'pip install "keras<{_dotted((MAX_KERAS[0], MAX_KERAS[1] + 1))}".'
    )


def keras_unwatchable(version: str | None) -> bool:
    """Returns whether there is no Keras of this version to watch: none at all, or one that is too old."""
    minor = None if version is None else _minor(version)
    return version is None or (minor is not None and minor < MIN_KERAS)


def _minor(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


# The backend


def choose_backend() -> BackendChoice:
    """Returns the backend a training will use: the user's, else Keras's default, else one that is installed.

    Raises:
        SetupError: there is none.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked:
        return BackendChoice(
            asked, f"The environment variable KERAS_BACKEND asks for {asked}.", "KERAS_BACKEND"
        )
    configured = read_configuration().backend
    installed = installed_backends()
    wanted = configured or KERAS_DEFAULT
    if wanted in installed or wanted not in BACKENDS:
        if configured:
            return BackendChoice(wanted, f"{keras_json()} asks for {wanted}.", "keras.json")
        return BackendChoice(wanted, f"{wanted} is Keras's default and installed.", "default")
    chosen = next((name for name in (KERAS_DEFAULT, *_OWN_ORDER) if name in installed), None)
    if chosen is None:
        raise SetupError(
            "There is no backend to train with: Keras needs JAX, TensorFlow or PyTorch. Received: none is installed. "
            f"Install one: {INSTALL_BACKEND}."
        )
    whose = f"{keras_json()} asks for" if configured else "Keras would use"
    return BackendChoice(
        chosen,
        f"Using {chosen}, because {whose} {wanted}, which is not installed (set KERAS_BACKEND to choose).",
        "installed",
    )


def backend_problem(choice: BackendChoice) -> str | None:
    """Returns why nothing can be trained with this backend, in one paragraph; None when it can."""
    if choice.name not in BACKENDS:
        return (
            f"This backend cannot train. Received: backend={choice.name!r}, from {choice.source}. "
            f"Allowed: {', '.join(BACKENDS)}. Set KERAS_BACKEND to one of them."
        )
    if choice.name not in installed_backends():
        return (
            f"The backend asked for is not installed. Received: backend={choice.name!r}, from {choice.source}. "
            f'Install it: pip install "kerascope[{choice.name}]", or set KERAS_BACKEND to another.'
        )
    return None


def installed_backends() -> tuple[str, ...]:
    """Returns the backends that Python could import here, without importing them."""
    return tuple(name for name in BACKENDS if _findable(name))


def _findable(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a module put into sys.modules by hand may have no spec
        return sys.modules.get(name) is not None
    # A mere folder of that name, which Python would import as an empty package, has no origin.
    return spec is not None and spec.origin is not None


def keras_json() -> Path:
    """Returns where Keras looks for its configuration."""
    home = os.environ.get("KERAS_HOME")
    if home is None:
        user = os.path.expanduser("~")
        home = os.path.join(user if os.access(user, os.W_OK) else "/tmp", ".keras")
    return Path(os.path.expanduser(os.path.join(home, "keras.json")))


def read_configuration() -> Configuration:
    """Returns what keras.json says; a file that is not there says nothing."""
    path = keras_json()
    mend = f"Received: {path}. Mend it or remove it."
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Configuration()
    except ValueError:
        return Configuration(complaint=f"Keras's configuration is not JSON, so Keras ignores it. {mend}")
    except (OSError, RecursionError) as error:
        return Configuration(complaint=f"Keras's configuration cannot be read: {error}. {mend}", fatal=True)
    if not isinstance(settings, dict):
        return Configuration(complaint=f"Keras's configuration is not a JSON object. {mend}", fatal=True)
    backend = settings.get("backend", KERAS_DEFAULT)
    if not isinstance(backend, str):
        what = f"Keras's configuration names no backend. Received: backend={str(backend)[:40]} in {path}."
        return Configuration(
            complaint=f"{what} Allowed: {', '.join(BACKENDS)}. Mend it or remove it.",
            fatal=not os.environ.get("KERAS_BACKEND"),  # which Keras would take instead
        )
    return Configuration(backend if "backend" in settings else None)


# The machine


def version(package: str) -> str | None:
    """Returns the installed version of a package, None when it is not installed."""
    for name in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def own_version() -> str:
    """Returns kerascope's version."""
    return version("kerascope") or "unknown (not installed)"


def shown_path(file: str) -> str:
    """Returns a file's path as short as it stays clear: relative to the current folder where it lies in it."""
    try:
        short = os.path.relpath(file)
    except ValueError:  # another drive
        return file
    return file if short.startswith("..") else short


def surroundings() -> Surroundings:
    """Returns where this process shows things: in a notebook, on a terminal, or to a pipe or file."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is not None:
        return "notebook"
    return "terminal" if sys.stdout is not None and sys.stdout.isatty() else "pipe"


def cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> int | None:
    """Returns the size of the main memory in bytes, None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
