import json
import math

import keras
import numpy as np
from keras import layers, ops


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak, warmup, total):
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step):
        step = ops.cast(step, "float32")
        up = self.peak * step / self.warmup
        progress = ops.clip((step - self.warmup) / (self.total - self.warmup), 0.0, 1.0)
        down = 0.5 * self.peak * (1.0 + ops.cos(math.pi * progress))
        return ops.where(step < self.warmup, up, down)

    def get_config(self):
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}


def block(x, dim, heads):
    h = layers.LayerNormalization(epsilon=1e-6)(x)
    h = layers.MultiHeadAttention(heads, dim // heads)(h, h)
    x = layers.Add()([x, h])
    h = layers.LayerNormalization(epsilon=1e-6)(x)
    h = layers.Dense(2 * dim, activation="gelu")(h)
    return layers.Add()([x, layers.Dense(dim)(h)])


keras.utils.set_random_seed(14)
rng = np.random.default_rng(14)
T, V = 16, 12
tokens = rng.integers(2, V, (2600, T)).astype("int32")
counts = np.stack([(tokens == v).sum(1) for v in range(V)], axis=1)
labels = (counts[:, 3] > counts[:, 7]).astype("int32") + 2 * (counts[:, 4] > 1).astype("int32")

ids = keras.Input((T,), dtype="int32")
x = layers.Embedding(V, 32)(ids)
for _ in range(2):
    x = block(x, 32, 4)
x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
model = keras.Model(ids, layers.Dense(4)(x))

epochs, batch = 14, 32
steps = epochs * math.ceil(2200 / batch)
model.compile(
    optimizer=keras.optimizers.AdamW(WarmupCosine(3e-3, steps // 8, steps), weight_decay=1e-2, clipnorm=1.0),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
h = model.fit(tokens[:2200], labels[:2200], epochs=epochs, batch_size=batch,
              validation_data=(tokens[2200:], labels[2200:]), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
