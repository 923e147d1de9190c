"""The pytest plugin, in a pytest of its own: what it adds, and that it costs nothing until it is used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import keras
import pytest
import warm

# What the plugin does hangs on no backend, and every test is a process: the quickest to start is enough.
pytestmark = [
    pytest.mark.backend,
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="seen on torch"),
]

LEAN = Path(__file__).parents[1] / "lean"
PACKAGE = """
import keras
from keras import ops

class SoundLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)

class ScalarLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred))

class _Hidden(ScalarLoss):
    pass
"""

TESTS = """
import sys, numpy as np

def test_nothing_is_imported():
    loaded = {name.partition(".")[0] for name in sys.modules}
    assert "pytest_kerascope" in loaded
    assert not loaded & {"keras", "kerascope", "torch", "jax", "tensorflow"}

def test_sound(kerascope_check):
    from mylosses import SoundLoss
    assert kerascope_check(SoundLoss(), np.ones((8, 4), "float32"), np.ones((8, 4), "float32")).ok

def test_scalar(kerascope_check):
    from mylosses import ScalarLoss
    kerascope_check(ScalarLoss())

def test_allowed(kerascope_check):
    from mylosses import ScalarLoss
    kerascope_check(ScalarLoss(), allow={"loss-per-sample", "loss-sample-weight", "loss-batch-independence"})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a package and its tests."""
    path = tmp_path_factory.mktemp("plugin")
    (path / "mylosses.py").write_text(PACKAGE)
    (path / "test_mine.py").write_text(TESTS)
    return path


@pytest.fixture(scope="module")
def run(clean_env, folder):
    """Runs pytest in that folder, with the plugin as the installed package has it."""
    # The entry point comes with an installed kerascope; naming it twice is an error, so it is asked first.
    (folder / "run.py").write_text(
        "import sys, pytest; from importlib.metadata import entry_points as e\n"
        "known = any(p.value == 'pytest_kerascope' for p in e(group='pytest11'))\n"
        "sys.exit(pytest.main(sys.argv[1:] + ([] if known else ['-p', 'pytest_kerascope'])))\n"
    )
    env = {**clean_env, "PYTHONPATH": os.pathsep.join((clean_env["PYTHONPATH"], str(LEAN)))}

    def pytest_in(*args, start=None):
        return subprocess.run(
            [start or warm.python(), "run.py", "-p", "no:cacheprovider", *args],
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return pytest_in


@pytest.fixture(scope="module")
def done(run):
    """One run of the tests and of the package: the fixture, the module, and both kinds of files."""
    options = ("-rA", "--junitxml", "junit.xml", "--kerascope-json", "checks.json")
    return run("-v", *options, "--kerascope-module", "mylosses", "-k", "not nothing", "test_mine.py")


def test_fixture(done):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "PASSED test_mine.py::test_sound" in done.stdout
    assert "PASSED test_mine.py::test_allowed" in done.stdout
    assert "FAILED test_mine.py::test_scalar" in done.stdout
    assert "ScalarLoss returns one value for the whole batch" in done.stdout


@pytest.mark.skipif(int(pytest.__version__.split(".")[0]) < 9, reason="subtests came with pytest 9")
def test_each_broken_contract_is_a_subtest_that_fails(done, reports):
    broken = {f["kind"] for f in reports[1]["findings"] if f["severity"] != "note"}
    assert "loss-per-sample" in broken
    assert set(re.findall(r"SUBFAILED\[ScalarLoss: ([a-z-]+)\]", done.stdout)) == broken


def test_module(done):
    assert "PASSED mylosses::SoundLoss" in done.stdout, done.stdout
    assert "FAILED mylosses::ScalarLoss" in done.stdout
    assert "_Hidden" not in done.stdout


@pytest.fixture(scope="module")
def reports(done, folder):
    """The reports that the run has written."""
    document = json.loads((folder / "checks.json").read_text())
    assert document["schema"] == "kerascope/checks/1", done.stdout
    return document["reports"]


def test_every_contract_is_a_property_in_junit(folder, reports):
    told = [
        {one.get("name"): one.get("value") for one in case.iter("property")}
        for case in ElementTree.parse(folder / "junit.xml").iter("testcase")
        if case.find("properties") is not None
    ]
    for report in reports:
        rows = {f"kerascope.{report['subject']}.{row['name']}": row["outcome"] for row in report["contracts"]}
        assert len(rows) >= 8
        assert rows in told
    assert told[1]["kerascope.ScalarLoss.loss-per-sample"] == "broken"
    assert told[0]["kerascope.SoundLoss.loss-per-sample"] == "kept"


def test_reports_of_all_tests_are_in_one_file(reports):
    assert [(report["test"], report["verdict"]) for report in reports] == [
        ("test_mine.py::test_sound", "healthy"),
        ("test_mine.py::test_scalar", "faulty"),
        ("test_mine.py::test_allowed", "healthy"),
        ("mylosses::SoundLoss", "healthy"),
        ("mylosses::ScalarLoss", "faulty"),
    ]


def test_a_module_that_is_not_there(run):
    done = run("--kerascope-module", "no_such_module", "-q")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "no_such_module" in done.stdout + done.stderr


def test_nothing_is_imported_before_a_check(run):
    options = ("--kerascope-json", "none.json", "--junitxml", "none.xml")
    done = run("-q", "-k", "nothing_is_imported", *options, start=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 3 deselected" in done.stdout
