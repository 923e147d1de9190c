"""Any model as a graph: the same on every backend, exact, whole where the model breaks, and without a trace."""

from __future__ import annotations

import functools
import json
import warnings

import architectures
import keras
import numpy as np
import pytest
from keras import layers, ops

from kerascope._keras.topology import topology
from kerascope.api.compare import fingerprint
from kerascope.errors import UsageError
from kerascope.values import Topology, decode

pytestmark = pytest.mark.backend

# One fingerprint for every backend: types, settings, nesting, connections, shapes, dtypes, weights.
FINGERPRINTS: dict[str, str] = {
    "tickets": "98f5355c53c6afa4",
    "net": "2604f8510dc84517",
    "vae": "223c31068af4bad1",
    "transformer": "3fabd8944ebf5777",
    "gan": "1534154798e9d46b",
    "recurrent": "57a2ebc00b13d36d",
    "siamese": "6cf62f7af4d2be7d",
    "nested": "1bbd7e88d222e792",
    "mixed": "aa3641a30d3984d3",
    "image": "5828a713617a5b54",
    "native": "117a21558cb7a275",
    "lora": "59ba3398363a0d1c",
    "quantized": "380aa25b97473c2b",
    "bad_shape": "3b0fa34b758d8a7e",
    "untracked": "cbda6c010e61c3f3",
}


def by_path(graph):
    return {call.path: call for call in graph.calls}


def sources(graph, call):
    paths = {c.id: c.path for c in graph.calls}
    return [paths.get(tensor.source) for tensor in call.inputs]


