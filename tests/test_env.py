"""Facts about the machine, found without importing Keras or a backend; and `kerascope doctor`, which prints them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from kerascope import env
from kerascope.api import doctor
from kerascope.errors import SetupError

ALL = ("tensorflow", "jax", "torch")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes this machine one with the given backends, KERAS_BACKEND and keras.json."""

    def make(installed=ALL, variable=None, configuration=None, keras="3.15.1"):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        if variable is not None:
            monkeypatch.setenv("KERAS_BACKEND", variable)
        if configuration is not None:
            (tmp_path / "keras.json").write_bytes(configuration.encode("utf-8", "surrogateescape"))
        monkeypatch.setattr(
            env, "installed_backends", lambda: tuple(name for name in ALL if name in installed)
        )
        real = env.version
        monkeypatch.setattr(env, "version", lambda name: keras if name == "keras" else real(name))

    return make


# Which backend


@pytest.mark.parametrize(
    ("installed", "variable", "configuration", "name", "source"),
    [
        (ALL, None, None, "tensorflow", "default"),
        (ALL, "jax", None, "jax", "KERAS_BACKEND"),
        (ALL, "torch", '{"backend": "jax"}', "torch", "KERAS_BACKEND"),
        (("jax",), "torch", None, "torch", "KERAS_BACKEND"),  # always respected
        (ALL, "", None, "tensorflow", "default"),  # Keras takes an empty variable for none
        (ALL, None, '{"backend": "jax"}', "jax", "keras.json"),
        (ALL, None, '{"epsilon": 1e-7}', "tensorflow", "default"),
        (("jax", "torch"), None, None, "jax", "installed"),
        (("torch",), None, None, "torch", "installed"),
        (("torch",), None, '{"backend": "tensorflow"}', "torch", "installed"),
        (("tensorflow", "jax"), None, '{"backend": "torch"}', "tensorflow", "installed"),
        (("jax",), None, "{broken", "jax", "installed"),
    ],
)
def test_the_backend_is_the_users_else_keras_s_else_one_that_is_there(
    machine, installed, variable, configuration, name, source
):
    machine(installed, variable, configuration)
    choice = env.choose_backend()
    assert (choice.name, choice.source) == (name, source)
    assert name in choice.reason


def test_a_choice_of_our_own_says_why_in_one_sentence(machine):
    machine(("torch",), configuration='{"backend": "jax"}')
    reason = env.choose_backend().reason
    assert reason.startswith("Using torch, because ")
    assert "keras.json asks for jax, which is not installed" in reason
    machine(("torch",), configuration="{}")
    assert "Keras would use tensorflow, which is not installed" in env.choose_backend().reason


def test_no_backend_at_all_says_what_to_install(machine):
    machine(())
    with pytest.raises(SetupError, match=r'pip install "kerascope\[jax\]"') as caught:
        env.choose_backend()
    assert caught.value.slug == "environment"


@pytest.mark.parametrize(
    ("configuration", "fatal", "what"),
    [
        ("", False, "is not JSON"),
        ("{", False, "is not JSON"),
        ("\udcff\udcfe", False, "is not JSON"),
        ("[1]", True, "not a JSON object"),
        ("null", True, "not a JSON object"),
        ('{"backend": 5}', True, "Received: backend=5"),
        ('{"backend": null}', True, "Received: backend=None"),
        ("[" * 100_000, True, "cannot be read"),
    ],
)
def test_a_malformed_keras_json_is_reported_and_never_fatal_to_us(machine, configuration, fatal, what):
    machine(configuration=configuration)
    read = env.read_configuration()
    assert (read.backend, read.fatal) == (None, fatal)
    assert what in (read.complaint or "")
    assert env.choose_backend().source == "default"
    facts = env.describe()
    assert facts.ok is not fatal
    assert read.complaint in (facts.problems if fatal else facts.notes)


