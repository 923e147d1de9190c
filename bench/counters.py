"""Multiply-adds and flops of ten known models beside two independent counters on each backend.

    python bench/counters.py                   all backends, writes bench/counters.json, prints the table
    python bench/counters.py --backends torch

torch: PyTorch's FlopCounterMode (operations as they are dispatched) and fvcore (operations of a jit trace; needs
``pip install fvcore``). Both count products and convolutions and nothing else, so they are compared with
multiply-adds. jax: the cost analysis of XLA (of the compiled program) and jax.experimental.roofline (of the jaxpr).
tensorflow: the profiler (of the graph) and XLA's cost analysis (of the program that TensorFlow hands to XLA; needs
jaxlib). These count every operation, so they are compared with flops.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BACKENDS = ("torch", "jax", "tensorflow")
MODELS = {
    "MobileNet": 128,
    "MobileNetV2": 128,
    "MobileNetV3Small": 128,
    "ResNet50": 128,
    "DenseNet121": 128,
    "EfficientNetB0": 128,
    "EfficientNetV2B0": 128,
    "VGG16": 128,
    "Xception": 160,
    "InceptionV3": 160,
}
"""Without their tops, for images of this many pixels a side."""


def build(name: str) -> tuple[Any, tuple[int, ...]]:
    """Returns a model and the shape of its input."""
    import keras

    side = MODELS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the weights are not those of another size
        model = getattr(keras.applications, name)(
            weights=None, include_top=False, input_shape=(side, side, 3)
        )
    return model, (1, side, side, 3)


def counters() -> dict[str, tuple[str, Callable[[Any, tuple[int, ...]], float]]]:
    """Returns the counters of this backend: what of ours they are compared with, and the function."""
    import keras

    return {
        "torch": {"FlopCounterMode": ("macs", torch_counter), "fvcore": ("macs", fvcore)},
        "jax": {"XLA": ("flops", xla), "roofline": ("flops", roofline)},
        "tensorflow": {"profiler": ("flops", profiler), "XLA": ("flops", xla_of_tensorflow)},
    }[keras.backend.backend()]


def compared(name: str) -> dict[str, Any]:
    """Returns our figures for a model, the counters', and ours divided by theirs."""
    import kerascope

    model, shape = build(name)
    sums = kerascope.summary(model).totals
    row: dict[str, Any] = {"model": name, "input": list(shape), "macs": sums["macs"], "flops": sums["flops"]}
    for title, (what, counter) in counters().items():
        try:
            counted = counter(model, shape)
        except ImportError as error:
            row[title] = {"failed": str(error)}
            continue
        row[title] = {what: counted, "ratio": round(sums[what] / counted, 5)}
    return row


def torch_counter(model: Any, shape: tuple[int, ...]) -> float:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.ones(shape))
    return counter.get_total_flops() / 2


def fvcore(model: Any, shape: tuple[int, ...]) -> float:
    import torch
    from fvcore.nn import FlopCountAnalysis

    model.eval()
    counted = FlopCountAnalysis(model, torch.ones(shape))
    counted.unsupported_ops_warnings(False)
    counted.uncalled_modules_warnings(False)
    # It calls a multiply-add one flop. What it counts of means and norms is not compared.
    products = ("conv", "linear", "addmm", "matmul", "bmm", "einsum")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a jit trace takes for constant
        return float(sum(n for name, n in counted.by_operator().items() if name in products))


def _jax_function(model: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    import jax.numpy as jnp

    trainable = [v.value for v in model.trainable_variables]
    others = [v.value for v in model.non_trainable_variables]
    return lambda t, o, x: model.stateless_call(t, o, x)[0], trainable, others, jnp.ones(shape)


def xla(model: Any, shape: tuple[int, ...]) -> float:
    import jax

    run, *args = _jax_function(model, shape)
    counted = jax.jit(run).lower(*args).compile().cost_analysis()
    return float((counted[0] if isinstance(counted, list) else counted)["flops"])


def roofline(model: Any, shape: tuple[int, ...]) -> float:
    from jax.experimental import roofline as tool

    run, *args = _jax_function(model, shape)
    _, counted = tool.roofline(run)(*args)
    return float(counted.unfused_flops)


def _forward(model: Any) -> Any:
    """A function of the input alone: `tf.function` would ask for every parameter of `call`."""

    def forward(x: Any) -> Any:
        return model(x)

    return forward


def profiler(model: Any, shape: tuple[int, ...]) -> float:
    import tensorflow as tf
    from tensorflow.python.profiler.model_analyzer import profile
    from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

    graph = tf.function(_forward(model)).get_concrete_function(tf.TensorSpec(shape, "float32")).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return float(profile(graph, options=options).total_float_ops)


def xla_of_tensorflow(model: Any, shape: tuple[int, ...]) -> float:
    import jax
    import tensorflow as tf
    from jaxlib import _jax, xla_client

    program = tf.function(_forward(model), jit_compile=True)
    proto = program.experimental_get_compiler_ir(tf.ones(shape))(stage="hlo_serialized")
    module = xla_client.XlaComputation(proto).get_hlo_module()
    return float(_jax.hlo_module_cost_analysis(jax.devices("cpu")[0].client, module)["flops"])


def table(results: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yields the results as a Markdown table: ours, and ours divided by each counter's."""
    titles = [
        (backend, key)
        for backend, rows in results.items()
        for key, value in rows[0].items()
        if isinstance(value, dict)
    ]
    yield "| model | multiply-adds | flops | " + " | ".join(f"{b}: {t}" for b, t in titles) + " |"
    yield "|---|---|---|" + "---|" * len(titles)
    by_model = {(backend, row["model"]): row for backend, rows in results.items() for row in rows}
    for name in MODELS:
        found = {backend: by_model.get((backend, name)) for backend in results}
        rows = [row for row in found.values() if row is not None]
        if not rows:
            continue
        assert len({(row["macs"], row["flops"]) for row in rows}) == 1, "the backends disagree"
        cells = [f"{rows[0]['macs']:,}", f"{rows[0]['flops']:,}"]
        for backend, title in titles:
            row = found[backend]
            cells.append(
                "" if row is None else f"{row[title]['ratio']:.4f}" if "ratio" in row[title] else "-"
            )
        yield f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = args.models.split(",")
    if args.one:
        print(json.dumps([compared(name) for name in names]))
        return
    file = HERE / "counters.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for backend in args.backends.split(","):
        command = [sys.executable, __file__, "--one", backend, "--models", args.models]
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        rows = {row["model"]: row for row in results.get(backend, [])}
        rows |= {row["model"]: row for row in json.loads(done.stdout.splitlines()[-1])}
        results[backend] = list(rows.values())
    file.write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
