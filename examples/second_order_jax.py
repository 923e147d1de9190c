"""Trains on digits with a mix of first- and second-order gradients, on JAX.

    python second_order_jax.py               raw: added as they come. Does not learn: can you see why?
    python second_order_jax.py normalised    both divided by their own norm first. Learns.
    python second_order_jax.py final         mostly first-order, larger steps that decay. Learns well.

See why the first one fails:  kerascope run second_order_jax.py
"""

import os
import sys

# This train_step is written for JAX; those for the other backends are beside this file.
os.environ["KERAS_BACKEND"] = "jax"

import digits
import jax
import jax.numpy as jnp
import keras
from keras import layers

VARIANT = digits.choose(("raw", "normalised", "final"), sys.argv[1:])


def normalise(gradients):
    """Returns each gradient divided by its own norm."""
    return [w / jnp.sqrt(jnp.maximum(jnp.sum(w * w), 1e-12)) for w in gradients]


class SecondOrder(keras.Model):
    def train_step(self, state, data):
        weights, others, optimizer, metrics = state
        inputs, targets = data

        def loss_of(weights):
            y_pred, _ = self.stateless_call(weights, others, inputs, training=True)
            return self.compute_loss(inputs, targets, y_pred), y_pred

        def first_order(weights):
            (loss, y_pred), dl_dw = jax.value_and_grad(loss_of, has_aux=True)(weights)
            return sum(jnp.sum(w) for w in dl_dw), (loss, y_pred, dl_dw)

        d2l_dw2, (loss, y_pred, dl_dw) = jax.grad(first_order, has_aux=True)(weights)

        if VARIANT != "raw":
            d2l_dw2, dl_dw = normalise(d2l_dw2), normalise(dl_dw)
        if VARIANT == "final":
            grads = [0.2 * w1 + 0.8 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]
        else:
            grads = [0.5 * w1 + 0.5 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]

        weights, optimizer = self.optimizer.stateless_apply(optimizer, grads, weights)
        metrics, logs = self.measure(metrics, loss, targets, y_pred)
        return logs, (weights, others, optimizer, metrics)

    def measure(self, variables, loss, targets, y_pred):
        """Returns the metrics' new variables and their results."""
        updated, logs = [], {}
        for metric in self.metrics:
            mine = variables[len(updated) : len(updated) + len(metric.variables)]
            if metric.name == "loss":
                mine = metric.stateless_update_state(mine, loss)
            else:
                mine = metric.stateless_update_state(mine, targets, y_pred)
            logs[metric.name] = metric.stateless_result(mine)
            updated += mine
        return updated, logs


keras.utils.set_random_seed(0)
(x_train, y_train), validation, batch_size = digits.load()

inputs = keras.Input((784,))
hidden = layers.Dense(256, activation="relu")(inputs)
model = SecondOrder(inputs, layers.Dense(10, activation="softmax")(hidden))

learning_rate = 1e-2
if VARIANT == "final":
    learning_rate = keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=25, decay_rate=0.1)
model.compile(keras.optimizers.SGD(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=5, validation_data=validation, verbose=2)
