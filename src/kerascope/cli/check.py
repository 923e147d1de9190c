"""`kerascope check`: test an object on its own, or every Keras object of a file or package."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING

from kerascope.errors import UsageError

if TYPE_CHECKING:
    from kerascope.api.check import Check
    from kerascope.api.checking import Missed

HELP = "test a layer, loss, metric or model on its own, or all of a package"

_EPILOG = """\
TARGET is FILE.py:NAME or MODULE:NAME (one object or class), FILE.py, or the name of a module or package (all
that they define).
Without --input, shapes are found by trying.

examples:
  kerascope check layers.py:Antirectifier --input 2,5
  kerascope check layers.py:Attention --args "heads=4" --input 2,16,32
  kerascope check losses.py:focal --input 8,1 --reference reference:focal
  kerascope check metrics.py
  kerascope check mypackage --allow batch-independence

shapes: 2,5 (floats)   2,7:int32<1000 (integers from 0 to 999)   B,5 (the first axis is the batch in any case)
The exit code is 1 when a contract is broken, 0 when all that was checked is sound.
"""
_QUIET = 2.0  # seconds without a word


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `check`."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "target", metavar="TARGET", help="FILE.py:NAME, MODULE:NAME, FILE.py, or a module or package"
    )
    parser.add_argument(
        "--input", action="append", default=[], metavar="SHAPE", help="an argument of the call"
    )
    parser.add_argument("--args", default="", metavar="ARGS", help='of the constructor, such as "units=4"')
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAMES",
        help="contracts that are broken on purpose, with commas",
    )
    parser.add_argument(
        "--reference", metavar="MODULE:FUNCTION", help="what a loss or metric must agree with"
    )
    parser.add_argument("--budget", type=float, default=60.0, metavar="SECONDS", help="for each object (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs")
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="write the reports as JSON to a file too, or nothing else to standard output",
    )
    parser.add_argument("--full", action="store_true", help="print every contract")
    parser.add_argument("--no-fixes", action="store_true", help="try no changes of the source")
    parser.add_argument(
        "--backends",
        metavar="NAMES",
        help="on each of these backends, and where they differ: all, or jax,torch",
    )


def run(options: argparse.Namespace) -> int:
    """Runs the subcommand; returns the exit code of the process."""
    from kerascope.api import checking

    if options.backends is not None:
        return _everywhere(options)
    start = time.monotonic()
    results: list[Check | Missed] = []
    progress = _Progress()
    for one in checking.check_target(
        options.target,
        inputs=options.input,
        arguments=options.args,
        allow=[name for text in options.allow for name in text.split(",")],
        reference=options.reference,
        budget=options.budget,
        seed=options.seed,
        fixes=not options.no_fixes,
        say=_say,
        progress=progress,
    ):
        results.append(one)
        progress.clear()
        if options.json != "-":
            _show(one, options.full)
    checks = [one for one in results if not isinstance(one, checking.Missed)]
    broken = sum(not one.ok for one in checks)
    if options.json is not None:
        _write(options.json, results)
    if len(results) > 1 and options.json != "-":
        missed = len(results) - len(checks)
        end = f", {missed} not checked" if missed else ""
        print(
            f"\n {len(checks)} objects: {len(checks) - broken} sound, {broken} with findings{end}, "
            f"{time.monotonic() - start:.0f} s"
        )
    return 1 if broken else 0


def _everywhere(options: argparse.Namespace) -> int:
    """Runs the same command under each backend and shows what they have in common, and where they differ."""
    from kerascope.api import backends
    from kerascope.api.check import Check

    arguments = [options.target, "--budget", str(options.budget), "--seed", str(options.seed)]
    for name in ("input", "allow"):
        arguments += [word for text in getattr(options, name) for word in (f"--{name}", text)]
    arguments += ["--no-fixes"] if options.no_fixes else []
    for name in ("args", "reference"):
        if getattr(options, name):
            arguments += [f"--{name}", getattr(options, name)]
    reports = backends.check_everywhere(arguments, backends.chosen(options.backends), _say)
    results: list[Check | Missed] = [Check(report, 0.0) for report in reports]
    if options.json != "-":
        for one in results:
            _show(one, options.full)
    if options.json is not None:
        _write(options.json, results)
    return 0 if all(report.ok for report in reports) else 1


def _show(one: Check | Missed, full: bool) -> None:
    from kerascope.api.check import Check
    from kerascope.api.report import emit

    if isinstance(one, Check):
        emit(one.report(), file=sys.stdout, full=full)
    else:
        print(f" {one.name}   not checked   {one.reason}")
    sys.stdout.flush()


def _write(path: str, results: list[Check | Missed]) -> None:
    """Writes one report, or a document of several."""
    from kerascope.api.check import Check

    reports = [one.to_json() for one in results if isinstance(one, Check)]
    missed = [{"subject": one.name, "reason": one.reason} for one in results if not isinstance(one, Check)]
    if len(results) == 1 and reports:
        data = reports[0]
    else:
        data = {"schema": "kerascope/reports/1", "reports": reports, "not_checked": missed}
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written there: {error.strerror}. Received: --json {path!r}. Give a path in a "
            "folder that exists and can be written to."
        ) from error


class _Progress:
    """Says on a terminal what is looked at, once it takes longer than a moment."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = False

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._start > _QUIET:
            sys.stderr.write(f"\r\x1b[K {text[:70]} ...")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
        self._start, self._shown = time.monotonic(), False


def _say(text: str) -> None:
    print(f"kerascope: {text}", file=sys.stderr, flush=True)
