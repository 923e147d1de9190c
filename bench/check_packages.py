"""What `kerascope.check` says of published packages of custom Keras code: installs them, checks their classes.

    python bench/check_packages.py --backends torch jax tensorflow
    python bench/check_packages.py --show keras-rs

The packages (without their dependencies) go into build/packages, never into the environment. Each class is checked in
an ordinary configuration with inputs that its documentation gives. Writes bench/check_packages.json, which
docs/check-packages.md judges by hand.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "packages"
OUT = ROOT / "bench" / "check_packages.json"
BACKENDS = ("torch", "tensorflow", "jax")
BUDGET = 60.0

PACKAGES: dict[str, str] = {
    "keras-rs": "0.4.0",
    "keras-mdn-layer": "1.0.0",
    "keras-efficient-kan": "0.1.10",
    "keras-geometric": "0.0.2",
    "keras-lmu": "0.9.0",
    "keras-tcn": "3.5.7",
    "ncps": "1.0.1",
}

FLAT, TIME = (3, 6), (3, 5, 4)
CASES: dict[str, list[tuple[str, str, tuple[Any, ...]]]] = {
    "keras-rs": [
        ("keras_rs.layers", "FeatureCross(projection_dim=3)", (FLAT, FLAT)),
        ("keras_rs.layers", "DotInteraction()", ([FLAT, FLAT],)),
        ("keras_rs.layers", "SamplingProbabilityCorrection()", (FLAT, "probabilities")),
        ("keras_rs.layers", "HardNegativeMining(num_hard_negatives=2)", (FLAT, "one hot")),
        ("keras_rs.losses", "PairwiseHingeLoss()", ("ranks", FLAT)),
        ("keras_rs.losses", "PairwiseLogisticLoss()", ("ranks", FLAT)),
        ("keras_rs.losses", "PairwiseMeanSquaredError()", ("ranks", FLAT)),
        ("keras_rs.losses", "PairwiseSoftZeroOneLoss()", ("ranks", FLAT)),
        ("keras_rs.losses", "ListMLELoss()", ("ranks", FLAT)),
        ("keras_rs.metrics", "MeanReciprocalRank()", ("one hot", FLAT)),
        ("keras_rs.metrics", "NDCG()", ("ranks", FLAT)),
        ("keras_rs.metrics", "DCG()", ("ranks", FLAT)),
        ("keras_rs.metrics", "RecallAtK(k=2)", ("one hot", FLAT)),
        ("keras_rs.metrics", "PrecisionAtK(k=2)", ("one hot", FLAT)),
        ("keras_rs.metrics", "MeanAveragePrecision()", ("one hot", FLAT)),
    ],
    "keras-mdn-layer": [
        ("keras_mdn_layer", "MDN(2, 3)", (FLAT,)),
        ("keras_mdn_layer", "get_mixture_loss_func(2, 3)", ("pair of 2", (3, 15))),
    ],
    "keras-efficient-kan": [
        ("keras_efficient_kan", "KANLinear(4)", (FLAT,)),
        ("keras_efficient_kan", "KANLinear(4, dropout=0.3)", (FLAT,)),
    ],
    "keras-geometric": [
        ("keras_geometric.layers.pooling.attention_pooling", "Set2Set(4)", (FLAT,)),
        ("keras_geometric.layers.pooling.attention_pooling", "AttentionPooling(4)", (FLAT,)),
        ("keras_geometric.layers.pooling.global_pooling", "GlobalPooling()", (FLAT,)),
        ("keras_geometric", "GCNConv(4)", (["nodes", "edges"],)),
        ("keras_geometric", "GINConv(4)", (["nodes", "edges"],)),
        ("keras_geometric", "SAGEConv(4)", (["nodes", "edges"],)),
        ("keras_geometric", "GATv2Conv(4)", (["nodes", "edges"],)),
    ],
    "keras-lmu": [
        ("keras_lmu", "LMU(2, 4, 5.0, keras.layers.SimpleRNNCell(3))", (TIME,)),
        ("keras_lmu", "LMUFeedforward(2, 4, 5.0, keras.layers.Dense(3))", (TIME,)),
    ],
    "keras-tcn": [("tcn", "TCN(nb_filters=4, kernel_size=2, dilations=(1, 2))", (TIME,))],
    "ncps": [
        ("ncps.keras", "CfC(4)", (TIME,)),
        ("ncps.keras", "LTC(4)", (TIME,)),
        ("ncps.keras", "CfC(4, mixed_memory=True)", (TIME,)),
        ("ncps.keras", "CfC(ncps.wirings.AutoNCP(8, 3))", (TIME,)),
    ],
}


def given(value: Any) -> Any:
    """Returns an input: a shape as it is, a name as made-up numbers of that sort."""
    import numpy as np

    random = np.random.default_rng(0)
    if isinstance(value, list):
        return [given(item) for item in value]
    if value == "one hot":
        return np.eye(6, dtype="float32")[random.integers(0, 6, 3)]
    if value == "ranks":
        return random.integers(0, 3, (3, 6)).astype("float32")
    if value == "probabilities":
        return random.uniform(0.1, 0.9, (3, 6)).astype("float32")
    if value == "pair of 2":
        return random.normal(size=(3, 2)).astype("float32")
    if value == "nodes":
        return random.normal(size=(5, 4)).astype("float32")
    if value == "edges":
        return random.integers(0, 5, (2, 7)).astype("int32")
    return value


def worker(package: str, show: bool) -> list[dict[str, Any]]:
    """Returns a row for each class of a package on this process's backend."""
    sys.path[:0] = [str(ROOT / "src"), str(FOLDER)]
    import keras

    from kerascope.api.check import checked

    rows = []
    for module, code, inputs in CASES[package]:
        row: dict[str, Any] = {"package": package, "object": code, "backend": keras.backend.backend()}
        start = time.monotonic()
        try:
            names = {**vars(importlib.import_module(module)), "keras": keras}
            if package == "ncps":
                names["ncps"] = importlib.import_module("ncps")
            subject = eval(code, names)
            made = (lambda code=code, names=names: eval(code, names)) if not callable_only(subject) else None
            found = checked(subject, tuple(map(given, inputs)), {}, make=made, budget=BUDGET, fixes=False)
        except Exception as error:
            row["not_checked"] = f"{type(error).__name__}: {str(error)[:200]}".splitlines()[0]
        else:
            row["findings"] = [(f.severity, f.kind, f.title) for f in found.findings]
            row["kept"] = sum(one.outcome == "kept" for one in found.contracts)
            if show:
                print(found, file=sys.stderr)
        row["seconds"] = round(time.monotonic() - start, 1)
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    return rows


