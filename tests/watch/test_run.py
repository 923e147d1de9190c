"""`kerascope run`: a script runs as Python itself would run it, and is reported on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm

BACKEND = os.environ.get("KERAS_BACKEND", "jax")
SRC = Path(__file__).parents[2] / "src"
LEAN = Path(__file__).parents[1] / "lean"

TRAIN = """
import keras, numpy as np
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
x = random.normal(size=(640, 8)).astype("float32")
y = np.argmax(x @ random.normal(size=(8, 3)), axis=1)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
history = model.fit(x, y, epochs=3, batch_size=32, verbose=0)
print("LOSS", history.history["loss"], [float(w.sum()) for w in model.get_weights()])
"""
# A shell that runs the tests in the background has interrupts ignored, and its children inherit that.
HEED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
ENDLESS = TRAIN.replace("epochs=3", "epochs=100000").replace(
    "history =", f"{HEED}\nprint('go', flush=True)\nhistory ="
)
MINIMAL = "import sys, os; print(__name__, sys.argv, os.path.basename(__file__), sys.path[0], __spec__)\n"


def environment(**extra):
    env = {**warm.environment(), "NO_COLOR": "1", **extra}
    if "PYTHONPATH" in extra:
        env["PYTHONPATH"] = os.pathsep.join([str(SRC), extra["PYTHONPATH"], str(LEAN)])
    return {name: value for name, value in env.items() if value is not None}


def python(folder, *args, start=sys.executable, **extra):
    """Runs a program; one that imports Keras may `start` as `warm.python()`."""
    return subprocess.run(
        [start, *args],
        cwd=folder,
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=False,
    )


def run(folder, *args, **extra):
    return python(folder, "-m", "kerascope", "run", *args, **extra)


def script(folder, text, name="train.py"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_training_runs_the_same_and_is_reported(tmp_path):
    script(tmp_path, TRAIN)
    plain = python(tmp_path, "train.py", start=warm.python())
    done = run(tmp_path, "--json", "report.json", "train.py")
    assert done.returncode == plain.returncode == 0, done.stderr
    assert done.stdout == plain.stdout
    assert "healthy" in done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["schema"] == "kerascope/report/1"
    assert (report["verdict"], report["backend"], report["run"]["steps"]) == ("healthy", BACKEND, 60)
    recordings = list((tmp_path / "runs").glob("train-*.kscope"))
    assert len(recordings) == 1
    assert [path for path in (tmp_path / "runs").iterdir() if path != recordings[0]] == []
    again = python(tmp_path, "-m", "kerascope", "report", str(recordings[0]), "--json", "again.json")
    assert again.returncode == 0, again.stderr
    second = json.loads((tmp_path / "again.json").read_text())
    assert (second["verdict"], second["findings"]) == (report["verdict"], report["findings"])
    assert second["layers"] == report["layers"]


def test_a_loop_of_ones_own_is_told_how_it_would_be_watched(tmp_path):
    script(tmp_path, "import keras\nkeras.layers.Dense(1)\n", "loop.py")
    done = run(tmp_path, "loop.py", start=warm.python())
    assert done.returncode == 0
    assert "A loop of your own is watched once its body is the `train_step`" in " ".join(done.stderr.split())


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "args", [["a.py"], ["a.py", "--epochs", "3", "-m", "x", "--json", "b"], ["./a.py", "--"]]
)
def test_a_script_sees_what_python_gives_it(tmp_path, args):
    script(tmp_path, MINIMAL, "a.py")
    plain = python(tmp_path, *args)
    done = run(tmp_path, *args)
    assert done.stdout == plain.stdout
    assert "called no `fit` or `train_on_batch` of a Keras model" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.catalogue
def test_a_script_elsewhere_and_its_neighbours(tmp_path):
    script(tmp_path, "import helper; " + MINIMAL + "print(helper.VALUE)", "sub/main.py")
    script(tmp_path, "VALUE = 7", "sub/helper.py")
    assert run(tmp_path, "sub/main.py").stdout == python(tmp_path, "sub/main.py").stdout


@pytest.mark.catalogue
def test_a_module_and_a_package(tmp_path):
    script(
        tmp_path,
        "import sys; print(__name__, sys.argv[1:], __package__, __spec__.name)\n",
        "package/__main__.py",
    )
    script(tmp_path, "", "package/__init__.py")
    script(tmp_path, "import sys; print(__name__, sys.argv[1:], __package__)\n", "package/tool.py")
    for target in ("package", "package.tool"):
        plain, done = python(tmp_path, "-m", target, "--x", "1"), run(tmp_path, "-m", target, "--x", "1")
        assert (done.stdout, done.returncode) == (plain.stdout, 0), done.stderr


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit(3)",
        "import sys; sys.exit('words')",
        "raise SystemExit",
        "1 / 0",
        "import nothing_",
    ],
)
def test_exit_codes_and_tracebacks_are_pythons(tmp_path, text):
    script(tmp_path, f"def f():\n    {text}\nf()\n", "a.py")
    plain, done = python(tmp_path, "a.py"), run(tmp_path, "--quiet", "a.py")
    assert done.returncode == plain.returncode
    assert done.stdout == plain.stdout
    assert done.stderr.replace(str(tmp_path), "") == plain.stderr.replace(str(tmp_path), "")


@pytest.mark.catalogue
def test_an_error_in_the_training_shows_no_frame_of_ours(tmp_path):
    script(tmp_path, TRAIN.replace("epochs=3", "epochs=1").replace("(8,)", "(9,)"))
    plain = python(tmp_path, "train.py", start=warm.python())
    done = run(tmp_path, "--quiet", "train.py", start=warm.python())
    assert done.returncode == plain.returncode == 1
    frames = [line for line in done.stderr.splitlines() if line.startswith("  File ")]
    assert frames == [line for line in plain.stderr.splitlines() if line.startswith("  File ")]
    assert not any("kerascope" in line for line in frames)


@pytest.mark.catalogue
def test_a_training_that_crashes_later_is_reported_as_crashed(tmp_path):
    script(tmp_path, TRAIN + "raise RuntimeError('after the training')\n")
    done = run(tmp_path, "--json", "report.json", "train.py", start=warm.python())
    report = json.loads((tmp_path / "report.json").read_text())
    assert done.returncode == 1
    assert report["verdict"] == "crashed"
    assert "after the training" in report["run"]["error"]
    assert "CRASHED" in done.stderr


@pytest.mark.catalogue
def test_fail_on(tmp_path):
    script(tmp_path, TRAIN.replace("x = random", "x = np.nan * random"))
    done = run(tmp_path, "--fail-on", "fault", "--out", "out.kscope", "train.py", start=warm.python())
    assert done.returncode == 3
    assert (tmp_path / "out.kscope").is_file()
    script(tmp_path, TRAIN + "import sys; sys.exit(7)")
    done = run(tmp_path, "--quiet", "--fail-on", "warning", "train.py", start=warm.python())
    assert done.returncode == 7


def interrupted(process):
    """Interrupts a process until it ends; returns what it printed.

    An interrupt that comes while Python collects garbage is raised in a callback of JAX's, where it is lost.
    """
    try:
        for _ in range(8):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=20)[1]
    finally:
        process.kill()
    raise AssertionError("it went on training")


@pytest.mark.catalogue
def test_interrupted(tmp_path):
    script(tmp_path, ENDLESS)
    process = subprocess.Popen(
        [sys.executable, "-m", "kerascope", "run", "--out", "out.kscope", "train.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "go" not in process.stdout.readline():
        pass
    deadline = time.monotonic() + 60
    while not (tmp_path / "out.kscope").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    stderr = interrupted(process)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in stderr
    done = python(tmp_path, "-m", "kerascope", "report", "out.kscope")
    assert done.returncode == 0, done.stderr


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "args", [["missing.py"], ["broken.py"], ["binary.py"], ["."], ["-m", "no_such_module"], []]
)
def test_bad_scripts(tmp_path, args):
    script(tmp_path, "def f(:\n", "broken.py")
    (tmp_path / "binary.py").write_bytes(bytes(range(256)) * 4)
    done = run(tmp_path, *args)
    assert done.returncode == 2
    assert done.stderr.startswith("kerascope: ")
    assert "Traceback" not in done.stderr
    assert "Received:" in done.stderr or args == []


@pytest.mark.catalogue
@pytest.mark.parametrize(
    "options", [["--every", "-1"], ["--budget", "0"], ["--memory", "-5"], ["--json", "no/such/r"]]
)
def test_bad_options(tmp_path, options):
    script(tmp_path, "print('ran')", "a.py")
    done = run(tmp_path, *options, "a.py")
    assert done.returncode == 2
    assert "ran" not in done.stdout
    assert "Received:" in done.stderr and "Traceback" not in done.stderr


def test_nothing_is_overwritten(tmp_path):
    script(tmp_path, "print('ran')", "a.py")
    (tmp_path / "mine.txt").write_text("mine")
    done = run(tmp_path, "--out", "mine.txt", "a.py")
    assert done.returncode == 2
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert "ran" not in done.stdout


SHOW = "import os; print('before', os.environ.get('KERAS_BACKEND')); import keras; print(keras.backend.backend())\n"


@pytest.mark.catalogue
def test_a_preference_for_a_backend_is_kept(tmp_path):
    script(tmp_path, SHOW, "a.py")
    given = run(tmp_path, "a.py", KERAS_HOME=str(tmp_path))
    assert given.stdout.split()[-1] == BACKEND
    script(tmp_path, f"import os; os.environ['KERAS_BACKEND'] = '{BACKEND}'\n" + SHOW, "b.py")
    own = run(tmp_path, "b.py", KERAS_BACKEND=None, KERAS_HOME=str(tmp_path / "none"))
    assert own.stdout.split()[-1] == BACKEND


@pytest.mark.catalogue
def test_a_backend_is_chosen_without_a_preference(tmp_path):
    script(tmp_path, SHOW, "a.py")
    hide = (
        "import sys, importlib.machinery\n"
        "find = importlib.machinery.PathFinder.find_spec\n"
        "importlib.machinery.PathFinder.find_spec = (\n"
        "    lambda name, *a, **k: None if name == 'tensorflow' else find(name, *a, **k))\n"
    )
    script(tmp_path, hide, "sitecustomize.py")
    chosen = run(
        tmp_path, "a.py", KERAS_BACKEND=None, KERAS_HOME=str(tmp_path / "none"), PYTHONPATH=str(tmp_path)
    )
    assert "before None" in chosen.stdout
    assert chosen.stdout.split()[-1] in ("jax", "torch"), chosen.stderr
    assert re.search(r"^kerascope: .*tensorflow", chosen.stderr, re.M | re.I), chosen.stderr


@pytest.mark.catalogue
def test_killed_trainings_can_be_reported(tmp_path):
    """SIGKILL at any moment: what had been written can be read and judged."""
    script(tmp_path, ENDLESS)
    process = subprocess.Popen(
        [sys.executable, "-m", "kerascope", "run", "--out", "out.kscope", "train.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while not (tmp_path / "out.kscope").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(4)
    process.kill()
    process.wait()
    done = python(tmp_path, "-m", "kerascope", "report", "out.kscope", "--json", "report.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["run"]["steps"] > 0
