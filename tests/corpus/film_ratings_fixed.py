import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)

N_USERS, N_FILMS, N_RATINGS = 160, 90, 7000


def make_ratings():
    taste = rng.normal(size=(N_USERS, 2))
    genre = rng.normal(size=(N_FILMS, 2))
    mood = rng.normal(0, 0.5, N_USERS)
    quality = rng.normal(0, 0.7, N_FILMS)
    user = rng.integers(0, N_USERS, N_RATINGS)
    film = rng.integers(0, N_FILMS, N_RATINGS)
    score = 3.3 + mood[user] + quality[film] + 0.2 * (taste[user] * genre[film]).sum(axis=1)
    stars = np.clip(np.round(score + rng.normal(0, 0.3, N_RATINGS)), 1, 5)
    return user.astype("int32"), film.astype("int32"), stars.astype("float32")[:, None]


class Recommender(keras.Model):
    def __init__(self, width=6):
        super().__init__()
        self.users = layers.Embedding(N_USERS, width)
        self.films = layers.Embedding(N_FILMS, width)
        self.hidden = layers.Dense(32, activation="relu")
        self.stars = layers.Dense(1)

    def call(self, inputs):
        user = self.users(inputs["user"])
        film = self.films(inputs["film"])
        joined = keras.ops.concatenate([user, film, user * film], axis=-1)
        return self.stars(self.hidden(joined))


user, film, stars = make_ratings()
cut = 5600
model = Recommender()
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse", metrics=["mae"])
history = model.fit(
    {"user": user[:cut], "film": film[:cut]}, stars[:cut],
    validation_data=({"user": user[cut:], "film": film[cut:]}, stars[cut:]),
    epochs=10, batch_size=64, verbose=2,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
