"""What a trace costs: traced and untraced runs side by side in one process, and two other tracers on the same code.

    python bench/trace.py [--backends jax,tensorflow,torch] [--case NAME] [--quick] [--json FILE]

For each case a block of runs without a trace stands beside a block with one, in turns and random order; the ratio
is the CPU time (and the wall time) of a block over that of the plain block beside it, median over the pairs. `plain 2`
is a second plain block: the noise floor. A block is as many runs as take about a quarter of a second. `enter` and
`leave` are the CPU seconds of putting the trace in place and away, median; the first time compiles the file, which
`first enter` holds. Peers are measured on fewer runs a block, as some of them are slow. The table in
docs/trace-cost.md is made by this script.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import io
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BACKENDS = ("jax", "tensorflow", "torch")
CASES = (
    "antirectifier (2, 5)",
    "antirectifier (256, 512)",
    "transformer block (16, 64, 128)",
    "eager fit, own train_step",
)
VARIANTS = ("plain 2", "shapes", "statistics", "snoop", "TensorSensor clarify", "TensorSensor explain")


def clock() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def since(start: tuple[float, float]) -> tuple[float, float]:
    return time.process_time() - start[0], time.perf_counter() - start[1]


@contextlib.contextmanager
def variant(name: str, costs: dict[str, list[float]]) -> Iterator[None]:
    """Puts one way of tracing in place."""
    if name.startswith("plain"):
        yield
    elif name in ("shapes", "statistics"):
        from kerascope.probe.lines.session import recording

        context = recording(statistics=name == "statistics")
        start = clock()
        context.__enter__()
        costs["enter"].append(since(start)[0])
        yield
        start = clock()
        context.__exit__(None, None, None)
        costs["leave"].append(since(start)[0])
    else:
        with peer(name):
            yield


@contextlib.contextmanager
def peer(name: str) -> Iterator[None]:
    """Puts another tracer on the functions of the cases."""
    import trace_cases

    kept = [(cls, method, vars(cls)[method]) for cls, method in trace_cases.METHODS]
    if name == "snoop":
        snoop = importlib.import_module("snoop").Config(out=io.StringIO(), color=False).snoop
        wrap: Callable[..., Any] = snoop()
    else:
        sensor = importlib.import_module("tsensor")
        wrap = functools.partial(within, getattr(sensor, name.split()[1]))
    for cls, method, function in kept:
        setattr(cls, method, wrap(function))
    try:
        yield
    finally:
        for cls, method, function in kept:
            setattr(cls, method, function)


def within(context: Any, function: Any) -> Any:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return run


def block(run: Any, times: int) -> tuple[float, float]:
    start = clock()
    for _ in range(times):
        run()
    return since(start)


def measure(case: str, pairs: int) -> dict[str, Any]:
    """Measures all variants of one case; a variant that does not run is said to."""
    import trace_cases

    run = trace_cases.CASES[case]()
    for _ in range(3):
        run()
    times = max(1, round(0.25 / max(block(run, 3)[1] / 3, 1e-6)))
    costs: dict[str, list[float]] = {"enter": [], "leave": []}
    ratios: dict[str, list[tuple[float, float]]] = {}
    failed: dict[str, str] = {}
    with variant("shapes", costs):
        run()
    first = costs["enter"][0]
    costs = {"enter": [], "leave": []}
    seconds = []
    order = random.Random(0)
    for _ in range(pairs):
        for name in order.sample(VARIANTS, len(VARIANTS)):
            if name in failed:
                continue
            few = times if name in ("plain 2", "shapes", "statistics") else max(1, times // 20)
            try:
                measured = pair(run, name, few, costs, order)
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
                continue
            ratios.setdefault(name, []).append(measured[0])
            seconds.append(measured[1])
    return {
        "ms": 1e3 * statistics.median(seconds),
        "runs_per_block": times,
        "ratios": {name: summary(values) for name, values in ratios.items()},
        "failed": failed,
        "enter_s": statistics.median(costs["enter"]),
        "leave_s": statistics.median(costs["leave"]),
        "first_enter_s": first,
    }


def pair(
    run: Any, name: str, times: int, costs: dict[str, list[float]], order: random.Random
) -> tuple[tuple[float, float], float]:
    """Measures a plain block and one of a variant; returns the ratios and the seconds of a plain run."""

    def traced() -> tuple[float, float]:
        with variant(name, costs):
            return block(run, times)

    if order.random() < 0.5:
        plain, other = block(run, times), traced()
    else:
        other, plain = traced(), block(run, times)
    return (other[0] / plain[0], other[1] / plain[1]), plain[0] / times


def summary(values: list[tuple[float, float]]) -> dict[str, Any]:
    return {
        "cpu": statistics.median(value[0] for value in values),
        "wall": statistics.median(value[1] for value in values),
        "cpu_all": [round(value[0], 3) for value in values],
    }


def child(backend: str, case: str, pairs: int) -> Any:
    """Measures one case in a process of its own, with one thread for the backend."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    command = [sys.executable, __file__, "--measure", case, "--pairs", str(pairs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        return {"error": (done.stderr or done.stdout).strip().splitlines()[-1:]}
    return json.loads(lines[-1])


def table(results: dict[str, Any]) -> str:
    """Returns the figures as Markdown."""
    rows = [
        "| backend | case | ms | " + " | ".join(VARIANTS) + " | first enter s | enter s | leave s |",
        "|---" * (len(VARIANTS) + 6) + "|",
    ]
    for backend, cases in results["backends"].items():
        for case, found in cases.items():
            if "error" in found:
                rows.append(f"| {backend} | {case} | failed: {found['error']} |")
                continue
            cells = [backend, case, f"{found['ms']:.2f}"]
            for name in VARIANTS:
                ratio = found["ratios"].get(name)
                cells.append(
                    f"{ratio['cpu']:.2f}" if ratio and name not in found["failed"] else "does not run"
                )
            cells += [f"{found[key]:.2f}" for key in ("first_enter_s", "enter_s", "leave_s")]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--case", default="", help="only cases whose name holds this")
    parser.add_argument("--quick", action="store_true", help="three pairs of blocks instead of nine")
    parser.add_argument("--json", type=Path, default=HERE / "trace.json")
    parser.add_argument("--pairs", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if args.measure:
        print(json.dumps(measure(args.measure, args.pairs)))
        return
    pairs = args.pairs or (3 if args.quick else 9)
    results: dict[str, Any] = {
        "command": " ".join(["python", "bench/trace.py", *sys.argv[1:]]),
        "machine": {
            "platform": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load_before": os.getloadavg()[0],
        },
        "backends": {},
    }
    for backend in args.backends.split(","):
        for case in CASES:
            if args.case not in case:
                continue
            results["backends"].setdefault(backend, {})[case] = child(backend, case, pairs)
            print(f"{backend} {case} done", file=sys.stderr, flush=True)
            results["machine"]["load_after"] = os.getloadavg()[0]
            args.json.write_text(json.dumps(results, indent=1) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
