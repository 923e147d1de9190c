"""What watching costs: watched and unwatched models side by side in one process, step by step.

    python bench/overhead.py [--backends jax,tensorflow,torch] [--models mlp,cnn,transformer] [--json FILE]

In each process the variants take turns, one step each, in random order; a block is 50 steps of every variant, so
that it holds exactly one snapshot and check. The ratio is CPU (and wall) time of a block against the unwatched
model's block beside it, median over the blocks. `unwatched 2` is a second unwatched model: the noise floor. A
full statistics sample is rarer than a block is long; it is timed by itself, and `watch` holds its share
(what it costs divided by how far apart the watch puts two of them), so nothing is left out. Compile time and peak
memory come from separate processes. The table in docs/internals/cost.md is made by this script.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BACKENDS = ("jax", "tensorflow", "torch")
BLOCKS = {"mlp": 6, "cnn": 2, "transformer": 2}
VARIANTS = ("unwatched", "unwatched 2", "watch", "watch --inline")


class Runner:
    """One model, driven step by step through the train function that Keras made, or the watch's shell around it."""

    def __init__(self, name: str, variant: str) -> None:
        import keras
        import models

        self.backend = keras.backend.backend()
        options = {"run_eagerly": True} if variant == "run_eagerly" else {}
        self.model = models.MODELS[name](**options)
        self.data = models.batches(name, 4)
        self.recorder: Any = None
        if variant.startswith("watch"):
            from kerascope.api.watching import Recorder

            path = Path(tempfile.mkdtemp()) / "bench.kscope"
            self.recorder = Recorder(path, {"inline": variant == "watch --inline"}, {"subject": "bench"})
            self.recorder.start([self.model])
        self._prepare()

    def _prepare(self) -> None:
        model, (x, y) = self.model, self.data[0]
        if self.recorder is not None:
            self.recorder.session.fit_enter(model, {})
        if self.backend == "tensorflow":
            import tensorflow as tf

            arrays = [tf.stack([batch[i] for batch in self.data]) for i in (0, 1)]
            self.iterator: Any = iter(tf.data.Dataset.from_tensor_slices(tuple(arrays)).cache().repeat())
            model.make_train_function()
        elif self.backend == "torch":
            import torch

            model._symbolic_build(data_batch=(x, y, None))
            self.tensors = [[(torch.from_numpy(a), torch.from_numpy(b), None)] for a, b in self.data]
            model.make_train_function()
            model.train()
        else:
            model._symbolic_build(data_batch=(x, y, None))
            model.make_train_function()
            self.state = model._get_jax_state(
                trainable_variables=True,
                non_trainable_variables=True,
                optimizer_variables=True,
                metrics_variables=True,
                purge_model_variables=True,
            )
        if self.recorder is not None:
            self.recorder.session.fit_begin(model, {"epochs": 1})
            self.recorder.session.epoch_begin(model, 0)
        self.count = 0

    def step(self) -> None:
        """Runs one training step to its end."""
        if self.backend == "tensorflow":
            self.model.train_function(self.iterator)
        elif self.backend == "torch":
            self.model.train_function(self.tensors[self.count % 4])
        else:
            import jax

            x, y = self.data[self.count % 4]
            logs, self.state = self.model.train_function(self.state, iter([(x, y, None)]))
            jax.block_until_ready((logs, self.state))
        self.count += 1

    def stepper(self) -> Any:
        """The watch's own side of this model."""
        return next(iter(self.recorder.session._watched.values())).stepper


def timed(runner: Runner) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    runner.step()
    return time.process_time() - cpu, time.perf_counter() - wall


def measure(name: str, variants: list[str], blocks: int) -> dict[str, Any]:
    """Runs all variants of one model interleaved; returns the figures by variant."""
    runners = {variant: Runner(name, variant) for variant in variants}
    for runner in runners.values():
        for _ in range(60 if name == "mlp" else 20):  # compile, and the statistics of the first steps
            runner.step()
    samples: dict[str, dict[str, float]] = {}
    for variant, runner in runners.items():
        if runner.recorder is not None:
            samples[variant] = sample_cost(runner)
    order = random.Random(0)
    figures: dict[str, list[list[tuple[float, float]]]] = {variant: [] for variant in variants}
    for _ in range(blocks):
        block: dict[str, list[tuple[float, float]]] = {variant: [] for variant in variants}
        for _ in range(50):
            for variant in order.sample(variants, len(variants)):
                block[variant].append(timed(runners[variant]))
        for variant in variants:
            figures[variant].append(block[variant])
    return {
        variant: summary(figures[variant], figures["unwatched"], samples.get(variant)) for variant in variants
    }


def sample_cost(runner: Runner) -> dict[str, float]:
    """Times full statistics of a step, apart from the blocks, and switches them off for the blocks."""
    stepper = runner.stepper()
    if not stepper.sampler.open:
        stepper.open_sampler()
    normal = statistics.median(timed(runner)[0] for _ in range(5))
    costs, gaps = [], []
    for _ in range(4):
        stepper.sampler._next = stepper.number + 1
        cost = timed(runner)[0] - normal
        costs.append(cost)
        gaps.append(stepper.sampler.gap)
    cost = statistics.median(costs[1:])
    stepper.sampler.off = "timed apart"
    every = statistics.median(gaps)
    return {"seconds": cost, "in_steps": cost / normal, "every": every, "share": cost / normal / every}


