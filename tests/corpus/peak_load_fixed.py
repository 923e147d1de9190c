import json

import keras
import numpy as np
from keras import layers, ops

QUANTILE = 0.9


def pinball(y_true, y_pred):
    error = y_true - y_pred
    return ops.mean(ops.maximum(QUANTILE * error, (QUANTILE - 1) * error), axis=-1)


def load_curve(n, rng):
    hour = rng.uniform(0, 24, n)
    outdoor = rng.normal(0, 1, n)
    weekend = rng.integers(0, 2, n)
    level = np.sin((hour - 7) / 24 * 2 * np.pi) - 0.5 * outdoor - 0.4 * weekend
    spread = 0.3 + 0.3 * (1 + np.cos(hour / 24 * 2 * np.pi))
    load = level + spread * rng.normal(size=n)
    angle = hour / 24 * 2 * np.pi
    x = np.stack([np.sin(angle), np.cos(angle), outdoor, weekend - 0.5], axis=1)
    return x.astype("float32"), load.astype("float32")[:, None]


def main():
    keras.utils.set_random_seed(55)
    rng = np.random.default_rng(55)
    x_train, y_train = load_curve(4000, rng)
    x_val, y_val = load_curve(1000, rng)
    model = keras.Sequential([
        layers.Input((4,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(1),
    ])
    model.compile(optimizer="adam", loss=pinball)
    history = model.fit(x_train, y_train, epochs=12, batch_size=40, validation_data=(x_val, y_val), verbose=2)

    upper = model.predict(x_val, verbose=0)
    covered = float(np.mean(y_val <= upper))
    result = {k: float(v[-1]) for k, v in history.history.items()}
    result["covered"] = covered
    result["coverage_error"] = abs(covered - QUANTILE)
    print("RESULT", json.dumps(result))


if __name__ == "__main__":
    main()
