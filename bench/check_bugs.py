"""How many bugs `check` finds, and what it says of sound objects: the table behind the documentation.

    python bench/check_bugs.py                          every backend, writes bench/check_bugs.json
    python bench/check_bugs.py --backends torch --half fresh
    python bench/check_bugs.py --table                  the table of what was measured last, for docs/check-bugs.md

A bug counts as found when a contract that it breaks is named with a fault or a warning. Its sound twin must have no
finding worse than a note. The half that is held out was not run while the contracts were written; the fresh one was
written afterwards, and not run before the contracts had stood still; so was that of people, a third one.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SUITE = ROOT / "tests" / "check"
BACKENDS = ("torch", "tensorflow", "jax")
HALVES = (
    "tuned",
    "held-out",
    "fresh",
    "people",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "own",
)
_WORDS = {True: "found", False: "MISSED", None: "sound only"}
OWN_FILES = {f"bugs_{half}": half for half in HALVES[2:]}


def measure(halves: list[str], suites: list[str]) -> list[dict[str, Any]]:
    """Returns a row for each bug that shows on this process's backend."""
    sys.path[:0] = [str(ROOT / "src"), str(SUITE)]
    import keras

    from kerascope.api.check import check

    backend = keras.backend.backend()
    rows = []
    for file in sorted(SUITE.glob("bugs_*.py")):
        module = importlib.import_module(file.stem)
        for name, bug in {**getattr(module, "BUGS", {}), **getattr(module, "SOUND", {})}.items():
            half = OWN_FILES.get(file.stem, "held-out" if bug.held_out else "tuned")
            if file.stem.removeprefix("bugs_") not in suites and suites:
                continue
            if backend not in bug.backends or half not in halves:
                continue
            row: dict[str, Any] = {"suite": file.stem, "name": name, "half": half, "backend": backend}
            start = time.monotonic()
            found = []
            if bug.broken is not None:
                found = check(bug.broken(), *bug.inputs(), fixes=False, **bug.options).findings
            row["seconds"] = round(time.monotonic() - start, 2)
            row["named"] = sorted({f.kind for f in found if f.severity != "note"})
            row["found"] = bool(set(row["named"]) & bug.contracts) if bug.broken is not None else None
            sound = check(bug.sound(), *bug.inputs(), fixes=False, **bug.options).findings
            row["false_faults"] = sorted({f.kind for f in sound if f.severity == "fault"})
            row["false_warnings"] = sorted({f.kind for f in sound if f.severity == "warning"})
            row["internal"] = sum(f.kind == "kerascope-internal" for f in (*found, *sound))
            rows.append(row)
            print(f"{backend} {file.stem} {name}: {_WORDS[row['found']]}", file=sys.stderr)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Returns the rows as a Markdown table, one line per backend, half and suite."""
    lines = [
        "| backend | half | suite | bugs | found | sound objects | with a false fault | a false warning | median s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    keys = sorted({(row["backend"], row["half"], row["suite"]) for row in rows})
    for backend, half, suite in keys:
        some = [r for r in rows if (r["backend"], r["half"], r["suite"]) == (backend, half, suite)]
        cells = [
            backend,
            half,
            suite.removeprefix("bugs_"),
            sum(row["found"] is not None for row in some),
            sum(bool(row["found"]) for row in some),
            len(some),
            sum(bool(row["false_faults"]) for row in some),
            sum(bool(row["false_warnings"]) for row in some),
            f"{statistics.median(row['seconds'] for row in some if row['found'] is not None):.2f}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _kept(path: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Returns the rows of earlier runs that this one does not measure anew."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    suites = {f"bugs_{suite}" for suite in options.suites}

    def again(row: dict[str, Any]) -> bool:
        named = not suites or row["suite"] in suites
        return row["backend"] in options.backends and row["half"] in options.half and named

    return [row for row in rows if not again(row)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", nargs="+", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--half", nargs="+", default=list(HALVES), choices=HALVES)
    parser.add_argument(
        "--suites", nargs="*", default=[], help="such as losses metrics; all when none is named"
    )
    parser.add_argument("--out", default=str(ROOT / "bench" / "check_bugs.json"))
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table of --out")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options.half, options.suites)))
        return 0
    if options.table:
        print(table(json.loads(Path(options.out).read_text(encoding="utf-8"))))
        return 0
    rows = _kept(Path(options.out), options)
    for backend in options.backends:
        env = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, __file__, "--worker", "--half", *options.half, "--suites", *options.suites]
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
        rows += json.loads(done.stdout.strip().splitlines()[-1])
    Path(options.out).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    for row in rows:
        if row["found"] is False or row["false_faults"] or row["false_warnings"]:
            print(
                f"{row['backend']} {row['name']}: {row['named']}; sound: {row['false_faults'] + row['false_warnings']}"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
