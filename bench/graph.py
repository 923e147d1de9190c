"""What looking at a model costs: graph, summary and pictures, beside Keras's own, torchinfo and torchview.

    python bench/graph.py                      all backends, writes bench/graph.json
    python bench/graph.py --backends torch
    python bench/graph.py --applications       every model of keras.applications: calls, shapes and parameters checked

Each measurement is the median of three in a process that has drawn one small picture before: CPU time, and wall time,
which says little on a machine with other work. The model has 1,000
operations: dense layers, normalisations and additions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BACKENDS = ("jax", "tensorflow", "torch")
OPERATIONS = 1000
LIMITS = {"graph + summary": 1.0, "svg": 2.0, "html": 3.0}


def build(operations: int):
    """Returns a functional model with as many operations, every third an addition."""
    from keras import Input, Model, layers

    x = y = Input((16,), name="x")
    before = y
    for index in range(1, operations):
        if index % 3 == 1:
            y = layers.Dense(16, name=f"dense{index}", kernel_initializer="zeros")(before)
        elif index % 3 == 2:
            y = layers.LayerNormalization(name=f"norm{index}")(y)
        else:
            before = y = layers.Add(name=f"add{index}")([before, y])
    return Model(x, y, name="thousand")


def median(action, repeats: int = 3) -> dict[str, float]:
    """Returns the median CPU time and wall time of an action in seconds."""
    cpu, wall = [], []
    for _ in range(repeats):
        start = time.process_time(), time.perf_counter()
        action()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return {"cpu": round(statistics.median(cpu), 3), "wall": round(statistics.median(wall), 3)}


def measure() -> dict:
    """Measures on the backend of this process."""
    import keras

    import kerascope

    folder = tempfile.mkdtemp()
    kerascope.plot(build(10)).to_svg()
    model = build(OPERATIONS)
    assert len(model.operations) == OPERATIONS
    made = kerascope.summary(model)
    assert made.parameters == model.count_params()
    seconds = {
        "graph + summary": median(lambda: repr(kerascope.summary(model))),
        "svg": median(lambda: kerascope.plot(model, f"{folder}/m.svg", overwrite=True)),
        "html": median(lambda: kerascope.plot(model, f"{folder}/m.html", overwrite=True)),
        "keras summary": median(lambda: model.summary(print_fn=lambda text: None)),
    }
    result = {"seconds": seconds, "html bytes": Path(f"{folder}/m.html").stat().st_size, "failed": {}}
    others = {"keras plot_model": lambda: keras.utils.plot_model(model, f"{folder}/keras.svg")}
    if keras.backend.backend() == "torch":
        others |= {
            "torchinfo": lambda: torchinfo(model),
            "torchview (with drawing)": lambda: torchview(model),
        }
    for name, action in others.items():
        try:
            seconds[name] = median(action, 1)
        except BaseException as error:  # what another tool does here is a result
            result["failed"][name] = (
                f"{type(error).__name__}: {str(error).splitlines()[0][:150] if str(error) else ''}"
            )
    return result


def torchinfo(model):
    from torchinfo import summary

    return str(summary(model, input_size=(1, 16), verbose=0))


def torchview(model):
    from torchview import draw_graph

    return draw_graph(model, input_size=(1, 16), device="cpu").visual_graph.pipe("svg")


def applications(names: list[str]) -> list[dict]:
    """Compares every model of keras.applications with what Keras says of it."""
    import keras

    import kerascope

    rows = []
    for name in names or sorted(n for n in dir(keras.applications) if n[0].isupper()):
        row = {"model": name, "backend": keras.backend.backend()}
        try:
            model = getattr(keras.applications, name)(weights=None)
        except Exception as error:
            rows.append({**row, "not built by Keras": f"{type(error).__name__}: {error}"[:120]})
            continue
        start = time.perf_counter()
        made = kerascope.summary(model)
        row["seconds"] = round(time.perf_counter() - start, 3)
        calls = {call.path: call for call in made.graph.calls}
        wrong = [
            operation.name
            for operation in model.operations
            if operation.name not in calls
            or calls[operation.name].outputs[0].shape != ("B", *operation.output.shape[1:])
        ]
        row |= {
            "operations": len(model.operations),
            "calls": len(calls),
            "parameters": made.parameters,
            "parameters agree": made.parameters == model.count_params(),
            "shapes that differ": len(wrong),
            "multiply-adds": made.totals["macs"],
            "picture": len(kerascope.plot(model).to_svg()) > 1000,
        }
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
        del model, made
        keras.backend.clear_session()
    return rows


def table(results: dict) -> str:
    """Returns the measurements as a Markdown table."""
    names = list(dict.fromkeys(name for r in results.values() for name in [*r["seconds"], *r["failed"]]))
    lines = [
        "| CPU seconds (wall) | " + " | ".join(results) + " | limit |",
        "|---|" + "---|" * (len(results) + 1),
    ]
    for name in names:
        cells = []
        for r in results.values():
            seconds = r["seconds"].get(name)
            failed = r["failed"].get(name)
            cells.append(
                f"{seconds['cpu']:.2f} ({seconds['wall']:.2f})" if seconds is not None else failed or ""
            )
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {LIMITS.get(name, '')} |")
    sizes = " | ".join(f"{r['html bytes'] / 1e6:.2f} MB" for r in results.values())
    return "\n".join([*lines, f"| size of html | {sizes} | 2 MB |"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument(
        "--applications", nargs="*", metavar="NAME", help="every model of keras.applications, or these"
    )
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure() if args.applications is None else applications(args.applications)))
        return
    results = {}
    for backend in args.backends.split(","):
        command = [sys.executable, __file__, "--one", backend]
        if args.applications is not None:
            command += ["--applications", *args.applications]
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        results[backend] = json.loads(done.stdout.splitlines()[-1])
    if args.applications is None:
        facts = {"command": "python bench/graph.py", "operations": OPERATIONS, "cpus": os.cpu_count()}
        (HERE / "graph.json").write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")
        print(table(results))
    else:
        rows = [row for rows in results.values() for row in rows]
        (HERE / "applications.json").write_text(json.dumps(rows, indent=1) + "\n")
        bad = [r for r in rows if r.get("shapes that differ") or r.get("parameters agree") is False]
        print(f"{len(rows)} models, {len(bad)} with a difference")


if __name__ == "__main__":
    main()
