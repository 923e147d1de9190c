"""Route support tickets to the right desk."""
import json

import keras
import numpy as np
from keras import layers

DESKS = {
    "billing": "invoice charge refund card payment twice price receipt vat discount".split(),
    "login": "password locked code email reset account sign session username expired".split(),
    "delivery": "parcel courier late address tracking box missing shipped depot damaged".split(),
    "hardware": "screen battery cable charger fan keyboard broken hot power button".split(),
    "software": "crash update install version error freeze window driver menu slow".split(),
}
FILLER = ("hello please help me i my the a is was not with and since yesterday today still again thanks "
          "team have it this on at from you can would like know soon very much week").split()
LENGTH = 20


def write_ticket(desk, rng):
    names = list(DESKS)
    words = []
    for _ in range(rng.integers(10, LENGTH + 1)):
        u = rng.uniform()
        if u < 0.72:
            words.append(rng.choice(FILLER))
        elif u < 0.90:
            words.append(rng.choice(DESKS[desk]))
        else:
            words.append(rng.choice(DESKS[names[rng.integers(len(names))]]))
    return words


def collect(n, seed):
    rng = np.random.default_rng(seed)
    names = list(DESKS)
    y = rng.integers(0, len(names), n)
    return [write_ticket(names[i], rng) for i in y], y


train_tickets, y_train = collect(2000, 61)
val_tickets, y_val = collect(600, 62)

vocabulary = sorted({word for ticket in train_tickets for word in ticket})
word_index = {word: i + 1 for i, word in enumerate(vocabulary)}


def to_ids(tickets):
    ids = [[word_index.get(word, 0) for word in ticket] for ticket in tickets]
    return keras.utils.pad_sequences(ids, maxlen=LENGTH, padding="post")


x_train, x_val = to_ids(train_tickets), to_ids(val_tickets)
print("vocabulary", len(vocabulary), "train", x_train.shape, "val", x_val.shape)

keras.utils.set_random_seed(14)
embedding_dim = 8
model = keras.Sequential([
    layers.Input((LENGTH,), dtype="int32"),
    layers.Embedding(len(word_index) + 1, embedding_dim, mask_zero=True, trainable=False),
    layers.GlobalAveragePooling1D(),
    layers.Dense(32, activation="relu"),
    layers.Dense(len(DESKS), activation="softmax"),
])
model.summary()
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=8, batch_size=32, validation_data=(x_val, y_val), verbose=2)

for ticket, p in list(zip(val_tickets, model.predict(x_val[:5], verbose=0))):
    print(" ".join(ticket[:8]), "... ->", list(DESKS)[int(p.argmax())])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
