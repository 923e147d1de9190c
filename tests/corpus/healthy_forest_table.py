import json

import keras
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(1)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=1, stratify=y)
scaler = StandardScaler().fit(X_train)
stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
model = keras.Sequential([keras.Input((30,)), layers.Dense(16, activation="relu"), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    scaler.transform(X_train), y_train, epochs=20, batch_size=32,
    validation_data=(scaler.transform(X_val), y_val), callbacks=[stop], verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
