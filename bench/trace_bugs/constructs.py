"""One fault in each of Python's ways to write code: closures, generators, recursion, `match` and so on."""

from __future__ import annotations

from trace_bugs.case import HEADER, Case

_TOOLS = HEADER.replace("import keras\n", "import functools\n\nimport keras\n", 1)

CASES = (
    Case(
        "ThroughSuper",
        "5",
        "axis=-1)",
        "axis=0)",
        """
class Joining(layers.Layer):
    def call(self, x):
        return ops.concatenate([x, ops.relu(-x)], axis=-1)


class ThroughSuper(Joining):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        return ops.matmul(super().call(x), self.w)
""",
    ),
    Case(
        "InClosure",
        "6,4",
        "axis=1, keepdims=True",
        "axis=1",
        """
class InClosure(layers.Layer):
    def call(self, x):
        total = ops.sum(ops.exp(x), axis=1, keepdims=True)

        def share(y):
            return ops.exp(y) / total

        return share(x)
""",
        named=("ops.exp(y) / total",),
    ),
    Case(
        "Decorated",
        "5",
        "ops.matmul(x, self.w)",
        "ops.matmul(self.w, x)",
        """
def positive(method):
    @functools.wraps(method)
    def wrapped(self, *args, **kwargs):
        return ops.relu(method(self, *args, **kwargs))

    return wrapped


class Decorated(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    @positive
    def call(self, x):
        return ops.matmul(x, self.w)
""",
        header=_TOOLS,
    ),
    Case(
        "InLoop",
        "5",
        "shape=(5, 5), name=f",
        "shape=(5, 4), name=f",
        """
class InLoop(layers.Layer):
    def build(self, shape):
        self.ws = [self.add_weight(shape=(5, 5), name=f"w{i}") for i in range(3)]

    def call(self, x):
        for w in self.ws:
            x = ops.tanh(ops.matmul(x, w))
        return x
""",
        named=("ops.matmul(x, w)",),
    ),
    Case(
        "InComprehension",
        "6,4",
        "x[:, i]",
        "x[i]",
        """
class InComprehension(layers.Layer):
    def call(self, x):
        parts = [ops.tanh(x[:, i]) for i in (0, 2, 3)]
        return ops.concatenate(parts, axis=-1)
""",
    ),
    Case(
        "Recursive",
        "8",
        "axis=-1)",
        "axis=0)",
        """
class Recursive(layers.Layer):
    def halve(self, x, times):
        if times == 0:
            return x
        left, right = ops.split(x, 2, axis=-1)
        return self.halve(left + right, times - 1)

    def call(self, x):
        return self.halve(x, 2)
""",
        batch=8,
    ),
    Case(
        "CaughtBefore",
        "5",
        "ops.matmul(x, self.w)",
        "ops.matmul(x, ops.transpose(self.w))",
        """
class CaughtBefore(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        try:
            scale = float("one")
        except ValueError:
            scale = 2.0
        return scale * ops.matmul(x, self.w)
""",
    ),
    Case(
        "Generated",
        "6,4",
        "x[:, start : start + 2]",
        "x[start : start + 2]",
        """
class Generated(layers.Layer):
    def windows(self, x):
        for start in (0, 2, 4):
            yield ops.mean(x[:, start : start + 2], axis=1)

    def call(self, x):
        return ops.concatenate(list(self.windows(x)), axis=-1)
""",
    ),
    Case(
        "NestedCalls",
        "5",
        "axis=-1)",
        "axis=0)",
        """
class NestedCalls(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(2 * shape[-1], 4), name="kernel")

    def call(self, x):
        return ops.relu(ops.matmul(ops.concatenate([ops.relu(x), ops.relu(-x)], axis=-1), self.kernel))
""",
    ),
    Case(
        "InLambda",
        "6,4",
        "keepdims=True)",
        "keepdims=False)",
        """
class InLambda(layers.Layer):
    def call(self, x):
        centred = lambda y: y - ops.mean(y, axis=1, keepdims=True)  # noqa: E731
        return ops.square(centred(x))
""",
        named=("y - ops.mean(y, axis=1, keepdims=False)",),
    ),
    Case(
        "Augmented",
        "6,4",
        "self.bias = self.add_weight(shape=(shape[-1],)",
        "self.bias = self.add_weight(shape=(shape[1],)",
        """
class Augmented(layers.Layer):
    def build(self, shape):
        self.bias = self.add_weight(shape=(shape[-1],), name="bias")

    def call(self, x):
        h = ops.tanh(x)
        h += self.bias
        return h
""",
        named=("h += self.bias",),
    ),
    Case(
        "ManyLines",
        "6,4",
        "axis=-1,\n        )",
        "axis=1,\n        )",
        """
class ManyLines(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        both = ops.concatenate(
            [
                x,
                ops.square(x),
            ],
            axis=-1,
        )
        return ops.matmul(both, self.w)
""",
        named=("ops.matmul(both, self.w)",),
    ),
    Case(
        "WalrusAndTernary",
        "6,4",
        "axis=1) > 0",
        "axis=0) > 0",
        """
class WalrusAndTernary(layers.Layer):
    def call(self, x, training=False):
        kept = (level if (level := ops.cast(ops.mean(x, axis=1) > 0, "float32")) is not None else x)
        return ops.mean(x, axis=1) * kept
""",
    ),
    Case(
        "Mangled",
        "5",
        "ops.matmul(x, self.__w)",
        "ops.matmul(x, ops.transpose(self.__w))",
        """
class Mangled(layers.Layer):
    def build(self, shape):
        self.__w = self.add_weight(shape=(shape[-1], 3), name="w")

    def call(self, x):
        return ops.matmul(x, self.__w)
""",
    ),
    Case(
        "StaticAndClass",
        "6,4",
        "axis=-1)",
        "axis=0)",
        """
class StaticAndClass(layers.Layer):
    @staticmethod
    def weights_of(x):
        return ops.softmax(x, axis=-1)

    @classmethod
    def mixed(cls, x):
        return cls.weights_of(x) * x

    def call(self, x):
        return self.mixed(x)
""",
    ),
    Case(
        "WithPartial",
        "6,4",
        "axis=-1)",
        "axis=0)",
        """
normal = functools.partial(ops.softmax, axis=-1)


class WithPartial(layers.Layer):
    def call(self, x):
        return normal(x) * x
""",
        header=_TOOLS,
        named=("normal(x)",),
    ),
    Case(
        "StarArguments",
        "5",
        "ops.concatenate(parts, axis=-1)",
        "ops.concatenate(parts, axis=0)",
        """
def joined(*parts, **options):
    both = ops.concatenate(parts, axis=-1)
    return options["by"] * both


class StarArguments(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(2 * shape[-1], 3), name="w")

    def call(self, x):
        return ops.matmul(joined(x, -x, by=2.0), self.w)
""",
    ),
    Case(
        "FromDict",
        "6,4 4",
        'given["context"][:, None, :]',
        'given["context"]',
        """
class FromDict(layers.Layer):
    def call(self, x, context):
        given = {"x": x, "context": context}
        return given["x"] * given["context"][:, None, :]
""",
        named=('given["x"] * given["context"]',),
    ),
    Case(
        "InFinally",
        "6,4",
        "ops.mean(x, axis=1)",
        "ops.mean(x, axis=0)",
        """
class InFinally(layers.Layer):
    def call(self, x):
        try:
            pooled = ops.mean(x, axis=1)
        finally:
            self.seen = True
        return ops.tanh(pooled)
""",
    ),
    Case(
        "ByMatch",
        "6,4",
        "return ops.max(x, axis=1)",
        "return ops.max(x, axis=0)",
        """
class ByMatch(layers.Layer):
    mode = "max"

    def call(self, x):
        match self.mode:
            case "mean":
                return ops.mean(x, axis=1)
            case "max":
                return ops.max(x, axis=1)
""",
    ),
    Case(
        "KeywordOnly",
        "6,4",
        "scaled(x, by=self.scale)",
        "scaled(x, by=self.scale[:, None])",
        """
def scaled(x, *, by):
    return x * by


class KeywordOnly(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return scaled(x, by=self.scale)
""",
        named=("x * by",),
    ),
    Case(
        "MethodChain",
        "6,4",
        "rank(x).over(1)",
        "rank(x).over(0)",
        """
class rank:
    def __init__(self, x):
        self.x = x

    def over(self, axis):
        return ops.softmax(self.x, axis=axis)


class MethodChain(layers.Layer):
    def call(self, x):
        return rank(x).over(1) * x
""",
    ),
    Case(
        "Indexed",
        "6,4",
        "x[:, ::2]",
        "x[::2]",
        """
class Indexed(layers.Layer):
    def call(self, x):
        every = x[:, ::2]
        return ops.mean(every, axis=1)
""",
    ),
)
