"""What is said of published packages is what was judged by hand in docs/check-packages.md, and no more."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import check_packages  # noqa: E402

pytestmark = [
    pytest.mark.backend,
    pytest.mark.table,
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="judged by hand on torch"),
    pytest.mark.skipif(
        not (check_packages.FOLDER / "installed.txt").is_file(),
        reason="bench/check_packages.py has not installed them",
    ),
]

JUDGED = {
    "get_mixture_loss_func(2, 3)": {"loss-per-sample", "loss-finite"},
    "Set2Set(4)": {"build-creates-all"},
    "AttentionPooling(4)": {"build-creates-all"},
    "GCNConv(4)": {"python-state"},
    "GINConv(4)": {"python-state"},
    "SAGEConv(4)": {"build-creates-all", "mixed-precision"},
    "LMU(2, 4, 5.0, keras.layers.SimpleRNNCell(3))": {"builds"},
    "LMUFeedforward(2, 4, 5.0, keras.layers.Dense(3))": {"builds"},
    "TCN(nb_filters=4, kernel_size=2, dilations=(1, 2))": {"python-state", "tracked-state"},
}


@pytest.mark.parametrize("package", list(check_packages.PACKAGES))
def test_nothing_else_is_said_of_it(package):
    rows = check_packages.worker(package, show=False)
    assert rows and not [row for row in rows if "not_checked" in row], rows
    for row in rows:
        serious = {kind for severity, kind, _ in row["findings"] if severity != "note"}
        assert serious == JUDGED.get(row["object"], set()), row
