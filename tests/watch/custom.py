"""Custom training steps as the Keras guides write them, one for each backend."""

from __future__ import annotations

from typing import Any

import keras

BACKEND = keras.backend.backend()


def _update_metrics(model: Any, loss: Any, y: Any, predicted: Any) -> dict[str, Any]:
    for metric in model.metrics:
        if metric.name == "loss":
            metric.update_state(loss)
        else:
            metric.update_state(y, predicted)
    return {metric.name: metric.result() for metric in model.metrics}


if BACKEND == "tensorflow":
    import tensorflow as tf

    class CustomStep(keras.Model):
        """Halves the gradients; `apply_gradients` as the guide has it."""

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                predicted = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=predicted)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(
                (0.5 * g, v) for g, v in zip(gradients, self.trainable_variables, strict=True)
            )
            return _update_metrics(self, loss, y, predicted)

    class CustomApply(CustomStep):
        """The same with `apply`."""

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                predicted = self(x, training=True)
                loss = self.compute_loss(y=y, y_pred=predicted)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply([0.5 * g for g in gradients], self.trainable_variables)
            return _update_metrics(self, loss, y, predicted)

elif BACKEND == "jax":
    import jax

    class CustomStep(keras.Model):
        """Halves the gradients; `stateless_apply` as the guide has it."""

        def loss_and_updates(self, trainable, non_trainable, x, y):
            predicted, non_trainable = self.stateless_call(trainable, non_trainable, x, training=True)
            return self.compute_loss(x, y, predicted), (predicted, non_trainable)

        def train_step(self, state, data):
            trainable, non_trainable, optimizer, metrics = state
            x, y = data
            gradient = jax.value_and_grad(self.loss_and_updates, has_aux=True)
            (loss, (predicted, non_trainable)), gradients = gradient(trainable, non_trainable, x, y)
            gradients = [0.5 * g for g in gradients]
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            new_metrics, logs = [], {}
            for metric in self.metrics:
                own = metrics[len(new_metrics) : len(new_metrics) + len(metric.variables)]
                if metric.name == "loss":
                    own = metric.stateless_update_state(own, loss)
                else:
                    own = metric.stateless_update_state(own, y, predicted)
                logs[metric.name] = metric.stateless_result(own)
                new_metrics += own
            return logs, (trainable, non_trainable, optimizer, new_metrics)

    CustomApply = CustomStep

else:
    import torch

    class CustomStep(keras.Model):
        """Halves the gradients; `backward` and `apply` as the guide has it."""

        def train_step(self, data):
            x, y = data
            self.zero_grad()
            predicted = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predicted)
            loss.backward()
            variables = self.trainable_weights[:]
            gradients = [0.5 * v.value.grad for v in variables]
            with torch.no_grad():
                self.optimizer.apply(gradients, variables)
            return _update_metrics(self, loss, y, predicted)

    CustomApply = CustomStep


class CustomLoss(keras.Model):
    """Overrides `compute_loss` only."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) * 2.0
