import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import json

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits


class TwoPart(keras.Model):
    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def call(self, x, training=None):
        return self.head(self.body(x, training=training), training=training)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        variables = self.trainable_variables
        grads = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(grads, variables))
        return self.compute_metrics(x, y, y_pred)


keras.utils.set_random_seed(70)
digits = load_digits()
x, y = (digits.data / 16).astype("float32"), digits.target
body = keras.Sequential([layers.Dense(64, activation="relu"), layers.Dense(4, activation="relu")])
head = layers.Dense(10, activation="softmax")
model = TwoPart(body, head)
model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:1400], y[:1400], epochs=10, batch_size=32, verbose=0)
p = model.predict(x[1400:], verbose=0).argmax(1)
print("RESULT", json.dumps({"test_accuracy": float(np.mean(p == y[1400:]))}))
