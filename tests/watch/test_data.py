"""Every data source: the batches recorded are the batches trained on, and training is unchanged."""

from __future__ import annotations

import common
import keras
import numpy as np
import pytest

from kerascope._backends import current
from kerascope.probe.data import batch_facts

N = 10
X, Y = common.X[: N * 32], common.Y[: N * 32]


class Dataset(keras.utils.PyDataset):
    def __len__(self):
        return N

    def __getitem__(self, index):
        part = slice(index * 32, index * 32 + 32)
        return X[part], Y[part]


def generator(epochs=2, reuse=False):
    x, y = np.empty((32, 16), "float32"), np.empty(32, "int32")
    for _ in range(epochs):
        for index in range(N):
            part = slice(index * 32, index * 32 + 32)
            if reuse:
                x[:], y[:] = X[part], Y[part]
                yield x, y
            else:
                yield X[part].copy(), Y[part].copy()


def tf_data(unknown=False):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    return dataset.filter(lambda x, y: True) if unknown else dataset


def loader():
    torch = pytest.importorskip("torch")
    tensors = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    return torch.utils.data.DataLoader(tensors, batch_size=32)


SOURCES = {
    "numpy": lambda: ((X, Y), {"batch_size": 32, "shuffle": False}),
    "PyDataset": lambda: ((Dataset(),), {"shuffle": False}),
    "generator": lambda: ((generator(),), {"steps_per_epoch": N}),
    "tf.data": lambda: ((tf_data(),), {}),
    "tf.data of unknown length": lambda: ((tf_data(unknown=True),), {}),
    "torch DataLoader": lambda: ((loader(),), {}),
}
if common.BACKEND == "torch":
    del SOURCES["tf.data"], SOURCES["tf.data of unknown length"]  # torch is imported first here
if common.BACKEND == "tensorflow":
    del SOURCES["torch DataLoader"]


@pytest.mark.parametrize("executions", [1] if common.BACKEND == "torch" else [1, 4])
@pytest.mark.parametrize("source", SOURCES)
def test_source(source, executions):
    def train(model):
        arguments, options = SOURCES[source]()
        return model.fit(*arguments, epochs=2, verbose=0, **options)

    def make():
        return common.compiled(common.network(), steps_per_execution=executions)

    off, on, run = common.twice(make, train, every=4)
    assert off == on
    assert len(run.model.steps().step) == 2 * N
    assert not run.internal(), run.view.events("internal")
    for step, facts in run.model.batches():
        index = (step - 1) % N
        array = next(a for a in facts["arrays"] if a["name"] == "x")
        np.testing.assert_allclose(
            array["mean"], X[index * 32 : index * 32 + 32].mean(), rtol=1e-4, atol=1e-6
        )
        labels = next(a for a in facts["arrays"] if a["name"] == "y")
        counts = np.bincount(Y[index * 32 : index * 32 + 32], minlength=4)
        assert {int(k): v for k, v in labels["classes"].items()} == {i: n for i, n in enumerate(counts) if n}


@pytest.mark.skipif(common.BACKEND == "tensorflow", reason="tf.data copies what a generator yields")
def test_a_generator_that_reuses_its_buffer_is_noticed():
    """References to its batches would show the newest data; they are copied, and the user is told."""
    held = []
    with common.recording() as recorder:
        model = common.compiled(common.network())
        add = type(recorder.session)._new

        def new(self, model):
            watched = add(self, model)
            window = watched.stepper.window
            original = window.add
            window.add = lambda entry: (held.append(entry.data), original(entry))
            return watched

        type(recorder.session)._new = new
        try:
            model.fit(generator(1, reuse=True), steps_per_epoch=N, epochs=1, verbose=0)
        finally:
            type(recorder.session)._new = add
    run = common.finished(recorder)
    backend = current()
    first = [np.asarray(backend.host(backend.batch(data)[0])) for data in held[2:-1]]
    distinct = {a.tobytes() for a in first}
    if run.view.events("note"):
        assert len(distinct) == len(first)
        assert "same memory" in run.view.events("note")[0].facts["what"]
    else:
        # Keras itself copied the batches before the watch saw them.
        assert len(distinct) == len(first)


def test_one_batch_again_and_again_is_no_reused_buffer():
    def same():
        while True:
            yield X[:32], Y[:32]

    model = common.compiled(common.network())
    with common.recording() as recorder:
        model.fit(same(), steps_per_epoch=20, epochs=1, verbose=0)
    assert not common.finished(recorder).view.events("note")


def test_facts_of_labels_and_features():
    one_hot = np.eye(4, dtype="float32")[Y[:32]]
    batch = ({"a": X[:32], "b": X[:32, :1] * 1000}, [Y[:32], one_hot, X[:32, 0]], np.ones(32, "float32"))
    arrays = {a["name"]: a for a in batch_facts(current(), batch)["arrays"]}
    assert set(arrays) == {"x[a]", "x[b]", "y[0]", "y[1]", "y[2]", "sample_weight"}
    np.testing.assert_allclose(arrays["x[a]"]["features"]["std"], X[:32].std(0), rtol=1e-5)
    assert arrays["y[0]"]["classes"] == {
        str(k): int(n) for k, n in zip(*np.unique(Y[:32], return_counts=True), strict=True)
    }
    assert sum(arrays["y[1]"]["classes"].values()) == 32
    assert arrays["y[2]"]["classes"] is None
    assert arrays["x[a]"]["dtype"] == "float32" and arrays["x[a]"]["shape"] == [32, 16]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_facts_of_bad_values(bad):
    x = X[:32].copy()
    x[3, 2] = bad
    array = batch_facts(current(), (x, None))["arrays"][0]
    assert array["finite"] == pytest.approx(1 - 1 / x.size)
    assert np.isfinite(array["max"])
    empty = batch_facts(current(), (np.zeros((0, 3), "float32"), None))["arrays"][0]
    assert empty["min"] is None