def summary(
    blocks: list[list[tuple[float, float]]],
    unwatched: list[list[tuple[float, float]]],
    sample: dict[str, float] | None,
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for index, kind in enumerate(("cpu", "wall")):
        totals = [sum(step[index] for step in trimmed(block, index)) for block in blocks]
        reference = [sum(step[index] for step in trimmed(block, index)) for block in unwatched]
        ratios = [a / b for a, b in zip(totals, reference, strict=True)]
        result[f"{kind}_ms"] = 1e3 * statistics.median(step[index] for block in blocks for step in block)
        result[f"{kind}_ratio"] = statistics.median(ratios)
        result[f"{kind}_ratios"] = [round(ratio, 4) for ratio in ratios]
        if sample is not None:
            result[f"{kind}_ratio_with_samples"] = result[f"{kind}_ratio"] + sample["share"]
    if sample is not None:
        result["sample"] = sample
    return result


def trimmed(block: list[tuple[float, float]], index: int) -> list[tuple[float, float]]:
    """Leaves out the slowest of 50 steps but one: the one is the snapshot's, another is the machine's."""
    ordered = sorted(block, key=lambda step: step[index])
    return [*ordered[:-2], ordered[-2]]


def alone(name: str, variant: str) -> dict[str, float]:
    """Compile time and peak memory of one variant in a process of its own."""
    if variant == "enable_check_numerics":
        import tensorflow as tf

        tf.debugging.enable_check_numerics()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    runner = Runner(name, variant)
    runner.step()
    first = time.process_time() - began
    steps = [timed(runner) for _ in range(11 if name != "mlp" else 60)]
    result = {"first_step_cpu_s": first, "step_cpu_ms": 1e3 * statistics.median(step[0] for step in steps)}
    if runner.recorder is not None:
        began = time.process_time()
        runner.stepper().open_sampler()
        result["statistics_compile_cpu_s"] = time.process_time() - began
    result["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result["peak_above_start_mib"] = result["peak_mib"] - base / 1024
    return result


def child(backend: str, *args: str) -> Any:
    """Runs this script for one backend in a process of its own and returns what it printed."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, __file__, *args], env=environment, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return {"error": (done.stderr or done.stdout).strip().splitlines()[-1:]}
    return json.loads(lines[-1])


def table(results: dict[str, Any]) -> str:
    """Returns the figures as Markdown."""
    rows = [
        "| backend | model | variant | CPU ms/step | CPU ratio | wall ratio | with statistics (CPU) | "
        "first step CPU s | statistics compile CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for backend, by_model in results["backends"].items():
        for name, model in by_model.items():
            for variant in sorted({*model["interleaved"], *model["alone"]}):
                a, b = model["interleaved"].get(variant, {}), model["alone"].get(variant, {})
                cells = [
                    backend,
                    name,
                    variant,
                    number(a.get("cpu_ms", b.get("step_cpu_ms")), 2),
                    number(a.get("cpu_ratio")),
                    number(a.get("wall_ratio")),
                    number(a.get("cpu_ratio_with_samples")),
                    number(b.get("first_step_cpu_s"), 1),
                    number(b.get("statistics_compile_cpu_s"), 1),
                    number(b.get("peak_mib"), 0),
                ]
                rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def machine() -> dict[str, Any]:
    return {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--models", default="mlp,cnn,transformer")
    parser.add_argument(
        "--blocks", type=int, help="blocks of 50 steps (default: 6 for the MLP, 2 for the others)"
    )
    parser.add_argument("--json", type=Path, default=HERE / "overhead.json")
    parser.add_argument("--quick", action="store_true", help="leave out compile time and peak memory")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if args.measure:
        variants = [v for v in (*VARIANTS, "run_eagerly") if v != "run_eagerly" or args.measure == "mlp"]
        print(json.dumps(measure(args.measure, variants, args.blocks or BLOCKS[args.measure])))
        return
    if args.alone:
        print(json.dumps(alone(*args.alone)))
        return
    results: dict[str, Any] = {
        "command": " ".join(["python", "bench/overhead.py", *sys.argv[1:]]),
        "machine": machine(),
    }
    results["backends"] = {}
    for backend in args.backends.split(","):
        for name in args.models.split(","):
            extra = ["--blocks", str(args.blocks)] if args.blocks else []
            variants = (
                []
                if args.quick
                else [
                    *VARIANTS,
                    "run_eagerly",
                    *(["enable_check_numerics"] if backend == "tensorflow" else []),
                ]
            )
            results["backends"].setdefault(backend, {})[name] = {
                "interleaved": child(backend, "--measure", name, *extra),
                "alone": {variant: child(backend, "--alone", name, variant) for variant in variants},
            }
            args.json.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{backend} {name} done", file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
