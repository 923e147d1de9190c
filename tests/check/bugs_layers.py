"""Layers and models with a bug each, and sound ones beside them."""

from __future__ import annotations

import dataclasses
import random as python_random
from functools import partial

import keras
import numpy as np
from bug import Bug, numbers
from keras import ops

Layer = keras.layers.Layer
register = keras.saving.register_keras_serializable("kerascope_bugs")


# -- samples that see each other ---------------------------------------------------------------------------------


class CentersOverTheBatch(Layer):
    def call(self, x):
        return x - ops.mean(x, axis=0, keepdims=True)


class CentersOverTheFeatures(Layer):
    def call(self, x):
        return x - ops.mean(x, axis=-1, keepdims=True)


class NormOfEverything(Layer):
    def call(self, x):
        return x / ops.sqrt(ops.sum(ops.square(x)) + 1e-6)


class NormOfASample(Layer):
    def call(self, x):
        return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)


class AttendsOverSamples(Layer):
    def build(self, shape):
        self.query = self.add_weight(shape=(shape[-1], shape[-1]), name="query")

    def call(self, x):
        q = ops.matmul(x, self.query)
        weights = ops.softmax(ops.matmul(q, ops.transpose(x)) / 2.0)
        return ops.matmul(weights, x)


class AttendsOverTime(AttendsOverSamples):
    def call(self, x):
        q = ops.matmul(x, self.query)
        weights = ops.softmax(ops.matmul(q, ops.transpose(x, (0, 2, 1))) / 2.0)
        return ops.matmul(weights, x)


class ShiftsTheBatch(Layer):
    def call(self, x):
        return x + ops.roll(x, 1, axis=0)


class ShiftsInTime(Layer):
    def call(self, x):
        return x + ops.roll(x, 1, axis=1)


class NormalisesInTraining(keras.Model):
    """Forces its batch normalisation into training mode."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(4)
        self.norm = keras.layers.BatchNormalization()

    def call(self, x):
        return self.norm(self.dense(x), training=True)


class Normalises(NormalisesInTraining):
    def call(self, x, training=False):
        return self.norm(self.dense(x), training=training)


# -- shapes --------------------------------------------------------------------------------------------------------


class SqueezesEverything(Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")

    def call(self, x):
        return ops.squeeze(ops.matmul(x, self.w))


class SqueezesTheLast(SqueezesEverything):
    def call(self, x):
        return ops.squeeze(ops.matmul(x, self.w), axis=-1)


class LoopsOverTheBatch(Layer):
    def call(self, x):
        return ops.stack([ops.flip(x[i], axis=0) for i in range(x.shape[0])])


class FlipsTheFeatures(Layer):
    def call(self, x):
        return ops.flip(x, axis=-1)


class PoolsOneMore(Layer):
    """Says that it rounds up, and rounds down."""

    def call(self, x):
        return ops.max_pool(x, 2, strides=2, padding="valid")

    def compute_output_shape(self, shape):
        return (shape[0], -(-shape[1] // 2), shape[2])


class PoolsAsItSays(PoolsOneMore):
    def compute_output_shape(self, shape):
        return (shape[0], shape[1] // 2, shape[2])


class BucketsAsFloats(Layer):
    def call(self, x):
        return ops.cast(x > 0, "int32")

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype="float32")


class BucketsAsIntegers(BucketsAsFloats):
    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype="int32")


class BranchesOnValues(Layer):
    def call(self, x):
        if ops.mean(x) > 0:
            return x
        return -x


class SelectsByValues(Layer):
    def call(self, x):
        return ops.where(ops.mean(x, axis=-1, keepdims=True) > 0, x, -x)


# -- state ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Parts:
    hidden: Layer
    out: Layer


class SublayersInADataclass(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = Parts(keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2))

    def call(self, x):
        return self.parts.out(self.parts.hidden(x))


class SublayersAsAttributes(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(4, activation="relu")
        self.out = keras.layers.Dense(2)

    def build(self, shape):
        self.hidden.build(shape)
        self.out.build((*shape[:-1], 4))

    def call(self, x):
        return self.out(self.hidden(x))


class SublayerInAClosure(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        dense = keras.layers.Dense(4)
        self.project = lambda x: ops.relu(dense(x))

    def call(self, x):
        return self.project(x)


class RandomTableOfNumPy(Layer):
    """Its projection is drawn anew by each constructor, and is in no file."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = np.random.normal(size=(3, 4)).astype("float32")

    def call(self, x):
        return ops.matmul(x, self.table)


