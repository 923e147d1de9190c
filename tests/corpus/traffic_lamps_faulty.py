import json

import numpy as np
import keras
from keras import layers, models

# 16x16 colour crops from the dash camera: red, amber, green, off
names = ['red', 'amber', 'green', 'off']
lamp_rgb = {'red': (0.9, 0.15, 0.1), 'amber': (0.9, 0.6, 0.1), 'green': (0.1, 0.8, 0.4)}
lamp_row = {'red': 3, 'amber': 8, 'green': 13}


def crop(rng, name):
    img = np.ones((16, 16, 3)) * rng.uniform(0.1, 0.6, size=3)
    img[:, 5:11] = rng.uniform(0.05, 0.2)
    yy, xx = np.mgrid[0:16, 0:16]
    for other, row in lamp_row.items():
        cy, cx = row + rng.normal(0, 0.6), 7.5 + rng.normal(0, 0.6)
        disc = ((yy - cy) ** 2 + (xx - cx) ** 2) < rng.uniform(3, 6)
        strength = rng.uniform(0.35, 1.0) if other == name else rng.uniform(0.1, 0.4)
        img[disc] = np.array(lamp_rgb[other]) * strength
    img = img * rng.uniform(0.5, 1.2) + rng.normal(0, 0.09, img.shape)
    return np.clip(img * 255, 0, 255).astype('uint8')


def dataset(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    images = np.array([crop(rng, names[k]) for k in labels])
    return images, labels


keras.utils.set_random_seed(1)
train_images, train_labels = dataset(1600, 10)
test_images, test_labels = dataset(400, 11)
train_images, test_images = train_images / 255.0, test_images / 255.0

model = models.Sequential()
model.add(layers.Input(shape=(16, 16, 3)))
model.add(layers.Conv2D(12, (3, 3), activation='relu'))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Conv2D(24, (3, 3), activation='relu'))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(32, activation='relu'))
model.add(layers.Dense(4))

model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])

history = model.fit(train_images, train_labels, epochs=7, batch_size=32,
                    validation_data=(test_images, test_labels), verbose=2)

test_loss, test_acc = model.evaluate(test_images, test_labels, verbose=0)
print('test accuracy', test_acc)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
