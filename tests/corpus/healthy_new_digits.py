"""Transfer: a network that knows the digits 0-6 learns 7, 8 and 9 from 150 examples."""
import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(46)
images, digits = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8, 1).astype("float32") / 16.0
old, new = digits < 7, digits >= 7

base = keras.Sequential([
    keras.Input((8, 8, 1)),
    layers.Conv2D(16, 3, padding="same", use_bias=False),
    layers.BatchNormalization(),
    layers.Activation("relu"),
    layers.MaxPooling2D(2),
    layers.Conv2D(32, 3, padding="same", use_bias=False),
    layers.BatchNormalization(),
    layers.Activation("relu"),
    layers.Flatten(),
    layers.Dense(32, activation="relu"),
], name="base")

# 1. the seven old digits
teacher = keras.Sequential([base, layers.Dense(7, activation="softmax")])
teacher.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x_train, x_val, y_train, y_val = train_test_split(images[old], digits[old], test_size=0.2, random_state=0)
teacher.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=6, batch_size=32, verbose=2)

# 2. the three new ones on top of the frozen base
base.trainable = False
x_few, x_rest, y_few, y_rest = train_test_split(
    images[new], digits[new] - 7, train_size=150, random_state=1, stratify=digits[new]
)
inputs = keras.Input((8, 8, 1))
features = base(inputs, training=False)
outputs = layers.Dense(3, activation="softmax")(layers.Dropout(0.2)(features))
student = keras.Model(inputs, outputs)
student.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy", metrics=["accuracy"])
student.fit(x_few, y_few, validation_data=(x_rest, y_rest), epochs=30, batch_size=16, verbose=0)
print("frozen base:", student.evaluate(x_rest, y_rest, verbose=0))

# 3. a little fine-tuning of the whole
base.trainable = True
student.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = student.fit(x_few, y_few, validation_data=(x_rest, y_rest), epochs=10, batch_size=16, verbose=2)
print("confused:", int((student.predict(x_rest, verbose=0).argmax(1) != y_rest).sum()), "of", len(y_rest))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
