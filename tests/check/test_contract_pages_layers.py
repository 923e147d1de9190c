"""The pages of the layers' contracts: what is called broken breaks just that contract, and the mended one keeps it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

PAGES = Path(__file__).resolve().parents[2] / "docs" / "contracts"
pytestmark = pytest.mark.backend
SHOWS_ON = {
    "compiled": ("jax", "tensorflow"),
    "inputs-unchanged": ("torch",),
    "gradients-finite": ("jax", "torch"),
}
QUICK = ("config", "shapes-agree")


def programs(name):
    text = (PAGES / f"{name}.md").read_text()
    return re.findall(r"## (Broken|Mended)\n\n```python\n(.*?)```", text, re.DOTALL)


def layer_pages():
    names = sorted(path.stem for path in PAGES.glob("*.md") if len(programs(path.stem)) == 2)
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.table) for name in names]


def test_every_contract_of_layers_has_a_page():
    from kerascope.detect.contracts.registry import contracts

    found = contracts(["layer"])
    assert len(found) >= 21
    for one in found:
        lines = (PAGES / f"{one.name}.md").read_text().splitlines()
        assert lines[:3] == [f"# {one.name}", "", one.promise]
        assert f"--allow {one.name}" in lines[-1]
        assert [state for state, _ in programs(one.name)] == ["Broken", "Mended"]


@pytest.mark.catalogue
@pytest.mark.parametrize("name", layer_pages())
def test_programs_are_what_the_page_says(name, backend, tmp_path, monkeypatch):
    from importlib import import_module

    if backend not in SHOWS_ON.get(name, (backend,)):
        pytest.skip(f"it does not show on {backend}")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {}
    for state, program in programs(name):
        module = f"page_{name.replace('-', '_')}_{state.lower()}"
        lines = program.strip().splitlines()
        (tmp_path / f"{module}.py").write_text("\n".join([*lines[:-1], f"found = {lines[-1]}"]))
        found[state] = import_module(module).found
        del sys.modules[module]
    assert name in {finding.kind for finding in found["Broken"].findings}
    assert found["Mended"].findings == ()
