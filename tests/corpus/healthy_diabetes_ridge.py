# 442 patients, ten measurements: a small regularised network with early stopping
import json

import keras
import numpy as np
from keras import layers, regularizers
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(48)
X, y = load_diabetes(return_X_y=True)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=0.2, random_state=4)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, test_size=0.2, random_state=4)

x_scaler = StandardScaler().fit(X_train)
y_scaler = StandardScaler().fit(y_train[:, None])
X_train, X_val, X_test = map(x_scaler.transform, (X_train, X_val, X_test))
t_train = y_scaler.transform(y_train[:, None])
t_val = y_scaler.transform(y_val[:, None])


def build():
    inputs = keras.Input((X_train.shape[1],))
    x = layers.Dense(16, activation="elu", kernel_regularizer=regularizers.L2(1e-2))(inputs)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(8, activation="elu", kernel_regularizer=regularizers.L2(1e-2))(x)
    return keras.Model(inputs, layers.Dense(1)(x))


model = build()
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
history = model.fit(
    X_train, t_train,
    validation_data=(X_val, t_val),
    epochs=100, batch_size=16, verbose=2,
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=5, min_lr=1e-5),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=12, restore_best_weights=True),
    ],
)
predicted = y_scaler.inverse_transform(model.predict(X_test, verbose=0))[:, 0]
ridge = Ridge(1.0).fit(X_train, y_train)
print("epochs run:", len(history.history["loss"]))
print("R2 network", r2_score(y_test, predicted), "ridge", r2_score(y_test, ridge.predict(X_test)))
result = {k: float(v[-1]) for k, v in history.history.items()}
result["test_r2"] = float(r2_score(y_test, predicted))
print("RESULT", json.dumps(result))
