"""Importing kerascope is free: no Keras, no NumPy, no rich, hardly any time; its names come when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kerascope

FORBIDDEN = ("keras", "jax", "tensorflow", "torch", "numpy", "rich", "sqlite3", "asyncio")
LIMIT_MS = 60


def run(code: str, env: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True
    )


def loaded_by(code: str, env: dict[str, str]) -> set[str]:
    out = run(f"{code}\nimport sys; print(*sys.modules)", env).stdout
    return {name for name in out.splitlines()[-1].split() if name in FORBIDDEN}


def test_import_loads_nothing_heavy(subprocess_env):
    assert loaded_by("import kerascope; dir(kerascope)", subprocess_env) == set()


def test_the_check_sees_what_is_heavy(subprocess_env):
    assert loaded_by("import kerascope, numpy", subprocess_env) == {"numpy"}


def test_help_and_version_load_nothing_heavy(subprocess_env):
    for argument in ("--help", "--version"):
        code = f"from kerascope.cli.main import main\ntry: main([{argument!r}])\nexcept SystemExit: pass"
        assert loaded_by(code, subprocess_env) == set(), argument


def test_import_is_fast(subprocess_env, record_property):
    """The time kerascope adds to a Python that runs already; the best of five, because other programs run too."""
    best = min(
        import_ms(run("import kerascope", subprocess_env, "-X", "importtime").stderr) for _ in range(5)
    )
    record_property("import_ms", best)
    print(f"import kerascope: {best:.1f} ms")
    assert best < LIMIT_MS


def import_ms(importtime: str) -> float:
    """Returns the cumulative time of `kerascope` in the output of ``-X importtime``."""
    for line in importtime.splitlines():
        _, cumulative, name = line.removeprefix("import time:").split("|")
        if name.strip() == "kerascope":
            return int(cumulative) / 1000
    raise AssertionError(f"kerascope was not imported:\n{importtime}")


def test_import_ms_reads_the_cumulative_column():
    assert (
        import_ms(
            "import time: self [us] | cumulative | imported package\nimport time: 5 | 70000 | kerascope"
        )
        == 70
    )


@pytest.mark.parametrize("name", [name for name in kerascope.__all__ if name not in ("Watch", "watch")])
def test_public_names_exist(name):
    assert getattr(kerascope, name) is not None
    assert name in dir(kerascope)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'wach'"):
        _ = kerascope.wach


def test_no_package_of_that_name_is_needed_for_a_version(monkeypatch):
    from kerascope import env

    monkeypatch.setattr(env, "version", lambda package: None)
    assert env.own_version() == "unknown (not installed)"
