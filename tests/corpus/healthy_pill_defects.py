"""Rare defects on pills (about 6 %): small CNN with class weights, judged by recall and AUC."""
import json

import keras
import numpy as np
from keras import layers


def pill(defect, rng, size=16):
    yy, xx = np.mgrid[0:size, 0:size] - (size - 1) / 2
    body = (xx ** 2 + yy ** 2 < rng.uniform(5.8, 6.8) ** 2).astype("float32")
    image = 0.15 + 0.6 * body
    if defect:
        angle = rng.uniform(0, np.pi)
        distance = np.abs(np.cos(angle) * xx + np.sin(angle) * yy - rng.uniform(-2, 2))
        image -= rng.uniform(0.25, 0.5) * (distance < 0.9) * body
    image += rng.normal(0, 0.07, image.shape)
    return np.clip(image, 0, 1)


def batch_of_pills(n, seed, share=0.06):
    rng = np.random.default_rng(seed)
    defects = (rng.uniform(size=n) < share).astype("float32")
    images = np.stack([pill(d, rng) for d in defects])[..., None]
    return images.astype("float32"), defects[:, None]


keras.utils.set_random_seed(55)
x_train, y_train = batch_of_pills(2500, 1)
x_val, y_val = batch_of_pills(800, 2)

positives = float(y_train.sum())
negatives = len(y_train) - positives
class_weight = {0: len(y_train) / (2 * negatives), 1: len(y_train) / (2 * positives)}
print("class weights", class_weight)

model = keras.Sequential([
    layers.Input((16, 16, 1)),
    layers.Conv2D(12, 3, padding="same"),
    layers.BatchNormalization(momentum=0.9),
    layers.ReLU(),
    layers.MaxPooling2D(),
    layers.Conv2D(24, 3, padding="same"),
    layers.BatchNormalization(momentum=0.9),
    layers.ReLU(),
    layers.GlobalMaxPooling2D(),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(
    optimizer=keras.optimizers.Adam(0.003),
    loss="binary_crossentropy",
    metrics=[keras.metrics.Recall(name="recall"), keras.metrics.Precision(name="precision"),
             keras.metrics.AUC(name="auc")],
)
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), class_weight=class_weight,
                    epochs=8, batch_size=50, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
