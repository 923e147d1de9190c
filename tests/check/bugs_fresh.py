"""A second set of bugs and sound twins of all kinds, written after the contracts and kept apart from their tuning."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from bug import Bug, distribution, labels, numbers, shares
from bugs_metrics import Averages
from bugs_optimizers import Heavy
from keras import layers, ops

Layer = layers.Layer
Loss = keras.losses.Loss
register = keras.saving.register_keras_serializable("kerascope_fresh")


# -- layers: samples -----------------------------------------------------------------------------------------------


class CumulatesOverSamples(Layer):
    def call(self, x):
        return x + 0.1 * ops.cumsum(x, axis=0)


class CumulatesOverTime(Layer):
    def call(self, x):
        return x + 0.1 * ops.cumsum(x, axis=1)


class PositionsOfSamples(Layer):
    """Adds the place of the sample in its batch, where the place in time was meant."""

    def call(self, x):
        places = ops.cast(ops.arange(ops.shape(x)[0]), x.dtype)
        return x + 0.1 * ops.reshape(places, (-1, 1, 1))


class PositionsInTime(Layer):
    def call(self, x):
        places = ops.cast(ops.arange(x.shape[1]), x.dtype)
        return x + 0.1 * ops.reshape(places, (1, -1, 1))


class MixesUpInInference(Layer):
    def call(self, x, training=False):
        return 0.9 * x + 0.1 * ops.flip(x, axis=0)


class MixesUpInTraining(Layer):
    def call(self, x, training=False):
        return 0.9 * x + 0.1 * ops.flip(x, axis=0) if training else x


class GramOfTheBatch(Layer):
    """Einsum with the letter of the batch summed over."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], shape[-1]), name="w")

    def call(self, x):
        return ops.matmul(x, ops.einsum("btd,bte->de", x, x) @ self.w)


class GramOfASample(GramOfTheBatch):
    def call(self, x):
        return ops.einsum("btd,bde->bte", x, ops.matmul(ops.einsum("btd,bte->bde", x, x), self.w))


def largest_of_all(x):
    return x / (ops.max(ops.abs(x)) + 1e-3)


def largest_of_each(x):
    return x / (ops.max(ops.abs(x), axis=-1, keepdims=True) + 1e-3)


# -- layers: shapes ------------------------------------------------------------------------------------------------


class FlattensByShape(Layer):
    """Takes the size of the batch from `x.shape`, which is None in a functional model."""

    def build(self, shape):
        self.head = layers.Dense(2)
        self.head.build((None, shape[1] * shape[2]))

    def call(self, x):
        return self.head(ops.reshape(x, (x.shape[0], x.shape[1] * x.shape[2])))


class FlattensByMinusOne(FlattensByShape):
    def call(self, x):
        return self.head(ops.reshape(x, (-1, x.shape[1] * x.shape[2])))


class BuildsForTheOutput(Layer):
    """Builds its sub-layer for the shape that it puts out."""

    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def build(self, shape):
        self.dense.build((*shape[:-1], self.units))

    def call(self, x):
        return self.dense(x)


class BuildsForTheInput(BuildsForTheOutput):
    def build(self, shape):
        self.dense.build(shape)


class ForgetsTheStride(Layer):
    """Says that the length stays, and takes every second step."""

    def call(self, x):
        return x[:, ::2]

    def compute_output_shape(self, shape):
        return shape


