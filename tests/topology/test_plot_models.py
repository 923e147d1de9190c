"""`kerascope.plot` on real models: files, health of a run, comparing, the command."""

from __future__ import annotations

import dataclasses
import json
import re

import architectures
import keras
import numpy as np
import pytest
from keras import layers

import kerascope
from kerascope.api.health import health_of
from kerascope.errors import UsageError
from kerascope.render.drawing import available
from kerascope.values import CallFacts

pytestmark = pytest.mark.backend


@pytest.mark.catalogue
@pytest.mark.parametrize("name", ["tickets", "net", "vae", "gan", "native"])
def test_every_form_of_model_has_a_page(name, tmp_path):
    build, inputs = architectures.ZOO[name]
    made = kerascope.plot(build(), tmp_path / "m.html", inputs=inputs)
    page = (tmp_path / "m.html").read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert len(data["calls"]) == len(made.graph.calls)
    assert any(weight["stats"] for weight in data["weights"])
    assert made.ok


def test_a_picture_of_a_broken_model(tmp_path):
    made = kerascope.plot(architectures.Broken(), tmp_path / "m.dot", inputs=[(None, 4)])
    assert "fails" in (tmp_path / "m.dot").read_text()
    assert not made.ok and made.findings[0].kind == "call-fails"


def test_a_notebook_shows_it():
    made = kerascope.plot(architectures.nested())
    bundle = made._repr_mimebundle_()
    assert "plot of 'outer'" in bundle["text/plain"]
    if available():
        assert bundle["image/svg+xml"].startswith("<?xml")


def test_two_models_side_by_side(tmp_path):
    def build(units, extra):
        stack = [layers.Input((4,), name="x"), layers.Dense(units, name="a")]
        stack += [layers.ReLU(name=name) for name in extra]
        return keras.Sequential([*stack, layers.Dense(2, name="b")], name="m")

    made = kerascope.plot(build(8, ["old"]), build(9, ["new", "newer"]), tmp_path / "d.html")
    marks = {call.path: made.marks.get(call.id) for call in made.graph.calls}
    assert marks["x"] is None and marks["removed: old"] == "removed" and marks["newer"] == "added"
    assert marks["a"] in ("reshaped", "reparametrised")


def test_boxes_show_the_health_of_a_run(tmp_path):
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(8, activation="relu", name="a")
    model = keras.Sequential([layers.Input((4,)), hidden, layers.Dense(1, name="b")])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    path = tmp_path / "r.kscope"
    with kerascope.watch(model, out=path, every=2):
        model.fit(x, x[:, :1], epochs=2, batch_size=8, verbose=0)
    made = kerascope.plot(model, run=path)
    health = {call.name: call.health for call in made.graph.calls}
    assert health["a"].startswith("good: gradient ")
    assert all(value is None for name, value in health.items() if name not in ("a", "b"))
    assert kerascope.plot(model, run=kerascope.load(path)).graph == made.graph


def test_an_ill_training_is_red_where_it_is_ill(tmp_path):
    keras.utils.set_random_seed(0)
    dead = {"activation": "relu", "bias_initializer": keras.initializers.Constant(-30.0)}
    model = keras.Sequential(
        [
            layers.Input((20,)),
            layers.Dense(8, name="alive", activation="relu"),
            layers.Dense(8, name="dead", **dead),
            layers.Dense(4, name="out", activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(640, 20)).astype("float32")
    path = tmp_path / "r.kscope"
    with kerascope.watch(model, out=path, every=2):
        model.fit(x, (x @ rng.normal(size=(20, 4))).argmax(1), epochs=3, batch_size=32, verbose=0)
    graph = kerascope.plot(model, run=path).graph
    health = {call.name: call.health.partition(":")[0] for call in graph.calls if call.health}
    assert health["dead"] == "bad" and health["out"] == "good"
    assert graph.verdict.startswith("faulty: ") and "dead" in graph.verdict


def test_a_layer_is_told_from_another_of_its_name():
    texts = {"net/block0/dense": "bad: a", "net/block1/dense": "good: b", "net/head": "warn: c"}
    call = CallFacts(0, "block1/dense", "dense", "Dense", "layer")
    assert health_of(call, texts) == "good: b"
    assert health_of(dataclasses.replace(call, path="block0#2/dense"), texts) == "bad: a"
    assert health_of(dataclasses.replace(call, path="elsewhere/dense"), texts) is None
    assert health_of(dataclasses.replace(call, path="deep/head", name="head"), texts) == "warn: c"


def test_arguments_are_checked(tmp_path):
    model = architectures.nested()
    for arguments in ({"rankdir": "UP"}, {"theme": "blue"}, {"dpi": 0}, {"depth": -1}):
        with pytest.raises(UsageError, match="Received"):
            kerascope.plot(model, **arguments)
    with pytest.raises(UsageError, match="Allowed endings"):
        kerascope.plot(model, tmp_path / "m.jpeg")
    with pytest.raises(UsageError, match="2 paths"):
        kerascope.plot(model, "a.svg", "b.svg")


def test_the_command(tmp_path, monkeypatch, capsys):
    from kerascope.cli.main import main

    monkeypatch.chdir(tmp_path)
    architectures.nested().save("m.keras")
    assert main(["plot", "m.keras", "m.html"]) == 0
    assert main(["plot", "m.keras", "m.html"]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["plot", "m.keras", "m.html", "--force", "--theme", "dark"]) == 0
    assert 'data-theme="dark"' in (tmp_path / "m.html").read_text()
