"""Built-in invariants: what trains is what should, and a loss scale finds its level."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerascope

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).normal(size=(256, 6)).astype("float32")
Y = (X[:, :1] - 2 * X[:, 1:2] + np.abs(X[:, 2:3])).astype("float32")


def net():
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu", name="a"),
            layers.Dense(16, activation="relu", name="b"),
            layers.Dense(1, name="c"),
        ]
    )


def compiled(model, loss="mse", optimizer=None):
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss)


def fitted(model, epochs):
    model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0)


def findings(program, path):
    """What is worse than a note; how long was trained is no matter here."""
    keras.utils.set_random_seed(3)
    with kerascope.watch(out=path / "run.kscope") as watching:
        try:
            kept = program()
        except ValueError:
            kept = None
    del kept
    report = watching.report
    assert not [one.title for one in report.findings if one.kind == "kerascope-internal"]
    return [one for one in report.findings if one.severity != "note" and one.kind != "too-few-epochs"]


def thawed(again):
    model = net()
    model.layers[0].trainable = False
    compiled(model)
    fitted(model, 2)
    model.layers[0].trainable = True  # the place
    if again:
        compiled(model)
    fitted(model, 5)
    return model


def line_of(mark):
    with open(__file__, encoding="utf-8") as file:
        return next(n for n, line in enumerate(file, 1) if f"# {mark}" in line and "line_of" not in line)


@pytest.mark.backend
def test_a_layer_that_is_thawed_without_compiling_again(tmp_path):
    found = findings(lambda: thawed(False), tmp_path)
    assert (found[0].kind, found[0].severity) == ("frozen-weights", "fault")
    assert "compile" in found[0].explanation and found[0].location.line == line_of("the place")


@pytest.mark.backend
def test_a_layer_that_is_thawed_and_compiled_is_left_alone(tmp_path):
    assert findings(lambda: thawed(True), tmp_path) == []


def frozen(again):
    model = net()
    compiled(model)
    fitted(model, 2)
    model.layers[0].trainable = False  # too late
    if again:
        compiled(model)
    fitted(model, 5)
    return model


@pytest.mark.backend
def test_a_layer_that_is_frozen_without_compiling_again(tmp_path):
    found = findings(lambda: frozen(False), tmp_path)
    if BACKEND == "tensorflow":  # its compiled step goes on training the layer
        assert [(one.kind, one.severity) for one in found] == [("wrong-variables", "fault")]
        assert found[0].location.line == line_of("too late")
    else:  # JAX refuses, and torch does what was meant
        assert found == []


@pytest.mark.backend
def test_a_layer_that_is_frozen_and_compiled_is_left_alone(tmp_path):
    assert findings(lambda: frozen(True), tmp_path) == []


def scaled(loss, start):
    model = net()
    inner = keras.optimizers.Adam(0.01)
    compiled(model, loss, keras.optimizers.LossScaleOptimizer(inner, initial_scale=start))
    fitted(model, 5)
    return model


def root_at_zero(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred)) + ops.mean(ops.sqrt(ops.square(y_pred * 0)))


def usual(y_true, y_pred):
    return 100 * ops.mean(ops.square(y_true - y_pred))


@pytest.mark.backend
def test_a_loss_scale_that_only_falls(tmp_path):
    found = findings(lambda: scaled(root_at_zero, 2.0**15), tmp_path)
    assert (found[0].kind, found[0].severity) == ("gradients-not-applied", "fault")
    assert found[0].title.startswith("The loss scale fell from")


@pytest.mark.backend
def test_a_loss_scale_that_finds_its_level_is_left_alone(tmp_path):
    assert findings(lambda: scaled(usual, 2.0**126), tmp_path) == []


class Each(keras.callbacks.Callback):
    """Does something to the data at the end of each epoch."""

    def __init__(self, do):
        super().__init__()
        self.do = do

    def on_epoch_end(self, epoch, logs=None):
        self.do()


def reordering(both):
    x, y, random = X.copy(), Y.copy(), np.random.default_rng(1)

    def shuffle():
        order = random.permutation(len(x))
        x[:] = x[order]
        if both:
            y[:] = y[order]

    model = net()
    compiled(model)
    model.fit(x, y, epochs=12, batch_size=16, verbose=0, callbacks=[Each(shuffle)])
    return model


@pytest.mark.backend
def test_inputs_that_are_shuffled_without_their_labels(tmp_path):
    found = [one for one in findings(lambda: reordering(False), tmp_path) if "apart" in one.title]
    if BACKEND == "tensorflow":  # which trains on a copy
        assert found == []
    else:
        assert [(one.kind, one.severity) for one in found] == [("wrong-labels", "fault")]


@pytest.mark.backend
def test_rows_that_are_shuffled_together_are_left_alone(tmp_path):
    assert findings(lambda: reordering(True), tmp_path) == []


class Batches(keras.utils.PyDataset):
    """Scales what it hands out, in place or not."""

    def __init__(self, in_place):
        super().__init__()
        self.x, self.in_place = 4 * X, in_place

    def __len__(self):
        return 16

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        batch = self.x[rows]
        if self.in_place:
            batch /= 1.5
        return batch / 4 if not self.in_place else batch, Y[rows]


def fed(in_place):
    model = net()
    compiled(model)
    model.fit(Batches(in_place), epochs=12, verbose=0)
    return model


@pytest.mark.backend
def test_a_generator_that_scales_its_own_array_again_and_again(tmp_path):
    found = findings(lambda: fed(True), tmp_path)
    assert ("train-val-mismatch", "fault") in [(one.kind, one.severity) for one in found]
    assert any(one.title.startswith("The inputs are scaled again") for one in found)


@pytest.mark.backend
def test_a_generator_that_scales_into_a_new_array_is_left_alone(tmp_path):
    assert findings(lambda: fed(False), tmp_path) == []


class Normal(keras.Model):
    """Normalises by the batch, in training only or always."""

    def __init__(self, always):
        super().__init__()
        self.hidden, self.out = layers.Dense(16, activation="relu"), layers.Dense(1)
        self.norm, self.always = layers.BatchNormalization(), always

    def call(self, x, training=False):
        h = self.norm(self.hidden(x), training=True if self.always else training)  # the mode
        return self.out(h)


def normal(always):
    model = Normal(always)
    compiled(model)
    model.fit(X, Y, batch_size=64, epochs=25, verbose=0)
    return model


@pytest.mark.backend
def test_statistics_that_move_in_inference(tmp_path):
    found = [one for one in findings(lambda: normal(True), tmp_path) if one.kind == "training-flag"]
    assert len(found) == 1 and found[0].location.line == line_of("the mode")


@pytest.mark.backend
def test_statistics_that_move_in_training_only_are_left_alone(tmp_path):
    assert [one.kind for one in findings(lambda: normal(False), tmp_path)] == []
