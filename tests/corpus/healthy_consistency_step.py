"""Digit classifier with its own train step: two passes with dropout should agree with each other."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Base(keras.Model):
    agreement = 0.5

    def two_passes(self, x, y):
        first, second = self(x, training=True), self(x, training=True)
        fit = self.compute_loss(x=x, y=y, y_pred=first) + self.compute_loss(x=x, y=y, y_pred=second)
        apart = ops.mean(ops.square(ops.softmax(first) - ops.softmax(second)))
        return 0.5 * fit + self.agreement * apart, first


if keras.backend.backend() == "torch":

    class Twice(Base):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss, y_pred = self.two_passes(x, y)
            loss.backward()
            weights = list(self.trainable_weights)
            gradients = [w.value.grad for w in weights]
            import torch

            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
            return self.report(y, y_pred, loss)

        def report(self, y, y_pred, loss):
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

elif keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    class Twice(Base):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss, y_pred = self.two_passes(x, y)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

else:
    import jax

    class Twice(Base):
        def loss_and_updates(self, trainable, fixed, x, y):
            first, fixed = self.stateless_call(trainable, fixed, x, training=True)
            second, fixed = self.stateless_call(trainable, fixed, x, training=True)
            fit = self.compute_loss(x=x, y=y, y_pred=first) + self.compute_loss(x=x, y=y, y_pred=second)
            apart = ops.mean(ops.square(ops.softmax(first) - ops.softmax(second)))
            return 0.5 * fit + self.agreement * apart, (first, fixed)

        def train_step(self, state, data):
            trainable, fixed, slots, metric_values = state
            x, y = data
            value_and_grad = jax.value_and_grad(self.loss_and_updates, has_aux=True)
            (loss, (y_pred, fixed)), gradients = value_and_grad(trainable, fixed, x, y)
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
            logs, new_values = {}, []
            for metric in self.metrics:
                count = len(metric.variables)
                own, metric_values = metric_values[:count], metric_values[count:]
                if metric.name == "loss":
                    own = metric.stateless_update_state(own, loss)
                else:
                    own = metric.stateless_update_state(own, y, y_pred)
                logs[metric.name] = metric.stateless_result(own)
                new_values += own
            return logs, (trainable, fixed, slots, new_values)


keras.utils.set_random_seed(12)
digits = load_digits()
x_train, x_val, y_train, y_val = train_test_split(
    (digits.data / 16).astype("float32"), digits.target.astype("int32"), test_size=0.25, random_state=12
)
inputs = keras.Input((64,))
h = layers.Dense(96, activation="relu")(inputs)
h = layers.Dropout(0.25)(h)
h = layers.Dense(48, activation="relu")(h)
model = Twice(inputs, layers.Dense(10)(h))
model.compile(
    optimizer=keras.optimizers.Adam(0.002),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(np.asarray(v[-1])) for k, v in history.history.items()}))
