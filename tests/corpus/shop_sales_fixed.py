# Daily sales per article of a village shop
import json

import keras
import numpy as np
from keras import layers
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

rng = np.random.default_rng(112)
keras.utils.set_random_seed(112)

N = 2500
weekday = rng.integers(0, 7, N)
price = rng.uniform(0.5, 9.0, N)
promotion = (rng.uniform(size=N) < 0.2).astype(float)
temperature = rng.normal(14, 7, N)
holiday = (rng.uniform(size=N) < 0.05).astype(float)
shelf = rng.integers(1, 5, N)

expected = np.exp(
    1.6 - 0.28 * (price - 4.5) + 0.9 * promotion + 0.25 * (weekday >= 5) + 0.02 * (temperature - 14) + 0.2 * (shelf - 2)
)
expected = np.where(holiday == 1, 0.0, expected)
sold = rng.poisson(expected).astype("float32")
print("sold: mean", sold.mean(), "max", sold.max(), "days without sale", int((sold == 0).sum()))

X = np.column_stack([np.eye(7)[weekday], price, promotion, temperature, holiday, shelf]).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(X, sold, test_size=0.2, random_state=1)
mu, sigma = X_train.mean(0), X_train.std(0)
X_train = (X_train - mu) / sigma
X_test = (X_test - mu) / sigma

model = keras.Sequential()
model.add(keras.Input((X_train.shape[1],)))
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(32, activation="relu"))
model.add(layers.Dense(1))

model.compile(
    loss="mean_absolute_error",
    optimizer=keras.optimizers.Adam(learning_rate=0.002),
    metrics=["mae"],
)

stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=8, restore_best_weights=True)
history = model.fit(
    X_train,
    y_train,
    batch_size=32,
    epochs=20,
    validation_data=(X_test, y_test),
    callbacks=[stop],
    verbose=2,
)

forecast = model.predict(X_test, verbose=0)[:, 0]
print("mean absolute error:", mean_absolute_error(y_test, forecast))
print("always the average: ", mean_absolute_error(y_test, np.full_like(y_test, y_train.mean())))
print("sum of forecasts", forecast.sum(), "sum of sales", y_test.sum())
result = {k: float(v[-1]) for k, v in history.history.items()}
result["test_mae"] = float(mean_absolute_error(y_test, forecast))
print("RESULT", json.dumps(result))
