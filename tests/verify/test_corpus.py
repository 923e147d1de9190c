"""Each faulty script of our own corpus does worse than its mended twin, and each healthy one does well."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from kerascope.api.score import result_line

CORPUS = Path(__file__).parents[1] / "corpus"
MANIFEST = json.loads((CORPUS / "manifest.json").read_text())
pytestmark = [pytest.mark.backend, pytest.mark.table]


def figure(script, metric, env):
    done = subprocess.run(
        [sys.executable, str(CORPUS / script)],
        capture_output=True,
        text=True,
        env=env,
        timeout=300,
        check=False,
    )
    value = result_line(done.stdout).get(metric)
    return math.nan if value is None else float(value)


@pytest.mark.parametrize("case", MANIFEST["cases"], ids=lambda case: case["id"])
def test_a_twin_is_mended(case, backend, subprocess_env):
    if backend not in case["backends"]:
        pytest.skip(f"not for {backend}")
    faulty = figure(case["faulty"], case["metric"], subprocess_env)
    fixed = figure(case["fixed"], case["metric"], subprocess_env)
    assert math.isfinite(fixed)
    gain = fixed - faulty if case["better"] == "max" else faulty - fixed
    assert not math.isfinite(faulty) or gain > 0.05 * abs(fixed)


@pytest.mark.parametrize("case", MANIFEST["healthy"], ids=lambda case: case["id"])
def test_a_healthy_script_runs(case, subprocess_env):
    assert math.isfinite(figure(case["script"], case["metric"], subprocess_env))
