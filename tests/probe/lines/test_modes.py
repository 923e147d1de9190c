"""Eager, symbolic, compiled: what is shown in each mode, and what is said where something else was done."""

from __future__ import annotations

import sys

import keras
import mode_programs as programs
import numpy as np
import pytest
from keras import ops

from kerascope._backends import tensors
from kerascope._backends.labels import guess, label
from kerascope.probe.lines.session import recording

pytestmark = pytest.mark.backend
NAMES = ["inputs * self.scale", "ops.log(scaled)", "ops.mean(y, axis=-1, keepdims=True)"]


def shapes(log, mode=None):
    """Returns the shapes of every expression, and checks that none is there twice."""
    events = [e for e in log.events if mode in (None, e.facts.mode)]
    found = {(e.site.function, e.site.line, e.site.source, e.path): e.facts.shape for e in events}
    assert len(found) == len(events)
    return {source: shape for (_, _, source, _), shape in found.items()}


def symbolic(layer, *shape):
    with recording() as recorder:
        result = layer(keras.Input(shape))
    return result, recorder.log


def test_symbolic_sizes_are_terms_of_the_batch(backend):
    plain = programs.Joined()(keras.Input((5,)))
    result, log = symbolic(programs.Joined(), 5)
    assert result.shape == plain.shape
    unknown = backend == "tensorflow"
    found = shapes(log)
    assert found["ops.relu(-inputs)"] == (None if unknown else "B", 5)
    assert found["ops.concatenate([pos, neg], axis=0)"] == (None if unknown else "2·B", 5)
    assert {e.facts.mode for e in log.events} == {"symbolic"}
    assert all(e.facts.mean is None and e.facts.finite is None for e in log.events)
    assert [row.count for row in log.rows.values()] == [1] * len(log.rows)
    assert len(log.activations) == 1


def test_other_terms(backend):
    _, log = symbolic(programs.Padded(), 5)
    found = shapes(log)
    if backend == "tensorflow":
        assert found["ops.pad(inputs, [[1, 0], [0, 0]])"] == (None, 5)
        return
    assert found["ops.pad(inputs, [[1, 0], [0, 0]])"] == ("B+1", 5)
    assert found["ops.reshape(inputs, (-1,))"] == ("5·B",)
    assert found["ops.expand_dims(inputs, 0)"] == (1, "B", 5)


def test_several_unknown_sizes_are_said_to_be_one(backend):
    _, log = symbolic(programs.Joined(), None, 5)
    said = [note for note in log.notes if "several unknown sizes" in note]
    assert len(said) == (0 if backend == "tensorflow" else 1)


def test_a_layer_that_fails_symbolically_is_shown_up_to_there_and_once(backend):
    with recording() as recorder, pytest.raises(Exception, match="Failing"):
        programs.Failing()(keras.Input((5,)))
    found = shapes(recorder.log)
    assert found["joined"] == ("2·B" if backend != "tensorflow" else None, 5)
    assert found["ops.ones((10, 3))"] == (10, 3)


def test_sizes_of_one_run_and_of_two():
    assert [guess(n, 83) for n in (83, 166, 84, 415, 5, 83 * 83, 120)] == [
        "B", "2·B", "B+1", "5·B", 5, "B²", 120,
    ]  # fmt: skip
    pairs = [(83, 89), (166, 178), (82, 88), (83, 83), (41, 44), (6889, 7921)]
    assert [label(a, b, 83, 89) for a, b in pairs] == ["B", "2·B", "B-1", 83, None, "B²"]


def fitted(run_eagerly, traced):
    model = programs.model(run_eagerly)
    x, y = programs.data()
    if not traced:
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
        return model.get_weights(), None
    with recording() as recorder:
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False)
    return model.get_weights(), recorder.log


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_fit_is_unchanged_and_shown(backend, run_eagerly):
    before, _ = fitted(run_eagerly, False)
    after, log = fitted(run_eagerly, True)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    mode = "eager" if run_eagerly or backend == "torch" else "traced"
    events = [e for e in log.events if e.facts.mode == mode]
    for source, shape in zip(NAMES, [(16, 5), (16, 5), (16, 1)], strict=True):
        found = [e for e in events if e.site.source == source]
        assert found and {e.facts.shape for e in found} == {shape}
        assert len(found) == (4 if mode == "eager" else 1)
        assert all((e.facts.mean is not None) == (mode == "eager") for e in found)
    if mode == "traced":
        assert not [e for e in log.events if e.facts.mode == "eager"]


