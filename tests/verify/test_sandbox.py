"""A trial runs in a copy of the script's folder: with the change and its neighbours; it writes nowhere else."""

from __future__ import annotations

import os
import sys

import keras
import pytest

from kerascope.api import sandbox
from kerascope.api.engines import engine
from kerascope.api.sandbox import Request, run_trial, snapshot
from kerascope.errors import SetupError, UsageError


def request(snap, changes=None, timeout=60.0, args=()):
    return Request(snap, changes or {}, args, None, dict(os.environ), timeout)


@pytest.fixture
def project(tmp_path):
    """A folder that a script is called from: the script below it, a module beside it, data, folders to leave out."""
    for folder in ("src", "data", ".git", "runs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "src" / "train.py").write_text("import helper\r\n", newline="")
    (tmp_path / "src" / "helper.py").write_text("A = 1\n")
    (tmp_path / "data" / "small.csv").write_text("1,2\n")
    (tmp_path / "data" / "big.bin").write_bytes(b"0" * (sandbox.LARGE + 1))
    (tmp_path / ".git" / "config").write_text("")
    (tmp_path / "runs" / "old.kscope").write_text("")
    return tmp_path


def test_a_copy_has_everything_but_what_is_made_again(project, tmp_path_factory):
    snap = snapshot(project / "src" / "train.py", project)
    root = tmp_path_factory.mktemp("copy")
    snap.write(root, {"train.py": "import helper\nprint(helper.A)\n"})
    assert (root / "src" / "train.py").read_bytes() == b"import helper\r\nprint(helper.A)\r\n"
    assert (root / "src" / "helper.py").read_text() == "A = 1\n"
    assert (root / "data" / "big.bin").is_symlink() and not (root / "data" / "small.csv").is_symlink()
    assert not (root / ".git").exists() and not (root / "runs").exists()
    assert (snap.script, snap.cwd, snap.folder) == ("src/train.py", ".", "src")


def test_a_folder_that_is_too_large_is_linked(project, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(sandbox, "MOST_FILES", 0)
    root = tmp_path_factory.mktemp("copy")
    snapshot(project / "src" / "train.py", project).write(root, {"helper.py": "A = 2\n"})
    assert (root / "data").is_symlink()
    assert (root / "src" / "helper.py").read_text() == "A = 2\n"
    assert (project / "src" / "helper.py").read_text() == "A = 1\n"


WRITES = """
import sys
open("inside.txt", "w").write("fine")
open({place!r}, "w").write("gone")
"""


def test_a_trial_writes_nothing_outside(tmp_path, tmp_path_factory):
    victim = tmp_path_factory.mktemp("elsewhere") / "never-written.txt"
    script = tmp_path / "train.py"
    script.write_text(WRITES.format(place=str(victim)))
    outcome = run_trial(request(snapshot(script, tmp_path)))
    assert outcome.ended == "failed" and "may not write there" in (outcome.error or "")
    assert not victim.exists() and not (tmp_path / "inside.txt").exists()


FITS = """
import os, keras, numpy as np
assert os.path.isdir(os.environ["JAX_COMPILATION_CACHE_DIR"])
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
"""


def test_trials_share_what_is_compiled(tmp_path, monkeypatch):
    """Programs that JAX compiled lie where the next trial finds them, until the engine is closed."""
    for name in [name for name in os.environ if name.startswith("JAX_")]:
        monkeypatch.delenv(name)
    script = tmp_path / "train.py"
    script.write_text(FITS)
    local = engine("local", 1)
    taken = []
    for _ in range(2):
        outcome = local.submit(request(snapshot(script, tmp_path))).result(200)
        assert outcome.ended == "finished", outcome.error
        taken.append(set(os.listdir(local.compiled)))
    kept = {name for name in taken[0] if name.endswith("-cache")}
    assert bool(kept) == (keras.backend.backend() == "jax")
    assert {name for name in taken[1] if name.endswith("-cache")} == kept  # nothing was compiled again
    local.close()
    assert not os.path.exists(local.compiled)


def test_a_folder_of_the_users_for_what_is_compiled_stays():
    own = {"JAX_COMPILATION_CACHE_DIR": "mine"}
    assert sandbox.keeping_compiled(own, "ours") == own
    assert sandbox.keeping_compiled({}, "ours")["JAX_COMPILATION_CACHE_DIR"] == "ours"


def test_a_trial_that_hangs_is_ended(tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import time\ntime.sleep(60)\n")
    assert run_trial(request(snapshot(script, tmp_path), timeout=2.0)).ended == "timeout"


def test_an_engine_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(UsageError, match="'cloud'"):
        engine("cloud")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SetupError, match=r"kerascope\[ray\]"):
        engine("ray")


def test_ray_runs_trials_on_two_workers(tmp_path):
    """A local Ray with two workers; what runs there is the same as here."""
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        script = tmp_path / "train.py"
        script.write_text("raise SystemExit('no training')\n")
        cluster = engine("ray")
        assert cluster.jobs == 2
        futures = [cluster.submit(request(snapshot(script, tmp_path))) for _ in range(2)]
        assert [future.result(120).error for future in futures] == ["no training"] * 2
        cluster.close()
        assert ray.is_initialized()  # it was not ours to stop
    finally:
        ray.shutdown()