@pytest.mark.parametrize(
    ("configuration", "variable"),
    [("{", "numpy"), ('{"backend": 5}', "numpy"), ('{"backend": 5}', ""), ("[1]", "numpy")],
)
def test_keras_agrees_about_its_configuration(machine, configuration, variable, subprocess_env, tmp_path):
    """What we call fatal keeps Keras from starting, and nothing else does."""
    machine(configuration=configuration, variable=variable)
    subprocess_env.update(KERAS_HOME=str(tmp_path), KERAS_BACKEND=variable)
    command = [sys.executable, "-c", "import keras"]
    done = subprocess.run(command, env=subprocess_env, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is env.read_configuration().fatal, done.stderr


def test_a_folder_in_place_of_keras_json_is_reported(machine, tmp_path):
    machine()
    (tmp_path / "keras.json").mkdir()
    assert "cannot be read" in (env.read_configuration().complaint or "")


def test_keras_json_is_sought_where_keras_seeks_it(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert env.keras_json() == tmp_path / "keras.json"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert env.keras_json() == tmp_path / ".keras" / "keras.json"
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    assert env.keras_json() == Path("/tmp/.keras/keras.json")


def test_a_mere_folder_is_no_backend(monkeypatch, workdir):
    (workdir / "jax").mkdir()
    monkeypatch.setattr(sys, "path", [str(workdir)])
    for name in ALL:
        for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
    assert env.installed_backends() == ()
    (workdir / "jax" / "__init__.py").write_text("raise AssertionError('imported')")
    assert env.installed_backends() == ("jax",)


# Which Keras


@pytest.mark.parametrize(
    "version", ["3.10.0", "3.11.3", "3.15.1", "3.15.99", "3.10.0rc1", "3.15.0.dev20260101"]
)
def test_a_supported_keras_is_no_problem(version):
    assert env.keras_problem(version) is None
    assert not env.keras_unwatchable(version)


@pytest.mark.parametrize("version", ["2.15.0", "3.0.0", "3.8.0", "3.9.2"])
def test_an_old_keras_says_what_to_install(version):
    problem = env.keras_problem(version)
    assert problem is not None
    assert env.keras_unwatchable(version)
    assert f"Received: keras {version}." in problem
    assert 'pip install "keras>=3.10"' in problem
    assert "\n" not in problem


@pytest.mark.parametrize("version", ["3.16.0", "3.100.0", "4.0", "unknown", ""])
def test_a_newer_keras_is_only_untested(version):
    problem = env.keras_problem(version)
    assert problem is not None
    assert not env.keras_unwatchable(version)
    assert "has not been tested" in problem
    assert "keras<3.16" in problem


def test_a_missing_keras_is_a_problem(machine):
    machine(keras=None)
    facts = env.describe()
    assert not facts.ok
    assert facts.problems == (env.keras_problem(None),)
    assert "not installed" in facts.problems[0]


def test_the_supported_range_is_the_one_in_the_project_file():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert f"keras>={env.MIN_KERAS[0]}.{env.MIN_KERAS[1]}" in project["dependencies"]
    assert set(project["optional-dependencies"]) >= set(env.BACKENDS)


# The page


def test_the_facts_survive_json(machine):
    machine(("jax",), keras="3.99.0")
    facts = env.describe()
    data = json.loads(json.dumps(facts.to_json()))
    assert data["ok"] is True
    assert data["backends"] == ["jax"]
    assert data["choice"]["source"] == "installed"
    assert data["packages"]["keras"] == "3.99.0"
    assert data["notes"] == list(facts.notes)
    assert data["cores"] >= 1
    assert data["memory"] is None or data["memory"] > 2**20


def page(facts: env.Environment) -> str:
    out = io.StringIO()
    doctor.print_environment(facts, out, width=80)
    return out.getvalue()


def test_the_page_says_ready_or_what_to_do(machine):
    machine(("jax",))
    lines = page(env.describe()).split("\n")
    assert lines[0].strip() == "READY  a training can be watched here, on jax"
    assert lines[-2].strip() == "Next: kerascope run train.py"
    assert all(len(line) <= 80 for line in lines)
    machine(())
    text = page(env.describe())
    assert text.strip().startswith("NOT READY")
    assert "pip install" in text
    assert text.rstrip().endswith("Mend what is said above, then ask again: kerascope doctor")


@pytest.mark.parametrize(("variable", "what"), [("numpy", "cannot train"), ("torch", "is not installed")])
def test_a_backend_that_cannot_train_here_is_a_problem(machine, variable, what):
    machine(("jax",), variable=variable)
    facts = env.describe()
    assert not facts.ok
    assert what in facts.problems[0]
    assert what in " ".join(page(facts).split())


def test_the_page_shows_no_escape_sequence(machine):
    machine(variable="\x1b[31mred[bold]")
    text = page(env.describe())
    assert "\x1b" not in text
    assert r"\x1b[31mred[bold]" in text


def test_where_output_goes(monkeypatch):
    class Kernel:
        kernel = object()

    class IPython:
        get_ipython = staticmethod(Kernel)

    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert env.surroundings() == "pipe"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert env.surroundings() == "terminal"
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert env.surroundings() == "notebook"


# The command


def test_doctor_prints_a_page_and_leaves_with_0_or_1(kerascope, backend):
    ready = kerascope("doctor")
    assert (ready.returncode, ready.stderr) == (0, "")
    assert f"READY  a training can be watched here, on {backend}" in ready.stdout
    broken = kerascope("doctor", KERAS_BACKEND="numpy")
    assert (broken.returncode, broken.stderr) == (1, "")
    assert "NOT READY" in broken.stdout


def test_doctor_writes_json(kerascope, tmp_path, backend):
    printed = kerascope("doctor", "--json")
    written = kerascope("doctor", "--json", "facts.json")
    assert (printed.returncode, written.returncode, written.stdout) == (0, 0, "")
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts == json.loads(printed.stdout)
    assert facts["schema"] == "kerascope/environment/1"
    assert facts["choice"]["name"] == backend


def test_doctor_says_when_it_cannot_write(kerascope):
    done = kerascope("doctor", "--json", "missing/facts.json")
    assert done.returncode == 2
    assert done.stderr.startswith("kerascope: The facts cannot be written there: No such file or directory.")
    assert "Received: --json 'missing/facts.json'" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_imports_no_keras_and_no_backend(subprocess_env):
    code = "import sys\nfrom kerascope.cli.main import main\nmain(['doctor'])\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=subprocess_env, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "kerascope.api.doctor" in loaded
    assert loaded.isdisjoint({"keras", "jax", "jaxlib", "tensorflow", "torch"})
