import json

import keras
from keras import layers
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

keras.utils.set_random_seed(82)
data = load_wine()
x_train, x_val, y_train, y_val = train_test_split(data.data, data.target, test_size=0.3, random_state=2)
scaler = StandardScaler().fit(x_train)
config = dict(hidden=(32, 32), optimizer=dict(learning_rate=2.0, momentum=0.9))
model = keras.Sequential([keras.Input((13,))])
for units in config["hidden"]:
    model.add(layers.Dense(units, activation="relu"))
model.add(layers.Dense(3))
model.compile(
    keras.optimizers.SGD(**config["optimizer"]),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"],
)
history = model.fit(
    scaler.transform(x_train), y_train, batch_size=16, epochs=15,
    validation_data=(scaler.transform(x_val), y_val), verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
