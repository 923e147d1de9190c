import argparse
import json

import keras
import numpy as np
from keras import layers


def parse():
    parser = argparse.ArgumentParser(description="tell circles, squares, crosses and stripes apart")
    parser.add_argument("--images", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=8)
    return parser.parse_args()


def draw(n, rng, size=20):
    yy, xx = np.mgrid[:size, :size]
    pictures = rng.normal(0, 0.25, (n, size, size, 1))
    labels = rng.integers(0, 4, n)
    for i in range(n):
        cy, cx = rng.uniform(7, 13, 2)
        r = rng.uniform(3.5, 6)
        dy, dx = np.abs(yy - cy), np.abs(xx - cx)
        if labels[i] == 0:
            shape = np.abs(np.hypot(dy, dx) - r) < 1
        elif labels[i] == 1:
            shape = np.abs(np.maximum(dy, dx) - r) < 0.8
        elif labels[i] == 2:
            shape = (np.abs(dy - dx) < 1) & (dy < r)
        else:
            shape = (yy % 4 == i % 4) & (dx < r)
        pictures[i, ..., 0] += rng.uniform(0.6, 1.0) * shape
    return pictures.astype("float32"), labels


args = parse()
keras.utils.set_random_seed(args.seed)
generator = np.random.default_rng(args.seed)
x_train, y_train = draw(args.images, generator)
x_val, y_val = draw(400, generator)

net = keras.Sequential([
    keras.Input((20, 20, 1)),
    layers.Conv2D(16, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, activation="relu", padding="same"),
    layers.MaxPooling2D(),
    layers.Flatten(),
    layers.Dense(32, activation="relu"),
    layers.Dense(4, activation="softmax"),
])
net.compile(
    optimizer=keras.optimizers.Adam(learning_rate=args.lr),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
result = net.fit(x_train, y_train, batch_size=args.batch_size, epochs=args.epochs, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in result.history.items()}))
