"""Slow programs with a known bottleneck and their repaired twins: verdict, culprit, predicted and measured gain.

    python bench/profile_cases.py [--backends jax,tensorflow,torch] [--files NAMES] [--only TEXT] [--json FILE]

Each backend runs in a process of its own. `kerascope.profile` is called on both twins; a row is right when the first
finding of the slow one has the kind and the place that the case names. The measured gain is the training time per
sample of the slow program over its twin's in plain `fit`, without kerascope, with models that have trained once before:
from the end of the first step, as what `fit` takes to begin does not grow with the training, to `on_train_end` (where
the bottleneck is compiling: new models, from `on_train_begin`). A gain that the profile only
bounds ("at most": what is left when the cause costs nothing) stands as "<= 4.1"; such a bound holds when the measured
gain is at most a quarter above it.
A twin must get no finding. The table in docs/profile-cases.md is what this prints.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BACKENDS = ("jax", "tensorflow", "torch")
FILES = (
    "profile_programs",
    "profile_fresh",
    "profile_blind",
    "profile_blind2",
    "profile_blind3",
    "profile_blind4",
)


def profiled(program: Any) -> Any:
    import kerascope

    out = Path(tempfile.mkdtemp()) / "case.kscope"
    return kerascope.profile(program.model, program.x, program.y, out=out, **program.fit).report


def right_place(finding: Any, culprit: str, programs: Any) -> bool:
    where = finding.location
    if culprit.startswith("="):
        text = f"{where.expression} {where.layer} {where.file}"
        return culprit[1:] in text
    if Path(where.file or "").resolve() != Path(programs.__file__).resolve():
        return False
    spans = [inspect.getsourcelines(getattr(programs, name)) for name in culprit.split("|")]
    return any(first <= (where.line or 0) < first + len(lines) for lines, first in spans)


def plain_times(case: Any, rounds: int = 3) -> tuple[float, float]:
    """Seconds per sample of plain `fit`, without kerascope, slow program and twin in turns: the least of some rounds,
    which other work on the machine has lengthened least."""
    import keras

    fresh = case.kind == "recompilation"  # a model that has trained once is compiled

    class Span(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.began: float | None = time.perf_counter() if fresh else None
            self.steps = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.began is None:
                self.began = time.perf_counter()
            else:
                self.steps += 1

        def on_train_end(self, logs: Any = None) -> None:
            self.seconds = time.perf_counter() - self.began

    times: dict[bool, list[float]] = {False: [], True: []}
    models: dict[bool, Any] = {}
    for number in range(rounds + (not fresh)):
        for twin in (False, True):
            program = (case.fixed if twin else case.slow)()
            model = program.model if fresh else models.setdefault(twin, program.model)
            span = Span()
            settings = {**program.fit, "callbacks": [*program.fit.get("callbacks", ()), span]}
            model.fit(program.x, program.y, **settings)
            if fresh or number:
                times[twin].append(span.seconds / span.steps / program.samples)
    return min(times[False]), min(times[True])


def predicted(finding: Any) -> tuple[float | None, bool]:
    """The gain, and whether it is only a bound."""
    for item in finding.evidence:
        if item.label.startswith("without it"):
            return float(str(item.value).split()[0]), item.label.endswith("at most")
    return None, False


def run(names: list[str]) -> None:
    """Runs the cases of this process's backend; prints one JSON object per case."""
    import keras

    backend = keras.backend.backend()
    cases = [
        (file, case) for file in FILES for case in importlib.import_module(file).CASES if case.name in names
    ]
    for file, case in cases:
        programs = importlib.import_module(file)
        if backend not in case.backends:
            continue
        row: dict[str, Any] = {
            "case": case.name,
            "file": file,
            "backend": backend,
            "expected": case.kind,
        }
        try:
            slow, fixed = case.slow(), case.fixed()
            report, twin = profiled(slow), profiled(fixed)
            found = [finding for finding in report.findings if finding.severity != "note"]
            first = found[0] if found else None
            expected, bound = predicted(first) if first else (None, False)
            row |= {
                "found": first.kind if first else None,
                "all": [finding.kind for finding in found],
                "place": f"{Path(first.location.file or '').name}:{first.location.line} {first.location.expression}"
                if first
                else None,
                "verdict": bool(first and first.kind == case.kind),
                "culprit": bool(
                    first and first.kind == case.kind and right_place(first, case.culprit, programs)
                ),
                "twin": [f"{f.kind}: {f.title}" for f in twin.findings if f.severity != "note"],
                "notes": [f.explanation for f in (*report.findings, *twin.findings) if f.severity == "note"],
                "predicted": expected,
                "bound": bound,
                "headline": report.headline,
                "accounted": sum(p.share for p in report.profile.phases),
                "other": next((p.share for p in report.profile.phases if p.label == "Keras's own loop"), 0.0),
            }
            if case.gain:
                before, after = plain_times(case)
                row["measured"] = before / after
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"
        print("ROW " + json.dumps(row), flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| program | backend | verdict | culprit | predicted gain | measured gain | twin silent |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['case']} | {row['backend']} | failed: {row['error'][:60]} | | | | |")
            continue
        verdict = row["found"] or "none"
        verdict += "" if row["verdict"] else f" (not {row['expected']})"
        gains = [f"{row[k]:.1f}" if row.get(k) else "-" for k in ("predicted", "measured")]
        gains[0] = "<= " * bool(row.get("bound")) + gains[0]
        place = "right" if row["culprit"] else "wrong"
        twin = "no: " + "; ".join(row["twin"])[:80] if row["twin"] else "yes"
        cells = [f"{row['case']}", row["backend"], verdict, place, *gains, twin]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *sums(rows)])


