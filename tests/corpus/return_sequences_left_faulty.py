import json

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout, LSTM

keras.utils.set_random_seed(2)
np.random.seed(2)

config = {"timesteps": 12, "features": 3, "units": 20, "dropout": 0.1, "epochs": 12, "batch": 32}

# remaining useful life: sum of the load over the window, later steps count more
loads = np.random.rand(1800, config["timesteps"], config["features"]).astype("float32")
wear = (loads[:, :, 0] * loads[:, :, 1] * np.linspace(0.2, 1.8, config["timesteps"])).sum(1)
rul = ((wear - wear.mean()) / wear.std()).reshape(-1, 1)

regressor = Sequential()
regressor.add(LSTM(units=config["units"], return_sequences=True, input_shape=(config["timesteps"], config["features"])))
regressor.add(Dropout(config["dropout"]))
regressor.add(LSTM(units=config["units"], return_sequences=True))
regressor.add(Dropout(config["dropout"]))
regressor.add(Dense(units=1))
regressor.compile(optimizer=keras.optimizers.Adam(0.005), loss="mean_squared_error")
history = regressor.fit(
    loads[:1400],
    rul[:1400],
    epochs=config["epochs"],
    batch_size=config["batch"],
    validation_data=(loads[1400:], rul[1400:]),
    verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
