import json

import keras
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(68)
data = load_diabetes()
x = StandardScaler().fit_transform(data.data).astype("float32")
y = ((data.target - data.target.mean()) / data.target.std()).astype("float32")
SETTINGS = {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]}
model = keras.Sequential([keras.Input((10,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
model.compile(**SETTINGS)
history = model.fit(x, y, batch_size=32, epochs=20, validation_split=0.2, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
