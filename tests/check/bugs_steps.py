"""Models with a bug in their train step or `compute_loss`, and functional models put together wrongly."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
from bug import Bug, numbers
from keras import layers, ops

BACKEND = keras.backend.backend()


class Steps(keras.Model):
    """Sound: a train step written by hand for each backend. The classes below break one part each."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1))
        self.fixed = layers.Dense(8, activation="tanh", trainable=False)
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.3)
        self.last = layers.Dense(2)

    def call(self, x, training=False):
        x = self.norm(self.fixed(self.first(x)), training=training)
        return self.last(self.drop(x, training=training))

    mode = True  # of `training` in the step

    def loss_of(self, x, y, y_pred, sample_weight, added):
        return self.compute_loss(x, y, y_pred, sample_weight)

    def gradients_of(self, gradients):
        return gradients

    def logs_of(self, logs, y_pred):
        return logs

    def after(self, values):
        """Returns new values for all weights, trainable first, after the optimizer's update."""
        return values

    times = 1  # that the optimizer is called

    def train_step(self, *args):
        return {"jax": self._jax_step, "tensorflow": self._tf_step, "torch": self._torch_step}[BACKEND](*args)

    def _logged(self, y, y_pred, loss, sample_weight):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(y))
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return self.logs_of({metric.name: metric.result() for metric in self.metrics}, y_pred)

    def _torch_step(self, data):
        import torch

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.forget_gradients()
        y_pred = self(x, training=self.mode)
        loss = self.loss_of(x, y, y_pred, sample_weight, self.losses)
        loss.backward()
        variables = list(self.trainable_variables)
        gradients = self.gradients_of([v.value.grad for v in variables])
        with torch.no_grad():
            for _ in range(self.times):
                self.optimizer.apply(gradients, variables)
            self._assign_after()
        return self._logged(y, y_pred, loss, sample_weight)

    def forget_gradients(self):
        self.zero_grad()

    def _tf_step(self, data):
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=self.mode)
            loss = self.loss_of(x, y, y_pred, sample_weight, self.losses)
        variables = list(self.trainable_variables)
        gradients = self.gradients_of(tape.gradient(loss, [v.value for v in variables]))
        for _ in range(self.times):
            self.optimizer.apply(gradients, variables)
        self._assign_after()
        return self._logged_graph(y, y_pred, loss, sample_weight)

    def _logged_graph(self, y, y_pred, loss, sample_weight):
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(y)[0])
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return self.logs_of({metric.name: metric.result() for metric in self.metrics}, y_pred)

    def _assign_after(self):
        weights = self.trainable_variables + self.non_trainable_variables
        for variable, value in zip(weights, self.after([w.value for w in weights]), strict=True):
            if value is not variable.value:
                variable.assign(value)

    def _jax_step(self, state, data):
        import jax

        trainable, other, optimizer, metrics = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)

        def loss_and_updates(trainable, other):
            y_pred, new, added = self.stateless_call(
                trainable, other, x, training=self.mode, return_losses=True
            )
            with keras.StatelessScope(
                state_mapping=list(zip(self.trainable_variables, trainable, strict=True))
            ):
                loss = self.loss_of(x, y, y_pred, sample_weight, added)
            return loss, (y_pred, new)

        gradient = jax.value_and_grad(loss_and_updates, has_aux=True)
        (loss, (y_pred, other)), gradients = gradient(trainable, other)
        gradients = self.gradients_of(gradients)
        for _ in range(self.times):
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        values = self.after([*trainable, *other])
        trainable, other = values[: len(trainable)], values[len(trainable) :]
        with keras.StatelessScope(
            state_mapping=list(zip(self.metrics_variables, metrics, strict=True))
        ) as scope:
            logs = self._logged(y, y_pred, loss, sample_weight)
        metrics = [scope.get_current_value(v) for v in self.metrics_variables]
        return logs, (trainable, other, optimizer, metrics)


class InInference(Steps):
    mode = False


class ForgetsAddedLosses(Steps):
    def loss_of(self, x, y, y_pred, sample_weight, added):
        value = ops.mean(ops.square(y - y_pred), -1)
        return ops.mean(value if sample_weight is None else value * sample_weight)


class OnlyTheLastLayer(Steps):
    def gradients_of(self, gradients):
        return [*(ops.zeros_like(g) for g in gradients[:-2]), *gradients[-2:]]


class Climbs(Steps):
    def gradients_of(self, gradients):
        return [-g for g in gradients]


class AppliesTwice(Steps):
    times = 2


class LogsSomethingElse(Steps):
    def logs_of(self, logs, y_pred):
        return {**logs, "loss": ops.mean(y_pred)}


class DecaysEverything(Steps):
    def after(self, values):
        return [
            v * 0.99 if keras.backend.is_float_dtype(keras.backend.standardize_dtype(v.dtype)) else v
            for v in values
        ]


class IgnoresWeights(Steps):
    def loss_of(self, x, y, y_pred, sample_weight, added):
        return super().loss_of(x, y, y_pred, None, added)


class KeepsGradients(Steps):
    def forget_gradients(self):
        pass


class CountsSteps(Steps):
    count = 0

    def gradients_of(self, gradients):
        self.count += 1
        return [g / self.count for g in gradients]


class Plain(keras.Model):
    """Sound: the train step is Keras's own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.1))
        self.drop = layers.Dropout(0.3)
        self.last = layers.Dense(2)

    def call(self, x, training=False):
        return self.last(self.drop(self.first(x), training=training))


class OwnLoss(Plain):
    """Sound: a loss of its own, and everything that belongs to it."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        value = ops.mean(ops.square(y - y_pred), -1)
        if sample_weight is not None:
            value = value * ops.reshape(sample_weight, (-1,))
        return ops.mean(value) + sum(self.losses)


