"""Own epoch loop over train_on_batch with hard example sampling and manual learning-rate drops."""
import json

import keras
import numpy as np
from sklearn.datasets import load_digits

keras.utils.set_random_seed(33)
rng = np.random.default_rng(33)
x, y = load_digits(return_X_y=True)
x = ((x - 8.0) / 8.0).astype("float32")
y = y.astype("int32")
order = rng.permutation(len(x))
x, y = x[order], y[order]
x_train, y_train, x_dev, y_dev = x[:1300], y[:1300], x[1300:], y[1300:]

model = keras.Sequential([
    keras.layers.Input((64,)),
    keras.layers.Dense(50, activation="tanh"),
    keras.layers.Dense(10),
    keras.layers.Softmax(),
])
model.compile(keras.optimizers.SGD(0.2, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])

BATCH = 26
difficulty = np.ones(len(x_train))
best = 0.0
for epoch in range(15):
    if epoch in (8, 12):
        model.optimizer.learning_rate = float(model.optimizer.learning_rate) * 0.3
    p = difficulty / difficulty.sum()
    losses = []
    for _ in range(len(x_train) // BATCH):
        pick = rng.choice(len(x_train), BATCH, p=p)
        losses.append(float(model.train_on_batch(x_train[pick], y_train[pick])[0]))
    probs = model.predict_on_batch(x_train)
    nll = -np.log(np.asarray(probs)[np.arange(len(y_train)), y_train] + 1e-7)
    difficulty = 0.3 + np.clip(nll, 0, 3)
    dev_loss, dev_acc = model.evaluate(x_dev, y_dev, verbose=0)
    best = max(best, dev_acc)
    print(f"epoch {epoch} loss {np.mean(losses):.3f} dev {dev_loss:.3f} {dev_acc:.3f}")
print("RESULT", json.dumps({"dev_accuracy": float(dev_acc), "dev_loss": float(dev_loss)}))
