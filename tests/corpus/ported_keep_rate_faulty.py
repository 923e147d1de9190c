# Port of an old TF1 notebook (fully connected digits net) to Keras 3.
import json

import keras
import numpy as np
from sklearn.datasets import load_digits
from keras.layers import Activation, Dense, Dropout, Input

batch_size = 100
training_epochs = 30
keep_prob = 0.85


def read_digits():
    digits = load_digits()
    images = np.kron(digits.images, np.ones((3, 3)))  # 8 x 8 pixels become 24 x 24
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return images.reshape(-1, 784).astype("float32") / 16, digits.target


keras.utils.set_random_seed(777)
X, labels = read_digits()
Y = keras.utils.to_categorical(labels, 10)
shuffle = np.random.RandomState(777).permutation(len(X))
X, Y = X[shuffle], Y[shuffle]
train_x, train_y = X[:1300], Y[:1300]
valid_x, valid_y = X[1300:], Y[1300:]

model = keras.Sequential(name="digits_deep")
model.add(Input((784,)))
for width in (128, 64, 64):
    model.add(Dense(width, kernel_initializer="he_normal"))
    model.add(Activation("relu"))
    model.add(Dropout(keep_prob))
model.add(Dense(10, activation="softmax"))

model.compile(optimizer=keras.optimizers.Adam(0.001), loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(train_x, train_y, batch_size=batch_size, epochs=training_epochs,
                    validation_data=(valid_x, valid_y), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
