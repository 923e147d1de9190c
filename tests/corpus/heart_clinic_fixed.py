# Heart clinic: predict disease (1) / no disease (0) from the intake form
import json

import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Input
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

np.random.seed(7)
keras.utils.set_random_seed(7)


def load_patients(n=2500):
    age = np.random.normal(56, 10, n).clip(28, 85)
    sex = np.random.randint(0, 2, n)
    pressure = np.random.normal(118 + 0.3 * age, 15)
    cholesterol = np.random.normal(200 + 0.8 * age, 42)
    pulse = np.random.normal(205 - age, 19)
    platelets = np.random.normal(255000, 68000, n).clip(50000)
    st_depression = np.random.gamma(1.3, 0.8, n)
    pain = np.random.randint(0, 4, n)
    risk = (0.06 * (age - 56) + 0.9 * sex + 0.03 * (pressure - 135) + 0.012 * (cholesterol - 245)
            - 0.05 * (pulse - 149) + 1.1 * (st_depression - 1.0) + 0.9 * (pain - 1.5) - 0.4)
    disease = (risk + np.random.logistic(0, 0.7, n) > 0).astype(int)
    table = np.column_stack([age, sex, pressure, cholesterol, pulse, platelets, st_depression, pain])
    return table, disease


X, y = load_patients()
print(X.shape, y.mean())

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=7)
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

model = Sequential()
model.add(Input(shape=(8,)))
model.add(Dense(32, activation='relu'))
model.add(Dense(16, activation='relu'))
model.add(Dense(1, activation='sigmoid'))

model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
history = model.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=10, batch_size=16, verbose=2)

pred = (model.predict(X_test, verbose=0) > 0.5).astype(int)
print(confusion_matrix(y_test, pred))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
