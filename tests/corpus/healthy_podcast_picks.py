"""Recommend podcasts: two embeddings, biases, ratings from 1 to 5."""
import json

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)

LISTENERS, SHOWS, RATINGS = 300, 120, 16000
taste = rng.normal(0, 0.6, (LISTENERS, 3))
style = rng.normal(0, 0.6, (SHOWS, 3))
mood = rng.normal(0, 0.4, LISTENERS)
fame = rng.normal(0, 0.5, SHOWS)

listener = rng.integers(0, LISTENERS, RATINGS)
show = rng.integers(0, SHOWS, RATINGS)
raw = 3.4 + (taste[listener] * style[show]).sum(1) + mood[listener] + fame[show] + rng.normal(0, 0.4, RATINGS)
rating = np.clip(np.round(raw), 1, 5).astype("float32")

split = int(0.85 * RATINGS)
mean_rating = rating[:split].mean()


class PodcastNet(keras.Model):
    def __init__(self, size=3, **kwargs):
        super().__init__(**kwargs)
        penalty = keras.regularizers.l2(2e-4)
        self.listener_vec = layers.Embedding(LISTENERS, size, embeddings_regularizer=penalty)
        self.listener_bias = layers.Embedding(LISTENERS, 1)
        self.show_vec = layers.Embedding(SHOWS, size, embeddings_regularizer=penalty)
        self.show_bias = layers.Embedding(SHOWS, 1)

    def call(self, pair):
        who, what = pair[:, 0], pair[:, 1]
        match = ops.sum(self.listener_vec(who) * self.show_vec(what), axis=-1, keepdims=True)
        return match + self.listener_bias(who) + self.show_bias(what) + mean_rating


pairs = np.stack([listener, show], axis=1)
model = PodcastNet()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse",
              metrics=[keras.metrics.RootMeanSquaredError(name="rmse")])
history = model.fit(pairs[:split], rating[:split, None], batch_size=128, epochs=8,
                    validation_data=(pairs[split:], rating[split:, None]), verbose=2)

base = np.sqrt(np.mean((rating[split:] - mean_rating) ** 2))
print(f"RMSE of the mean: {base:.3f}, of the model: {history.history['val_rmse'][-1]:.3f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
