"""Graphs made by hand: rendering needs no backend."""

from __future__ import annotations

from kerascope.values import CallFacts, SourceSpan, TensorSpec, TensorStats, Topology, WeightFacts

HOSTILE = "a</script><script>alert(1)</script>\"'<b>&amp;[red]\x1b[31m\x1b]8;;evil\x07\\N\\G\nnew\u202eline\u2028{|}<x>%s$"  # noqa: E501


STATS = TensorStats(1.0, 0.0, 0.1, -1.0, 1.0, 0.0, 1.0)


def call(number, name, kind, sources, shape=("B", 8), parent=None, **more):
    inputs = tuple(TensorSpec(("B", 8), "float32", source) for source in sources)
    outputs = (TensorSpec(shape, "float32", number),)
    path = more.pop("path", name)
    category = more.pop("category", "layer")
    return CallFacts(number, path, name, kind, category, parent, inputs, outputs, **more)


def graph(*calls, name="model", **more):
    weight = WeightFacts("d/kernel", (8, 8), "float32", True, 64, 256, STATS)
    return Topology(name, "Functional", "jax", "symbolic", tuple(calls), weights=(weight,), **more)


def blocks(count, inner=True):
    """A chain of equal custom blocks, each a dense layer and an addition."""
    calls = [call(0, "x", "InputLayer", [], category="input")]
    last = 0
    for i in range(count):
        block, dense, add = len(calls), len(calls) + 1, len(calls) + 2
        calls.append(call(block, f"block{i}", "Block", [last], custom=True, trainable=72))
        calls.append(
            call(dense, "d", "Dense", [last], parent=block, path=f"block{i}/d", weights=(0,), trainable=72)
        )
        calls.append(
            call(add, "add", "Add", [last, dense], parent=block, path=f"block{i}/add", category="op")
        )
        last = add
    calls.append(call(len(calls), "out", "Dense", [last]))
    return graph(*calls)


def flat(count):
    """A residual chain of `count` operations without nesting."""
    calls = [call(0, "x", "InputLayer", [], category="input")]
    for i in range(1, count):
        sources = [i - 1] if i % 3 or i < 4 else [i - 1, i - 3]
        kind = ("Dense", "LayerNormalization", "Add")[i % 3 - 1]
        config = {"units": 8, "activation": "relu"}
        calls.append(call(i, f"op{i}", kind, sources, weights=(0,), trainable=i, config=config))
    return graph(*calls)


def residual(count, **more):
    """The same chain as a loop in a functional model leaves it: without blocks. The additions take from before."""
    calls = [call(0, "x", "InputLayer", [], category="input")]
    last = 0
    for i in range(count):
        dense, norm, add = len(calls), len(calls) + 1, len(calls) + 2
        calls += [
            call(dense, f"block{i}_dense", "Dense", [last], weights=(0,), trainable=72, macs=64, **more),
            call(norm, f"block{i}_norm", "LayerNormalization", [dense], trainable=16, macs=0, **more),
            call(add, f"block{i}_add", "Add", [last, norm], category="op", macs=1),
        ]
        last = add
    calls.append(call(len(calls), "out", "Dense", [last]))
    return graph(*calls)


def hostile():
    place = SourceSpan(file=f"/tmp/{HOSTILE}.py", line=3, expression=HOSTILE)
    x = call(0, HOSTILE, "InputLayer", [], category="input")
    y = call(
        1,
        HOSTILE + "2",
        HOSTILE,
        [0],
        custom=True,
        source=place,
        error=HOSTILE,
        notes=(HOSTILE,),
        weights=(0,),
    )
    z = call(2, HOSTILE, "Add", [0], parent=1, path=HOSTILE + "/z", category="op", config={HOSTILE: HOSTILE})
    return graph(x, y, z, name=HOSTILE, error=HOSTILE, untracked=(HOSTILE,), notes=(HOSTILE,))
