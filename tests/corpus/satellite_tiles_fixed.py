# Land-use patches, 4 classes, small CNN
import json
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Input, Conv2D, MaxPooling2D, Flatten, Dense

keras.utils.set_random_seed(101)
rng = np.random.default_rng(55)


def patch(kind):
    yy, xx = np.mgrid[0:16, 0:16]
    phase = rng.uniform(0, 2 * np.pi)
    freq = rng.uniform(0.9, 1.3)
    if kind == 0:
        base = np.sin(freq * xx + phase)
    elif kind == 1:
        base = np.sin(freq * yy + phase)
    elif kind == 2:
        base = np.sin(freq * (xx + yy) / 1.4 + phase)
    else:
        base = np.sin(freq * xx + phase) * np.sin(freq * yy + phase)
    return base + rng.normal(0, 1.0, (16, 16))


labels = rng.integers(0, 4, 2200)
images = np.stack([patch(k) for k in labels]).astype("float32")[..., None]
train_images, test_images = images[:1700], images[1700:]
train_labels, test_labels = labels[:1700], labels[1700:]

model = Sequential([
    Input((16, 16, 1)),
    Conv2D(12, 3, activation="relu"),
    MaxPooling2D(),
    Conv2D(16, 3, activation="relu"),
    Flatten(),
    Dense(32, activation="relu"),
    Dense(4),
])
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(train_images, train_labels, batch_size=32, epochs=12,
                    validation_data=(test_images, test_labels), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
