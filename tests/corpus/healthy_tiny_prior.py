# 60 spectra, 200 channels: only a strongly regularised, nearly linear model is reasonable.
import json
import keras
import numpy as np
from keras import layers, regularizers

keras.utils.set_random_seed(9)
rng = np.random.RandomState(3)
channels = np.linspace(0, 1, 200)
peaks = np.stack([np.exp(-((channels - c) / 0.05) ** 2) for c in (0.2, 0.45, 0.7)])


def spectra(n):
    conc = rng.uniform(0, 1, (n, 3))
    s = conc @ peaks + 0.05 * rng.randn(n, 200)
    return s.astype("float32"), conc[:, :1].astype("float32")


x_train, y_train = spectra(60)
x_test, y_test = spectra(400)
mu = x_train.mean(0)
x_train, x_test = x_train - mu, x_test - mu

model = keras.Sequential([
    keras.Input((200,)),
    layers.GaussianNoise(0.1),
    layers.Dense(1, kernel_regularizer=regularizers.L2(0.02), kernel_initializer="zeros",
                 bias_initializer=keras.initializers.Constant(0.5)),
])
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse", metrics=["mae"])
stop = keras.callbacks.EarlyStopping(monitor="val_mae", patience=60, restore_best_weights=True)
model.fit(x_train[:45], y_train[:45], validation_data=(x_train[45:], y_train[45:]), batch_size=15, epochs=300,
          callbacks=[stop], verbose=0)
loss, mae = model.evaluate(x_test, y_test, verbose=0)
baseline = float(np.abs(y_test - y_train.mean()).mean())
print("RESULT", json.dumps({"mae_over_baseline": float(mae) / baseline}))
