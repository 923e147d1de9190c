from keras.layers import LSTM, Dense, Embedding, Input
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import pad_sequences, set_random_seed
import json
import numpy as np

set_random_seed(13)
np_rng = np.random.default_rng(8)

max_words = 200
maxlen = 80

# short reviews: the words 10..29 are positive, 30..49 negative, 5 negates the word that follows
def review():
    length = np_rng.integers(4, 12)
    words = list(np_rng.integers(50, max_words, length))
    score = 0
    for _ in range(3):
        pos = np_rng.integers(0, length - 1)
        if words[pos] < 50 or words[pos + 1] < 50:
            continue
        word = int(np_rng.integers(10, 50))
        sign = 1 if word < 30 else -1
        if np_rng.random() < 0.4:
            words[pos] = 5
            sign = -sign
        words[pos + 1] = word
        score += sign
    return words, score

reviews, sentiment = [], []
while len(reviews) < 2400:
    w, s = review()
    if s != 0:
        reviews.append(w)
        sentiment.append(int(s > 0))

X = pad_sequences(reviews, maxlen=maxlen, padding="post")
y = np.array(sentiment, dtype="float32")
x_train, x_test = X[:2000], X[2000:]
y_train, y_test = y[:2000], y[2000:]

model = Sequential([
    Input((maxlen,)),
    Embedding(max_words, 16, mask_zero=True),
    LSTM(24),
    Dense(1, activation="sigmoid"),
])
model.compile(loss="binary_crossentropy", optimizer=Adam(0.004), metrics=["accuracy"])
hist = model.fit(x_train, y_train, batch_size=64, epochs=8, validation_data=(x_test, y_test), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
