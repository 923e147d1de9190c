import json

import keras
import numpy as np
from keras import layers

# Several tags per recipe, a small text CNN over word numbers
TAGS = {
    "dessert": "sugar cream vanilla chocolate bake caramel".split(),
    "spicy": "chili curry pepper cayenne jalapeno paprika".split(),
    "vegetarian": "tofu lentil spinach chickpea aubergine courgette".split(),
    "quick": "minutes microwave instant stir quickly simple".split(),
}
FILLER = "add the water pan oil heat and mix salt bowl cook until serve with pour cut large small spoon cup".split()
WORDS = ["<pad>"] + FILLER + [w for ws in TAGS.values() for w in ws]
NUMBER = {w: i for i, w in enumerate(WORDS)}


def recipes(n, rng):
    x = np.zeros((n, 30), dtype="int32")
    y = (rng.uniform(size=(n, len(TAGS))) < 0.35).astype("float32")
    for i in range(n):
        words = list(rng.choice(FILLER, rng.integers(12, 22)))
        for tag, present in zip(TAGS, y[i]):
            if present:
                words += list(rng.choice(TAGS[tag], 2))
            elif rng.uniform() < 0.08:
                words.append(rng.choice(TAGS[tag]))
        rng.shuffle(words)
        x[i, :len(words)] = [NUMBER[w] for w in words[:30]]
    return x, y


rng = np.random.default_rng(60)
keras.utils.set_random_seed(60)
x_train, y_train = recipes(1500, rng)
x_val, y_val = recipes(400, rng)

model = keras.Sequential([
    layers.Input((30,), dtype="int32"),
    layers.Embedding(len(WORDS), 12),
    layers.Conv1D(32, 3, activation="relu", padding="same"),
    layers.GlobalMaxPooling1D(),
    layers.Dropout(0.2),
    layers.Dense(len(TAGS), activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy",
              metrics=[keras.metrics.BinaryAccuracy(name="tag_accuracy")])
history = model.fit(x_train, y_train, batch_size=32, epochs=8, validation_data=(x_val, y_val), verbose=2)

found = model.predict(x_val, verbose=0) > 0.5
print("all tags right:", (found == (y_val > 0.5)).all(axis=1).mean())
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