class SaysTheStride(ForgetsTheStride):
    def compute_output_shape(self, shape):
        return (shape[0], None if shape[1] is None else -(-shape[1] // 2), *shape[2:])


# -- layers: weights and state -------------------------------------------------------------------------------------


class AveragesAlways(Layer):
    """Updates its moving mean in inference too, so each prediction moves the next one."""

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="mean")

    def call(self, x, training=False):
        self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
        return x - self.mean


class AveragesInTraining(AveragesAlways):
    def call(self, x, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
        return x - self.mean


class PermutesAnew(Layer):
    """Draws a permutation in build and keeps it in an attribute: no file has it."""

    def build(self, shape):
        self.order = np.random.permutation(shape[-1])
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        return ops.matmul(ops.take(x, self.order, axis=-1), self.w)


class PermutesTheSame(PermutesAnew):
    def build(self, shape):
        super().build(shape)
        self.order = np.arange(shape[-1])[::-1].copy()


class LoadsSwapped(Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros", name="shift")

    def call(self, x):
        return x * self.scale + self.shift

    def save_own_variables(self, store):
        store["a"], store["b"] = self.scale, self.shift

    def load_own_variables(self, store):
        self.scale.assign(store["b"])
        self.shift.assign(store["a"])


class LoadsInOrder(LoadsSwapped):
    def load_own_variables(self, store):
        self.scale.assign(store["a"])
        self.shift.assign(store["b"])


@register
class InitializerAsItIs(Layer):
    """Its configuration holds a NumPy array as it was given, and the other end gets a list."""

    def __init__(self, weights, **kwargs):
        super().__init__(**kwargs)
        self.table = np.asarray(weights, "float32")

    def call(self, x):
        return x * ops.cast(ops.convert_to_tensor(self.table), x.dtype)

    def get_config(self):
        return {**super().get_config(), "weights": self.table.max()}


@register
class InitializerAsAList(InitializerAsItIs):
    def get_config(self):
        return {**super().get_config(), "weights": self.table.tolist()}


class CachesItsKernel(Layer):
    """Computes something from its weight once and keeps it: later changes of the weight do nothing."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")
        self.kernel = None

    def call(self, x):
        if self.kernel is None:
            self.kernel = ops.softmax(self.w, axis=0)
        return ops.matmul(x, self.kernel)


class ComputesItsKernel(CachesItsKernel):
    def call(self, x):
        return ops.matmul(x, ops.softmax(self.w, axis=0))


# -- layers: gradients ---------------------------------------------------------------------------------------------


class LogOfSoftmax(Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        return ops.log(ops.softmax(ops.matmul(x, self.w)))


class LogSoftmax(LogOfSoftmax):
    def call(self, x):
        return ops.log_softmax(ops.matmul(x, self.w))


class StandardisesUnguarded(Layer):
    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")

    def call(self, x):
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        return self.gain * centred / ops.sqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True))


class StandardisesGuarded(StandardisesUnguarded):
    def call(self, x):
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        return self.gain * centred * ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + 1e-3)


class DetachesInTraining(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body, self.head = layers.Dense(5, activation="tanh"), layers.Dense(2)

    def build(self, shape):
        self.body.build(shape)
        self.head.build((*shape[:-1], 5))

    def call(self, x, training=False):
        h = self.body(x)
        return self.head(ops.stop_gradient(h) if training else h)


class DetachesNothing(DetachesInTraining):
    def call(self, x, training=False):
        return self.head(self.body(x))


class ReadsTheValue(Layer):
    """Takes its weight out of Keras before it uses it."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        return ops.matmul(x, ops.convert_to_tensor(ops.convert_to_numpy(self.w)))


class UsesTheWeight(ReadsTheValue):
    def call(self, x):
        return ops.matmul(x, self.w)


# -- layers: randomness, masks, precision --------------------------------------------------------------------------


class DropsWithoutAsking(Layer):
    """Its noise hangs on an own switch, not on `training`."""

    def __init__(self, noisy=True, **kwargs):
        super().__init__(**kwargs)
        self.noisy = noisy
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seed_generator) if self.noisy else x


class DropsWhenTraining(DropsWithoutAsking):
    def call(self, x, training=False):
        return keras.random.dropout(x, 0.5, seed=self.seed_generator) if training else x


class MaskTurnedAround(Layer):
    """Weighs the padding, and leaves the words out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")

    def call(self, x, mask=None):
        scores = ops.squeeze(ops.matmul(x, self.w), -1)
        if mask is not None:
            scores = ops.where(self.left_out(mask), -1e9, scores)
        return ops.einsum("bt,btd->bd", ops.softmax(scores), x)

    def left_out(self, mask):
        return mask

    def compute_mask(self, inputs, mask=None):
        return None


class MaskTheRightWay(MaskTurnedAround):
    def left_out(self, mask):
        return ops.logical_not(mask)


class HandsOnTheMaskOfTime(MaskTheRightWay):
    """Takes the time axis away and hands on a mask for it."""

    def compute_mask(self, inputs, mask=None):
        return mask


class TableInFullPrecision(Layer):
    def build(self, shape):
        self.table = np.linspace(-1, 1, shape[-1]).astype("float32")

    def call(self, x):
        return x + ops.convert_to_tensor(self.table)


class TableAsTheInput(TableInFullPrecision):
    def call(self, x):
        return x + ops.cast(self.table, x.dtype)


# -- losses --------------------------------------------------------------------------------------------------------


class DivergenceUnguarded(Loss):
    def call(self, y_true, y_pred):
        return ops.sum(y_true * (ops.log(y_true) - ops.log(y_pred)), -1)


class DivergenceGuarded(Loss):
    def call(self, y_true, y_pred):
        y_true, y_pred = ops.clip(y_true, 1e-7, 1.0), ops.clip(y_pred, 1e-7, 1.0)
        return ops.sum(y_true * (ops.log(y_true) - ops.log(y_pred)), -1)


class PercentageUnguarded(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs((y_true - y_pred) / y_true), -1)


class PercentageGuarded(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred) / ops.maximum(ops.abs(y_true), 1e-3), -1)


class HardestOfTheBatch(Loss):
    def call(self, y_true, y_pred):
        each = ops.mean(ops.square(y_true - y_pred), -1)
        return ops.top_k(each, 2)[0]


class SquaredError(Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)


class ScaledByTheBatch(Loss):
    def call(self, y_true, y_pred):
        spread = ops.std(y_true) + 1e-3
        return ops.mean(ops.square((y_true - y_pred) / spread), -1)


class DropsTheReduction(SquaredError):
    """Takes Keras's arguments and hands none of them on."""

    def __init__(self, **kwargs):
        super().__init__()


@register
class ClassWeightsLost(Loss):
    def __init__(self, weights=(1.0, 1.0), **kwargs):
        super().__init__(**kwargs)
        self.weights = weights

    def call(self, y_true, y_pred):
        rows = ops.convert_to_tensor(np.resize(np.asarray(self.weights, "float32"), y_pred.shape[-1]))
        return ops.mean(rows * ops.square(y_true - y_pred), -1)


@register
class ClassWeightsKept(ClassWeightsLost):
    def get_config(self):
        return {**super().get_config(), "weights": list(self.weights)}


class RewardsErrors(Loss):
    """The sign of the log-likelihood was turned around when the term of the zeros was added."""

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        return ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), -1)


