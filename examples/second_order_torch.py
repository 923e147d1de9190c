"""Trains on digits with a mix of first- and second-order gradients, on PyTorch.

    python second_order_torch.py               raw: added as they come. Does not learn: can you see why?
    python second_order_torch.py normalised    both divided by their own norm first. Learns.
    python second_order_torch.py final         mostly first-order, larger steps that decay. Learns well.

See why the first one fails:  kerascope run second_order_torch.py
"""

import os
import sys

# This train_step is written for PyTorch; those for the other backends are beside this file.
os.environ["KERAS_BACKEND"] = "torch"

import digits
import keras
import torch
from keras import layers

VARIANT = digits.choose(("raw", "normalised", "final"), sys.argv[1:])


def normalise(gradients):
    """Returns each gradient divided by its own norm."""
    return [w / w.norm().clamp(min=1e-6) for w in gradients]


class SecondOrder(keras.Model):
    def train_step(self, data):
        inputs, targets = data
        weights = [variable.value for variable in self.trainable_variables]
        y_pred = self(inputs, training=True)
        loss = self.compute_loss(y=targets, y_pred=y_pred)
        dl_dw = torch.autograd.grad(loss, weights, create_graph=True)
        d2l_dw2 = torch.autograd.grad(sum(w.sum() for w in dl_dw), weights)

        with torch.no_grad():
            if VARIANT != "raw":
                d2l_dw2, dl_dw = normalise(d2l_dw2), normalise(dl_dw)
            if VARIANT == "final":
                grads = [0.2 * w1 + 0.8 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]
            else:
                grads = [0.5 * w1 + 0.5 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]
            self.optimizer.apply(grads, self.trainable_variables)

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(targets, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


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
