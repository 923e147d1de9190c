import json

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


class Block(layers.Layer):
    def __init__(self, width, **kw):
        super().__init__(**kw)
        self.dense = layers.Dense(width)
        self.norm = layers.BatchNormalization()

    def call(self, x, training=None):
        x = self.dense(x)
        x = self.norm(x, training=training)
        return keras.ops.relu(x)


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [Block(64), Block(64)]
        self.head = layers.Dense(10)

    def call(self, x, training=None):
        for block in self.blocks:
            x = block(x, training=training)
        return self.head(x)


keras.utils.set_random_seed(8)
d = load_digits()
x = (d.data / 16).astype("float32")
net = Net()
net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
net.fit(x[:1400], d.target[:1400], validation_data=(x[1400:], d.target[1400:]), epochs=6, batch_size=32, verbose=0)
order = 1400 + np.argsort(d.target[1400:], kind="stable")  # served class by class, a few at a time
served = net.predict(x[order], batch_size=4, verbose=0).argmax(-1)
print("RESULT", json.dumps({"served_accuracy": float(np.mean(served == d.target[order]))}))
