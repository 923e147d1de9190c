"""Functions for the tests of putting code in and taking it out."""

from __future__ import annotations

import asyncio
import collections
import dataclasses

import keras
import numpy as np
from keras import ops


def plain(x):
    return x + 1.0


def replaced(x):
    return x * 3.0


def failing_store(x, error):
    y = np.zeros(3)

    def value():
        raise error

    y[0] += value()
    return x


def make():
    def made(x):
        return x + 2.0

    return made


def made_class():
    class Made(keras.layers.Layer):
        def call(self, inputs):
            return inputs + 1.0

    return Made()


def in_thread(x):
    doubled = x * 2.0
    rows = [doubled + i for i in range(3)]
    doubled = rows[0]
    return doubled


def many(x, times):
    for _ in range(times):
        in_thread(x)


def counting(x):
    for i in range(1, 4):
        y = x * float(i)
        yield y


async def later(x, n):
    await asyncio.sleep(0)
    y = x * n
    await asyncio.sleep(0)
    return y


async def awaited(x, n):
    return await later(x, n)


async def gathered(x):
    return await asyncio.gather(awaited(x, 2.0), awaited(x, 3.0))


class Tracked(np.ndarray):
    def __new__(cls, shape):
        return np.ones(shape).view(cls)


def dropped(x):
    print(x[0], end="")
    try:
        return [abs(x), {}["missing"]]
    except KeyError:
        return None


def in_place(y, box):
    y[0] = 4.0
    y[..., 1] += 2.0
    box.total += 3.0
    box.inner.rows[0] = 7.0
    (y[0, 0], [y[1, 1], *_]) = 9.0, (9.0, 1.0)
    y *= 2.0
    del _
    return y, box.total, box.inner.rows


def calling(f, x):
    return f(x)


def raising(x):
    y = plain(
        x,
    )
    return y + ops.matmul(y, ops.ones((7, 7)))


@dataclasses.dataclass
class Point:
    where: object
    size: int = 1


Pair = collections.namedtuple("Pair", "left right")
