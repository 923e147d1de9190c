"""Train steps of the user's own on each backend: one gradient computation, many ways to go on with it."""

import keras
from faulty import KEPT, NUMBERS, X
from keras import layers

BACKEND = keras.backend.backend()


class Base(keras.Model):
    """Two layers, and `update(gradients)` for what differs."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.drop = layers.Dropout(0.2)
        self.out = layers.Dense(1)

    def call(self, x, training=None):
        return self.out(self.drop(self.hidden(x), training=training))


def run(model, epochs=4):
    KEPT.append(model)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(X, NUMBERS, epochs=epochs, batch_size=16, verbose=0)


if BACKEND == "tensorflow":
    import tensorflow as tf

    class Sound(Base):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

    class HeadOnly(Base):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            weights = self.out.trainable_variables  # <- wrong-variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

    class Forgets(Base):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            tape.gradient(loss, self.trainable_variables)  # <- gradients-not-applied
            return {"loss": loss}

    class NoMode(Base):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                y_pred = self(x)  # <- training-flag
                loss = self.compute_loss(y=y, y_pred=y_pred)
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return {"loss": loss}

elif BACKEND == "torch":
    import torch

    class Sound(Base):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            weights = list(self.trainable_weights)
            gradients = [v.value.grad for v in weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
            return {"loss": loss.detach()}

    class HeadOnly(Base):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            weights = list(self.out.trainable_variables)  # <- wrong-variables
            gradients = [v.value.grad for v in weights]
            with torch.no_grad():
                self.optimizer.apply(gradients, weights)
            return {"loss": loss.detach()}

    class Forgets(Base):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()  # <- gradients-not-applied
            return {"loss": loss.detach()}

    class NoMode(Base):
        def train_step(self, data):
            x, y = data
            self.zero_grad()
            y_pred = self(x)  # <- training-flag
            loss = self.compute_loss(y=y, y_pred=y_pred)
            loss.backward()
            weights = list(self.trainable_weights)
            with torch.no_grad():
                self.optimizer.apply([v.value.grad for v in weights], weights)
            return {"loss": loss.detach()}

else:
    import jax

    def loss_of(model, trainable, other, x, y, training):
        y_pred, other = model.stateless_call(trainable, other, x, training=training)
        return model.compute_loss(y=y, y_pred=y_pred), other

    class Sound(Base):
        mode = True

        def train_step(self, state, data):
            trainable, other, slots, metrics = state
            x, y = data
            (loss, other), gradients = jax.value_and_grad(
                lambda t: loss_of(self, t, other, x, y, True), has_aux=True
            )(trainable)
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
            return {"loss": loss}, (trainable, other, slots, metrics)

    class HeadOnly(Base):
        def train_step(self, state, data):
            trainable, other, slots, metrics = state
            x, y = data
            (loss, other), gradients = jax.value_and_grad(
                lambda t: loss_of(self, t, other, x, y, True), has_aux=True
            )(trainable)
            new, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
            kept = trainable[:2] + new[2:]
            return {"loss": loss}, (kept, other, slots, metrics)  # <- gradients-not-applied

    class Forgets(Base):
        def train_step(self, state, data):
            trainable, other, slots, metrics = state
            x, y = data
            (loss, other), gradients = jax.value_and_grad(  # <- gradients-not-applied
                lambda t: loss_of(self, t, other, x, y, True), has_aux=True
            )(trainable)
            return {"loss": loss}, (trainable, other, slots, metrics)

    class NoMode(Base):
        def train_step(self, state, data):
            trainable, other, slots, metrics = state
            x, y = data

            def loss_and_state(t):
                y_pred, new = self.stateless_call(t, other, x)  # <- training-flag
                return self.compute_loss(y=y, y_pred=y_pred), new

            (loss, other), gradients = jax.value_and_grad(loss_and_state, has_aux=True)(trainable)
            trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
            return {"loss": loss}, (trainable, other, slots, metrics)


def sound():
    run(Sound())


def head_only():
    run(HeadOnly())


def forgets():
    run(Forgets())


def no_mode():
    run(NoMode())


SEEN = (sound, head_only, forgets, no_mode)
ASIDE = ()