class PunishesErrors(Loss):
    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, 1e-6, 1 - 1e-6)
        return -ops.mean(y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p), -1)


# -- metrics -------------------------------------------------------------------------------------------------------


class Smoothed(Averages):
    """Forgets old batches, so the result hangs on how the data were split."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.total.assign(0.9 * self.total)
        self.count.assign(0.9 * self.count)


class OverwritesTheCount(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        weights = ops.ones_like(values) if sample_weight is None else ops.cast(sample_weight, values.dtype)
        weights = ops.reshape(weights, ops.shape(values))
        self.total.assign_add(ops.sum(values * weights))
        self.count.assign(ops.sum(weights))


class WeighsTheSumOnly(Averages):
    def update_state(self, y_true, y_pred, sample_weight=None):
        values = self.values(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
        self.count.assign_add(ops.cast(ops.size(values), "float32"))
        if sample_weight is not None:
            values = values * ops.reshape(sample_weight, ops.shape(values))
        self.total.assign_add(ops.sum(values))


class MergesOne(Averages):
    def merge_state(self, metrics):
        for metric in metrics:
            self.total.assign(metric.total)
            self.count.assign(metric.count)


class MergesAll(Averages):
    def merge_state(self, metrics):
        for metric in metrics:
            self.total.assign_add(metric.total)
            self.count.assign_add(metric.count)


class RestsOnAnUpdate(Averages):
    """Its result is set in update_state, and stays after a reset."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = self.add_weight(name="last", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred, sample_weight)
        self.last.assign(super().result())

    def result(self):
        return self.last + 0.0

    def reset_state(self):
        self.total.assign(0.0)
        self.count.assign(0.0)


# -- models, steps, optimizers -------------------------------------------------------------------------------------


def classifier(activation, units, rate=0.1):
    def make():
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((6,)),
                layers.Dense(8, activation="tanh"),
                layers.Dense(units, activation=activation),
            ]
        )
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    return make


class RootUnguarded(Heavy):
    """Divides by the root of the squared gradients, which is zero where there was none."""

    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, 0.9 * slot + 0.1 * ops.square(gradient))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * gradient / ops.sqrt(slot))


class RootGuarded(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, 0.9 * slot + 0.1 * ops.square(gradient))
        step = gradient / (ops.sqrt(slot) + 1e-7)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)


class DividesBySteps(Heavy):
    """The rate falls with the steps, the first of which is number 0."""

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype) / ops.cast(self.iterations, variable.dtype)
        self.assign_sub(variable, rate * gradient)


class DividesByStepsFromOne(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype) / ops.cast(self.iterations + 1, variable.dtype)
        self.assign_sub(variable, rate * gradient)


def _given(make):
    return lambda: (make(),)


def _set(*names: str) -> frozenset[str]:
    return frozenset(names)


fresh = partial(Bug, held_out=True)


def flat(broken, sound, *names, **options):
    return fresh(broken, sound, _set(*names), inputs=_given(partial(numbers, 3, 6)), **options)


def time(broken, sound, *names, **options):
    return fresh(broken, sound, _set(*names), inputs=_given(partial(numbers, 3, 5, 4)), **options)


def pair(broken, sound, name, values):
    return fresh(broken, sound, _set(name), inputs=lambda: (values(8, 4), values(8, 4, seed=1)))


_ERRORS = ("builds", "batch-sizes", "shapes-agree")

