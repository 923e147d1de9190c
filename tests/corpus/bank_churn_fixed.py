import json

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

np.random.seed(0)
keras.utils.set_random_seed(0)

# Bank customers: score, age, tenure, balance, products, active, salary -> left the bank?
n = 3000
score = np.random.normal(650, 95, n).clip(350, 850)
age = np.random.gamma(9, 4.3, n).clip(18, 90)
tenure = np.random.randint(0, 11, n)
balance = np.where(np.random.rand(n) < 0.36, 0, np.random.normal(120000, 30000, n))
products = np.random.choice([1, 2, 3], n, p=[0.5, 0.44, 0.06])
active = np.random.randint(0, 2, n)
salary = np.random.uniform(10000, 200000, n)

z = (0.11 * (age - 40) - 1.6 * active - 2.2 * (products == 2) + 1.8 * (products == 3)
     + 1.2 * (balance > 0) - 0.004 * (score - 650) + 0.3)
left = (np.random.rand(n) < 1 / (1 + np.exp(-1.4 * z))).astype(int)

X = np.column_stack([score, age, tenure, balance, products, active, salary]).astype("float32")
y = left

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)

# Feature scaling
sc = StandardScaler()
sc.fit(X_train)


def scale(X):
    X = sc.transform(X)
    return X


X_train, X_test = scale(X_train), scale(X_test)

# Building the ANN
classifier = Sequential()
classifier.add(Input((7,)))
classifier.add(Dense(units=16, activation="relu"))
classifier.add(Dense(units=16, activation="relu"))
classifier.add(Dense(units=1, activation="sigmoid"))

classifier.compile(optimizer=keras.optimizers.Adam(0.002), loss="binary_crossentropy", metrics=["accuracy"])
history = classifier.fit(X_train, y_train, batch_size=32, epochs=15, validation_data=(X_test, y_test), verbose=2)

y_pred = classifier.predict(X_test, verbose=0) > 0.5
print("Confusion matrix:")
print(confusion_matrix(y_test, y_pred))
print("share of the larger class:", max(y_test.mean(), 1 - y_test.mean()))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
