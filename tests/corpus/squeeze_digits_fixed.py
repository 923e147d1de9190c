"""Compress 8x8 digits into twelve numbers and back."""
import json

from keras import Input, Model, optimizers, utils
from keras.layers import Dense
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

utils.set_random_seed(5)
pixels = load_digits().data.astype("float32") / 16.0
train, test = train_test_split(pixels, test_size=0.2, random_state=5)

image = Input(shape=(64,), name="image")
h = Dense(48, activation="relu")(image)
code = Dense(12, activation="relu", name="code")(h)
h = Dense(48, activation="relu")(code)
decoded = Dense(64, activation="sigmoid", name="pixels")(h)

autoencoder = Model(image, decoded)
autoencoder.compile(optimizer=optimizers.Adam(learning_rate=0.005), loss="mean_squared_error")
log = autoencoder.fit(train, train, epochs=30, batch_size=64, shuffle=True, validation_data=(test, test), verbose=2)
print("RESULT", json.dumps({name: float(values[-1]) for name, values in log.history.items()}))
