import json
from collections import Counter

import keras
import numpy as np
from keras import layers
from keras.utils import pad_sequences

GOOD = "lovely clean friendly quiet comfortable delicious helpful bright spacious charming cosy fresh".split()
BAD = "dirty noisy rude broken stale cramped cold smelly awful late dark leaking".split()
PLAIN = ("the room was and a bed we our breakfast staff street window floor night day city view lift door table "
         "hotel bath towel tea coffee desk week pool garden car").split()


def write_reviews(n, seed):
    rng = np.random.default_rng(seed)
    texts, liked = [], []
    for _ in range(n):
        good = int(rng.integers(0, 2))
        share = 0.8 if good else 0.2
        words = []
        for _ in range(rng.integers(8, 24)):
            if rng.uniform() < 0.65:
                words.append(rng.choice(PLAIN))
            else:
                words.append(rng.choice(GOOD if rng.uniform() < share else BAD))
        texts.append(" ".join(words))
        liked.append(good)
    return texts, np.array(liked)


class Vocabulary:
    def __init__(self, size):
        self.size = size
        self.index = {}

    def fit(self, texts):
        counts = Counter(word for text in texts for word in text.split())
        self.index = {word: i + 2 for i, (word, _) in enumerate(counts.most_common(self.size - 2))}
        return self

    def encode(self, texts, length=24):
        ids = [[self.index.get(word, 1) for word in text.split()] for text in texts]
        return pad_sequences(ids, maxlen=length, padding="post")


keras.utils.set_random_seed(40)
train_texts, train_liked = write_reviews(2400, 41)
test_texts, test_liked = write_reviews(600, 42)

vocabulary = Vocabulary(80).fit(train_texts)
x_train = vocabulary.encode(train_texts)
x_test = Vocabulary(80).fit(test_texts).encode(test_texts)

model = keras.Sequential([
    layers.Input((24,), dtype="int32"),
    layers.Embedding(80, 8, mask_zero=True),
    layers.GlobalAveragePooling1D(),
    layers.Dense(16, activation="relu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.003), metrics=["accuracy"])
history = model.fit(x_train, train_liked, batch_size=32, epochs=8, validation_data=(x_test, test_liked), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
