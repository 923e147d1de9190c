"""What the report says of programs that break: line, operand, rows and a change that mends it. Prints a table.

    KERAS_BACKEND=torch python bench/replay_faults.py [--half 0|1 | --once] [--peer [terminate]] [--json FILE] [NAME]

With --peer the same programs run under what the backend itself offers instead: `enable_check_numerics`,
`jax_debug_nans` or anomaly mode, with "terminate" under Keras's `TerminateOnNaN`; counted is whether it says anything,
whether what it prints names the line at all, and how many lines that is.
Half 0 holds every second program, by which the mechanism was built; half 1 was kept aside meanwhile. With --once others
are run, which were written when both halves had been used.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from replay_cases import CASES, HEALTHY, PRELUDE, SEEN_ONCE, SEEN_ONCE_HEALTHY

MARK = re.compile(r"#\s*(BORN|DATA)\s+(.*?)\s*\|\s*(.*?)\s*$|#\s*(AWAY)\s*$")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--once", action="store_true", help="those that were run once before mending")
    parser.add_argument("--json")
    parser.add_argument("--show", action="store_true", help="print the reports too")
    parser.add_argument(
        "--peer",
        nargs="?",
        const="backend",
        choices=("backend", "terminate"),
        help="run under the backend's own tool, or under TerminateOnNaN, instead",
    )
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.once:
        for cases, others in ((CASES, SEEN_ONCE), (HEALTHY, SEEN_ONCE_HEALTHY)):
            cases.clear()
            cases.update(others)
    names = options.names or [n for i, n in enumerate(CASES) if options.half in (None, i % 2)]
    if options.peer:
        return peers(names, options.peer)
    rows = [run(name, CASES[name], options.show) for name in names]
    if not options.names:
        rows += [run(name, text, options.show) for name, text in HEALTHY.items()]
    for row in rows:
        print(
            f"{row['case']:20} "
            + "  ".join(f"{k} {_mark(row[k])}" for k in COLUMNS)
            + f"   {row['said'][:110]}"
        )
    for column in COLUMNS:
        known = [row[column] for row in rows if row[column] is not None]
        print(f"{column}: {sum(known)} of {len(known)}")
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1))
    return 0


COLUMNS = ("line", "operand", "rows", "fix", "quiet")


def _mark(value: bool | None) -> str:
    return {True: "yes", False: "NO ", None: "-  "}[value]


def run(name: str, text: str, show: bool = False) -> dict[str, Any]:
    """Runs one program watched, in this process, and compares what the report says with its marks."""
    import keras

    import kerascope

    keras.backend.clear_session()
    source = PRELUDE + text
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, f"{name}.py")
    Path(path).write_text(source)
    began = time.perf_counter()
    space: dict[str, Any] = {"__name__": f"case_{name}", "__file__": path}
    sys.modules[space["__name__"]] = module = type(sys)(space["__name__"])
    module.__dict__.update(space)
    with (
        kerascope.watch(out=os.path.join(folder, "run.kscope"), every=0) as watching,
        contextlib.redirect_stderr(io.StringIO()),
    ):
        exec(compile(source, path, "exec"), module.__dict__)
    report = watching.report
    if show:
        print(report and watching)
    return judged(name, source, report, time.perf_counter() - began)


def peers(names: list[str], which: str) -> int:
    """Runs the programs under another tool and prints whether it names the line."""
    import keras

    own = {"tensorflow": _check_numerics, "jax": _debug_nans, "torch": _anomalies}[keras.backend.backend()]
    tool = (_terminate if which == "terminate" else own)()
    told = named = lines = count = 0
    for name in names:
        found = [
            (n, m)
            for n, text in enumerate((PRELUDE + CASES[name]).splitlines(), 1)
            if (m := MARK.search(text))
        ]
        if not found or found[0][1][1] != "BORN":
            continue
        said = _said_by_peer(name)
        speaks = re.search(r"nan|inf|non-finite|invalid", said, re.IGNORECASE) is not None
        hit = re.search(rf'{name}\.py", line {found[0][0]}\b|{name}\.py:{found[0][0]}\b', said) is not None
        told, named, count = told + speaks, named + hit, count + 1
        lines += said.count("\n")
        last = "".join(said.strip().splitlines()[-1:])
        print(
            f"{name:20} told {_mark(speaks)}  line {_mark(hit)}  {said.count(chr(10)):4} lines   {last[:100]}"
        )
    print(
        f"{tool}: told {told} of {count}, line {named} of {count}, {lines / max(count, 1):.0f} lines on average"
    )
    return 0


def _said_by_peer(name: str) -> str:
    import traceback

    import keras

    keras.backend.clear_session()
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, f"{name}.py")
    source = PRELUDE + CASES[name]
    Path(path).write_text(source)
    sys.modules[f"case_{name}"] = module = type(sys)(f"case_{name}")
    module.__dict__["__file__"] = path
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            exec(compile(source, path, "exec"), module.__dict__)
        except Exception:
            traceback.print_exc(file=said)
    return said.getvalue()


def _check_numerics() -> str:
    import tensorflow as tf

    tf.debugging.enable_check_numerics()
    return "enable_check_numerics"


def _debug_nans() -> str:
    import jax

    jax.config.update("jax_debug_nans", True)
    return "jax_debug_nans"


def _anomalies() -> str:
    import torch

    torch.autograd.set_detect_anomaly(True)
    return "anomaly mode"


def _terminate() -> str:
    import keras

    fit = keras.Model.fit

    def stopping(self: Any, *args: Any, **kwargs: Any) -> Any:
        return fit(self, *args, **kwargs, callbacks=[keras.callbacks.TerminateOnNaN()])

    keras.Model.fit = stopping
    return "TerminateOnNaN"


def judged(name: str, source: str, report: Any, seconds: float) -> dict[str, Any]:
    told = [f for f in report.findings if f.kind in ("nan-operation", "nan-loss") and "not finite" in f.title]
    finding = next(iter(told), None)
    # What follows from another cause stands under it, as evidence.
    below = [str(e.value) for f in report.findings for e in f.evidence if e.label == "with it: nan-loss"]
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"case": name, "seconds": round(seconds, 1), "said": finding.title if finding else "".join(below)}
    internal = [f.explanation for f in report.findings if f.kind == "kerascope-internal"]
    if internal:
        row["said"] = f"INTERNAL {internal[0]}"
    found = [(n, m) for n, line in enumerate(source.splitlines(), 1) if (m := MARK.search(line))]
    if not found:
        row["quiet"] = not row["said"]
        return row
    line, mark = found[0]
    row["fix"] = bool(finding and any(fix.verified for fix in finding.fixes))
    if mark[4]:
        row["line"] = "ran away" in row["said"]
        row["fix"] = None if finding is None else row["fix"]
        return row
    kind, operand, rows = mark[1], mark[2], mark[3]
    title = row["said"]
    if kind == "DATA":
        row["fix"] = None
        row["operand"] = f"`{operand}` itself is not finite" in title
    else:
        row["line"] = finding is not None and finding.location.line == line
        row["operand"] = f"`{' '.join(operand.split())}` is " in title
    if rows != "-":
        row["rows"] = re.search(rf" in rows? {rows} ", title) is not None
    return row


if __name__ == "__main__":
    raise SystemExit(main())
