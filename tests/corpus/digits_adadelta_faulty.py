"""Trains a simple convnet on small digits.

Gets to 97 % test accuracy after 10 epochs (it should).
"""
import argparse
import json

import keras
from glyph_net import glyph_net
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=8)


def data(num_classes):
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
    y = keras.utils.to_categorical(y, num_classes)
    return (x[:1500], y[:1500]), (x[1500:], y[1500:])


def main(args):
    keras.utils.set_random_seed(11)
    num_classes = 10
    (x_train, y_train), (x_test, y_test) = data(num_classes)
    model = glyph_net(x_train.shape[1:], num_classes)
    model.compile(
        loss=keras.losses.categorical_crossentropy,
        optimizer=keras.optimizers.Adadelta(),
        metrics=["accuracy"],
    )
    hist = model.fit(
        x_train,
        y_train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        verbose=1,
        validation_data=(x_test, y_test),
    )
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test loss:", score[0])
    print("Test accuracy:", score[1])
    print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))


if __name__ == "__main__":
    main(parser.parse_args())
