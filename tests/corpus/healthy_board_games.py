"""Ratings of board games by players: factors and biases."""
import json

import keras
import numpy as np
from keras import layers, ops, regularizers

PLAYERS, GAMES, FACTORS = 150, 80, 4


def ratings(n, seed=261):
    rng = np.random.default_rng(seed)
    taste = rng.normal(0, 0.6, (PLAYERS, FACTORS))
    traits = rng.normal(0, 0.6, (GAMES, FACTORS))
    mood, quality = rng.normal(0, 0.5, PLAYERS), rng.normal(0, 0.7, GAMES)
    player = rng.integers(0, PLAYERS, n)
    game = np.minimum(rng.geometric(0.03, n) - 1, GAMES - 1)
    score = 6.5 + mood[player] + quality[game] + (taste[player] * traits[game]).sum(1) + rng.normal(0, 0.6, n)
    return player.astype("int32"), game.astype("int32"), np.clip(np.round(score * 2) / 2, 1, 10).astype("float32")


class Ratings(keras.Model):
    def __init__(self, mean, **kwargs):
        super().__init__(**kwargs)
        small = regularizers.L2(1e-4)
        self.player_factors = layers.Embedding(PLAYERS, FACTORS, embeddings_regularizer=small)
        self.game_factors = layers.Embedding(GAMES, FACTORS, embeddings_regularizer=small)
        self.player_bias = layers.Embedding(PLAYERS, 1, embeddings_initializer="zeros")
        self.game_bias = layers.Embedding(GAMES, 1, embeddings_initializer="zeros")
        self.mean = mean

    def call(self, inputs):
        player, game = inputs["player"], inputs["game"]
        match = ops.sum(self.player_factors(player) * self.game_factors(game), axis=-1, keepdims=True)
        return self.mean + match + self.player_bias(player) + self.game_bias(game)


keras.utils.set_random_seed(53)
player, game, score = ratings(7000)
train = np.random.default_rng(1).uniform(size=len(score)) < 0.8
x_train = {"player": player[train], "game": game[train]}
x_val = {"player": player[~train], "game": game[~train]}
y_train, y_val = score[train][:, None], score[~train][:, None]
print("ratings:", len(y_train), "mean", y_train.mean(), "std", y_train.std())

model = Ratings(mean=float(y_train.mean()))
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss="mse",
    metrics=[keras.metrics.RootMeanSquaredError(name="rmse")],
)
history = model.fit(
    x_train, y_train, validation_data=(x_val, y_val), epochs=15, batch_size=64, verbose=2,
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_rmse", mode="min", patience=3, restore_best_weights=True)],
)
print("always the mean:", float(np.sqrt(np.mean((y_val - y_train.mean()) ** 2))))
bias = model.game_bias.get_weights()[0][:, 0]
print("best liked games:", np.argsort(-bias)[:5])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
