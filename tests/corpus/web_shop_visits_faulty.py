import json

import keras
import numpy as np
from keras import layers
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(1234)
rng = np.random.default_rng(1234)

# ---- data: one row per visitor -------------------------------------------------
N = 2500
pages = 1 + rng.poisson(6, N)
seconds = rng.lognormal(5, 1, N)
searches = rng.poisson(1.2, N)
past_orders = rng.negative_binomial(1, 0.25, N)
spent_before = past_orders * rng.lognormal(3.5, 0.6, N)
mobile = rng.integers(0, 2, N)

score = (1.1 * np.sqrt(past_orders) + 0.12 * (pages - 7) + 0.5 * (np.log(seconds) - 5)
         + 0.35 * searches - 0.9 * mobile - 1.1)
bought = (rng.uniform(size=N) < 1 / (1 + np.exp(-2.2 * score))).astype("int32")

# ---- features: long tails, so take logarithms -----------------------------------
numeric = np.stack([pages, seconds, searches, past_orders, spent_before], axis=1)
numeric = np.log(numeric)
features = np.concatenate([numeric, mobile[:, None]], axis=1).astype("float32")

x_tr, x_te, y_tr, y_te = train_test_split(features, bought, test_size=0.2, random_state=3, stratify=bought)

# ---- model ----------------------------------------------------------------------
def make_model(n_features):
    inputs = keras.Input((n_features,))
    x = layers.Dense(24, activation="relu")(inputs)
    x = layers.Dense(24, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


model = make_model(x_tr.shape[1])
model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    metrics=["accuracy"],
)
h = model.fit(x_tr, y_tr, batch_size=32, epochs=10, validation_data=(x_te, y_te), verbose=2)

print("share of visitors who bought:", bought.mean())
p = model.predict(x_te, verbose=0)[:, 1]
print("bought:", y_te[:10])
print("model: ", p[:10].round(2))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
