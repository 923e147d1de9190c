"""Where things were made: noted during a run, in the script and in other files; objects are as without a watch."""

from __future__ import annotations

import sys

import pytest

from kerascope.record.reader import RunView

NET = """
import keras
from keras import layers


class Scale(layers.Layer):
    def call(self, x):
        return 2 * x


class Named(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(units)

    def call(self, x):
        return self.inner(x)


def block(n):
    return layers.Dense(n, activation="relu")


def frozen():
    layer = layers.Dense(3)
    layer.trainable = False
    return layer
"""

TRAIN = """
import json
import keras
import numpy as np
from keras import layers
from net_parts.net import Named, Scale, block, frozen

model = keras.Sequential([keras.Input((4,))])
for n in (3, 5):
    model.add(block(n))
model.add(Scale())
model.add(Named(2))
model.add(frozen())
optimizer = keras.optimizers.SGD(
    learning_rate=0.1,
)
model.compile(optimizer, keras.losses.MeanSquaredError())
model.fit(np.zeros((8, 4)), np.zeros((8, 3)), epochs=1, verbose=0)
inputs = keras.Input((4,))
hidden = layers.Dense(3)(inputs)
for outputs in (hidden, {"b": hidden, "a": layers.Dense(2, name="last")(hidden)}):
    functional = keras.Model(inputs, outputs)
    functional.compile("sgd", "mse")
    y = {"a": np.zeros((8, 2)), "b": np.zeros((8, 3))} if isinstance(outputs, dict) else np.zeros((8, 3))
    functional.fit(np.zeros((8, 4)), y, epochs=1, verbose=0)
print(json.dumps(Scale(name="s").get_config()["name"]), json.dumps(Named.__init__.__name__))
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    import keras

    from kerascope.api.run import run

    folder = tmp_path_factory.mktemp("sites")
    (folder / "net_parts").mkdir()
    (folder / "net_parts" / "net.py").write_text(NET, encoding="utf-8")
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    before = keras.layers.Layer.__init__, keras.Model.compile, keras.layers.Layer.trainable
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py"])
        patch.setattr(sys, "path", list(sys.path))
        patch.setitem(sys.modules, "__main__", sys.modules["__main__"])
        keras.backend.clear_session()
        code, _ = run(str(folder / "train.py"), out=folder / "run.kscope")
    assert code == 0
    assert before == (keras.layers.Layer.__init__, keras.Model.compile, keras.layers.Layer.trainable)
    view = RunView.open(folder / "run.kscope")
    assert view.events("internal") == ()
    yield view.models[0].facts, view.sources(), view.models
    view.close()


def calls(facts, key):
    found, texts, _ = facts
    own = [
        frame for frame in found["sites"][key] if frame["file"] != "test_sites.py"
    ]  # this test called the script
    return [(frame["file"], texts[frame["file"]].splitlines()[frame["line"] - 1].strip()) for frame in own]


@pytest.mark.backend
def test_layers_of_a_helper_know_its_line_and_that_of_its_caller(facts):
    layer = next(key for key in facts[0]["sites"] if key.endswith("dense_1"))
    assert calls(facts, layer) == [
        ("net_parts/net.py", 'return layers.Dense(n, activation="relu")'),
        ("train.py", "model.add(block(n))"),
    ]


@pytest.mark.backend
def test_a_layer_with_its_own_init_is_made_where_it_is_called(facts):
    layer = next(key for key in facts[0]["sites"] if key.endswith("named"))
    assert calls(facts, layer)[0] == ("train.py", "model.add(Named(2))")
    inner = next(key for key in facts[0]["sites"] if key.endswith("named/dense_2"))
    assert calls(facts, inner)[0] == ("net_parts/net.py", "self.inner = layers.Dense(units)")


@pytest.mark.backend
def test_optimizer_loss_compile_fit_and_freezing(facts):
    assert calls(facts, "optimizer") == [("train.py", "optimizer = keras.optimizers.SGD(")]
    assert calls(facts, "loss") == calls(facts, "compile")
    assert calls(facts, "fit")[0][1].startswith("model.fit(")
    frozen = next(key for key in facts[0]["sites"] if key.startswith("frozen:"))
    assert calls(facts, frozen)[0] == ("net_parts/net.py", "layer.trainable = False")
    assert facts[0]["signatures"]["SGD"][:2] == ["learning_rate", "momentum"]


@pytest.mark.backend
def test_outputs_of_functional_models_have_their_keys(facts):
    one, two = (model.facts["program"] for model in facts[2][1:])
    assert [(o["key"], o["shape"]) for o in one["outputs"]] == [("", [None, 3])]
    assert {o["key"]: o["shape"] for o in two["outputs"]} == {"a": [None, 2], "b": [None, 3]}
    assert {o["key"]: o["before"][0] for o in two["outputs"]}["a"] == "last"
    assert sorted(loss["key"] for loss in two["losses"]) == ["a", "b"]
