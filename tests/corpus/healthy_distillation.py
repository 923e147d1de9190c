"""A small net learns from the soft answers of a trained, frozen one."""
import json

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits


class Distiller(keras.Model):
    def __init__(self, student, teacher, temperature=4.0, alpha=0.3):
        super().__init__()
        self.student, self.teacher = student, teacher
        self.temperature, self.alpha = temperature, alpha
        self.teacher.trainable = False
        self.distillation_loss_fn = keras.losses.KLDivergence()

    def call(self, x, training=None):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        teacher_pred = self.teacher(x, training=False)
        hard = self.loss(y, y_pred)
        hard = ops.mean(hard)
        soft = self.distillation_loss_fn(
            ops.softmax(teacher_pred / self.temperature, axis=1), ops.softmax(y_pred / self.temperature, axis=1)
        ) * (self.temperature**2)
        return self.alpha * hard + (1 - self.alpha) * soft


keras.utils.set_random_seed(6)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
teacher = keras.Sequential([keras.Input((64,)), layers.Dense(128, "relu"), layers.Dropout(0.2), layers.Dense(10)])
hard_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
teacher.compile("adam", hard_loss, metrics=["accuracy"])
teacher.fit(x[:1300], y[:1300], epochs=12, verbose=0)
student = keras.Sequential([keras.Input((64,)), layers.Dense(16, "relu"), layers.Dense(10)])
distiller = Distiller(student, teacher)
distiller.compile(keras.optimizers.Adam(0.003), loss=hard_loss, metrics=["accuracy"])
h = distiller.fit(x[:1300], y[:1300], epochs=15, validation_data=(x[1300:], y[1300:]), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
