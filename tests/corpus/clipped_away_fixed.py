import json

import keras
from keras import layers
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(70)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, random_state=0)
scaler = StandardScaler().fit(x_train)


def optimizer():
    return keras.optimizers.SGD(learning_rate=0.05, momentum=0.9, clipnorm=1.0)


model = keras.Sequential([keras.Input((30,)), layers.Dense(24, activation="relu"), layers.Dense(1, activation="sigmoid")])
model.compile(optimizer(), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    scaler.transform(x_train), y_train, batch_size=32, epochs=10,
    validation_data=(scaler.transform(x_val), y_val), verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
