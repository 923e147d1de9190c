import json

import keras
import numpy as np
from keras import layers, ops

"""Do the brackets of a string close in the right order?"""

LENGTH = 16


def bracket_strings(n, seed):
    rng = np.random.default_rng(seed)
    opening, closing = {1: 2, 3: 4}, {2: 1, 4: 3}
    tokens, sound = np.zeros((n, LENGTH), "int32"), rng.integers(0, 2, n)
    for i in range(n):
        stack, out = [], []
        while len(out) < LENGTH:
            room = LENGTH - len(out)
            if not stack or (len(stack) < room and rng.uniform() < 0.5):
                b = int(rng.choice([1, 3]))
                stack.append(b)
                out.append(b)
            else:
                out.append(opening[stack.pop()])
        if not sound[i]:
            for j in rng.choice(LENGTH, 3, replace=False):
                out[j] = {1: 3, 3: 1, 2: 4, 4: 2}[out[j]]
        tokens[i] = out
    return tokens, sound.astype("float32")


class Places(layers.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=(shape[1], shape[2]), initializer="random_normal", name="places")

    def call(self, x):
        return x + self.table


def block(x, width, heads):
    a = layers.LayerNormalization()(x)
    x = x + layers.MultiHeadAttention(heads, width // heads)(a, a)
    f = layers.LayerNormalization()(x)
    f = layers.Dense(2 * width, activation="gelu")(f)
    return x + layers.Dense(width)(f)


keras.utils.set_random_seed(90)
x_train, y_train = bracket_strings(3000, 1)
x_val, y_val = bracket_strings(600, 2)
tokens = keras.Input((LENGTH,), dtype="int32")
x = Places()(layers.Embedding(5, 32)(tokens))
for _ in range(2):
    x = block(x, 32, 4)
x = layers.LayerNormalization()(x)
x = layers.GlobalAveragePooling1D()(x)
model = keras.Model(tokens, layers.Dense(1)(x))
model.compile(
    optimizer=keras.optimizers.AdamW(2e-3, weight_decay=1e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")],
)
history = model.fit(x_train, y_train[:, None], epochs=10, batch_size=50, validation_data=(x_val, y_val[:, None]), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
