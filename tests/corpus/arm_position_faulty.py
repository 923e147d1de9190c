# Where is the hand of a three-joint arm, given its joint angles?
import json

import keras
import numpy as np

keras.utils.set_random_seed(31)
rng = np.random.default_rng(31)

angles = rng.uniform(-1.5, 1.5, size=(4000, 3)).astype("float32")
total = np.cumsum(angles, axis=1)
lengths = np.array([0.5, 0.35, 0.25], dtype="float32")
hand = np.stack([(lengths * np.cos(total)).sum(1), (lengths * np.sin(total)).sum(1)], axis=1).astype("float32")

x_train, x_val = angles[:3200], angles[3200:]
y_train, y_val = hand[:3200], hand[3200:]


def kinematics_net(units=64):
    joints = keras.layers.Input(shape=(3,), name="joints")
    h = keras.layers.Dense(units, name="shoulder")(joints)
    h = keras.layers.Dense(units, name="elbow")(h)
    h = keras.layers.Dense(units, name="wrist")(h)
    xy = keras.layers.Dense(2, name="hand")(h)
    return keras.Model(joints, xy)


model = kinematics_net()
model.compile(optimizer="adam", loss="mse", metrics=["mae"])
fit = model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=15, batch_size=32, verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in fit.history.items()}))
