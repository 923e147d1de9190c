"""Tag questions: every question carries between one and four tags."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.metrics import f1_score

VOCAB, TAGS, LENGTH = 300, 8, 25


def make_questions(n, seed):
    rng = np.random.default_rng(seed)
    topics = np.random.default_rng(99).permutation(VOCAB - 1)[: TAGS * 20].reshape(TAGS, 20) + 1
    tokens = np.zeros((n, LENGTH), "int32")
    tags = np.zeros((n, TAGS), "float32")
    for i in range(n):
        chosen = rng.choice(TAGS, size=rng.integers(1, 5), replace=False)
        tags[i, chosen] = 1
        for j in range(LENGTH):
            if rng.random() < 0.6:
                tokens[i, j] = rng.choice(topics[rng.choice(chosen)])
            else:
                tokens[i, j] = rng.integers(1, VOCAB)
    return tokens, tags


def build_model():
    tokens = keras.Input((LENGTH,), dtype="int32")
    h = layers.Embedding(VOCAB, 32)(tokens)
    h = layers.Conv1D(48, 1, activation="relu")(h)
    h = layers.GlobalAveragePooling1D()(h)
    h = layers.Dense(64, activation="relu")(h)
    outputs = layers.Dense(TAGS, activation="sigmoid", name="tags")(h)
    return keras.Model(tokens, outputs)


if __name__ == "__main__":
    keras.utils.set_random_seed(11)
    x_train, y_train = make_questions(2500, 1)
    x_test, y_test = make_questions(600, 2)

    model = build_model()
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss="binary_crossentropy",
        metrics=[keras.metrics.BinaryAccuracy(name="acc")],
    )
    model.fit(x_train, y_train, epochs=12, batch_size=32, validation_data=(x_test, y_test), verbose=2)

    predicted = model.predict(x_test, verbose=0) > 0.5
    print("RESULT", json.dumps({"f1": float(f1_score(y_test, predicted, average="macro", zero_division=0))}))
