# ruff: noqa: E731, F821, PLC3002, PLR0133, PLW0603
"""What users write, for the tests of the tracer. `# > (2, 5) (2,)` lists shapes that must be reported for a line.

Nothing here is a test: pytest rewrites the asserts of test modules, and rewritten code is not what the file says.
"""

from __future__ import annotations

import contextlib
import functools

import keras
from keras import layers, ops
from keras.ops import add, matmul


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * 2.0  # > (2, 3)

    return wrapper


class Halving(layers.Layer):
    def call(self, inputs):
        half = inputs / 2.0  # > (2, 5)
        return half


class UsesSuper(Halving):
    def call(self, inputs):
        out = super().call(inputs)  # > (2, 5)
        return ops.mean(out, axis=0)  # > (5,)


def closure(x, w):
    factor = ops.sum(w)  # > ()

    def scaled(v):
        return v * factor  # > (2, 5)

    def both():
        nonlocal factor
        factor = factor + 1.0  # > ()
        return scaled(x)  # > (2, 5)

    return both()


@doubled
def decorated(x, w):
    return matmul(x, w)  # > (2, 3)


def loop(x, w):
    total = ops.zeros((3,))
    for row in range(2):
        total = total + matmul(x[row], w)  # > (5,) (3,)
    while ops.shape(total)[0] < 3:
        total = ops.concatenate([total, total])
    return total


def comprehensions(x, w):
    rows = [x[i] * w[:, 0] for i in range(2) if i >= 0]  # > (5,)
    by_name = {str(i): ops.expand_dims(row, 0) for i, row in enumerate(rows)}  # > (1, 5)
    summed = sum(ops.sum(v) for v in by_name.values())  # > ()
    nested = [[ops.max(v) for v in row] for row in [rows]]  # > ()
    return summed + nested[0][1]  # > ()


def recursion(x, w, depth=3):
    if not depth:
        return x
    return recursion(ops.concatenate([x, x], axis=-1), w, depth - 1)  # > (2, 10) (2, 20) (2, 40)


def caught(x, w):
    try:
        out = matmul(w, w)
    except Exception:
        out = matmul(ops.transpose(w), w)  # > (3, 5) (3, 3)
    else:
        out = x
    finally:
        done = out + 0.5  # > (3, 3)
    return done


def generators(x, w):
    def rows():
        for i in range(2):
            got = yield x[i] + 1.0  # > (5,)
            if got is not None:
                yield got - 1.0  # > (3,)

    def chained():
        yield from rows()

    running = rows()
    first = next(running)  # > (5,)
    other = running.send(w[0])  # > (3,)
    running.close()
    return first, other, list(chained())


def unassigned(x, w):
    return matmul(ops.concatenate([ops.relu(x), ops.relu(-x)], axis=0), w)  # > (2, 5) (4, 5) (4, 3)


def lambdas(x, w):
    widen = lambda v: ops.expand_dims(v, 0)  # > (1, 2, 5)
    pick = [lambda v: v[0], lambda v: v[1]]
    return widen(x), pick[1](x), (lambda v, n=2: v * n)(w)  # > (1, 2, 5) (5,) (5, 3)


def operators(x, w):
    y = x @ w - 1.0  # > (2, 3)
    y *= 2.0  # > (2, 3)
    y = -y if y is not None else y  # > (2, 3)
    z = (y > 0.0) & (y < 9.0)  # > (2, 3)
    return y**2, z


def several_lines(x, w):
    out = add(
        matmul(
            x,
            w,  # > (5, 3)
        ),
        ops.zeros(3),  # > (3,)
    )
    return (
        out
        + out  # > (2, 3)
        * 2.0
    )


def bindings(x, w):
    (a, *others), b = ops.split(x, 5, axis=1), w  # > (5, 3)
    head, [second, third] = a, [others[0], others[1]]  # > (2, 1)
    if (n := ops.mean(second)) is not None:  # > ()
        third = n * third  # > (2, 1)
    c = d = third + head  # > (2, 1)
    return b, c, d, len(others)


class Mangled(layers.Layer):
    __shared = 2.0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.__own = 3.0

    def __scale(self, v):
        return v * self.__own * Mangled.__shared  # > (2, 5)

    def call(self, inputs):
        return self.__scale(inputs)  # > (2, 5)


class Nested(layers.Layer):
    def build(self, shape):
        self.first = Halving()
        self.dense = layers.Dense(4, kernel_initializer="ones")
        self.parts = [Mangled(), self.first]
        self.dense.build(shape)

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)  # > (2, 5)
        return self.dense(inputs)  # > (2, 4)


