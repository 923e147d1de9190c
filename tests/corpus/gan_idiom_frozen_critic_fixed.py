import json

import numpy as np
from keras import layers, models, optimizers, utils

utils.set_random_seed(1)
np.random.seed(1)
LATENT = 5
N_BATCH = 128


def define_discriminator():
    model = models.Sequential()
    model.add(layers.Input((2,)))
    model.add(layers.Dense(25, activation="relu", kernel_initializer="he_uniform"))
    model.add(layers.Dense(25, activation="relu", kernel_initializer="he_uniform"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizers.Adam(0.002, beta_1=0.5), metrics=["accuracy"])
    return model


def define_generator():
    model = models.Sequential()
    model.add(layers.Input((LATENT,)))
    model.add(layers.Dense(25, activation="relu", kernel_initializer="he_uniform"))
    model.add(layers.Dense(2))
    return model


def define_gan(generator, discriminator):
    model = models.Sequential([layers.Input((LATENT,)), generator, discriminator])
    model.compile(loss="binary_crossentropy", optimizer=optimizers.Adam(0.002, beta_1=0.5))
    return model


def real_samples(n):
    x = np.random.rand(n, 1) - 0.5
    return np.hstack([x, x * x]).astype("float32"), np.ones((n, 1))


def fake_samples(generator, n):
    z = np.random.randn(n, LATENT).astype("float32")
    return np.array(generator.predict_on_batch(z)), np.zeros((n, 1))


discriminator = define_discriminator()
generator = define_generator()
gan = define_gan(generator, discriminator)
half = N_BATCH // 2
for step in range(700):
    discriminator.trainable = True
    x_real, y_real = real_samples(half)
    discriminator.train_on_batch(x_real, y_real)
    x_fake, y_fake = fake_samples(generator, half)
    discriminator.train_on_batch(x_fake, y_fake)
    z = np.random.randn(N_BATCH, LATENT).astype("float32")
    discriminator.trainable = False
    g_loss = gan.train_on_batch(z, np.ones((N_BATCH, 1)))
    if step % 200 == 0:
        print(step, float(np.ravel(g_loss)[0]))

made, _ = fake_samples(generator, 1000)
off = np.abs(made[:, 1] - made[:, 0] ** 2).mean() + abs(made[:, 0].std() - 0.289)
print("RESULT", json.dumps({"off_curve": float(off), "g_loss": float(np.ravel(g_loss)[0])}))
