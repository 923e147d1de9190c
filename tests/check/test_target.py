"""Files on the command line are executed as far as their objects need it."""

from __future__ import annotations

import pytest

from kerascope.api import checking, target

pytestmark = pytest.mark.backend

SCRIPT = """
import keras
import numpy as np

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones((4, 1)))
trained = True
"""


@pytest.mark.parametrize("name", ["trains_at_once.py", "trains_when_imported"])
def test_a_file_is_executed_up_to_its_first_training(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{name.removesuffix('.py')}.py").write_text(SCRIPT)
    module = target.load_module(name)
    assert target.lookup(module, "model").optimizer.iterations == 0
    assert not hasattr(module, "trained")


def test_a_file_of_a_package_finds_its_neighbours(tmp_path, monkeypatch):
    folder = tmp_path / "kept_layers" / "inner"
    folder.mkdir(parents=True)
    (tmp_path / "kept_layers" / "__init__.py").touch()
    (folder / "__init__.py").write_text("FACTOR = 3")
    (folder / "scaling.py").write_text(
        "import keras\n\nfrom . import FACTOR\n\n\nclass Twice(keras.layers.Identity):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    module = target.load_module(str(folder / "scaling.py"))
    assert (module.__name__, module.FACTOR) == ("kept_layers.inner.scaling", 3)
    (one,) = checking.check_target("kept_layers.inner.scaling:Twice", inputs=["4,3"], fixes=False)
    assert one.subject == "Twice" and one.ok