class Methods(layers.Layer):
    @property
    def rate(self):
        return ops.ones((5,)) * 0.5  # > (5,)

    @staticmethod
    def squared(v):
        return ops.square(v)  # > (2, 5)

    @classmethod
    def absolute(cls, v):
        return cls.squared(ops.abs(v))  # > (2, 5)

    def call(self, inputs, *, training=None, **options):
        return self.absolute(inputs) + self.rate  # > (2, 5) (5,)


def class_token(x, w):
    cls = ops.ones((1, 5))  # > (1, 5)
    return ops.concatenate([cls, x], axis=0)  # > (1, 5) (3, 5)


def chains(x, w):
    return ops.reshape(x, (-1,))[None, :][0][:2], x[:, 1:][..., None]  # > (10,) (1, 10) (2,) (2, 4) (2, 4, 1)


def partials(x, w):
    last = functools.partial(ops.sum, axis=-1)
    return last(x), functools.reduce(add, [x, x, x])  # > (2,) (2, 5)


def stars(x, w):
    pair, options = (x, w), {"axis": 0}
    out = matmul(*pair)  # > (2, 3)
    return ops.sum(*[out], **options)  # > (3,)


def containers(x, w):
    box = {"x": x}
    box["y"] = matmul(box["x"], w)  # > (2, 3)
    box["z"], third = box["y"][0], [w, (x,)]  # > (3,)
    return box, third[1][0] + 1.0, [*third[1], *box]  # > (2, 5)


def managed(x, w):
    with contextlib.suppress(ValueError), keras.name_scope("part"):
        top = ops.max(x, axis=1, keepdims=True)  # > (2, 1)
        raise ValueError(f"{top.shape} {x + 1.0!r:.3}")
    return top - x  # > (2, 5)


def matching(x, w):
    match (len(x.shape), x):
        case (1, _):
            return x
        case (2, matrix) if ops.shape(matrix)[0] == 2:
            out = ops.mean(matrix, axis=1)  # > (2,)
        case _:
            out = w
    return out


def names(x, w):
    a = x + 1.0  # > (2, 5)
    seen = sorted(locals())
    b = eval("a * 2.0")  # > (2, 5)
    return seen, sorted(vars()), b, [name for name in dir() if name != "x"]


def class_bodies(x, w):
    class Local(layers.Layer):
        offset = ops.sum(x, axis=0)  # > (5,)
        again = [offset * i for i in (offset, offset)] if False else offset

        def call(self, inputs):
            shifted = inputs + self.offset  # > (2, 5)

            class Inner:
                value = shifted * 2.0  # > (2, 5)

            return Inner.value

    layer = Local()
    return layer(x), Local.__doc__, Local.call.__qualname__  # > (2, 5)


def augmented(x, w):
    class Box:
        pass

    box = Box()
    box.total = x
    box.total += 1.0  # > (2, 5)
    box.inner = Box()
    box.inner.rows = [x, w]
    box.inner.rows[0] -= x  # > (2, 5)
    return box.total, box.inner.rows


def conditions(x, w):
    y = w if ops.shape(x)[0] == 7 else x * 3.0  # > (2, 5)
    z = None or (y, y[0])[1]  # > (5,)
    return z is not None, z if 1 < 2 <= 3 else None


def scopes(x, w):
    global counted
    counted = x - 1.0  # > (2, 5)
    del counted
    x, w = x + 1.0, x  # > (2, 5)
    del w
    return x


def late(x, w, *rest, offset=1.0, **named):
    """A docstring stays a docstring."""
    return x + offset, rest, sorted(named), late.__doc__  # > (2, 5)


def singled(x, w):
    @functools.singledispatch
    def show(value):
        return value + 1.0  # > (2, 5)

    @show.register
    def _(value: list):
        return value[0] * 2.0  # > (2, 5)

    @functools.lru_cache
    def cached(n):
        return ops.ones((n,)) * n  # > (4,)

    return show(x), show([x]), cached(4), cached(4)


FUNCTIONS = [
    closure, decorated, loop, comprehensions, recursion, caught, generators, unassigned, lambdas, operators,
    several_lines, bindings, class_token, chains, partials, stars, containers, managed, matching, names, class_bodies,
    augmented, conditions, scopes, late, singled,
]  # fmt: skip
LAYERS = [Halving, UsesSuper, Mangled, Nested, Methods]
stored_before = [lambda v: ops.relu(v) + 1.0, lambda v: stored_before[0](v) * 2.0]
