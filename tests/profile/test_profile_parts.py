"""The small parts of a profile: what changed about a batch, frames of the sampling profiler, containers that grow."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from kerascope.probe import memory, stacks
from kerascope.probe.signature import Signatures, signature


def batch(size: int, dtype: str = "float32") -> tuple:
    return {"image": np.zeros((size, 4, 4), dtype), "text": np.zeros((size, 7), "int32")}, np.zeros((size,))


def test_a_signature_names_every_array_as_fit_does():
    names = [name for name, _, _ in signature((*batch(3), np.zeros(3)))]
    assert names == ["x['image']", "x['text']", "y", "sample_weight"]
    assert signature(([np.zeros(2), np.zeros(3)], None))[1][::2] == ("x[1]", (3,))


def test_a_change_names_the_argument_against_the_nearest_batch():
    seen = Signatures()
    assert seen.see(batch(3)).first
    assert seen.see(batch(3)) is None
    wider = seen.see(batch(3, "float64"))
    assert wider.differences == (("x['image']", "float32 (3, 4, 4)", "float64 (3, 4, 4)"),)
    smaller = seen.see(batch(2, "float64"))
    assert [name for name, _, _ in smaller.differences] == ["x['image']", "x['text']", "y"]
    assert smaller.facts()["differences"][0]["before"] == "float64 (3, 4, 4)"


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("batches\x00/me/train.py\x003\x01l17", ("batches", "/me/train.py", 17)),
        ("batches\x00/me/train.py\x003", ("batches", "/me/train.py", 3)),
        ("[self]", ("[self]", "", 0)),
    ],
)
def test_frames_of_pyinstrument(text, frame):
    assert stacks._frame(text) == frame


def test_stacks_say_which_lines_run():
    pytest.importorskip("pyinstrument")
    seen = stacks.Stacks(10.0)
    seen.begin(1000)
    for _ in range(12):
        seen.step()
        sum(i * i for i in range(40_000))
    seen.stop()
    facts = seen.facts()
    assert facts["missing"] is None
    assert facts["lines"][0]["file"].endswith("test_profile_parts.py")
    assert facts["lines"][0]["plain"] == facts["lines"][0]["seconds"] > 0


def test_without_pyinstrument_it_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyinstrument", None)
    seen = stacks.Stacks(10.0)
    seen.begin(1000)
    for _ in range(5):
        seen.step()
    assert "pip install kerascope[profile]" in seen.facts()["missing"]


def test_containers_that_grow_with_the_steps_are_named(monkeypatch):
    class Log:
        def __init__(self) -> None:
            self.kept: list[int] = []
            self.bounded: list[int] = []
            self.past: dict[str, list[int]] = {"losses": []}

    log = Log()
    module = types.ModuleType("theirs")
    module.__file__ = "/home/me/theirs.py"
    module.cache = {}
    monkeypatch.setitem(sys.modules, "theirs", module)
    seen = memory.Memory(dict)
    seen.begin((log,))
    for step in range(10):
        log.kept.extend(range(5))
        log.past["losses"].extend(range(3))
        log.bounded = list(range(3))
        module.cache.update({(step, i): i for i in range(4)})
        seen.look(5 * step, 0)
    names = {row["name"]: (row["from"], row["to"]) for row in seen.facts()["containers"]}
    assert names == {"Log.kept": (5, 50), "theirs.cache": (4, 40), "Log.past['losses']": (3, 30)}
    assert all(look["resident"] > 1e6 for look in seen.facts()["looks"])


def test_operations_of_an_eager_step_are_counted_by_the_function_that_asks_for_them(backend):
    if backend != "torch":
        pytest.skip("the step is compiled")
    import keras

    from kerascope._backends.torch_started import started

    layer = keras.layers.Dense(2)
    layer.build((None, 3))

    def penalty(values):
        total = 0.0
        for row in range(4):
            total = total + values[row].sum()
        return total

    facts = started(lambda: penalty(layer(keras.ops.ones((4, 3)))).backward())
    counts = {row["function"]: row["count"] for row in facts["started"]}
    assert counts["penalty"] == 12  # the layer's own are its own
    assert facts["backward"] > 8
    assert facts["all"] > facts["backward"] + 12


def test_containers_are_measured_without_running_the_users_code():
    class Key:
        def __repr__(self):
            raise AssertionError("the user's code was run")

    class Owner:
        def __init__(self):
            self.kept = {"losses": [1, 2, 3], Key(): [4]}

    found = memory.sizes((Owner(),), {})
    assert {name.rpartition(".")[2]: size for name, size in found.items()} == {"kept": 2, "kept['losses']": 3}
