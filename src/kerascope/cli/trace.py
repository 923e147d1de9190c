"""`kerascope trace`: show what each expression of the user's own lines yields, for an object or a whole script."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kerascope.errors import UsageError

HELP = "show every tensor of your own lines, explain an error, offer fixes that pass"

_USAGE = (
    "kerascope trace [options] FILE.py:NAME --input SHAPE\n       kerascope trace [options] SCRIPT [ARGS...]"
)
_EPILOG = """\
FILE.py:NAME is a layer, model, loss, metric or function, or a class of such; it is called once on made-up inputs.
A SCRIPT runs as Python itself would run it; whatever stands after it is the script's own.

examples:
  kerascope trace layers.py:Antirectifier --input 2,5
  kerascope trace layers.py:Attention --args "heads=4" --input B,16,32
  kerascope trace losses.py:focal --input 8,10 --input 8,10
  kerascope trace layers.py:Antirectifier --input 2,5 --apply
  kerascope trace --stop nonfinite train.py

shapes: 2,5 (floats)   2,7:int32<1000 (integers from 0 to 999)   B,5 (symbolic, the batch size not known)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `trace`."""
    parser.usage = _USAGE
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--input", action="append", default=[], metavar="SHAPE", help="an argument of the call"
    )
    parser.add_argument("--args", default="", metavar="ARGS", help='of the constructor, such as "units=4"')
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON too (- for standard output)")
    parser.add_argument("--full", action="store_true", help="print every expression")
    parser.add_argument("--shapes", action="store_true", help="shapes only, no statistics: costs less")
    parser.add_argument(
        "--stop", metavar="WHEN", help='stop in a debugger: nonfinite, "loss.max > 10", "step == 3"'
    )
    parser.add_argument("--no-fixes", action="store_true", help="try no changes of the source")
    parser.add_argument(
        "--apply",
        nargs="?",
        const=1,
        type=int,
        metavar="N",
        help="write the Nth fix (default: the first) into the file after showing it",
    )


def split(argv: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Splits a command line into our options, the target, and what stands after it."""
    takes_value = {"--input", "--args", "--json", "--stop"}
    index = 0
    while index < len(argv):
        word = argv[index]
        if not word.startswith("-") or word == "-":
            return list(argv[:index]), word, list(argv[index + 1 :])
        takes = word in takes_value
        if word == "--apply" and index + 1 < len(argv) and argv[index + 1].isdigit():
            takes = True
        index += 2 if takes else 1
    return list(argv), None, []


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand; returns the exit code of the process."""
    own, target, rest = split(argv)
    parser = argparse.ArgumentParser(prog="kerascope trace", description=HELP)
    configure(parser)
    if target is None:
        parser.parse_args(own)
        raise UsageError("Nothing to trace was given. Usage: " + _USAGE.replace("\n      ", " or"))
    from kerascope.api import target as targets

    file, name = targets.split(target)
    if name is None:
        return _script(target, rest, parser.parse_args(own))
    return _object(file, name, parser.parse_args([*own, *rest]))


def _script(target: str, rest: list[str], options: argparse.Namespace) -> int:
    from kerascope.api import tracing as api
    from kerascope.api.report import emit

    if options.apply is not None or options.input or options.args:
        raise UsageError(
            f"These options are for an object in a file. Received: {target!r} with --apply, --input or --args. Give "
            f"FILE.py:NAME, or leave them out."
        )
    code, report = api.trace_script(target, rest, stop=options.stop, statistics=not options.shapes, say=_say)
    emit(report, file=sys.stderr, full=options.full, json_path=options.json)
    return code


def _object(file: str, name: str, options: argparse.Namespace) -> int:
    from kerascope.api import report as reports
    from kerascope.api import tracing as api

    found = api.trace_object(
        file,
        name,
        inputs=options.input,
        arguments=options.args,
        stop=options.stop,
        statistics=not options.shapes,
        fixes=not options.no_fixes,
        say=_say,
    )
    report = found.report()
    if options.json == "-":
        sys.stdout.write(reports.json_text(report))
    else:
        reports.emit(report, file=sys.stdout, full=options.full, json_path=options.json)
    if options.apply is not None:
        sys.stdout.flush()
        _say(f"fix {options.apply} written to {found.apply(options.apply)}")
    return 0 if found.error is None else 1


def _say(text: str) -> None:
    print(f"kerascope: {text}", file=sys.stderr, flush=True)
