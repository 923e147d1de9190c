import json

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class DenseBlock(keras.layers.Layer):
    def __init__(self, units, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(units, use_bias=False)
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(rate)

    def call(self, inputs, training=None):
        x = self.dense(inputs)
        x = self.norm(x, training=training)
        x = keras.ops.relu(x)
        return self.drop(x, training=training)


class Classifier(keras.Model):
    def __init__(self, n_classes):
        super().__init__()
        self.block1 = DenseBlock(40)
        self.block2 = DenseBlock(24)
        self.head = keras.layers.Dense(n_classes, activation="softmax")

    def call(self, inputs, training=None):
        x = self.block1(inputs, training=training)
        x = self.block2(x, training=training)
        return self.head(x)


keras.utils.set_random_seed(1234)
data = load_digits()
x_train, x_test, y_train, y_test = train_test_split(
    data.data.astype("float32") / 16.0, data.target, test_size=0.3, random_state=3, stratify=data.target)

model = Classifier(10)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=3e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
h = model.fit(x_train, y_train, batch_size=32, epochs=20, verbose=2, validation_data=(x_test, y_test))
print("RESULT", json.dumps({k: float(v[-1]) for k, v in h.history.items()}))
