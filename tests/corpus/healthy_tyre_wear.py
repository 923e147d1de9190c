import json
import numpy as np
import keras
from keras import layers
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder, StandardScaler

# tread left (mm) and "change it" flag from one net with two heads

rs = np.random.RandomState(33)
keras.utils.set_random_seed(33)
n = 2200
km = rs.uniform(0, 60000, n)
load = rs.normal(450, 90, n)
temp = rs.normal(16, 8, n)
brand = rs.choice(4, n)
axle = rs.choice(2, n)
tread = 8.2 - km / 9000 * (1 + (load - 450) / 900 + 0.01 * (temp - 16)) * np.array([1, 0.85, 1.2, 1.05])[brand]
tread = np.maximum(tread - 0.3 * axle + rs.normal(0, 0.3, n), 0.4)
change = (tread + rs.normal(0, 0.2, n) < 3.0).astype("float32")

table = np.column_stack([km, load, temp, brand, axle])
columns = ColumnTransformer([
    ("numbers", StandardScaler(), [0, 1, 2]),
    ("categories", OneHotEncoder(), [3, 4]),
], sparse_threshold=0)

tr, te = train_test_split(np.arange(n), test_size=0.2, random_state=33)
x_tr = columns.fit_transform(table[tr]).astype("float32")
x_te = columns.transform(table[te]).astype("float32")
t_mean, t_std = tread[tr].mean(), tread[tr].std()
tread_z = ((tread - t_mean) / t_std).astype("float32")

inp = keras.Input((x_tr.shape[1],), name="tyre")
h = layers.Dense(32, activation="gelu")(inp)
h = layers.Dense(32, activation="gelu")(h)
tread_out = layers.Dense(1, name="tread")(h)
change_out = layers.Dense(1, activation="sigmoid", name="change")(h)
model = keras.Model(inp, {"tread": tread_out, "change": change_out})
model.compile(
    optimizer=keras.optimizers.AdamW(2e-3, weight_decay=1e-3),
    loss={"tread": "mse", "change": "binary_crossentropy"},
    loss_weights={"tread": 1.0, "change": 1.0},
    metrics={"tread": ["mae"], "change": ["accuracy"]},
)
h = model.fit(
    x_tr, {"tread": tread_z[tr][:, None], "change": change[tr][:, None]},
    validation_data=(x_te, {"tread": tread_z[te][:, None], "change": change[te][:, None]}),
    epochs=12, batch_size=32, verbose=2,
)
print("tread error in mm:", h.history["val_tread_mae"][-1] * t_std)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
