"""A layer of one's own, tried on two rows before it goes into a model: it fails. Which axis is wrong?

python antirectifier.py
"""

import keras
from keras import layers, ops


class Antirectifier(layers.Layer):
    """Mixes the positive and the negative part of its input, so that neither is lost as in a plain ReLU."""

    def build(self, input_shape):
        width = input_shape[-1]
        self.kernel = self.add_weight(shape=(2 * width, width), initializer="he_normal", name="kernel")

    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        both = ops.concatenate([pos, neg], axis=0)
        return ops.matmul(both, self.kernel)


keras.utils.set_random_seed(0)
print(Antirectifier()(keras.random.normal((2, 5))))
