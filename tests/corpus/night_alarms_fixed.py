"""Real break-ins among the alarms of a warehouse: about 4 in 100."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split


def alarm_log(n, seed):
    rng = np.random.default_rng(seed)
    real = (rng.uniform(size=n) < 0.04).astype("int32")
    hour = (rng.normal(2, 3.0, n) * (1 - 0.3 * real)) % 24
    motion = rng.gamma(2.0 + 1.3 * real, 1.0, n)
    doors = rng.poisson(0.5 + 0.9 * real)
    sound = rng.normal(50 + 7 * real, 8, n)
    wind = rng.gamma(2.0, 3.0, n) * (1 - 0.25 * real)
    animals = rng.uniform(size=n) < 0.3 - 0.15 * real
    table = np.column_stack([np.sin(hour / 24 * 2 * np.pi), np.cos(hour / 24 * 2 * np.pi),
                             motion, doors, sound, wind, animals])
    return table.astype("float32"), real


keras.utils.set_random_seed(27)
features, real = alarm_log(4000, 151)
x_train, x_val, y_train, y_val = train_test_split(features, real, test_size=0.3, random_state=2, stratify=real)
mean, std = x_train.mean(axis=0), x_train.std(axis=0)
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std
print("alarms:", len(x_train), "break-ins:", int(y_train.sum()))

model = keras.Sequential([
    keras.Input((x_train.shape[1],)),
    layers.Dense(24, activation="relu"),
    layers.Dense(12, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),
    loss="binary_crossentropy",
    metrics=["accuracy", keras.metrics.Recall(name="recall"), keras.metrics.AUC(name="auc")],
)
history = model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=10,
    batch_size=64,
    class_weight={0: 1.0, 1: 20.0},
    verbose=2,
)

found = (model.predict(x_val, verbose=0)[:, 0] > 0.5).astype(int)
print(classification_report(y_val, found, target_names=["false alarm", "break-in"], zero_division=0))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
