import json

import keras
import numpy as np
from keras import layers, ops


class GraphConv(layers.Layer):
    """relu(A_hat X W + b), Kipf & Welling."""

    def __init__(self, a_hat, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.a_hat = ops.convert_to_tensor(a_hat)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        shape = (int(input_shape[-1]), self.units)
        scale = float(np.sqrt(2.0 / sum(shape)))
        self.w = keras.random.normal(shape, stddev=scale)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, x):
        return self.activation(ops.matmul(self.a_hat, ops.matmul(x, self.w)) + self.b)


def citation_graph(nodes=400, classes=5, words=120, seed=2):
    g = np.random.default_rng(seed)
    y = g.integers(0, classes, nodes)
    same = y[:, None] == y[None]
    a = np.triu(g.random((nodes, nodes)) < np.where(same, 0.06, 0.004), 1)
    a = (a | a.T).astype("float32") + np.eye(nodes, dtype="float32")
    d = 1 / np.sqrt(a.sum(1))
    p = np.full((classes, words), 0.03)
    for c in range(classes):
        p[c, c * 20:(c + 1) * 20] = 0.08
    x = (g.random((nodes, words)) < p[y]).astype("float32")
    return x, y, (d[:, None] * a * d[None]).astype("float32")


keras.utils.set_random_seed(66)
x, y, a_hat = citation_graph()
nodes = len(y)
order = np.random.default_rng(1).permutation(nodes)
train_mask = np.zeros(nodes, "float32")
train_mask[order[:100]] = 1.0

features = keras.Input((x.shape[1],), batch_size=nodes)
h = GraphConv(a_hat, 16, "relu", name="gc1")(features)
h = layers.Dropout(0.4)(h)
scores = GraphConv(a_hat, 5, "softmax", name="gc2")(h)
model = keras.Model(features, scores)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])

# one batch = the whole graph; the sample weights hide the test nodes
model.fit(x, y, sample_weight=train_mask, batch_size=nodes, epochs=200, shuffle=False, verbose=0)
pred = model.predict(x, batch_size=nodes, verbose=0).argmax(1)
test = order[100:]
print("RESULT", json.dumps({"test_accuracy": float((pred[test] == y[test]).mean())}))
