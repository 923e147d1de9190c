import argparse
import json

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def parse_args():
    parser = argparse.ArgumentParser(description="digits of postal codes with a plain network")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, nargs="*", default=[64, 32])
    return parser.parse_args()


def prepare():
    x, y = load_digits(return_X_y=True)
    x = x.astype("float32")
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=7)
    mean = x_train.mean(axis=0)
    std = x_train.std(axis=0) + 1e-3
    x_train = np.clip((x_train - mean) / std, -5, 5)
    x_test = np.clip((x_test - mean) / std, -5, 5)
    return (x_train, y_train), (x_test, y_test)


def network(n_inputs, n_classes, hidden):
    inputs = keras.Input((n_inputs,))
    x = inputs
    for units in hidden:
        x = keras.layers.Dense(units)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
    outputs = keras.layers.Dense(n_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def main():
    args = parse_args()
    keras.utils.set_random_seed(17)
    (x_train, y_train), (x_test, y_test) = prepare()
    print("training", x_train.shape, "test", x_test.shape)

    model = network(x_train.shape[1], 10, args.hidden)
    model.compile(
        optimizer=keras.optimizers.Adam(args.lr),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["accuracy"],
    )
    model.summary()
    history = model.fit(
        x_train,
        y_train,
        epochs=args.epochs,
        batch_size=args.batch_size,
        validation_data=(x_test, y_test),
        verbose=2,
    )
    wrong = np.flatnonzero(model.predict(x_test, verbose=0).argmax(axis=1) != y_test)
    print(len(wrong), "of", len(y_test), "test digits are misread")
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))


if __name__ == "__main__":
    main()
