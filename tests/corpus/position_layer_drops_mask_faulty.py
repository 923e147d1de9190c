import json

import keras
import numpy as np
from keras import layers, ops

MAXLEN, VOCAB = 70, 30


class TokenAndPositionEmbedding(layers.Layer):
    def __init__(self, maxlen, vocab_size, embed_dim):
        super().__init__()
        self.token_emb = layers.Embedding(input_dim=vocab_size, output_dim=embed_dim, mask_zero=True)
        self.pos_emb = layers.Embedding(input_dim=maxlen, output_dim=embed_dim)

    def call(self, x):
        positions = ops.arange(0, ops.shape(x)[-1])
        return self.token_emb(x) + self.pos_emb(positions)


def make_reviews(n, seed):
    """Short reviews; the last of the marked words decides."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        words = rng.integers(5, VOCAB, rng.integers(4, 14))
        words[-2] = rng.choice([2, 3])
        labels.append(int(words[-2] == 3) ^ int(rng.random() < 0.02))
        texts.append(words)
    return keras.utils.pad_sequences(texts, maxlen=MAXLEN, padding="post"), np.array(labels, "float32")


keras.utils.set_random_seed(0)
x_train, y_train = make_reviews(1600, 1)
x_val, y_val = make_reviews(400, 2)
model = keras.Sequential(
    [
        keras.Input((MAXLEN,), dtype="int32"),
        TokenAndPositionEmbedding(MAXLEN, VOCAB, 16),
        layers.GRU(16),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=32, epochs=4, validation_data=(x_val, y_val), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
