# Port of an old TF1 notebook (fully connected MNIST net) to Keras 3.
import gzip
import json
import os

import keras
import numpy as np
from keras.layers import Activation, Dense, Dropout, Input

batch_size = 100
training_epochs = 12
keep_prob = 0.85

DATA = os.environ.get("BENCH_DATA", "data")


def read_idx(name, offset):
    with gzip.open(os.path.join(DATA, name)) as f:
        return np.frombuffer(f.read(), np.uint8, offset=offset)


keras.utils.set_random_seed(777)
X = read_idx("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype("float32") / 255
Y = keras.utils.to_categorical(read_idx("t10k-labels-idx1-ubyte.gz", 8), 10)
shuffle = np.random.RandomState(777).permutation(len(X))
X, Y = X[shuffle], Y[shuffle]
train_x, train_y = X[:4000], Y[:4000]
valid_x, valid_y = X[4000:5500], Y[4000:5500]

model = keras.Sequential(name="mnist_deep")
model.add(Input((784,)))
for width in (128, 64, 64):
    model.add(Dense(width, kernel_initializer="he_normal"))
    model.add(Activation("relu"))
    model.add(Dropout(1 - keep_prob))
model.add(Dense(10, activation="softmax"))

model.compile(optimizer=keras.optimizers.Adam(0.001), loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train_x, train_y, batch_size=batch_size, epochs=training_epochs,
                    validation_data=(valid_x, valid_y), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
