import json

import numpy as np
import keras
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import to_categorical
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(1)

# load the data
digits = load_digits()
images = digits.images / 16.0
images = images.reshape(-1, 8, 8, 1).astype("float32")
labels = to_categorical(digits.target, 10)

x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.2, random_state=42)
print("x_train shape:", x_train.shape)
print(x_train.shape[0], "train samples")
print(x_test.shape[0], "test samples")

# the network
model = Sequential()
model.add(Input(shape=(8, 8, 1)))
model.add(Conv2D(16, kernel_size=(3, 3), padding="same", activation="relu"))
model.add(Conv2D(32, kernel_size=(3, 3), padding="same", activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.25))
model.add(Dense(10, activation="softmax"))
model.summary()

opt = Adam(learning_rate=0.001)
model.compile(loss="categorical_crossentropy", optimizer=opt, metrics=["accuracy"])

# training
epochs = 8
batch_size = 32
history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_data=(x_test, y_test),
)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])

predicted = np.argmax(model.predict(x_test, verbose=0), axis=1)
expected = np.argmax(y_test, axis=1)
for digit in range(10):
    chosen = expected == digit
    print("digit", digit, "right:", int((predicted[chosen] == digit).sum()), "of", int(chosen.sum()))

print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