BUGS = {
    "CumulatesOverSamples": time(CumulatesOverSamples, CumulatesOverTime, "batch-independence"),
    "PositionsOfSamples": time(PositionsOfSamples, PositionsInTime, "batch-independence"),
    "MixesUpInInference": flat(MixesUpInInference, MixesUpInTraining, "batch-independence"),
    "GramOfTheBatch": time(GramOfTheBatch, GramOfASample, "batch-independence"),
    "largest_of_all": flat(lambda: largest_of_all, lambda: largest_of_each, "batch-independence"),
    # The other two put a number in the place of the unknown size.
    "FlattensByShape": time(FlattensByShape, FlattensByMinusOne, "batch-sizes", backends=("tensorflow",)),
    "BuildsForTheOutput": flat(BuildsForTheOutput, BuildsForTheInput, *_ERRORS),
    "ForgetsTheStride": time(ForgetsTheStride, SaysTheStride, "shapes-agree"),
    "AveragesAlways": flat(
        AveragesAlways, AveragesInTraining, "deterministic-inference", "batch-independence"
    ),
    "PermutesAnew": flat(PermutesAnew, PermutesTheSame, "tracked-state", "save-and-load", "config"),
    "LoadsSwapped": flat(LoadsSwapped, LoadsInOrder, "save-and-load"),
    "InitializerAsItIs": flat(
        lambda: InitializerAsItIs([1.0, 2.0, 3.0, 1.0, 2.0, 3.0]),
        lambda: InitializerAsAList([1.0, 2.0, 3.0, 1.0, 2.0, 3.0]),
        "config",
    ),
    "CachesItsKernel": flat(
        CachesItsKernel, ComputesItsKernel, "python-state", "tracked-state", "gradients-reach", "compiled"
    ),
    # Compiled on JAX, XLA takes the detour out, and nothing is lost.
    "LogOfSoftmax": flat(LogOfSoftmax, LogSoftmax, "gradients-finite", backends=("tensorflow", "torch")),
    "StandardisesUnguarded": flat(StandardisesUnguarded, StandardisesGuarded, "gradients-finite"),
    "DetachesInTraining": flat(DetachesInTraining, DetachesNothing, "gradients-reach"),
    "ReadsTheValue": flat(ReadsTheValue, UsesTheWeight, "gradients-reach", "compiled", *_ERRORS),
    "DropsWithoutAsking": flat(DropsWithoutAsking, DropsWhenTraining, "deterministic-inference"),
    "MaskTurnedAround": time(MaskTurnedAround, MaskTheRightWay, "masks"),
    "HandsOnTheMaskOfTime": time(HandsOnTheMaskOfTime, MaskTheRightWay, "masks"),
    "TableInFullPrecision": flat(TableInFullPrecision, TableAsTheInput, "mixed-precision"),
    "DivergenceUnguarded": pair(DivergenceUnguarded, DivergenceGuarded, "loss-finite", distribution),
    "PercentageUnguarded": pair(PercentageUnguarded, PercentageGuarded, "loss-finite", numbers),
    "HardestOfTheBatch": pair(HardestOfTheBatch, SquaredError, "loss-batch-sizes", numbers),
    "ScaledByTheBatch": pair(ScaledByTheBatch, SquaredError, "loss-batch-independence", numbers),
    "DropsTheReduction": pair(DropsTheReduction, SquaredError, "loss-config", numbers),
    "ClassWeightsLost": pair(
        lambda: ClassWeightsLost((3.0, 1.0)), lambda: ClassWeightsKept((3.0, 1.0)), "loss-config", numbers
    ),
    "RewardsErrors": fresh(
        RewardsErrors,
        PunishesErrors,
        _set("loss-minimum"),
        inputs=lambda: (labels(8, 4), shares(8, 4)),
    ),
    "Smoothed": pair(Smoothed, Averages, "metric-split", numbers),
    "OverwritesTheCount": pair(OverwritesTheCount, Averages, "metric-split", numbers),
    "WeighsTheSumOnly": pair(WeighsTheSumOnly, Averages, "metric-sample-weight", numbers),
    "MergesOne": pair(MergesOne, MergesAll, "metric-merge", numbers),
    "RestsOnAnUpdate": pair(RestsOnAnUpdate, Averages, "metric-reset", numbers),
    "SoftmaxOfOne": fresh(
        classifier("softmax", 1),
        classifier("sigmoid", 1),
        _set("step-updates", "step-learns", "gradients-reach"),
        inputs=lambda: (numbers(16, 6),),
    ),
    "NoRate": fresh(
        classifier("sigmoid", 1, rate=0.0),
        classifier("sigmoid", 1),
        _set("step-updates", "step-learns"),
        inputs=lambda: (numbers(16, 6),),
    ),
    "RootUnguarded": fresh(RootUnguarded, RootGuarded, _set("optimizer-finite", "optimizer-updates")),
    "DividesBySteps": fresh(
        DividesBySteps, DividesByStepsFromOne, _set("optimizer-finite", "optimizer-runs")
    ),
}
