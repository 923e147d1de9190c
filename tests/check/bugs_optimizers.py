"""Optimizers with a bug each, and sound ones beside them."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from bug import Bug
from keras import ops

register = keras.saving.register_keras_serializable("kerascope_bugs")


@register
class Heavy(keras.optimizers.Optimizer):
    """Sound: gradient descent with momentum and one slot per variable."""

    def __init__(self, learning_rate=0.01, momentum=0.9, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slots = [self.add_variable_from_reference(v, name="slot") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self._get_variable_index(variable)]
        self.assign(slot, self.momentum * slot + ops.cast(gradient, variable.dtype))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * slot)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


class MomentumInADict(Heavy):
    """The momentum is kept in tensors: a compiled step keeps what it had while it was read."""

    def build(self, variables):
        super().build(variables)
        self.velocities = {}

    def update_step(self, gradient, variable, learning_rate):
        key = self._get_variable_index(variable)
        self.velocities[key] = self.momentum * self.velocities.get(key, 0.0) + gradient
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * self.velocities[key])


class OneSlotForAll(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        same = [s for s in self.slots if s.shape == variable.shape]
        self.assign(same[0], self.momentum * same[0] + gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * same[0])


class OwnLearningRate(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, 0.01)


class Ascends(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(-gradient, variable, learning_rate)


@register
class ForgetsMomentum(Heavy):
    def get_config(self):
        config = super().get_config()
        del config["momentum"]
        return config


class DividesByTheNorm(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / ops.norm(ops.reshape(gradient, (-1,))), variable, learning_rate)


class DividesByTheNormGuarded(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        size = ops.norm(ops.reshape(gradient, (-1,))) + 1e-7
        super().update_step(gradient / size, variable, learning_rate)


class CorrectsFromZero(Heavy):
    """The correction of the first moment counts steps from 0: its first divisor is 1 - 1."""

    def update_step(self, gradient, variable, learning_rate):
        step = ops.cast(self.iterations, variable.dtype)
        correction = 1 - ops.power(ops.cast(self.momentum, variable.dtype), step)
        super().update_step(gradient, variable, learning_rate / correction)


class CorrectsFromOne(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        step = ops.cast(self.iterations + 1, variable.dtype)
        correction = 1 - ops.power(ops.cast(self.momentum, variable.dtype), step)
        super().update_step(gradient, variable, learning_rate / correction)


class SkipsTheFirst(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        if self._get_variable_index(variable) > 0:
            super().update_step(gradient, variable, learning_rate)


class UpdatesInNumpy(Heavy):
    def update_step(self, gradient, variable, learning_rate):
        variable.assign(np.array(variable) - float(learning_rate) * np.array(gradient))


held = partial(Bug, held_out=True)

BUGS = {
    "MomentumInADict": Bug(
        MomentumInADict, Heavy, frozenset({"optimizer-state", "optimizer-compiled", "optimizer-repeatable"})
    ),
    "OneSlotForAll": held(OneSlotForAll, Heavy, frozenset({"optimizer-variables"})),
    "OwnLearningRate": Bug(OwnLearningRate, Heavy, frozenset({"optimizer-learning-rate"})),
    "Ascends": Bug(Ascends, Heavy, frozenset({"optimizer-descends"})),
    "ForgetsMomentum": held(
        lambda: ForgetsMomentum(momentum=0.5),
        lambda: Heavy(momentum=0.5),
        frozenset({"optimizer-config"}),
    ),
    "DividesByTheNorm": Bug(DividesByTheNorm, DividesByTheNormGuarded, frozenset({"optimizer-finite"})),
    "CorrectsFromZero": held(
        CorrectsFromZero, CorrectsFromOne, frozenset({"optimizer-finite", "optimizer-descends"})
    ),
    "SkipsTheFirst": held(SkipsTheFirst, Heavy, frozenset({"optimizer-updates"})),
    "UpdatesInNumpy": held(
        UpdatesInNumpy, Heavy, frozenset({"optimizer-compiled"}), backends=("jax", "tensorflow")
    ),
}
