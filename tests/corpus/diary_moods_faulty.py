"""Mood of diary entries with an LSTM."""
import json

import keras
import numpy as np
from keras.layers import LSTM, Dense, Embedding, Input
from keras.models import Sequential
from keras.utils import pad_sequences

UP = "sun friends laughed music walk cake holiday proud calm garden".split()
DOWN = "rain tired argued lonely late headache bills lost cold worried".split()
REST = ("i we the a to at in on with today then after work home bus shop dinner morning evening street went "
        "saw came met did was had more some mother brother dog phone book").split()

max_len = 60
embedding_size = 12
batch_size = 32
epochs = 5


def write_entries(n, seed):
    rng = np.random.default_rng(seed)
    entries, moods = [], []
    for _ in range(n):
        mood = int(rng.integers(0, 2))
        words = []
        for _ in range(rng.integers(6, 18)):
            if rng.uniform() < 0.6:
                words.append(rng.choice(REST))
            else:
                words.append(rng.choice(UP if rng.uniform() < (0.85 if mood else 0.15) else DOWN))
        entries.append(" ".join(words))
        moods.append(mood)
    return entries, np.array(moods)


texts, y_train = write_entries(1200, 131)
val_texts, y_val = write_entries(400, 132)

words = sorted(set(" ".join(texts).split()))
index = {w: i + 1 for i, w in enumerate(words)}
print("Found %d unique words." % len(index))

x_train = pad_sequences([[index[w] for w in t.split()] for t in texts], maxlen=max_len, padding="post")
x_val = pad_sequences([[index.get(w, 0) for w in t.split()] for t in val_texts], maxlen=max_len, padding="post")

keras.utils.set_random_seed(9)
model = Sequential()
model.add(Input((max_len,)))
model.add(Embedding(len(index) + 1, embedding_size))
model.add(LSTM(16))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(3e-3), metrics=["accuracy"])
print(model.summary())

history = model.fit(
    x_train, y_train, batch_size=batch_size, epochs=epochs, validation_data=(x_val, y_val), verbose=2
)
scores = model.predict(x_val, verbose=0)
for text, score in list(zip(val_texts, scores[:, 0]))[:4]:
    print(round(float(score), 3), text)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
