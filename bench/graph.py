"""What looking at a model costs: graph, summary and pictures, beside Keras's own, torchinfo and torchview.

    python bench/graph.py                      all backends, writes bench/graph.json
    python bench/graph.py --backends torch
    python bench/graph.py --applications       every model of keras.applications: calls, shapes and parameters checked
    python bench/graph.py --applications ResNet50 VGG16 --backends jax        these; the other rows stay as they were

Each measurement is the median of three in a process that has drawn one small picture before: CPU time, and wall time,
which says little on a machine with other work. The model has 1,000 operations: dense layers, normalisations and
additions. Other tools are measured once, each in a process of its own: Keras's plot_model needs pydot and Graphviz's
`dot`, torchview needs `dot`; what is missing is said in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
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
    """Returns the median CPU time (with that of programs it starts) and wall time of an action in seconds."""
    cpu, wall = [], []
    for _ in range(repeats):
        start = cpu_time(), time.perf_counter()
        action()
        cpu.append(cpu_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return {"cpu": round(statistics.median(cpu), 3), "wall": round(statistics.median(wall), 3)}


def cpu_time() -> float:
    return sum(os.times()[:4])


def measure() -> dict:
    """Measures on the backend of this process."""
    import kerascope

    folder = tempfile.mkdtemp()
    kerascope.plot(build(10)).to_svg()
    model = build(OPERATIONS)
    assert len(model.operations) == OPERATIONS
    made = kerascope.summary(model)
    assert made.parameters == model.count_params()
    # The model is a loop, so that it is drawn as one block; `collapse=False` draws every operation.
    every = {"collapse": False, "overwrite": True}
    seconds = {
        "graph + summary": median(lambda: repr(kerascope.summary(model, collapse=False))),
        "svg": median(lambda: kerascope.plot(model, f"{folder}/m.svg", **every)),
        "html": median(lambda: kerascope.plot(model, f"{folder}/m.html", **every)),
        "svg, repeats counted": median(lambda: kerascope.plot(model, f"{folder}/n.svg", overwrite=True)),
        "keras summary": median(lambda: model.summary(print_fn=lambda text: None)),
    }
    return {"seconds": seconds, "html bytes": Path(f"{folder}/m.html").stat().st_size, "failed": {}}


def plot_model(model):
    import keras

    with tempfile.TemporaryDirectory() as folder:
        keras.utils.plot_model(model, f"{folder}/m.svg", show_shapes=True)
        if not Path(f"{folder}/m.svg").exists():  # without its tools it prints a line and goes on
            raise RuntimeError("wrote nothing")


def torchinfo(model):
    from torchinfo import summary

    return str(summary(model, input_size=(1, 16), verbose=0))


def torchview(model):
    from torchview import draw_graph

    return draw_graph(model, input_size=(1, 16), device="cpu").visual_graph.pipe("svg")


TOOLS = {"keras plot_model": plot_model, "torchinfo": torchinfo, "torchview (with drawing)": torchview}
PATIENCE = 180


def other_tools(backend: str, env: dict[str, str]) -> tuple[dict[str, dict], dict[str, str]]:
    """Measures other tools, each once in a process of its own; returns times and what went wrong."""
    seconds, failed = {}, {}
    for name in (
        TOOLS if backend == "torch" else ()
    ):  # two are for torch, and plot_model is the same on each backend
        command = [sys.executable, __file__, "--one", backend, "--tool", name]
        process = subprocess.Popen(
            command,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            failed[name] = f"not done after {PATIENCE} s"
            continue
        if process.returncode:
            failed[name] = err.strip().splitlines()[-1][:150]
        else:
            seconds[name] = json.loads(out.splitlines()[-1])
    return seconds, failed


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


def kept_rows(file: Path, rows: list[dict]) -> list[dict]:
    """Writes rows over those of the same backend and model in `file`; returns all rows of the file."""
    old = json.loads(file.read_text()) if file.exists() else []
    all_rows = {(row["backend"], row["model"]): row for row in [*old, *rows]}
    made = [all_rows[key] for key in sorted(all_rows)]
    file.write_text(json.dumps(made, indent=1) + "\n")
    return made


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
    parser.add_argument("--tool", choices=list(TOOLS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tool:
        model = build(OPERATIONS)
        print(json.dumps(median(lambda: TOOLS[args.tool](model), 1)))
        return
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
            seconds, results[backend]["failed"] = other_tools(backend, env)
            results[backend]["seconds"] |= seconds
    if args.applications is None:
        facts = {"command": "python bench/graph.py", "operations": OPERATIONS, "cpus": os.cpu_count()}
        file = HERE / "graph.json"
        results = {**(json.loads(file.read_text())["results"] if file.exists() else {}), **results}
        file.write_text(json.dumps({**facts, "results": results}, indent=1) + "\n")
        print(table(results))
    else:
        rows = kept_rows(HERE / "applications.json", [row for rows in results.values() for row in rows])
        for backend in BACKENDS:
            mine = [row for row in rows if row["backend"] == backend]
            seen = [row for row in mine if "calls" in row]
            bad = [row["model"] for row in seen if row["shapes that differ"] or not row["parameters agree"]]
            refused = [row["model"] for row in mine if "calls" not in row]
            print(f"{backend}: {len(seen)} models, {len(bad)} with a difference {bad or ''}")
            print(f"    Keras itself does not build {', '.join(refused)}" if refused else "")


if __name__ == "__main__":
    main()
