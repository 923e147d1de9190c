"""Will the customer pay the loan back? Small dense network on the application form."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

SEED = 11
EPOCHS = 12
BATCH = 32


def load_applications(n=2400, seed=SEED):
    rng = np.random.default_rng(seed)
    age = rng.normal(41, 11, n).clip(19, 75)
    income = rng.lognormal(10.4, 0.45, n)
    amount = rng.lognormal(9.3, 0.7, n)
    employed = rng.exponential(5.0, n)
    cards = rng.poisson(1.8, n)
    late = rng.poisson(0.7, n)
    owns_home = rng.integers(0, 2, n)
    logit = (
        1.1 * (np.log(income) - 10.4) / 0.45
        - 1.0 * (np.log(amount) - 9.3) / 0.7
        + 0.22 * (employed - 5.0)
        - 1.5 * (late - 0.7)
        + 1.2 * (owns_home - 0.5)
        - 0.3 * (cards - 1.8)
        + 0.02 * (age - 41)
    )
    paid = (rng.uniform(size=n) < 1 / (1 + np.exp(-1.4 * logit))).astype("float32")
    table = np.stack([age, income, amount, employed, cards, late, owns_home], axis=1)
    return table.astype("float32"), paid


def build_model(n_features):
    model = keras.Sequential(
        [
            keras.Input(shape=(n_features,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main():
    keras.utils.set_random_seed(SEED)
    X, y = load_applications()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=3, stratify=y)
    print("train", X_train.shape, "test", X_test.shape, "paid back:", round(float(y.mean()), 3))

    mean, std = X_train.mean(axis=0), X_train.std(axis=0)
    X_train, X_test = (X_train - mean) / std, (X_test - mean) / std

    model = build_model(X_train.shape[1])
    model.summary()
    history = model.fit(
        X_train, y_train, epochs=EPOCHS, batch_size=BATCH, validation_data=(X_test, y_test), verbose=2
    )

    probability = model.predict(X_test, verbose=0)[:, 0]
    print(classification_report(y_test, probability > 0.5, zero_division=0))
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


if __name__ == "__main__":
    main()
