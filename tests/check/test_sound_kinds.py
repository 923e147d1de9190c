"""Sound code of sorts that were once a false alarm: what cancels out, goes on, or comes without values."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import kerascope

pytestmark = pytest.mark.backend
register = keras.saving.register_keras_serializable("kerascope_sound_kinds")


def broken(found):
    return {finding.kind for finding in found.findings}


def test_a_layer_that_goes_on_where_its_last_call_ended_is_sound():
    layer = layers.GRU(3, stateful=True, return_sequences=True)
    names = ("builds", "batch-sizes", "tracked-state", "batch-independence", "masks", "save-and-load")
    assert kerascope.check(layer, (3, 4, 2), only=names).findings == ()
    assert layer.stateful  # the user's own stays as it is


def test_so_is_a_model_of_such_layers_and_its_step():
    model = keras.Sequential(
        [keras.Input((4, 2), batch_size=2), layers.SimpleRNN(3, stateful=True), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((2, 4, 2), "float32"), np.ones((2, 1), "float32")
    assert broken(kerascope.check(model, x, y, only=("builds", "batch-sizes", "step-runs"))) == set()
    assert model.layers[0].stateful


class CancelsItsShift(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4))
        self.shift = self.add_weight(shape=(1,))

    def call(self, x):
        h = ops.matmul(x, self.kernel) + self.shift
        return ops.cast(ops.cast(h - ops.flip(h, axis=-1), "float16"), "float32")  # the rounding is gone, too


def test_a_shift_that_a_difference_cancels_is_not_left_over():
    assert broken(kerascope.check(CancelsItsShift(), (3, 6), only=("builds", "gradients-reach"))) == set()


class ForgetsItsShift(CancelsItsShift):
    def call(self, x):
        return ops.matmul(x, self.kernel)


def test_one_that_nothing_uses_is():
    found = kerascope.check(ForgetsItsShift(), (3, 6), only=("builds", "gradients-reach"), fixes=False)
    assert broken(found) == {"gradients-reach"}


def test_a_quantised_layer_has_a_kernel_when_it_is_made_again():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4), layers.Dense(2)])
    for layer in model.layers:
        layer.quantize("int8")
    assert broken(kerascope.check(model, (3, 8), only=("builds", "gradients-reach"))) == set()


class AbsoluteError(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.abs(y - y_pred))


@pytest.mark.parametrize("seed", range(4))
def test_signs_that_cancel_out_in_four_samples_are_a_gradient(seed):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((5,))
    model = AbsoluteError(inputs, layers.Dense(1)(inputs))
    model.compile("sgd")
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(8, 5)).astype("float32"), draw.normal(size=(8, 1)).astype("float32")
    assert broken(kerascope.check(model, x, y, seed=seed, only=("step-runs", "step-updates"))) == set()


NUMBERS = np.random.default_rng(0).uniform(0.05, 0.95, (2, 16)).astype("float32")
LABELS = np.array([0, 1] * 8, "float32")


def error(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def error_of_all(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred))


def test_numbers_without_a_last_axis_are_what_scikit_learn_takes():
    def crossentropy(y_true, y_pred):
        assert y_true.ndim == y_pred.ndim == 1
        return -np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred))

    loss = keras.losses.BinaryCrossentropy()
    assert kerascope.check(loss, LABELS, NUMBERS[0], reference=crossentropy).findings == ()
    metric = keras.metrics.MeanSquaredError()
    found = kerascope.check(metric, *NUMBERS, reference=lambda a, b: np.mean((a - b) ** 2))
    assert found.findings == ()
    assert kerascope.check(error, *NUMBERS, reference=lambda a, b: np.abs(a - b)).findings == ()


def test_and_what_is_wrong_with_them_is_still_found():
    assert broken(kerascope.check(error_of_all, *NUMBERS, fixes=False)) == {"loss-per-sample"}
    found = kerascope.check(error, *NUMBERS, reference=lambda a, b: 2 * np.abs(a - b), fixes=False)
    assert broken(found) == {"loss-reference"}


def test_texts_are_taken_from_those_that_were_given():
    lookup = layers.StringLookup()
    lookup.adapt(["mat", "cat", "mat"])
    found = kerascope.check(lookup, np.array([["cat", "mat"], ["dog", "cat"]]))
    assert found.findings == ()
    assert {row.name: row.outcome for row in found.contracts}["builds"] == "kept"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="no other backend has texts in a model")
def test_so_they_are_for_a_model_with_a_vocabulary():
    vectors = layers.TextVectorization(10, output_sequence_length=4)
    vectors.adapt(["the cat", "the mat"])
    words = keras.Input((1,), dtype="string")
    model = keras.Model(words, layers.Embedding(10, 3)(vectors(words)))
    assert kerascope.check(model, np.array([["the cat"], ["a dog"]])).findings == ()


class BaseLayer(layers.Layer):
    def call(self, x):
        raise NotImplementedError


class BaseLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        raise NotImplementedError("say how far apart they are")


class BaseMetric(keras.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        raise NotImplementedError()


@pytest.mark.parametrize("base", [BaseLayer, BaseLoss, BaseMetric])
def test_a_class_that_leaves_its_method_to_others_is_noted(base):
    found = kerascope.check(base)
    assert found.ok
    assert "leaves it to the classes derived from it" in found.findings[0].title


class NamesWords(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.Embedding(50, 6)

    def build(self, shape):
        self.words.build(shape)

    def call(self, x):
        return self.words(x)


def test_without_inputs_an_embedding_is_given_numbers_of_words():
    assert broken(kerascope.check(NamesWords, only=("builds", "gradients-finite"))) == set()
    from kerascope.detect.contracts.inputs import guesses

    assert guesses(NamesWords)[0][0].dtype == "int32"


@register
class BuildsOneOfTwo(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(4), layers.Dense(4)

    def build(self, shape):
        self.first.build(shape)

    def call(self, x):
        return self.second(self.first(x))


@register
class BuildsBoth(BuildsOneOfTwo):
    def build(self, shape):
        super().build(shape)
        self.second.build((*shape[:-1], 4))


def test_a_layer_that_build_leaves_to_the_first_call_is_noted_and_the_rest_judged():
    names = ("builds", "build-creates-all", "config")
    found = kerascope.check(BuildsOneOfTwo(), (3, 6), only=names)
    assert [(one.kind, one.severity) for one in found.findings] == [("build-creates-all", "note")]
    assert "build second" in found.findings[0].title
    assert {row.name: row.outcome for row in found.contracts}["config"] == "kept"
    assert kerascope.check(BuildsBoth(), (3, 6), only=names).findings == ()


class Draws(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)


class DrawsALatentCode(Draws):
    def call(self, x):
        mean, log_variance = ops.split(x, 2, axis=-1)
        return mean + ops.exp(log_variance / 2) * keras.random.normal(
            ops.shape(mean), seed=self.seed_generator
        )


class AddsNoise(Draws):
    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x), seed=self.seed_generator)


class MultipliesByNoise(Draws):
    def call(self, x):
        return x * (1 + 0.1 * keras.random.normal(ops.shape(x), seed=self.seed_generator))


class MayDropAll(Draws):
    def call(self, x):
        kept = keras.random.uniform((ops.shape(x)[0], 1), seed=self.seed_generator) < 0.95
        return x * ops.cast(kept, x.dtype)


@pytest.mark.parametrize(
    ("layer", "severity"),
    [(DrawsALatentCode, "note"), (AddsNoise, "fault"), (MultipliesByNoise, "fault"), (MayDropAll, "fault")],
)
def test_a_sampler_is_told_from_noise_that_is_left_on(layer, severity):
    found = kerascope.check(layer(), (3, 6), only=("builds", "deterministic-inference"), fixes=False)
    assert [(one.kind, one.severity) for one in found.findings] == [("deterministic-inference", severity)]


def hits(y_true, y_pred):
    return ops.cast(ops.equal(y_true, ops.argmax(y_pred, axis=-1)), "float32")


def test_a_function_that_is_not_registered_is_what_is_to_be_mended():
    metric = keras.metrics.MeanMetricWrapper(hits)
    labels, shares = np.array([0, 1, 2, 1]), np.full((4, 3), 1 / 3, "float32")
    found = kerascope.check(metric, labels, shares, only=("metric-runs", "metric-config")).findings
    assert [one.kind for one in found] == ["metric-config"]
    assert "register_keras_serializable() above the function" in found[0].fixes[0].description


def angle(y_true, y_pred):
    return 1.0 + keras.losses.cosine_similarity(y_true, y_pred, axis=-1)


def length(y_true, y_pred):
    return ops.sqrt(ops.sum(ops.square(y_true - y_pred), axis=-1))


def test_an_angle_without_a_slope_at_nothing_is_no_fault():
    names = ("loss-batch-sizes", "loss-finite")
    assert not [one for one in kerascope.check(angle, (4, 3), only=names).findings if one.severity == "fault"]
    assert kerascope.check(length, (4, 3), only=names, fixes=False).findings[0].severity in (
        "fault",
        "warning",
    )
