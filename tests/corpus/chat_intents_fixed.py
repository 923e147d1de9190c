"""Is the customer asking to cancel, or to change an order?  LSTM on short chat messages."""
import json
import random

import keras
import numpy as np
from keras.layers import LSTM, Dense, Embedding
from keras.models import Sequential
from keras.utils import pad_sequences

keras.utils.set_random_seed(3)
random.seed(3)

CANCEL = ["cancel", "stop", "refund", "return", "terminate", "undo", "withdraw"]
CHANGE = ["change", "swap", "update", "replace", "modify", "another", "instead"]
COMMON = ("i we you please want would like to the my our order yesterday today parcel shoes lamp shirt number address "
          "hello hi thanks can could it is was not with for from because size colour red blue").split()


def message():
    label = random.randint(0, 1)
    own, other = (CHANGE, CANCEL) if label else (CANCEL, CHANGE)
    words = random.choices(COMMON, k=random.randint(3, 9))
    for _ in range(random.randint(1, 2)):
        words.insert(random.randint(0, len(words)), random.choice(own))
    if random.random() < 0.08:
        words.insert(random.randint(0, len(words)), random.choice(other))
    return " ".join(words), label


data = [message() for _ in range(1500)]
texts = [t for t, _ in data]
labels = np.array([l for _, l in data])

word_index = {}
for text in texts:
    for w in text.split():
        word_index.setdefault(w, len(word_index) + 1)
vocab_size = len(word_index) + 1
maxlen = 60

sequences = [[word_index[w] for w in text.split()] for text in texts]
X = pad_sequences(sequences, maxlen=maxlen, padding="post")
print("X:", X.shape, "vocabulary:", vocab_size, "share of class 1:", labels.mean())

X_train, y_train = X[:1200], labels[:1200]
X_test, y_test = X[1200:], labels[1200:]

model = Sequential()
model.add(keras.Input((maxlen,), dtype="int32"))
model.add(Embedding(vocab_size, 16, mask_zero=True))
model.add(LSTM(16))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"])
model.summary()

history = model.fit(X_train, y_train, epochs=4, batch_size=60, validation_data=(X_test, y_test), verbose=2)

loss, acc = model.evaluate(X_test, y_test, verbose=0)
print("Test accuracy: %.3f" % acc)
print("First predictions:", model.predict(X_test[:8], verbose=0).ravel())
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
