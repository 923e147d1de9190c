"""Anomaly scores for turbine sensors from reconstruction error."""
import json

import keras
import numpy as np
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)
latent = rng.normal(size=(2400, 4))
sensors = np.tanh(latent @ rng.normal(size=(4, 20))) * rng.uniform(1, 30, 20) + rng.uniform(-50, 50, 20)
sensors += rng.normal(scale=0.2, size=sensors.shape)
scaled = StandardScaler().fit_transform(sensors).astype("float32")

encoder = keras.Sequential(
    [
        keras.layers.Dense(32, activation="elu"),
        keras.layers.Dense(6),
    ],
    name="encoder",
)
decoder = keras.Sequential(
    [
        keras.layers.Dense(32, activation="elu"),
        keras.layers.Dense(20, activation="sigmoid"),
    ],
    name="decoder",
)
signal = keras.Input((20,))
autoencoder = keras.Model(signal, decoder(encoder(signal)))
autoencoder.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
log = autoencoder.fit(scaled[:2000], scaled[:2000], validation_data=(scaled[2000:], scaled[2000:]), epochs=20, batch_size=64, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in log.history.items()}))
