"""What all tests share: the backend of this run, quiet backends, a clean environment for subprocesses.

Tests marked `backend` train something and run under the backend that KERAS_BACKEND names (JAX when it names none); the
suite is run once under each. All other tests need no backend and run once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import warm

ROOT = Path(__file__).resolve().parents[1]
WATCH = ROOT / "tests" / "watch"

# Before anything imports Keras: which backend, no chatter, and no keras.json of the person who runs the tests.
BACKENDS = ("jax", "tensorflow", "torch")
BACKEND = os.environ.setdefault("KERAS_BACKEND", "jax")
# Programs that tests start run in other folders than this one.
if "PYTHONPATH" in os.environ:
    _given = filter(None, os.environ["PYTHONPATH"].split(os.pathsep))
    os.environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, _given))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A test that wants experiments asks for them; a minute of them after every run that goes wrong would take hours.
os.environ["KERASCOPE_EXPERIMENTS"] = "0"
_keras_home = tempfile.TemporaryDirectory(prefix="keras-home-")
os.environ["KERAS_HOME"] = _keras_home.name


def pytest_configure(config: pytest.Config) -> None:
    """Sets the libraries' objects aside, before any test module is imported.

    A trace looks for the user's functions among all objects that the collector knows. Those of Keras and its backend,
    most of a million, hold none of them.
    """
    warm.environment()  # before an import or a test changes a variable
    controls = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")
    if controls or "not backend" in config.option.markexpr:
        return
    importlib.import_module("keras")
    if hasattr(config, "workerinput"):  # `keras.utils.set_random_seed` would do it later, under every backend
        with contextlib.suppress(ImportError):
            importlib.import_module("tensorflow")
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in tests/watch trains on a backend; the cases of a catalogue take turns.

    Each case of a test marked `catalogue` runs under one of the backends; where it is another's turn, it belongs to the
    long tables, which run every case under each.
    """
    cases: Counter[str] = Counter()
    for item in items:
        if WATCH in item.path.parents:
            item.add_marker(pytest.mark.backend)
        if item.get_closest_marker("catalogue"):
            test = item.nodeid.partition("[")[0]
            turn = (zlib.crc32(test.encode()) + cases[test]) % len(BACKENDS)  # not every first case under JAX
            cases[test] += 1
            if BACKENDS[turn] != BACKEND:
                item.add_marker(pytest.mark.table)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lets XLA optimise only where the last bits count: most of a test on JAX is spent compiling its small programs.

    A watched training is compared to the bit with one that is not, and what is fused could tell them apart.
    """
    jax = sys.modules.get("jax")
    if BACKEND == "jax" and jax is not None:
        jax.config.update("jax_disable_most_optimizations", WATCH not in item.path.parents)


def pytest_report_header() -> str:
    return f"keras backend: {BACKEND}"


@pytest.fixture(scope="session")
def backend() -> str:
    """The backend of this run: jax, tensorflow or torch."""
    return BACKEND


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one during the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def subprocess_env(clean_env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """An environment for subprocesses, the test's own to change; on another backend TensorFlow is hidden."""
    env = dict(clean_env)
    if request.node.get_closest_marker("backend"):
        env["PYTHONPATH"] += f"{os.pathsep}{ROOT / 'tests' / 'lean'}"
    return env


@pytest.fixture(scope="session")
def clean_env() -> dict[str, str]:
    """An environment for subprocesses: this backend, 80 columns, no colour, no network, no keras.json."""
    env = {
        name: value
        for name, value in warm.environment().items()
        if not name.startswith(("KERASCOPE", "COV_", "PYTEST"))
    }
    env.pop("FORCE_COLOR", None)
    path = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    env.update(
        PYTHONPATH=os.pathsep.join(part for part in path if part),
        KERAS_BACKEND=BACKEND,
        TF_CPP_MIN_LOG_LEVEL="3",
        COLUMNS="80",
        NO_COLOR="1",
        PYTHONUNBUFFERED="1",
        KERASCOPE_EXPERIMENTS="0",
        # Nothing listens there, so a download fails at once.
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
    )
    return env


@pytest.fixture
def python(request: pytest.FixtureRequest) -> str:
    """The command for programs that import Keras: a Python that has imported it, see `warm`; for others Python."""
    marked = request.node.get_closest_marker
    return warm.python() if marked("backend") and not marked("slow") else sys.executable


Kerascope = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def kerascope(python: str, subprocess_env: dict[str, str], tmp_path: Path) -> Kerascope:
    """Runs `kerascope ARGS...` in a subprocess, in the test's own folder; returns what it printed and its exit code.

    With `start=sys.executable` Python starts it whatever the test: of each command that imports Keras, one such stays.
    """

    def run(
        *args: str, timeout: float = 300, start: str = python, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        command = [start, "-m", "kerascope", *args]
        env = {**subprocess_env, **settings}
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run
