import json

import keras
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import to_categorical
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(3)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=42, stratify=y)

Y_train = to_categorical(y_train, 3)
Y_test = to_categorical(y_test, 3)

clf = Sequential()
clf.add(keras.Input(shape=(13,)))
clf.add(Dense(16, activation="relu"))
clf.add(Dense(3, activation="softmax"))
clf.compile(loss="categorical_crossentropy", optimizer=SGD(0.05), metrics=["accuracy"])

hist = clf.fit(X_train, Y_train, epochs=40, batch_size=16, validation_data=(X_test, Y_test), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
