import json
import keras
import numpy as np
from keras import layers

# 1 second recordings of pumps at 1024 Hz, three states: fine / worn bearing / cavitation
# every recording is cut into 8 pieces of 128 samples and each piece is classified
RATE, PIECE = 1024, 128
rng = np.random.default_rng(17)
keras.utils.set_random_seed(17)


def recording(state):
    t = np.arange(RATE) / RATE
    f = rng.uniform(45, 55)
    x = np.sin(2 * np.pi * f * t + rng.uniform(0, 6.28))
    if state == 1:
        x += 0.6 * np.sin(2 * np.pi * 3.6 * f * t + rng.uniform(0, 6.28))
    elif state == 2:
        x += rng.normal(0, 0.7, RATE)
    return x * rng.uniform(0.7, 1.3) + rng.normal(0, 0.25, RATE)


def cut(recordings, states):
    n_pieces = RATE // PIECE
    pieces = recordings.reshape(-1, PIECE, 1)
    targets = np.tile(states, n_pieces)
    return pieces.astype("float32"), targets


states = rng.integers(0, 3, 240)
recordings = np.array([recording(s) for s in states])
print("recordings", recordings.shape, "states", np.bincount(states))

# keep whole recordings for validation
x_train, y_train = cut(recordings[:190], states[:190])
x_val, y_val = cut(recordings[190:], states[190:])
print("pieces", x_train.shape, y_train.shape, x_val.shape, y_val.shape)

inp = layers.Input((PIECE, 1))
x = layers.Conv1D(16, 9, strides=2, activation="relu")(inp)
x = layers.Conv1D(24, 5, strides=2, activation="relu")(x)
x = layers.GlobalAveragePooling1D()(x)
x = layers.Dense(24, activation="relu")(x)
out = layers.Dense(3, activation="softmax")(x)
model = keras.Model(inp, out)

model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
hist = model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_val, y_val), verbose=2)

print("best val_accuracy", max(hist.history["val_accuracy"]))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
