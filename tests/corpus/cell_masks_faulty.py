import json

import keras
import numpy as np
from keras import layers

SIZE = 16
keras.utils.set_random_seed(17)


def microscope(n, seed):
    """Pictures with living (bright) and dead (dark) cells; every pixel is 0 background, 1 living or 2 dead."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    images = np.zeros((n, SIZE, SIZE, 1), "float32")
    masks = np.zeros((n, SIZE, SIZE), "int32")
    level = np.array([0.5, 0.9, 0.1])
    for i in range(n):
        for _ in range(rng.integers(1, 4)):
            cy, cx = rng.uniform(3, SIZE - 3, 2)
            ry, rx = rng.uniform(2.5, 4.5, 2)
            masks[i][((yy - cy) / ry) ** 2 + ((xx - cx) / rx) ** 2 < 1] = rng.integers(1, 3)
        images[i, ..., 0] = level[masks[i]] + rng.normal(0, 0.15, (SIZE, SIZE))
    return images, keras.utils.to_categorical(masks, 3)


def conv(x, filters):
    return layers.Conv2D(filters, 3, padding="same", activation="relu")(x)


inputs = keras.Input((SIZE, SIZE, 1))
fine = conv(inputs, 8)
coarse = layers.MaxPooling2D(2)(fine)
coarse = conv(coarse, 16)
up = layers.UpSampling2D(2)(coarse)
merged = layers.Concatenate()([fine, up])
merged = conv(merged, 12)
mask = layers.Conv2D(3, 1, name="mask")(merged)
unet = keras.Model(inputs, mask)

x_train, m_train = microscope(400, 1)
x_val, m_val = microscope(100, 2)
unet.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss="categorical_crossentropy",
    metrics=["accuracy", keras.metrics.MeanIoU(num_classes=3, sparse_y_true=False, sparse_y_pred=False, name="iou")],
)
history = unet.fit(x_train, m_train, batch_size=16, epochs=8, validation_data=(x_val, m_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
