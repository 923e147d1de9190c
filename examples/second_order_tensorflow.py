"""Trains on digits with a mix of first- and second-order gradients, on TensorFlow.

    python second_order_tensorflow.py               raw: added as they come. Does not learn: can you see why?
    python second_order_tensorflow.py normalised    both divided by their own norm first. Learns.
    python second_order_tensorflow.py final         mostly first-order, larger steps that decay. Learns well.

See why the first one fails:  kerascope run second_order_tensorflow.py
"""

import os
import sys

# This train_step is written for TensorFlow; those for the other backends are beside this file.
os.environ["KERAS_BACKEND"] = "tensorflow"

import digits
import keras
import tensorflow as tf
from keras import layers

VARIANT = digits.choose(("raw", "normalised", "final"), sys.argv[1:])


def normalise(gradients):
    """Returns each gradient divided by its own norm."""
    return [tf.math.l2_normalize(w) for w in gradients]


class SecondOrder(keras.Model):
    def train_step(self, data):
        inputs, targets = data
        weights = self.trainable_variables
        with tf.GradientTape() as tape2:
            with tf.GradientTape() as tape1:
                y_pred = self(inputs, training=True)
                loss = self.compute_loss(y=targets, y_pred=y_pred)
            dl_dw = tape1.gradient(loss, weights)
        d2l_dw2 = tape2.gradient(dl_dw, weights)

        if VARIANT != "raw":
            d2l_dw2, dl_dw = normalise(d2l_dw2), normalise(dl_dw)
        if VARIANT == "final":
            grads = [0.2 * w1 + 0.8 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]
        else:
            grads = [0.5 * w1 + 0.5 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]

        self.optimizer.apply_gradients(zip(grads, weights))
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