class RandomTableAsWeight(Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=(shape[-1], 4), trainable=False, initializer="normal")

    def call(self, x):
        return ops.matmul(x, self.table)


class RemembersTheLastOutput(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.last = None

    def call(self, x):
        self.last = ops.tanh(x)
        return self.last


class RemembersNothing(Layer):
    def call(self, x):
        return ops.tanh(x)


class CollectsSizes(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = {}

    def call(self, x):
        self.seen[len(self.seen)] = x.shape
        return x * 2.0


class DoublesOnly(Layer):
    def call(self, x):
        return x * 2.0


class UnfreezesItself(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(4)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        self.dense.trainable = True
        return self.dense(x)


class StaysFrozen(UnfreezesItself):
    def call(self, x):
        return self.dense(x)


# -- gradients -----------------------------------------------------------------------------------------------------


class StopsItsGate(Layer):
    def build(self, shape):
        self.gate = self.add_weight(shape=(shape[-1], 1), name="gate")
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        gate = ops.stop_gradient(ops.sigmoid(ops.matmul(x, self.gate)))
        return gate * ops.matmul(x, self.w)


class LearnsItsGate(StopsItsGate):
    def call(self, x):
        return ops.sigmoid(ops.matmul(x, self.gate)) * ops.matmul(x, self.w)


class RoutesByArgmax(Layer):
    def build(self, shape):
        self.router = self.add_weight(shape=(shape[-1], 3), name="router")
        self.experts = self.add_weight(shape=(3, shape[-1]), name="experts")

    def call(self, x):
        chosen = ops.argmax(ops.matmul(x, self.router), axis=-1)
        return x * ops.take(self.experts, chosen, axis=0)


class RoutesBySoftmax(RoutesByArgmax):
    def call(self, x):
        return x * ops.matmul(ops.softmax(ops.matmul(x, self.router)), self.experts)


class UnitVectors(Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        y = ops.matmul(x, self.w)
        return y / ops.maximum(ops.sqrt(ops.sum(ops.square(y), axis=-1, keepdims=True)), 1e-6)


class SafeUnitVectors(UnitVectors):
    def call(self, x):
        y = ops.matmul(x, self.w)
        return y * ops.rsqrt(ops.sum(ops.square(y), axis=-1, keepdims=True) + 1e-6)


class SoftplusByHand(Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")

    def call(self, x):
        return ops.log(1.0 + ops.exp(ops.matmul(x, self.w)))


class SoftplusOfKeras(SoftplusByHand):
    def call(self, x):
        return ops.softplus(ops.matmul(x, self.w))


# -- randomness ----------------------------------------------------------------------------------------------------


class DropsOutsideTraining(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.drop = keras.layers.Dropout(0.5)

    def call(self, x, training=False):
        return x if training else self.drop(x, training=True)


class DropsInTraining(DropsOutsideTraining):
    def call(self, x, training=False):
        return self.drop(x, training=training)


class JittersByPython(Layer):
    def call(self, x, training=False):
        return x * python_random.uniform(0.5, 1.5) if training else x


class JittersByKeras(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        return x * keras.random.uniform((), 0.5, 1.5, seed=self.seed_generator) if training else x


class SeedsInCall(Layer):
    def call(self, x, training=False):
        if not training:
            return x
        return x + keras.random.normal(ops.shape(x), seed=keras.random.SeedGenerator(3))


class SeedsOnce(JittersByKeras):
    def call(self, x, training=False):
        return x + keras.random.normal(ops.shape(x), seed=self.seed_generator) if training else x


# -- configuration and files ---------------------------------------------------------------------------------------


@register
class ConfigWithAnother(Layer):
    """Its configuration has a key that its constructor does not take."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "half": self.factor / 2}


@register
class ConfigAsItIs(ConfigWithAnother):
    def get_config(self):
        config = super().get_config()
        del config["half"]
        return config


@register
class ConfigOfTheDefault(ConfigAsItIs):
    def get_config(self):
        return {**super().get_config(), "factor": 2.0}


class OnlyItsOwnArguments(Layer):
    def __init__(self, units=4):
        super().__init__()
        self.units = units

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), name="w")

    def call(self, x):
        return ops.matmul(x, self.w)


class TakesTheUsualArguments(OnlyItsOwnArguments):
    def __init__(self, units=4, **kwargs):
        Layer.__init__(self, **kwargs)
        self.units = units


@register
class SavesHalf(TakesTheUsualArguments):
    """Writes its own variables into the file, and forgets one."""

    def build(self, shape):
        super().build(shape)
        self.bias = self.add_weight(shape=(self.units,), name="bias", initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.w) + self.bias

    def save_own_variables(self, store):
        store["w"] = ops.convert_to_numpy(self.w)

    def load_own_variables(self, store):
        self.w.assign(store["w"])


@register
class SavesAll(SavesHalf):
    def save_own_variables(self, store):
        Layer.save_own_variables(self, store)

    def load_own_variables(self, store):
        Layer.load_own_variables(self, store)


# -- masks and precision -------------------------------------------------------------------------------------------


class AttendsToPadding(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        scores = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        return ops.matmul(ops.softmax(scores), x)


class AttendsToWords(AttendsToPadding):
    def call(self, x, mask=None):
        scores = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        if mask is not None:
            scores = ops.where(mask[:, None, :], scores, -1e9)
        return ops.matmul(ops.softmax(scores), x)


class HalvesTimeNotTheMask(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        return x[:, ::2]


class HalvesTimeAndMask(HalvesTimeNotTheMask):
    def compute_mask(self, x, mask=None):
        return None if mask is None else mask[:, ::2]


class FullPrecisionOutput(Layer):
    def call(self, x):
        return ops.softmax(ops.cast(x, "float32"))


class ComputePrecisionOutput(Layer):
    def call(self, x):
        return ops.cast(ops.softmax(ops.cast(x, "float32")), self.compute_dtype)


class TinyEpsilon(Layer):
    """Its epsilon is zero in float16, so a constant row gives 0 / 0 there."""

    def call(self, x):
        x = ops.maximum(x, 0.0) * 0.0 + (x - ops.mean(x, axis=-1, keepdims=True)) * 1e-4
        return x / (ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-12)


class EpsilonInFull(Layer):
    def call(self, x):
        x = ops.cast(x, "float32")
        x = (x - ops.mean(x, axis=-1, keepdims=True)) * 1e-4
        y = x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-6)
        return ops.cast(y, self.compute_dtype)


# -- models --------------------------------------------------------------------------------------------------------


class ModelWithAHiddenHead(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = keras.layers.Dense(4)
        self.heads = Parts(keras.layers.Dense(3), keras.layers.Dense(2))

    def call(self, x):
        x = self.body(x)
        return self.heads.out(x), self.heads.hidden(x)


class ModelWithHeads(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = keras.layers.Dense(4)
        self.heads = [keras.layers.Dense(3), keras.layers.Dense(2)]

    def call(self, x):
        x = self.body(x)
        return tuple(head(x) for head in self.heads)


class ModelWithAnUnusedBranch(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.left = keras.layers.Dense(4)
        self.right = keras.layers.Dense(4)

    def call(self, x):
        left, right = self.left(x), self.right(x)
        return ops.relu(left) + ops.relu(left) + 0.0 * right


class ModelWithBranches(ModelWithAnUnusedBranch):
    def call(self, x):
        return ops.tanh(self.left(x)) + ops.tanh(self.right(x))


_FLAT = partial(numbers, 3, 6)
_TIME = partial(numbers, 3, 5, 4)


def _inputs(make):
    return lambda: (make(),)


def _set(*names: str) -> frozenset[str]:
    return frozenset(names)


def flat(broken, sound, *names, **options):
    return Bug(broken, sound, _set(*names), inputs=_inputs(_FLAT), **options)


def time(broken, sound, *names, **options):
    return Bug(broken, sound, _set(*names), inputs=_inputs(_TIME), **options)


_three = _inputs(partial(numbers, 3, 3))
_ERRORS = ("builds", "batch-sizes", "shapes-agree")

BUGS = {
    "CentersOverTheBatch": flat(CentersOverTheBatch, CentersOverTheFeatures, "batch-independence"),
    "NormOfEverything": flat(NormOfEverything, NormOfASample, "batch-independence", held_out=True),
    "AttendsOverSamples": flat(AttendsOverSamples, CentersOverTheFeatures, "batch-independence"),
    "AttendsOverTime": time(ShiftsTheBatch, AttendsOverTime, "batch-independence", held_out=True),
    "NormalisesInTraining": flat(
        NormalisesInTraining, Normalises, "batch-independence", "deterministic-inference", held_out=True
    ),
    "SqueezesEverything": flat(SqueezesEverything, SqueezesTheLast, *_ERRORS),
    "LoopsOverTheBatch": flat(LoopsOverTheBatch, FlipsTheFeatures, *_ERRORS, backends=("jax", "tensorflow")),
    "PoolsOneMore": time(PoolsOneMore, PoolsAsItSays, "shapes-agree"),
    "BucketsAsFloats": flat(BucketsAsFloats, BucketsAsIntegers, "shapes-agree", held_out=True),
    "BranchesOnValues": flat(
        BranchesOnValues, SelectsByValues, *_ERRORS, "compiled", "batch-independence", held_out=True
    ),
    "SublayersInADataclass": flat(SublayersInADataclass, SublayersAsAttributes, "tracked-state"),
    "SublayerInAClosure": flat(SublayerInAClosure, SublayersAsAttributes, "tracked-state", held_out=True),
    "RandomTableOfNumPy": Bug(
        RandomTableOfNumPy,
        RandomTableAsWeight,
        _set("tracked-state", "save-and-load", "config"),
        inputs=_three,
        held_out=True,
    ),
    "RemembersTheLastOutput": flat(RemembersTheLastOutput, RemembersNothing, "python-state"),
    "CollectsSizes": flat(CollectsSizes, DoublesOnly, "python-state", held_out=True),
    "UnfreezesItself": flat(UnfreezesItself, StaysFrozen, "trainable", "python-state"),
    "StopsItsGate": flat(StopsItsGate, LearnsItsGate, "gradients-reach"),
    "RoutesByArgmax": flat(RoutesByArgmax, RoutesBySoftmax, "gradients-reach", held_out=True),
    # TensorFlow takes 0 · inf for 0 in this gradient.
    "UnitVectors": flat(UnitVectors, SafeUnitVectors, "gradients-finite", backends=("jax", "torch")),
    "SoftplusByHand": flat(SoftplusByHand, SoftplusOfKeras, "gradients-finite", held_out=True),
    "DropsOutsideTraining": flat(DropsOutsideTraining, DropsInTraining, "deterministic-inference"),
    "JittersByPython": flat(JittersByPython, JittersByKeras, "training-noise"),
    "SeedsInCall": flat(SeedsInCall, SeedsOnce, "training-noise", held_out=True),
    "ConfigWithAnother": flat(ConfigWithAnother, ConfigAsItIs, "config"),
    "ConfigOfTheDefault": flat(
        lambda: ConfigOfTheDefault(3.0), lambda: ConfigAsItIs(3.0), "config", held_out=True
    ),
    "OnlyItsOwnArguments": flat(OnlyItsOwnArguments, TakesTheUsualArguments, "name-and-dtype", "config"),
    "SavesHalf": flat(SavesHalf, SavesAll, "save-and-load", held_out=True),
    "AttendsToPadding": time(AttendsToPadding, AttendsToWords, "masks", held_out=True),
    "HalvesTimeNotTheMask": time(HalvesTimeNotTheMask, HalvesTimeAndMask, "masks"),
    "FullPrecisionOutput": flat(FullPrecisionOutput, ComputePrecisionOutput, "mixed-precision"),
    "TinyEpsilon": flat(TinyEpsilon, EpsilonInFull, "mixed-precision", "gradients-finite", held_out=True),
    "ModelWithAHiddenHead": flat(ModelWithAHiddenHead, ModelWithHeads, "tracked-state", held_out=True),
    "ModelWithAnUnusedBranch": flat(ModelWithAnUnusedBranch, ModelWithBranches, "gradients-reach"),
}
