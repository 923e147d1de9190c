"""One network, three answers from CO2 and sound: people in the room, window open, kind of use."""
import json

import keras
import numpy as np
from keras import layers

USES = ["empty", "office work", "meeting", "lesson"]
STEPS = 30


def rooms(n, seed):
    rng = np.random.default_rng(seed)
    use = rng.integers(0, 4, n)
    people = np.where(use == 0, 0, rng.poisson(np.array([0, 3, 7, 20])[use]) + (use > 0))
    window = (rng.uniform(size=n) < 0.35).astype("float32")
    t = np.arange(STEPS)
    rise = people[:, None] * 9.0 * (1 - 0.8 * window[:, None])
    co2 = 450 + rise * t / 6 + rng.normal(0, 15, (n, STEPS))
    talk = np.array([0.05, 0.25, 0.8, 0.6])[use][:, None]
    sound = 32 + 22 * (rng.uniform(size=(n, STEPS)) < talk) + 3 * window[:, None] + rng.normal(0, 2.5, (n, STEPS))
    x = np.stack([(co2 - 600) / 200, (sound - 40) / 10], axis=-1)
    return x.astype("float32"), {"people": np.log1p(people)[:, None].astype("float32"), "window": window[:, None], "use": use}


keras.utils.set_random_seed(49)
x_train, y_train = rooms(2000, 231)
x_val, y_val = rooms(500, 232)

inputs = keras.Input((STEPS, 2), name="signals")
x = layers.Conv1D(16, 3, activation="relu")(inputs)
x = layers.Conv1D(32, 3, strides=2, activation="relu")(x)
trunk = layers.concatenate([layers.GlobalAveragePooling1D()(x), layers.Flatten()(layers.AveragePooling1D(6)(inputs))])
trunk = layers.Dense(48, activation="relu")(trunk)
people = layers.Dense(1, name="people")(layers.Dense(16, activation="relu")(trunk))
window = layers.Dense(1, activation="sigmoid", name="window")(trunk)
use = layers.Dense(len(USES), activation="softmax", name="use")(trunk)

model = keras.Model(inputs, {"people": people, "window": window, "use": use})
model.compile(
    optimizer=keras.optimizers.Adam(2e-3),
    loss={"people": "huber", "window": "binary_crossentropy", "use": "sparse_categorical_crossentropy"},
    loss_weights={"people": 2.0, "window": 1.0, "use": 1.0},
    metrics={"people": ["mae"], "window": ["accuracy"], "use": ["accuracy"]},
)
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=12, batch_size=32, verbose=2)

answers = model.predict(x_val[:5], verbose=0)
for i in range(5):
    print(f"{np.expm1(answers['people'][i, 0]):5.1f} people, window {answers['window'][i, 0]:.2f},",
          USES[int(answers["use"][i].argmax())], "| really", round(float(np.expm1(y_val["people"][i, 0]))), USES[y_val["use"][i]])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
