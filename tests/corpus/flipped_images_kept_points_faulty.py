import json

import keras
import numpy as np
from keras import layers


def faces(n, seed):
    """12x12 images with one bright spot, and where it is (x, y in 0..1)."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(2, 10, (n, 2))
    grid = np.arange(12)
    spot = np.exp(-0.5 * ((grid[None, None, :] - centre[:, 0, None, None]) ** 2 + (grid[None, :, None] - centre[:, 1, None, None]) ** 2))
    images = spot + rng.normal(0, 0.05, spot.shape)
    return images[..., None].astype("float32"), (centre / 11).astype("float32")


class FlipSequence(keras.utils.PyDataset):
    """Flips half of the images of each batch, as augmentation."""

    def __init__(self, x, y, batch_size=32, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, idx):
        rows = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        images, points = self.x[rows].copy(), self.y[rows].copy()
        flip = self.rng.random(len(images)) < 0.5
        images[flip] = images[flip, :, ::-1]
        return images, points


keras.utils.set_random_seed(31)
train_images, train_points = faces(1600, 0)
test_images, test_points = faces(400, 1)
model = keras.Sequential()
model.add(keras.Input((12, 12, 1)))
model.add(layers.Conv2D(8, 3, activation="relu"))
model.add(layers.MaxPooling2D())
model.add(layers.Flatten())
model.add(layers.Dense(48, activation="relu"))
model.add(layers.Dense(2))
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
h = model.fit(FlipSequence(train_images, train_points), epochs=12, validation_data=(test_images, test_points), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
