import json

import keras
from keras import layers
from sklearn.datasets import load_digits

keras.utils.set_random_seed(7)
x = (load_digits().data / 16).astype("float32")
model = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(32, activation="relu", activity_regularizer=keras.regularizers.L1(1e-5)),
    layers.Dense(64, activation="sigmoid"),
])
model.compile("adam", "mse")
history = model.fit(x, x, epochs=20, batch_size=32, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
