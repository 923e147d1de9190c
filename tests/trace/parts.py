"""What the tests of `trace` look at: code as users write it, right and wrong."""

import keras
from keras import layers, ops


class Antirectifier(layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1] * 2, input_shape[-1]), name="kernel")

    def call(self, inputs):
        inputs -= ops.mean(inputs, axis=-1, keepdims=True)
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        concatenated = ops.concatenate([pos, neg], axis=-1)
        return ops.matmul(concatenated, self.kernel)


class WrongAxis(Antirectifier):
    def call(self, inputs):
        pos = ops.relu(inputs)
        neg = ops.relu(-inputs)
        concatenated = ops.concatenate([pos, neg], axis=0)
        return ops.matmul(concatenated, self.kernel)


class Scaled(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class SoftmaxOverBatch(layers.Layer):
    def build(self, input_shape):
        self.query = self.add_weight(shape=(input_shape[-1], 1), name="query")

    def call(self, x):
        weights = ops.softmax(ops.matmul(x, self.query), axis=0)
        return ops.sum(weights * x, axis=1)


class Distance(keras.losses.Loss):
    def call(self, y_true, y_pred):
        difference = y_true - y_pred
        return ops.mean(ops.square(difference), axis=-1)


class Share(keras.metrics.Metric):
    def __init__(self, name="share", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        close = ops.cast(ops.abs(y_true - y_pred) < 0.5, "float32")
        self.total.assign_add(ops.sum(close))
        self.count.assign_add(ops.cast(ops.size(close), "float32"))

    def result(self):
        return self.total / self.count


def repeated(x, times=4):
    for step in range(times):
        x = x * (step + 1.0)
    return x


def becomes_infinite(x):
    scaled = x - ops.max(x)
    return 1.0 / scaled


def make_model():
    inputs = keras.Input((5,))
    outputs = layers.Dense(1)(Antirectifier(name="anti")(inputs))
    return keras.Model(inputs, outputs)


class Doubling(keras.Model):
    """A step that fails after it has changed a variable and an attribute."""

    def train_step(self, *given):
        x, y = given[-1]
        self.steps = getattr(self, "steps", 0) + 1
        self.trainable_variables[-1].assign_add([1.0])
        predicted = self(x, training=True)
        both = ops.concatenate([predicted, predicted], axis=0)
        return {"loss": ops.mean(ops.square(both - y))}


def make_doubling():
    inputs = keras.Input((5,))
    model = Doubling(inputs, layers.Dense(1, bias_initializer="zeros")(inputs))
    model.compile("sgd", "mse")
    return model


class Unprepared(layers.Layer):
    def __init__(self):
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)

    LINE = __init__.__code__.co_firstlineno


if __name__ == "__main__":
    raise SystemExit("a module that is looked at is not run")


def scores(x):
    both = ops.concatenate([x, x], axis=1)
    return ops.mean(ops.matmul(x, ops.swapaxes(x, 1, 2)), axis=2), both


class SoftmaxTwice(keras.losses.Loss):
    def call(self, y_true, y_pred):
        shares = ops.softmax(y_pred, axis=-1)
        return ops.categorical_crossentropy(y_true, shares, from_logits=True)
