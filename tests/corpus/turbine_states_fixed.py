import json

import keras
import numpy as np
from keras import layers, regularizers

# --- settings -------------------------------------------------------------
config = {
    "hidden": [48, 24],
    "penalty": 0.0001,
    "learning_rate": 2e-3,
    "epochs": 15,
    "batch_size": 32,
}
STATES = ["normal", "imbalance", "bearing", "icing"]


# --- data -----------------------------------------------------------------
def vibration_features(n, seed):
    """Per-minute features of the nacelle sensors."""
    rng = np.random.default_rng(seed)
    state = rng.integers(0, len(STATES), n)
    wind = rng.weibull(2.0, n) * 8
    rotor = np.clip(1.2 * wind + rng.normal(0, 0.8, n), 0, 16)
    power = np.clip(0.11 * wind**2 + rng.normal(0, 1.0, n), 0, 12)
    once = np.abs(rng.normal(0.4, 0.15, n)) + np.where(state == 1, 0.05 * rotor, 0)
    high = np.abs(rng.normal(0.5, 0.2, n)) + np.where(state == 2, 0.6, 0)
    kurtosis = 3 + rng.normal(0, 0.4, n) + np.where(state == 2, rng.gamma(2, 0.6, n), 0)
    temperature = rng.normal(6, 7, n) + np.where(state == 3, -8, 0)
    power = np.where(state == 3, power * rng.uniform(0.5, 0.8, n), power)
    noise = rng.normal(0, 1, (n, 3))
    features = np.column_stack([wind, rotor, power, once, high, kurtosis, temperature, noise])
    return features.astype("float32"), state


x_train, y_train = vibration_features(1600, 51)
x_valid, y_valid = vibration_features(600, 52)
mean, std = x_train.mean(axis=0), x_train.std(axis=0)
x_train = (x_train - mean) / std
x_valid = (x_valid - mean) / std

# --- model ----------------------------------------------------------------
keras.utils.set_random_seed(8)
x = inputs = keras.Input((x_train.shape[1],), name="features")
for i, units in enumerate(config["hidden"]):
    x = layers.Dense(
        units,
        activation="relu",
        kernel_regularizer=regularizers.L1(config["penalty"]),
        name=f"hidden_{i}",
    )(x)
outputs = layers.Dense(len(STATES), activation="softmax", name="state")(x)
model = keras.Model(inputs, outputs, name="turbine")
model.compile(
    optimizer=keras.optimizers.Adam(config["learning_rate"]),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

# --- training -------------------------------------------------------------
history = model.fit(
    x_train,
    y_train,
    validation_data=(x_valid, y_valid),
    epochs=config["epochs"],
    batch_size=config["batch_size"],
    verbose=2,
)
predicted = model.predict(x_valid, verbose=0).argmax(axis=1)
for i, name in enumerate(STATES):
    print(f"{name:10s} found {np.mean(predicted[y_valid == i] == i):.2f}")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
