import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

# Denoising autoencoder on the 8x8 digits
keras.utils.set_random_seed(2)
images = load_digits().images.astype("float32")[..., None] / 16.0
rng = np.random.default_rng(2)
images = images[rng.permutation(len(images))]
noisy = np.clip(images + rng.normal(0, 0.3, images.shape), 0, 1).astype("float32")

n_val = 300
clean_train, clean_val = images[:-n_val], images[-n_val:]
noisy_train, noisy_val = noisy[:-n_val], noisy[-n_val:]


def conv_block(x, filters, strides=1):
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation("relu")(x)


inputs = keras.Input((8, 8, 1))
skip = conv_block(inputs, 12)
code = conv_block(skip, 24, strides=2)
up = layers.UpSampling2D()(code)
merged = layers.Concatenate()([up, skip])
x = conv_block(merged, 12)
outputs = layers.Conv2D(1, 1, activation="sigmoid")(x)
autoencoder = keras.Model(inputs, outputs, name="denoiser")

autoencoder.compile(optimizer=keras.optimizers.Adam(0.004), loss="mse")
history = autoencoder.fit(
    noisy_train, clean_train,
    epochs=6,
    batch_size=50,
    validation_data=(noisy_val, clean_val),
    callbacks=[keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2, factor=0.5)],
    verbose=2,
)
print("mse of the noisy pictures themselves:", float(np.mean((noisy_val - clean_val) ** 2)))
print("mse after the autoencoder:", history.history["val_loss"][-1])
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