def callable_only(subject: Any) -> bool:
    """Tells a plain function, which needs no making."""
    return type(subject).__name__ == "function"


def install() -> None:
    """Installs what is not there yet."""
    wanted = [f"{name}=={version}" for name, version in PACKAGES.items()]
    stamp = FOLDER / "installed.txt"
    if stamp.is_file() and stamp.read_text().split() == wanted:
        return
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--target",
        str(FOLDER),
    ]
    subprocess.run([*command, *wanted], check=True)
    stamp.write_text("\n".join(wanted))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES), choices=list(PACKAGES))
    parser.add_argument("--show", action="store_true", help="print the reports too")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(options.packages[0], options.show)))
        return
    install()
    rows = json.loads(OUT.read_text()) if OUT.is_file() else []
    for backend in options.backends:
        for package in options.packages:
            env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
            command = [sys.executable, __file__, "--worker", "--packages", package]
            command += ["--show"] if options.show else []
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
            rows = [r for r in rows if (r["backend"], r["package"]) != (backend, package)]
            rows += json.loads(done.stdout.strip().splitlines()[-1])
            OUT.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Returns what was found as a Markdown table, a line for each class."""
    lines = ["| package | object | backend | kept | found |", "|---|---|---|---|---|"]
    for row in rows:
        named = row.get("findings", [])
        text = ", ".join(f"{kind} ({severity})" for severity, kind, _ in named) or "-"
        text = row.get("not_checked", text)
        cells = [row["package"], f"`{row['object']}`", row["backend"], row.get("kept", ""), text]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
