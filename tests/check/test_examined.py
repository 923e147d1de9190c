"""What an examiner found: false alarms on sound code, bugs that were not told, and input that was not refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bug import numbers, shares
from keras import layers, ops

import kerascope
from kerascope._keras import optimizing

pytestmark = pytest.mark.backend
register = keras.saving.register_keras_serializable("kerascope_examined")
BACKEND = keras.backend.backend()


def serious(found):
    return {finding.kind for finding in found.findings if finding.severity != "note"}


@register
class GrowsItsList(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        units.append(2)
        self.units = units
        self.stack = [layers.Dense(width) for width in units]

    def build(self, shape):
        for layer in self.stack:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, x):
        for layer in self.stack:
            x = layer(x)
        return x

    def get_config(self):
        return {**super().get_config(), "units": list(self.units)}


def test_a_list_that_the_constructor_changes_is_told_by_the_configuration():
    names = ("builds", "build-creates-all", "config")
    found = kerascope.check(GrowsItsList([3]), (3, 4), only=names, fixes=False)
    assert serious(found) == {"config"}
    assert any("-> [3, 2, 2, 2]" in str(one.value) for one in found.findings[0].evidence)


@register
class KeepsKeras(layers.Layer):
    def __init__(self, beta=1.5, **kwargs):
        super().__init__(**kwargs)
        self.beta = beta

    def call(self, x):
        return self.beta * x

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


@register
class DropsKeras(KeepsKeras):
    def get_config(self):
        return {"beta": self.beta}


@pytest.mark.parametrize(("layer", "kinds"), [(KeepsKeras, set()), (DropsKeras, {"config"})])
def test_name_dtype_and_trainable_belong_to_the_configuration(layer, kinds):
    assert serious(kerascope.check(layer(), (3, 4), only=("builds", "config"), fixes=False)) == kinds


def test_keras_own_part_is_put_back():
    (found,) = kerascope.check(DropsKeras(), (3, 4), only=("builds", "config")).findings
    assert any(fix.verified and "**super().get_config()" in (fix.patch or "") for fix in found.fixes), found


class RemembersByLength(layers.Layer):
    known = {}  # noqa: RUF012

    def build(self, shape):
        self.bias = self.add_weight(shape=(shape[1],))

    def call(self, x):
        if x.shape[1] not in self.known:
            self.known[x.shape[1]] = ops.softmax(self.bias)
        return x * self.known[x.shape[1]]


@pytest.mark.skipif(BACKEND != "torch", reason="elsewhere its gradient tells")
def test_what_a_class_keeps_of_its_weights_is_told():
    found = kerascope.check(RemembersByLength(), (3, 4), fixes=False)
    assert "python-state" in serious(found) and "known[4]" in found.findings[0].title


class ReplacesItsWeight(layers.Layer):
    def build(self, shape):
        self.center = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        out = x - self.center
        if training:
            self.center = 0.9 * self.center + 0.1 * ops.mean(x, axis=0)
        return out


def test_a_weight_that_is_replaced_is_told_and_nothing_after_it():
    names = ("builds", "batch-sizes", "compiled", "python-state")
    found = kerascope.check(ReplacesItsWeight(), (3, 4), only=names, fixes=False)
    assert serious(found) == {"python-state"}
    assert "assign" in found.findings[0].fixes[0].description


class Encodes(keras.Model):
    """Draws from a normal distribution that it computes, as a variational autoencoder does."""

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.spread, self.scale = layers.Dense(2), layers.Dense(2), scale
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        mean = self.mean(x)
        drawn = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + (ops.exp(self.spread(x)) if self.scale else 0.1) * drawn


@pytest.mark.parametrize(("scale", "severity"), [(1.0, "note"), (0.0, "fault")])
def test_drawing_from_what_is_computed_is_no_noise_that_was_left_on(scale, severity):
    model = Encodes(scale)
    names = ("builds", "deterministic-inference")
    found = kerascope.check(model, (3, 4), only=names, fixes=False).findings
    assert [(one.kind, one.severity) for one in found] == [("deterministic-inference", severity)]


class Ordinal(keras.losses.Loss):
    def call(self, y_true, y_pred):
        steps = ops.arange(y_pred.shape[-1], dtype="float32")
        passed = ops.cast(ops.cast(y_true, "float32")[:, None] > steps, "float32")
        return ops.mean(ops.binary_crossentropy(passed, y_pred, from_logits=True), axis=-1)


def test_ranks_with_a_figure_for_each_step_are_no_classes():
    ranks = np.array([0, 1, 2, 3, 3, 1], "int32")
    assert not serious(kerascope.check(Ordinal(), ranks, numbers(6, 3), fixes=False))


class LooksUpWeights(keras.losses.Loss):
    def call(self, y_true, y_pred):
        if "int" not in str(y_true.dtype):
            raise TypeError("indices must be whole numbers")
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


def test_a_loss_is_called_as_fit_does():
    classes = np.array([0, 1, 2, 1], "int32")
    found = kerascope.check(LooksUpWeights(), classes, numbers(4, 3), only=("loss-batch-sizes",), fixes=False)
    assert [one.title for one in found.findings] == ["LooksUpWeights fails when Keras calls it"]
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert kerascope.check(crossentropy, classes, numbers(4, 3), only=("loss-batch-sizes",)).ok


def test_an_optimizer_around_another_one_is_made_again():
    scaling = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))
    made = optimizing.maker(scaling)()
    assert isinstance(made.inner_optimizer, keras.optimizers.Adam)
    assert kerascope.check(scaling, only=("optimizer-runs",)).ok


def test_slips_in_compile_are_named():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])  # the third are weights of losses
    x, y = numbers(4, 4), np.array([0, 1, 2, 1], "int32")
    (found,) = kerascope.check(model, x, y, only=("builds", "step-runs"), fixes=False).findings
    assert "metrics=[...]" in found.fixes[0].description
    assert found.location.file is None  # it is no line of Keras's


@pytest.mark.skipif(BACKEND == "torch", reason="Keras compiles nothing there")
def test_a_bias_before_a_normalization_is_rounding():
    keras.utils.set_random_seed(
        {"tensorflow": 2, "jax": 6}[BACKEND]
    )  # where a gradient of 0 has another sign compiled
    inputs = keras.Input((4,))
    hidden = layers.BatchNormalization()(layers.Dense(8, "relu")(inputs))
    model = keras.Model(inputs, layers.Dense(3, "softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    x, y = numbers(8, 4), np.array([0, 1, 2, 1] * 2, "int32")
    assert not serious(kerascope.check(model, x, y, only=("builds", "step-runs", "step-compiled")))


def mean_error(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def refused(*args, **options):
    with pytest.raises(kerascope.KerascopeError) as caught:
        kerascope.check(*args, **options)
    return str(caught.value)


def test_what_cannot_be_meant_is_refused_in_words():
    dense = layers.Dense(2)
    assert "Allowed: allow=" in refused(dense, (3, 4), alow={"config"})
    assert "whole number" in refused(dense, (3, 4), seed="x")
    assert "positive" in refused(dense, (3, 4), budget="x")
    assert "negative" in refused(dense, (3, -4))
    assert "dtype object" in refused(dense, np.array([[1, None]], dtype=object))
    assert "3 and 5" in refused(mean_error, np.ones((3, 1)), np.ones((5, 1)))
    assert "function of y_true" in refused(mean_error, (3, 1), (3, 1), reference=3)
    assert "compiled" in refused(keras.Sequential([dense]), (3, 4), (3, 2))


def test_a_single_name_and_a_model_without_layers_are_taken():
    assert kerascope.check(layers.Dense(2), (3, 4), only="builds", allow="config").ok
    assert serious(kerascope.check(keras.Sequential([]), (3, 4), only="builds")) == {"builds"}


def test_a_reference_that_fails_is_no_agreement():
    found = kerascope.check(
        mean_error,
        (3, 1),
        (3, 1),
        reference=lambda y: y,
        only=("loss-batch-sizes", "loss-reference"),
        fixes=False,
    )
    assert [one.title for one in found.findings] == ["The reference that was given fails"]


class NeedsATable(layers.Layer):
    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table


def test_the_arguments_that_are_missing_are_named():
    assert "NeedsATable(table=...)" in refused(NeedsATable)


class StepOfTheGuides(keras.Model):
    """Takes x and y apart as Keras's guides do; its test step, too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, *args):
        x, y = args[-1]
        return super().train_step(*args[:-1], (x, y))

    def test_step(self, *args):
        x, y = args[-1]
        return super().test_step(*args[:-1], (x, y))


def test_a_step_is_given_what_fit_gives_it():
    model = StepOfTheGuides()
    model.compile("sgd", "mse")
    found = kerascope.check(model, numbers(8, 4), numbers(8, 1), only=("builds", "step-runs"), fixes=False)
    assert found.findings == () and "train_step" not in vars(model)
    if BACKEND != "torch":
        return
    ignoring = {"step-sample-weight"}
    assert serious(kerascope.check(model, numbers(8, 4), numbers(8, 1), fixes=False)) <= ignoring


class IgnoresWeights(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y - y_pred))


def test_weights_that_are_ignored_are_told_of_an_optimizer_that_only_sees_signs():
    inputs = keras.Input((4,))
    far = keras.initializers.Constant(10.0)  # from any target, so that all gradients have one sign
    model = IgnoresWeights(inputs, layers.Dense(1, bias_initializer=far)(inputs))
    model.compile(keras.optimizers.Lion(0.01))
    names = ("builds", "step-runs", "step-repeatable", "step-sample-weight")
    found = kerascope.check(model, shares(8, 4), shares(8, 1), only=names, fixes=False)
    assert serious(found) == {"step-sample-weight"}