def test_what_keras_has_compiled_is_compiled_anew(backend):
    model = programs.model()
    x, y = programs.data()
    model.fit(x, y, batch_size=16, verbose=0)
    with recording() as recorder:
        model.fit(x, y, batch_size=16, verbose=0, epochs=2)
        first = model.train_function
        model.fit(x, y, batch_size=16, verbose=0)
    assert model.train_function is first
    assert set(NAMES) <= {e.site.source for e in recorder.log.events}
    said = [note for note in recorder.log.notes if "had been compiled before the trace" in note]
    assert len(said) == (0 if backend == "torch" else 1)
    assert "make_train_function" not in vars(keras.Model)


def test_a_layer_without_values_under_the_compiler(backend):
    """The user's own compiled functions, compiled before the trace and in it."""
    x = ops.convert_to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    if backend == "jax":
        import jax

        compiled, mode, word = jax.jit(programs.pure), "traced", "jax.jit"
    elif backend == "tensorflow":
        import tensorflow as tf

        compiled, mode, word = tf.function(programs.branching), "eager", "tf.function"
    else:
        import torch

        compiled, mode, word = torch.compile(programs.branching, backend="eager"), "eager", "torch.compile"
    before = tensors.array_of(compiled(x))
    with recording() as recorder:
        during = tensors.array_of(compiled(x))
    assert np.array_equal(before, during)
    assert np.array_equal(before, tensors.array_of(compiled(x)))
    assert {e.facts.mode for e in recorder.log.events} == {mode}
    assert shapes(recorder.log)["x * 2.0"] == (2, 3)
    assert [note for note in recorder.log.notes if word in note]
    with recording() as recorder:
        pass
    assert not [note for note in recorder.log.notes if word in note]


def test_values_behind_gradients(backend):
    if backend != "jax":
        pytest.skip("JAX differentiates with tracers around values")
    import jax

    def loss(v):
        return programs.pure(v).sum()

    x = np.arange(6, dtype="float32").reshape(2, 3)
    with recording() as recorder:
        jax.grad(loss)(x)
    facts = next(e.facts for e in recorder.log.events if e.site.source == "x * 2.0")
    assert (facts.mode, facts.mean, facts.shape) == ("eager", 5.0, (2, 3))
    with recording() as recorder:
        jax.vmap(jax.grad(loss))(np.ones((4, 2, 3), "float32"))
    facts = next(e.facts for e in recorder.log.events if e.site.source == "x * 2.0")
    assert (facts.mode, facts.mean, facts.shape) == ("traced", None, (2, 3))


def test_what_autograph_converts_is_said(backend):
    if backend != "tensorflow":
        pytest.skip("AutoGraph is TensorFlow's")
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(np.ones((2, 3), "float32"))
    plain = [np.asarray(row) for row in dataset.map(programs.branching)]
    with recording() as recorder:
        rows = [np.asarray(row) for row in dataset.map(programs.branching)]
    assert np.array_equal(plain, rows)
    assert [note for note in recorder.log.notes if "`branching` was run in a graph by AutoGraph" in note]


def test_everything_of_the_compilers_is_put_back(backend):
    from keras.src import backend as keras_backend

    before = keras_backend.compute_output_spec
    if backend == "torch":
        import torch

        kept = torch.compile
    with pytest.raises(ValueError, match="out"), recording():
        assert keras_backend.compute_output_spec is not before
        raise ValueError("out")
    assert keras_backend.compute_output_spec is before
    if backend == "torch":
        assert torch.compile is kept
        dynamo = sys.modules.get("torch._dynamo.eval_frame")
        assert dynamo is None or dynamo._stance.stance == "default"
    if backend == "tensorflow":
        import tensorflow as tf

        assert type(tf.function(programs.pure)).__call__.__qualname__ == "Function.__call__"


def test_models_under_construction_are_sized_by_the_batch():
    start = keras.Input((5,))
    steps = keras.Input((None, 4))
    wide = ops.concatenate([start, start], axis=-1)
    tall = ops.concatenate([start, start], axis=0)
    made = [start, steps, keras.layers.Dense(3)(wide), tall, ops.reshape(wide, (-1, 5)), ops.transpose(wide)]
    assert [tensors.facts(tensor).shape for tensor in made] == [
        ("B", 5), ("B", None, 4), ("B", 3), ("2·B", 5), ("2·B", 5), (10, "B"),
    ]  # fmt: skip


class Doubles(keras.layers.Layer):
    """Gives each row twice."""

    def call(self, x):
        return keras.ops.concatenate([x, -x], axis=0)


def test_what_a_layer_of_the_users_does_to_the_batch_is_not_guessed():
    start = keras.Input((5,))
    inner = keras.Sequential([Doubles(), keras.layers.Dense(3)])
    made = [
        Doubles()(start),
        keras.layers.Dense(3)(start),
        keras.layers.Lambda(lambda x: x)(start),
        inner(start),
    ]
    assert [tensors.facts(tensor).shape for tensor in made] == [(None, 5), ("B", 3), (None, 5), (None, 3)]
