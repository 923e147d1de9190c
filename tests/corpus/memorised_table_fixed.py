import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

keras.utils.set_random_seed(7)
x, y = load_diabetes(return_X_y=True)
x, y = scale(x).astype("float32"), scale(y).astype("float32")
config = {"widths": [8], "epochs": 40, "l2": 0.001}
net = keras.Sequential([keras.Input((10,))])
for width in config["widths"]:
    net.add(layers.Dense(width, activation="relu", kernel_regularizer=keras.regularizers.L2(config["l2"])))
net.add(layers.Dense(1))
net.compile(optimizer="adam", loss="mse")
h = net.fit(x[:300], y[:300], validation_data=(x[300:], y[300:]), epochs=config["epochs"], batch_size=32, verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
