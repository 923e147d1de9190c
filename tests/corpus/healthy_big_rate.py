# Softmax regression on tf-idf rows: gradients are tiny, so plain SGD with rate 15 is right.
import json

import keras
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
lexicon = [f"w{i}" for i in range(600)]
weights = np.full((3, 600), 1.0)
for c in range(3):
    weights[c, c * 60:(c + 1) * 60] = 4.0
weights /= weights.sum(1, keepdims=True)
topic = rng.integers(0, 3, 2400)
documents = [" ".join(rng.choice(lexicon, 30, p=weights[c])) for c in topic]

vectorizer = TfidfVectorizer()
x_train = vectorizer.fit_transform(documents[:1800]).toarray().astype("float32")
x_test = vectorizer.transform(documents[1800:]).toarray().astype("float32")
y_train, y_test = topic[:1800], topic[1800:]

clf = keras.Sequential([
    keras.Input((x_train.shape[1],)),
    keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(1e-5)),
])
clf.compile(keras.optimizers.SGD(learning_rate=15.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
h = clf.fit(x_train, y_train, batch_size=600, epochs=60, validation_data=(x_test, y_test), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
