"""Reports to show: one per situation the golden texts cover. All figures are made up and fixed."""

from __future__ import annotations

import math

import pytest

from kerascope.values import Evidence, Finding, Fix, LayerRow, Report, RunSummary, Series, SourceSpan

LOSS = (2.41, 2.38, 2.37, 2.39, 2.36, 2.38, 2.36, 2.37, 2.34, 2.36, 2.36, 2.35)


def run(**changes):
    facts = {
        "subject": "train.py",
        "backend": "jax",
        "recording": "runs/train-1423.kscope",
        "steps": 162,
        "seconds": 3.1,
        "watch_seconds": 0.021,
        "models": 1,
        "exit_code": 0,
    }
    return RunSummary(**(facts | changes))


def layer(name, kind="Dense", parameters=7850, **changes):
    facts = {
        "gradient": 0.31,
        "weight": 9.82,
        "update_ratio": 0.00071,
        "output_mean": 0.1,
        "output_std": 1.2,
        "zeros": 0.48,
        "finite": 1.0,
    }
    return LayerRow("sequential", name, kind, parameters, True, **(facts | changes))


def loss(y=LOSS, label="loss"):
    return Series(label, "step", tuple(float(1 + 14 * i) for i in range(len(y))), tuple(y))


def healthy():
    summary = run(backend="torch", recording="runs/train-1502.kscope", steps=4100, seconds=61.0)
    return Report("train.py", "torch", "healthy", run=summary, layers=(layer("dense"),), curves=(loss(),))


def no_learning():
    first = Finding(
        "gradients-of-different-size",
        "fault",
        0.97,
        "Two gradients of very different size are added",
        "The sum follows w1 alone; w2, the gradient of the loss, has no say.",
        SourceSpan(
            "train.py", 23, expression="grads = [0.5 * w1 + 0.5 * w2 for (w1, w2) in zip(d2l_dw2, dl_dw)]"
        ),
        (
            Evidence("w1 (d2l_dw2)", 0.31, "rms"),
            Evidence("w2 (dl_dw)", 0.00070, "rms"),
            Evidence(
                "ratio over the steps", 445, "times", plot=(445.0, 398.0, 402.0, 61.0, 14.0, 12.0, 13.0, 11.0)
            ),
        ),
        (
            Fix(
                "normalising both before adding",
                "--- a/train.py\n+++ b/train.py\n@@ -23,1 +23,1 @@\n- grads = [0.5 * w1 + 0.5 * w2 for ...]\n"
                "+ grads = [0.5 * w1 / norm(w1) + 0.5 * w2 / norm(w2) for ...]\n",
                True,
                {"loss after 53 steps": 2.35, "val accuracy": 0.10},
                {"loss after 53 steps": 1.99, "val accuracy": 0.57},
            ),
        ),
        1,
    )
    second = Finding(
        "frozen-weights",
        "warning",
        0.8,
        "A layer that should train never changes",
        "The kernel of this layer is the same to the bit after 162 steps, although it is marked as trainable "
        "and its gradient is not zero. An optimizer that was built before the layer was added does that.",
        SourceSpan(layer="dense_1", step=162),
        (Evidence("largest change of a weight", 0.0, None, (162,)),),
        (Fix("building the optimizer after the last layer was added"),),
        2,
    )
    third = Finding(
        "slow-epoch-end",
        "note",
        0.6,
        "Validation takes longer than training",
        "It reads 10,000 examples after each of 3 epochs.",
        SourceSpan("train.py", 40),
        rank=3,
    )
    rows = (
        layer("flatten", "Flatten", 0, gradient=None, weight=None, update_ratio=None, zeros=0.81),
        layer("dense", parameters=200960, gradient=0.0007),
        layer("dense_1", update_ratio=0.0),
    )
    return Report(
        "train.py",
        "jax",
        "faulty",
        (first, second, third),
        "DOES NOT LEARN   loss 2.41 -> 2.35 over 162 steps, flat within noise",
        run(),
        rows,
        (loss(), loss((2.40, 2.38, 2.36), "val_loss")),
        ("activations: the model is called under tf.function without a trace hook",),
    )


def non_finite():
    finding = Finding(
        "non-finite",
        "fault",
        1.0,
        "A NaN appears in step 118",
        "The output of `dense_1` was infinite first; the loss and every gradient followed in the same step.",
        SourceSpan(layer="dense_1", step=118),
        (
            Evidence("loss", math.nan, None, (118,), (2.3, 2.5, 9.1, 310.0, 2.2e6, math.inf, math.nan)),
            Evidence("order", ["output", "loss", "gradient", "weight"]),
            Evidence("largest activation one step earlier", 2.9e38),
        ),
        (),
        1,
    )
    rows = (layer("dense", gradient=math.nan), layer("dense_1", weight=math.inf, finite=0.25, zeros=0.0))
    curve = loss((2.3, 2.5, 9.1, 310.0, 2.2e6, math.inf, math.nan))
    return Report(
        "train.py",
        "jax",
        "faulty",
        (finding,),
        "NON-FINITE   the first NaN is in step 118, layer dense_1",
        run(steps=118),
        rows,
        (curve,),
    )


def crashed():
    error = (
        'ValueError: Input 0 of layer "dense" is incompatible with the layer: expected axis -1 of input shape\n'
        "to have value 784, but received input with shape (None, 28, 28)"
    )
    return Report(
        "train.py",
        "tensorflow",
        "crashed",
        run=run(backend="tensorflow", steps=1, seconds=0.45, watch_seconds=0.004, exit_code=1, error=error),
    )


def deep():
    rows = tuple(
        layer(
            f"encoder/block_{i // 4}/attention_output_{i}",
            "MultiHeadAttention",
            1_048_576,
            gradient=10.0 ** -(i / 8),
        )
        for i in range(40)
    )
    finding = Finding(
        "dead-layer",
        "warning",
        0.71,
        "The gradient of a layer is zero for a whole epoch",
        "Nothing this layer computes reaches the loss.",
        SourceSpan(layer="encoder/block_4/attention_output_17"),
        rank=1,
    )
    return Report(
        "train.py", "jax", "faulty", (finding,), "ONE LAYER STANDS STILL", run(steps=1000), rows, (loss(),)
    )


def no_steps():
    summary = run(steps=0, seconds=0.2, watch_seconds=0.0, models=0, recording="runs/train-1600.kscope")
    return Report("train.py", "jax", "healthy", run=summary)


SAMPLES = {maker.__name__: maker for maker in (healthy, no_learning, non_finite, crashed, deep, no_steps)}


@pytest.fixture
def sample():
    """Gives a report by the name of its situation."""
    return lambda name: SAMPLES[name]()
