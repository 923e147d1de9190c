"""The watch changes no result by a bit, and nothing of it is left."""

from __future__ import annotations

import copy
import gc
import io
import re
import sys
import warnings
import weakref
import zipfile
from pathlib import Path

import common
import keras
import numpy as np
import pytest
from keras import layers

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))


def transformer():
    """One block, small: attention with dropout, layer norm, embedding."""
    inputs = keras.Input((12,), dtype="int32")
    x = layers.Embedding(50, 16)(inputs)
    h = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(2, 8, dropout=0.1)(h, h)
    h = layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x))
    x = x + layers.Dropout(0.1)(layers.Dense(16)(h))
    return common.compiled(keras.Model(inputs, layers.Dense(4)(layers.GlobalAveragePooling1D()(x))))


def cnn():
    net = [
        keras.Input((8, 8, 1)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(4),
    ]
    return common.compiled(keras.Sequential(net))


def data(name):
    random = np.random.default_rng(5)
    shape = {"mlp": (16,), "cnn": (8, 8, 1), "transformer": (12,)}[name]
    x = random.normal(size=(50 * 16, *shape))
    x = random.integers(0, 50, x.shape).astype("int32") if name == "transformer" else x.astype("float32")
    return x, random.integers(0, 4, len(x)).astype("int32")


MODELS = {"mlp": lambda: common.compiled(common.network()), "cnn": cnn, "transformer": transformer}


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_fifty_steps_are_identical(name, inline):
    x, y = data(name)

    def train(model):
        return model.fit(x, y, batch_size=16, epochs=1, verbose=0)

    off, on, run = common.twice(MODELS[name], train, every=9, inline=inline)
    assert off == on
    assert len(run.model.steps().step) == 50
    assert not run.internal(), run.view.events("internal")
    norms = [log for log in run.model.steps().logs if log.startswith("gradient_norm:")]
    assert bool(norms) == (inline and "gradient norms of every step" not in run.gaps())


def test_inline_norms_are_the_gradients():
    """The norms taken inside the step equal those of the samples of the same steps."""
    model = common.compiled(common.network())
    with common.recording(inline=True, every=10) as recorder:
        common.fit(model, epochs=1)
    run = common.finished(recorder)
    steps, sample = run.model.steps(), run.model.samples("gradient")
    for index, name in enumerate(sample.names):
        inside = steps.logs[f"gradient_norm:{name}"][sample.step - 1]
        np.testing.assert_allclose(inside, sample.field("norm")[:, index], rtol=2e-3, atol=1e-5)


def snapshot(thing):
    """Every attribute by name and identity."""
    return {name: id(value) for name, value in vars(thing).items()}


def classes():
    yield keras.Model
    yield keras.layers.Layer
    yield keras.callbacks.CallbackList
    from kerascope._keras.steps import optimizer_classes

    yield from optimizer_classes()


def test_nothing_is_left_behind():
    model = common.compiled(common.network())
    common.fit(model, epochs=1)
    things = [model, model.optimizer, *model.layers]
    before = [set(vars(thing)) for thing in things]
    function = model.train_function
    functions = {
        (cls, name): value for cls in classes() for name, value in vars(cls).items() if callable(value)
    }
    modules = dict(vars(keras))
    with common.recording(every=3, inline=True) as recorder:
        common.fit(model, epochs=1)
        model.train_on_batch(common.X[:32], common.Y[:32])
    common.finished(recorder)
    assert [set(vars(thing)) for thing in things] == before
    assert model.train_function is function
    after = {(cls, name): value for cls in classes() for name, value in vars(cls).items() if callable(value)}
    assert after.keys() == functions.keys()
    assert all(after[key] is functions[key] for key in functions)
    assert dict(vars(keras)) == modules
    if common.BACKEND == "jax":
        import jax

        assert jax.grad.__module__.startswith("jax") and jax.value_and_grad.__module__.startswith("jax")


def test_the_watch_keeps_no_model_alive():
    with common.recording() as recorder:
        model = common.compiled(common.network())
        common.fit(model, epochs=1)
        reference = weakref.ref(model)
        del model
        keras.utils.clear_session()
        gc.collect()
        gone = reference() is None
    run = common.finished(recorder)
    assert len(run.model.steps().step) == 20
    control = common.compiled(common.network())
    common.fit(control, epochs=1)
    unwatched = weakref.ref(control)
    del control
    keras.utils.clear_session()
    gc.collect()
    assert gone == (unwatched() is None)


def test_a_model_saved_under_watch_is_the_same_file(tmp_path):
    class Save(keras.callbacks.Callback):
        def __init__(self, path):
            super().__init__()
            self.path = path

        def on_epoch_end(self, epoch, logs=None):
            self.model.save(self.path)

    contents = []
    for watched in (False, True):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = common.compiled(common.network())
        path = tmp_path / f"{watched}.keras"
        if watched:
            with common.recording(every=5, inline=True):
                common.fit(model, epochs=1, callbacks=[Save(path)])
        else:
            common.fit(model, epochs=1, callbacks=[Save(path)])
        with zipfile.ZipFile(path) as archive:
            contents.append(
                {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
            )
    assert contents[0].keys() == contents[1].keys()
    # A shared object's id is its address in memory.
    configs = [re.sub(rb'"shared_object_id": \d+', b"", content["config.json"]) for content in contents]
    assert configs[0] == configs[1]
    import h5py

    arrays = []
    for content in contents:
        found = {}
        with h5py.File(io.BytesIO(content["model.weights.h5"])) as file:
            file.visititems(
                lambda n, o, found=found: found.update({n: np.asarray(o)}) if hasattr(o, "shape") else None
            )
        arrays.append(found)
    assert arrays[0].keys() == arrays[1].keys()
    for name in arrays[0]:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name])


def test_a_compiled_model_can_be_loaded_under_watch(tmp_path):
    path = tmp_path / "model.keras"
    model = common.compiled(common.network())
    common.fit(model, epochs=1)
    model.save(path)

    def trained_on():
        keras.utils.set_random_seed(1)
        loaded = keras.models.load_model(path)
        assert loaded.compiled
        assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) > 0
        common.fit(loaded, epochs=1)
        return [w.tobytes() for w in loaded.get_weights()]

    plain = trained_on()
    with common.recording(), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras says so when it does not compile
        assert trained_on() == plain


def test_a_model_can_be_copied_under_watch():
    model = common.compiled(common.network())
    with common.recording():
        model.train_on_batch(common.X[:32], common.Y[:32])
        other = copy.deepcopy(model)
        assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in model.get_weights()]


def test_prints_and_random_numbers_of_the_user_stay_as_they_are(capsys):
    """The user's `call` is traced once more for the statistics; that must not show."""
    calls = []

    class Chatty(layers.Layer):
        def call(self, x):
            print("tracing")
            calls.append(np.random.random())
            return x

    results = []
    for watched in (False, True):
        keras.utils.set_random_seed(4)
        model = common.compiled(keras.Sequential([keras.Input((16,)), Chatty(), layers.Dense(4)]))
        if watched:
            with common.recording(every=10):
                common.fit(model, epochs=1)
        else:
            common.fit(model, epochs=1)
        results.append((capsys.readouterr().out, np.random.random()))
    assert results[0] == results[1]
