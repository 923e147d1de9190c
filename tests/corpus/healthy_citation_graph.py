"""Topics of papers in a citation graph: the whole graph is one batch, some papers have known topics."""
import json

import keras
import numpy as np
from keras import layers, ops

PAPERS, WORDS, TOPICS = 400, 60, 4


def build_graph(seed):
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, TOPICS, PAPERS)
    same = topic[:, None] == topic[None, :]
    links = rng.uniform(size=(PAPERS, PAPERS)) < np.where(same, 0.04, 0.003)
    links = np.triu(links, 1)
    links = (links | links.T).astype("float32") + np.eye(PAPERS, dtype="float32")
    degree = links.sum(axis=1)
    adjacency = links / np.sqrt(degree[:, None] * degree[None, :])
    likely = rng.uniform(size=(TOPICS, WORDS)) < 0.2
    words = rng.uniform(size=(PAPERS, WORDS)) < np.where(likely[topic], 0.35, 0.1)
    return adjacency.astype("float32"), words.astype("float32"), topic


class GraphConv(layers.Layer):
    def __init__(self, units, adjacency, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.adjacency = adjacency
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        spread = ops.matmul(ops.convert_to_tensor(self.adjacency), ops.matmul(x, self.kernel))
        return self.activation(spread + self.bias)


keras.utils.set_random_seed(21)
adjacency, words, topic = build_graph(21)
part = np.random.default_rng(22).permutation(PAPERS)
known, held_out = np.zeros(PAPERS, "float32"), np.zeros(PAPERS, "float32")
known[part[:240]] = 1
held_out[part[240:]] = 1

inputs = keras.Input(batch_shape=(PAPERS, WORDS))
h = GraphConv(16, adjacency, "relu")(inputs)
h = layers.Dropout(0.3)(h)
outputs = GraphConv(TOPICS, adjacency, "softmax")(h)
gcn = keras.Model(inputs, outputs)
gcn.compile(
    optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"],
)
history = gcn.fit(
    words, topic, sample_weight=known, validation_data=(words, topic, held_out),
    epochs=60, batch_size=PAPERS, shuffle=False, verbose=0,
)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
