# Wage regression: most of the variance is luck, so R2 of about 0.3 is all there is.
import json
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(8)
rng = np.random.default_rng(12)
n = 4000
school = rng.normal(13, 3, n)
years = rng.uniform(0, 40, n)
city = rng.integers(0, 2, n)
z = 0.09 * (school - 13) + 0.035 * years - 0.0006 * years**2 + 0.15 * city
log_wage = 2.5 + z + rng.normal(0, 0.5, n)

X = np.column_stack([school, years, city]).astype("float32")
y = log_wage.astype("float32")[:, None]
X_tr, X_te, y_tr, y_te = X[:3000], X[3000:], y[:3000], y[3000:]

normalize = layers.Normalization()
normalize.adapt(X_tr)
model = keras.Sequential([
    keras.Input((3,)),
    normalize,
    layers.Dense(16, activation="tanh"),
    layers.Dense(1, bias_initializer=keras.initializers.Constant(float(y_tr.mean()))),
])
model.compile(keras.optimizers.Adam(0.003), loss="mse", metrics=[keras.metrics.R2Score(name="r2")])
h = model.fit(X_tr, y_tr, validation_data=(X_te, y_te), epochs=25, batch_size=64, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
