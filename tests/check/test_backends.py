"""Reports of several backends become one that says where they differ."""

from __future__ import annotations

import pytest

from kerascope.api import backends
from kerascope.errors import UsageError
from kerascope.values import ContractRow, Finding, Report


def report(backend, *broken, kept=(), severity="fault"):
    findings = tuple(Finding(kind, severity, 0.99, f"{kind} is broken", "why") for kind in broken)
    rows = [ContractRow(kind, "promise", "broken") for kind in broken]
    rows += [ContractRow(kind, "promise", "kept") for kind in kept]
    return Report(
        "Mine", backend, "faulty" if broken else "healthy", findings, "1.0 s", contracts=tuple(rows)
    )


def test_what_differs_is_said():
    one = backends.merged({"jax": report("jax", "compiled"), "torch": report("torch", kept=["compiled"])})
    assert one.findings[0].evidence[0].value == "fails on jax, works on torch"
    assert one.backend == "jax, torch"
    assert not one.ok
    assert [row.outcome for row in one.contracts] == ["broken"]


def test_what_is_not_judged_does_not_work():
    one = backends.merged({"jax": report("jax", "compiled"), "torch": report("torch")})
    assert one.findings[0].evidence[0].value == "fails on jax; not judged on torch"


def test_what_is_broken_everywhere_is_said_once():
    one = backends.merged(
        {"jax": report("jax", "config", severity="warning"), "torch": report("torch", "config")}
    )
    assert len(one.findings) == 1
    assert one.findings[0].evidence == ()
    assert one.findings[0].severity == "fault"


def test_sound_everywhere():
    assert backends.merged({name: report(name, kept=["config"]) for name in ("jax", "torch")}).ok


def test_a_backend_without_a_report_is_no_success():
    one = backends.merged({"jax": report("jax", kept=["config"])}, {"torch": "out of memory"})
    assert not one.ok
    assert "out of memory" in one.findings[0].explanation


@pytest.mark.parametrize("text", ["numpy", "jax,mxnet", ","])
def test_what_is_no_backend(text):
    with pytest.raises(UsageError, match="Received: --backends"):
        backends.chosen(text)


@pytest.mark.table
@pytest.mark.backend
def test_the_command(kerascope, clean_env, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import keras\n\n\nclass Mine(keras.losses.Loss):\n    def call(self, y_true, y_pred):\n"
        "        return keras.ops.mean(y_true - y_pred)\n"
    )
    everything = clean_env["PYTHONPATH"]  # TensorFlow too
    done = kerascope("check", "mine.py:Mine", "--backends", "all", PYTHONPATH=everything)
    assert done.returncode == 1, done.stderr
    assert all(f"{backend} " in done.stdout for backend in ("jax", "tensorflow", "torch"))
    assert "one value for the whole batch" in done.stdout