class OwnLossForgetsAdded(Plain):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        value = ops.mean(ops.square(y - y_pred), -1)
        if sample_weight is not None:
            value = value * ops.reshape(sample_weight, (-1,))
        return ops.mean(value)


class OwnLossStopsGradients(Plain):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, ops.stop_gradient(y_pred), sample_weight)


class OwnLossIgnoresWeights(Plain):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, None)


def compiled(cls):
    """Returns a function that makes such a model, built and compiled."""

    def make():
        keras.utils.set_random_seed(0)
        model = cls()
        model(numbers(4, 6))
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    return make


_BATCH = lambda: (numbers(16, 6),)  # noqa: E731


def class_token_baked():
    """The token is learnt by nobody: its layer ran on a number, once, while the model was put together."""
    x = keras.Input((6,))
    token = layers.Dense(6, use_bias=False)(ops.ones((1, 6)))
    return keras.Model(x, layers.Dense(2)(x + token))


class Token(layers.Layer):
    def build(self, shape):
        self.token = self.add_weight(shape=(1, shape[-1]), name="token")

    def call(self, x):
        return x + self.token


def class_token_learnt():
    x = keras.Input((6,))
    return keras.Model(x, layers.Dense(2)(Token()(x)))


def positions_baked():
    x = keras.Input((5,), dtype="int32")
    words = layers.Embedding(20, 8)(x)
    positions = layers.Embedding(5, 8)(ops.arange(5))
    return keras.Model(x, layers.Dense(2)(words + positions))


class Positions(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = layers.Embedding(5, 8)

    def build(self, shape):
        self.table.build((5,))

    def call(self, x):
        return x + self.table(ops.arange(5))


def positions_learnt():
    x = keras.Input((5,), dtype="int32")
    return keras.Model(x, layers.Dense(2)(Positions()(layers.Embedding(20, 8)(x))))


def variable_in_the_graph():
    x = keras.Input((6,))
    scale = keras.Variable(np.ones((6,), "float32"), name="scale")
    return keras.Model(x, layers.Dense(2)(ops.multiply(x, scale)))


def queries_baked():
    x = keras.Input((5, 8))
    queries = layers.LayerNormalization()(layers.Dense(8)(np.eye(3, 8, dtype="float32")))
    queries = ops.expand_dims(queries, 0) * 0.5
    scores = ops.softmax(ops.matmul(queries, ops.transpose(x, (0, 2, 1))))
    return keras.Model(x, layers.Dense(2)(ops.matmul(scores, x)))


class Queries(layers.Layer):
    def build(self, shape):
        self.queries = self.add_weight(shape=(1, 3, shape[-1]), name="queries")

    def call(self, x):
        return ops.matmul(ops.softmax(ops.matmul(self.queries, ops.transpose(x, (0, 2, 1)))), x)


def queries_learnt():
    x = keras.Input((5, 8))
    return keras.Model(x, layers.Dense(2)(Queries()(x)))


def function(value):
    """Returns a function that gives the function itself: what is checked is how the model is put together."""
    return lambda: value


held = partial(Bug, held_out=True, inputs=_BATCH)
used = partial(Bug, inputs=_BATCH)
sound = compiled(Steps)
_BAKED = frozenset({"baked-weights"})

BUGS = {
    "InInference": used(compiled(InInference), sound, frozenset({"step-training-mode"})),
    "ForgetsAddedLosses": held(compiled(ForgetsAddedLosses), sound, frozenset({"step-added-losses"})),
    "OnlyTheLastLayer": used(compiled(OnlyTheLastLayer), sound, frozenset({"step-updates"})),
    "Climbs": used(compiled(Climbs), sound, frozenset({"step-learns"})),
    "AppliesTwice": held(compiled(AppliesTwice), sound, frozenset({"step-iterations"})),
    "LogsSomethingElse": used(compiled(LogsSomethingElse), sound, frozenset({"step-logs"})),
    "DecaysEverything": held(compiled(DecaysEverything), sound, frozenset({"step-frozen"})),
    "IgnoresWeights": held(compiled(IgnoresWeights), sound, frozenset({"step-sample-weight"})),
    "KeepsGradients": held(
        compiled(KeepsGradients), sound, frozenset({"step-repeatable"}), backends=("torch",)
    ),
    "CountsSteps": used(
        compiled(CountsSteps), sound, frozenset({"step-repeatable", "step-compiled", "step-updates"})
    ),
    "OwnLossForgetsAdded": used(
        compiled(OwnLossForgetsAdded), compiled(OwnLoss), frozenset({"step-added-losses"})
    ),
    "OwnLossStopsGradients": used(
        compiled(OwnLossStopsGradients), compiled(Plain), frozenset({"step-updates", "step-runs"})
    ),
    "OwnLossIgnoresWeights": held(
        compiled(OwnLossIgnoresWeights), compiled(Plain), frozenset({"step-sample-weight"})
    ),
    "class_token_baked": Bug(function(class_token_baked), function(class_token_learnt), _BAKED),
    "positions_baked": Bug(function(positions_baked), function(positions_learnt), _BAKED),
    "variable_in_the_graph": Bug(
        function(variable_in_the_graph), function(class_token_learnt), _BAKED, held_out=True
    ),
    "queries_baked": Bug(function(queries_baked), function(queries_learnt), _BAKED, held_out=True),
}
