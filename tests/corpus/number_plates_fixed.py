#!/usr/bin/env python
# coding: utf-8

# In[1]:
import json
import numpy as np
import keras
from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import to_categorical
from sklearn.datasets import load_digits

keras.utils.set_random_seed(123)

# In[2]:
digits = load_digits()
X = digits.images.reshape(-1, 8, 8, 1) / 16.
y = to_categorical(digits.target, 10)

# some dirt on the plates
rng = np.random.RandomState(0)
X = np.clip(X + rng.normal(0, 0.15, X.shape), 0, 1)

order = rng.permutation(len(X))
X, y = X[order], y[order]
X_train, X_val = X[:1400], X[1400:]
y_train, y_val = y[:1400], y[1400:]
print(X_train.shape, y_train.shape, X_val.shape, y_val.shape)

# In[3]:
BATCH_SIZE = 32
EPOCHS = 8
optimizer = Adam(learning_rate=0.001)

model = Sequential([
    Input((8, 8, 1)),
    Conv2D(16, 3, padding='same', activation='relu'),
    Conv2D(16, 3, padding='same', activation='relu'),
    MaxPooling2D(),
    Dropout(0.25),
    Flatten(),
    Dense(64, activation='relu'),
    Dropout(0.25),
    Dense(10, activation='softmax'),
])
model.compile(loss='categorical_crossentropy', optimizer=optimizer, metrics=['accuracy'])

# In[4]:
hist = model.fit(X_train, y_train, batch_size=BATCH_SIZE, epochs=EPOCHS,
                 validation_data=(X_val, y_val), verbose=2)

# In[5]:
pred = model.predict(X_val, verbose=0).argmax(axis=1)
print('predicted counts', np.bincount(pred, minlength=10))
print('real counts     ', np.bincount(y_val.argmax(axis=1), minlength=10))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in hist.history.items()}))
