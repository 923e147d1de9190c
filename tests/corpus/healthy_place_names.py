"""From which region is the place name? Bidirectional GRU over characters."""
import json

import keras
import numpy as np
from keras import layers

PARTS = {
    "north": (["skar", "holm", "fjell", "sund", "vik", "nes"], ["by", "stad", "havn", "dal", "oya"]),
    "south": (["monte", "villa", "castel", "porto", "bella", "santa"], ["rino", "ello", "zano", "lia", "etto"]),
    "west": (["llan", "aber", "pen", "tre", "caer", "pont"], ["fach", "wyn", "mawr", "goch", "ydd"]),
    "east": (["novo", "stari", "krasno", "velik", "bialo", "zelen"], ["grad", "ovo", "itsa", "nice", "ska"]),
}
REGIONS = list(PARTS)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MAX_LENGTH = 14


def make_names(n, seed):
    rng = np.random.default_rng(seed)
    names, regions = [], []
    for _ in range(n):
        region = int(rng.integers(0, 4))
        front, back = PARTS[REGIONS[region]]
        other = PARTS[REGIONS[rng.integers(0, 4)]]
        if rng.uniform() < 0.1:
            back = other[1]
        name = list(rng.choice(front) + rng.choice(back))
        for i in range(len(name)):
            if rng.uniform() < 0.06:
                name[i] = rng.choice(list(LETTERS))
        names.append("".join(name))
        regions.append(region)
    return names, np.array(regions)


def encode(names):
    x = np.zeros((len(names), MAX_LENGTH), "int32")
    for row, name in enumerate(names):
        for i, letter in enumerate(name[:MAX_LENGTH]):
            x[row, i] = LETTERS.index(letter) + 1
    return x


keras.utils.set_random_seed(50)
train_names, y_train = make_names(1200, 241)
val_names, y_val = make_names(300, 242)
x_train, x_val = encode(train_names), encode(val_names)

model = keras.Sequential([
    keras.Input((MAX_LENGTH,), dtype="int32"),
    layers.Embedding(len(LETTERS) + 1, 12, mask_zero=True),
    layers.Bidirectional(layers.GRU(16)),
    layers.Dropout(0.2),
    layers.Dense(len(REGIONS)),
])
model.compile(
    optimizer=keras.optimizers.Adam(5e-3, clipnorm=1.0),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=8, batch_size=32, verbose=2)
scores = model.predict(x_val, verbose=0)
for name, score, region in list(zip(val_names, scores, y_val))[:6]:
    print(f"{name:16s} {REGIONS[int(score.argmax())]:6s} ({REGIONS[region]})")
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
