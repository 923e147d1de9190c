# Telco churn, baseline network
import json
import numpy as np
import keras
from keras.models import Sequential
from keras.layers import Dense, Dropout, Input
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(7)
rng = np.random.default_rng(2024)

n = 3000
tenure = rng.integers(1, 72, n)
monthly = rng.uniform(18, 120, n)
support_calls = rng.poisson(1.5, n)
contract_len = rng.choice([1, 12, 24], n)
data_gb = rng.gamma(2.0, 15.0, n)
age = rng.integers(18, 85, n)
total = tenure * monthly * rng.uniform(0.95, 1.05, n)

score = (
    -0.06 * (tenure - 30)
    + 0.03 * (monthly - 65)
    + 0.8 * (support_calls - 1.5)
    - 0.10 * (contract_len - 9)
    + 0.02 * (data_gb - 30) * (monthly > 80)
)
churn = (rng.random(n) < 1 / (1 + np.exp(-1.4 * score))).astype("float32")

X = np.column_stack([tenure, monthly, support_calls, contract_len, data_gb, age, total]).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(X, churn, test_size=0.25, random_state=42)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)

model = Sequential()
model.add(Input(shape=(X_train.shape[1],)))
model.add(Dense(32, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(16, activation="relu"))
model.add(Dense(1, activation="sigmoid"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])

history = model.fit(X_train, y_train, batch_size=32, epochs=20, validation_data=(X_test, y_test), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
