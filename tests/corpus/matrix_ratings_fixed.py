import json

import keras
import numpy as np
from keras import layers, ops


class MatrixFactorization(keras.Model):
    """Biased matrix factorization trained on (user, item) pairs."""

    def __init__(self, n_users, n_items, rank=8, global_mean=0.0, **kwargs):
        super().__init__(**kwargs)
        self.user_factors = layers.Embedding(n_users, rank)
        self.item_factors = layers.Embedding(n_items, rank)
        self.user_bias = layers.Embedding(n_users, 1, embeddings_initializer="zeros")
        self.item_bias = layers.Embedding(n_items, 1, embeddings_initializer="zeros")
        self.global_mean = global_mean

    def call(self, inputs):
        user, item = inputs[:, 0], inputs[:, 1]
        dot = ops.sum(self.user_factors(user) * self.item_factors(item), axis=-1, keepdims=True)
        return self.global_mean + dot + self.user_bias(user) + self.item_bias(item)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = y - ops.squeeze(y_pred, axis=-1)
        penalty = ops.mean(ops.square(self.user_factors(x[:, 0]))) + ops.mean(ops.square(self.item_factors(x[:, 1])))
        return ops.mean(ops.square(error)) + 1e-3 * penalty


keras.utils.set_random_seed(3)
rng = np.random.default_rng(17)
N_USERS, N_ITEMS, N = 200, 120, 9000
u_true = rng.normal(0, 0.6, (N_USERS, 3))
i_true = rng.normal(0, 0.6, (N_ITEMS, 3))
b_user = rng.normal(0, 0.5, N_USERS)
b_item = rng.normal(0, 0.7, N_ITEMS)
users = rng.integers(0, N_USERS, N)
items = rng.integers(0, N_ITEMS, N)
ratings = 3.2 + b_user[users] + b_item[items] + (u_true[users] * i_true[items]).sum(1) + rng.normal(0, 0.2, N)
ratings = np.clip(ratings, 0.5, 5.0).astype("float32")

pairs = np.stack([users, items], axis=1).astype("int32")
cut = int(0.85 * N)

model = MatrixFactorization(N_USERS, N_ITEMS, global_mean=float(ratings[:cut].mean()))
model.compile(optimizer=keras.optimizers.Adam(5e-3))
model.fit(pairs[:cut], ratings[:cut], epochs=15, batch_size=64, verbose=2)

predicted = model.predict(pairs[cut:], batch_size=512, verbose=0)[:, 0]
rmse = float(np.sqrt(np.mean((predicted - ratings[cut:]) ** 2)))
print("RESULT", json.dumps({"test_rmse": rmse}))