def sums(rows: list[dict[str, Any]]) -> list[str]:
    out = []
    groups = sorted({(row["file"], row["backend"]) for row in rows})
    for file, backend in groups:
        part = [row for row in rows if (row["file"], row["backend"]) == (file, backend)]
        good = sum(bool(row.get("verdict")) for row in part)
        places = sum(bool(row.get("culprit")) for row in part)
        silent = sum(not row.get("twin", ["failed"]) for row in part)
        both = [row for row in part if row.get("predicted") and row.get("measured") and row.get("verdict")]
        near = sum(abs(row["predicted"] / row["measured"] - 1) <= 0.25 for row in both)
        bounds = [row for row in both if row.get("bound")]
        held = sum(row["measured"] <= 1.25 * row["predicted"] for row in bounds)
        out.append(
            f"{file} on {backend}: verdict {good} of {len(part)}, culprit {places} of {len(part)}, "
            f"twins silent {silent} of {len(part)}, "
            f"predicted gain within 25 % of the measured one {near} of {len(both)}; "
            f"bounds that hold {held} of {len(bounds)}."
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--files", default=",".join(FILES), help="only the programs of these files")
    parser.add_argument("--only", default="", help="only cases whose name contains this; | between several")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--resume", action="store_true", help="leave out what the JSON file holds already")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = [
        name
        for file in options.files.split(",")
        for name in listed(file)
        if any(text in name for text in options.only.split("|"))
    ]
    if options.run:
        return run(json.loads(options.run))
    rows: list[dict[str, Any]] = []
    if options.resume and options.json and Path(options.json).exists():
        rows = json.loads(Path(options.json).read_text())
    for backend in options.backends.split(","):
        done = [row["case"] for row in rows if row["backend"] == backend]
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [
            sys.executable,
            __file__,
            *sys.argv[1:],
            "--run",
            json.dumps([n for n in names if n not in done]),
        ]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("ROW "):
                    rows.append(json.loads(line[4:]))
                    print(f"{rows[-1]['case']} on {backend}", file=sys.stderr, flush=True)
                    if options.json:
                        Path(options.json).write_text(json.dumps(rows, indent=1))
    print(table(rows))


def listed(file: str) -> list[str]:
    """Names of a file's cases without importing Keras."""
    import ast

    calls = [
        node
        for node in ast.walk(ast.parse((HERE / f"{file}.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Case"
    ]
    return [call.args[0].value for call in sorted(calls, key=lambda call: call.lineno)]  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
