"""Every contract of losses, metrics, train steps, optimizers and construction has its page, headed by its promise."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.backend
PAGES = Path(__file__).resolve().parents[2] / "docs" / "contracts"


def test_every_contract_has_a_page():
    from kerascope.detect.contracts.registry import contracts

    found = contracts(["loss", "metric", "train_step", "optimizer", "builder"])
    assert len(found) >= 40
    for one in found:
        lines = (PAGES / f"{one.name}.md").read_text().splitlines()
        if one.name.startswith(("loss-", "metric-", "step-", "optimizer-", "baked-")):
            assert lines[:3] == [f"# {one.name}", "", one.promise]
            assert f"--allow {one.name}" in lines[-1]