@functools.cache
def make(name):
    """Builds each model once: tests only look at them."""
    build, inputs = architectures.ZOO[name] if name != "broken" else (architectures.Broken, ((None, 4),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build(), inputs


@pytest.mark.catalogue
@pytest.mark.parametrize("name", architectures.ZOO)
def test_every_form_of_model_is_seen(name):
    model, inputs = make(name)
    graph = topology(model, *inputs)
    assert graph.error is None
    assert fingerprint(graph) == FINGERPRINTS[name]
    assert len(graph.calls) > 1
    assert decode(Topology, json.loads(json.dumps(graph.to_json()))) == graph
    if graph.how != "structure":
        assert model.built
        assert all(call.outputs for call in graph.calls)
    assert graph.trainable == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert graph.trainable + graph.frozen == sum(int(np.prod(w.shape)) for w in model.weights)
    kept = {id(layer) for layer in model._flatten_layers()}
    rows = {c.name: c for c in graph.calls if c.category in ("layer", "model")}
    for layer in model._flatten_layers(include_self=False):
        if layer.name in rows and layer.built and id(layer) in kept:
            assert rows[layer.name].trainable + rows[layer.name].frozen == layer.count_params()


def test_the_guides_model_as_keras_states_it():
    model, _ = make("tickets")
    graph = topology(model)
    calls = by_path(graph)
    assert graph.trainable == model.count_params() == 1_392_097
    for operation in model.operations:
        (tensor,) = calls[operation.name].outputs
        assert tensor.shape == ("B", *operation.output.shape[1:])
        assert tensor.dtype == operation.output.dtype
        stated = [t._keras_history.operation.name for t in operation._inbound_nodes[0].input_tensors]
        assert sources(graph, calls[operation.name]) == stated
    assert {call.path for call in graph.calls} == {operation.name for operation in model.operations}
    assert calls["embedding"].outputs[0].shape == ("B", None, 64)
    assert [t.source for t in graph.outputs] == [calls["department"].id, calls["priority"].id]


def test_an_application_agrees_with_keras():
    model = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(64, 64, 3), alpha=0.75, minimalistic=True
    )
    graph = topology(model)
    calls = by_path(graph)
    assert graph.trainable + graph.frozen == model.count_params()
    assert len(graph.calls) == len(model.operations)
    for operation in model.operations:
        assert calls[operation.name].outputs[0].shape == ("B", *operation.output.shape[1:])
        stated = [t._keras_history.operation.name for t in operation._inbound_nodes[0].input_tensors]
        assert sources(graph, calls[operation.name]) == stated


def test_operations_slices_and_multiples_of_the_batch():
    graph = topology(make("net")[0], np.ones((3, 5), "float32"))
    calls = by_path(graph)
    assert calls["get_item"].outputs[0].shape == ("B", 7)
    assert calls["reshape"].outputs[0].shape == ("2·B", 4)
    assert sources(graph, calls["block1/add"]) == ["block0/multiply", _norm(calls, 1)]
    assert calls["block0/relu"].parent == calls["block0"].id
    line = calls["block0/add"].source
    assert line.file.endswith("architectures.py")
    assert line.expression == "return ops.relu(x + y) * 2.0"
    assert calls["block0"].defined.file.endswith("architectures.py")


def _norm(calls, block):
    return next(path for path in calls if path.startswith(f"block{block}/layer_normalization"))


def test_what_needs_the_size_of_the_batch_shows_no_size():
    graph = topology(make("vae")[0], (None, 6))
    shapes = {n for call in graph.calls for t in (*call.inputs, *call.outputs) for n in t.shape}
    assert shapes <= {"B", 2, 4, 6}
    calls = by_path(graph)
    assert calls["sampling"].losses == ("add_loss (1 times)",)
    assert calls["mean"].losses[0].startswith("kernel L2 ")
    assert any(call.category == "constant" for call in graph.calls)


def test_unknown_lengths_stay_unknown_and_multiples_are_found():
    x = keras.Input((None, 4))
    y = ops.concatenate([x, x], axis=0)
    z = ops.reshape(ops.transpose(x, (1, 0, 2)), (-1, 4))
    graph = topology(keras.Model(x, [y, z]))
    shapes = {call.kind: call.outputs[0].shape for call in graph.calls}
    assert shapes == {
        "InputLayer": ("B", None, 4),
        "Concatenate": ("2·B", None, 4),
        "Transpose": (None, "B", 4),
        "Reshape": (None, 4),
    }


def test_a_fixed_batch_is_shown_as_it_is():
    x = keras.Input(batch_shape=(4, 3))
    graph = topology(keras.Model(x, layers.Dense(2)(x)))
    assert [call.outputs[0].shape for call in graph.calls] == [(4, 3), (4, 2)]


def test_a_sequential_built_by_data_has_no_fixed_batch():
    model = keras.Sequential([layers.Dense(3, name="a"), layers.Dense(2, name="b")])
    model(np.ones((32, 4), "float32"))
    for example in ((), (np.ones((5, 4), "float32"),)):
        shapes = [call.outputs[0].shape for call in topology(model, *example).calls]
        assert shapes == [("B", 4), ("B", 3), ("B", 2)]
    model = keras.Sequential([layers.Input(batch_shape=(5, 7, 4)), layers.GRU(3, stateful=True, name="g")])
    assert topology(model).calls[-1].outputs[0].shape == (5, 3)


def test_shared_layers_have_an_entry_for_each_call():
    graph = topology(make("siamese")[0], (None, 3), (None, 9, 3))
    towers = [call for call in graph.calls if call.name == "tower"]
    assert [(c.call, c.calls, c.outputs[0].shape) for c in towers] == [(1, 2, ("B", 4)), (2, 2, ("B", 9, 4))]
    assert graph.trainable == 16


def test_models_in_models():
    graph = topology(make("nested")[0])
    calls = by_path(graph)
    assert calls["middle#2/small/leaf"].calls == 2
    assert calls["middle/small/leaf"].outputs[0].shape == ("B", 4)
    (constant,) = [c for c in graph.calls if c.category == "constant" and c.parent == calls["middle"].id]
    assert constant.outputs[0].shape == (4,)
    (joined,) = [call for call in graph.calls if call.kind == "Concatenate"]
    assert [path.partition("/")[0] for path in sources(graph, joined)] == ["middle", "middle#2"]


def test_masks():
    graph = topology(make("recurrent")[0], np.ones((2, 7), "int32"))
    calls = by_path(graph)
    assert calls["tokens"].outputs[0].masked
    roles = {
        (tensor.role, calls_path) for calls_path in ("both", "gru") for tensor in calls[calls_path].inputs
    }
    assert ("mask", "both") in roles and ("mask", "gru") in roles
    assert any(call.parent == calls["both"].id and call.kind == "LSTM" for call in graph.calls)


def test_a_model_that_fails_half_way():
    graph = topology(architectures.Broken(), (None, 4))
    calls = by_path(graph)
    failing = [call.path for call in graph.calls if call.error]
    assert failing == ["block/add"]
    assert graph.error and "8" in graph.error
    assert calls["block/add"].source.expression == "return ops.relu(x + y) * 2.0"
    assert calls["first"].outputs[0].shape == ("B", 4)
    assert "never" not in calls
    assert "11" not in graph.error


@pytest.mark.catalogue
@pytest.mark.parametrize("name", ["broken", "net", "native", "transformer"])
def test_the_same_model_gives_the_same_graph_whatever_ran_before(name):
    model, inputs = make(name)
    topology(model, *inputs)  # what is not built is built by this
    before = topology(model, *inputs)
    x = keras.Input((4,))
    keras.Model(x, layers.Dense(4)(x + x) + ops.relu(x))
    topology(architectures.Broken(), (None, 4))
    again = topology(model, *inputs)
    assert again == before
    # A second one, made after all of this, differs in the numbers that Keras gives to layers without a name.
    build = architectures.ZOO[name][0] if name != "broken" else architectures.Broken
    other = topology(build(), *inputs)
    assert fingerprint(other) == fingerprint(before)
    assert [c.path for c in other.calls if c.category == "op"] == [
        c.path for c in before.calls if c.category == "op"
    ]


def test_an_input_that_a_layer_refuses_is_an_error_at_that_layer():
    class Refused(keras.Model):
        def __init__(self):
            super().__init__()
            self.a = layers.Dense(3, name="a")
            self.b = layers.Conv2D(3, 3, name="b")

        def call(self, x):
            return self.b(self.a(x))

    graph = topology(Refused(), (None, 4))
    assert [call.path for call in graph.calls if call.error] == ["b"]
    assert "expected min_ndim=4" in graph.error


def test_layers_that_fail_when_built_or_shaped_in_a_functional_model():
    x = keras.Input((4,), name="x")
    layer = architectures.Residual(4, name="res")
    model = keras.Model(x, layer(x))
    layer.steps[0].units = 7  # as if the code had been changed

    def fails(self, *args, **kwargs):
        raise RuntimeError("not today")

    layer.steps[1].compute_output_spec = fails.__get__(layer.steps[1])
    layer.steps[1].call = fails.__get__(layer.steps[1])
    graph = topology(model)
    assert "not today" in graph.error
    assert [call.kind for call in graph.calls if call.error] == ["LayerNormalization"]


def test_where_keras_summary_raises():
    model, inputs = make("bad_shape")
    graph = topology(model, *inputs)
    assert by_path(graph)["bad"].outputs[0].shape == ("B", 4)
    model = architectures.UsesBadShape()
    model(np.ones((2, 4), "float32"))
    with pytest.raises(IndexError):
        model.summary(print_fn=lambda text: None)
    assert topology(model).error is None


def test_code_outside_keras_is_run_on_data():
    model, inputs = make("native")
    graph = topology(model, *inputs)
    calls = by_path(graph)
    assert graph.how == "data"
    assert sources(graph, calls["native/inner#2"]) == ["native/code"]
    assert calls["native/code"].outputs[0].shape == ("B", 3)


def test_values_that_decide_are_decided_by_the_users_data():
    class Switch(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(3, name="a"), layers.Dense(3, name="b")

        def call(self, x):
            return self.a(x) if float(ops.max(x)) > 100 else self.b(x)

    graph = topology(Switch(), np.full((2, 3), 200, "float32"))
    assert "a" in by_path(graph) and "b" not in by_path(graph)


def test_parts_of_a_model_without_call():
    graph = topology(make("gan")[0])
    assert graph.how == "structure"
    assert by_path(graph)["critic/c"].outputs[0].shape == ("B", 1)
    assert "give an example" in graph.notes[0]


def test_untracked_unused_and_unbuilt_layers_are_named():
    graph = topology(architectures.Untracked(), (None, 3))
    assert [path.rpartition("/")[2] for path in graph.untracked] == ["hidden"]
    assert graph.unused == ("idle",)
    assert topology(architectures.Broken(), (None, 4)).unbuilt == ("never",)
    assert topology(architectures.Net()).unbuilt[0] == "first"


def test_lists_of_inputs_dictionaries_and_keywords():
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.d = layers.Dense(2, name="d")

        def call(self, inputs, scale=None):
            return {"sum": self.d(inputs["a"]) + self.d(inputs["b"]), "scaled": inputs["a"] * scale}

    shapes = {"a": (None, 3), "b": (None, 3)}
    graph = topology(Pair(), shapes, keywords={"scale": np.ones((1, 3), "float32")})
    assert [call.name for call in graph.calls if call.category == "input"] == ["a", "b", "scale"]


@pytest.mark.catalogue
@pytest.mark.parametrize("name", ["net", "vae", "native", "nested", "untracked"])
def test_nothing_stays_on_the_model_or_its_classes(name):
    model, inputs = make(name)
    topology(model, *inputs)  # built now

    def state():
        values = [np.array(ops.convert_to_numpy(v)) for v in model.variables]
        nodes = [(len(x._inbound_nodes), len(x._outbound_nodes)) for x in [model, *model._flatten_layers()]]
        attributes = [sorted(vars(x)) for x in model._flatten_layers()]
        return values, nodes, attributes

    classes = [keras.layers.Layer, keras.Operation, keras.KerasTensor, keras.src.layers.layer]
    classes += [keras.src.ops.operation, keras.src.backend.common.variables.Variable]
    before, dicts = state(), [dict(vars(c)) for c in classes]
    seeds = [
        np.array(ops.convert_to_numpy(s.state)) for x in model._flatten_layers() for s in x._seed_generators
    ]
    names = keras.layers.Add().name
    topology(model, *inputs)
    after = state()
    assert all(np.array_equal(x, y, equal_nan=True) for x, y in zip(before[0], after[0], strict=True))
    assert before[1:] == after[1:]
    assert [dict(vars(c)) for c in classes] == dicts
    now = [
        np.array(ops.convert_to_numpy(s.state)) for x in model._flatten_layers() for s in x._seed_generators
    ]
    assert all(np.array_equal(x, y) for x, y in zip(seeds, now, strict=True))
    assert (
        int(keras.layers.Add().name.rpartition("_")[2])
        == int(names.rpartition("_")[2] if "_" in names else 0) + 1
    )


def test_hooks_go_when_the_model_fails_or_is_interrupted():
    class Interrupted(keras.Model):
        def call(self, x):
            raise KeyboardInterrupt

    dicts = dict(vars(keras.layers.Layer))
    with pytest.raises(KeyboardInterrupt):
        topology(Interrupted(), (None, 3))
    topology(architectures.Broken(), (None, 4))
    assert dict(vars(keras.layers.Layer)) == dicts


def test_a_model_can_be_trained_and_saved_after_it_was_looked_at(tmp_path):
    model = architectures.Net()
    topology(model, np.ones((2, 5), "float32"))
    model.compile("sgd", loss={"a": "mse"})
    x = np.ones((4, 5), "float32")
    model.fit(x, {"a": np.ones((4, 2), "float32")}, verbose=0)
    assert topology(model).optimizer == "SGD"
    functional = architectures.nested()
    topology(functional)
    functional.save(tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").count_params() == 20


def test_what_is_no_layer_is_refused():
    with pytest.raises(UsageError, match="no Keras model"):
        topology(keras.Model)
    with pytest.raises(UsageError, match="array or a shape"):
        topology(architectures.Net(), "text")
