import json

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(4)
digits = load_digits()
x = (digits.data / 16).astype("float32")
x_train, x_test, y_train, y_test = train_test_split(x, digits.target, test_size=0.25, random_state=0)


steps = 8 * (len(x_train) // 32)
rate = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=0.01, warmup_steps=30)
model = keras.Sequential([keras.Input((64,)), layers.Dense(48, activation="gelu"), layers.Dense(10)])
model.compile(
    keras.optimizers.AdamW(rate, weight_decay=1e-3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(x_train, y_train, epochs=8, batch_size=32, validation_data=(x_test, y_test), verbose=0)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
