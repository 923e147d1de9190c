"""`kerascope profile SCRIPT [ARGS...]`: where the time of a training goes, what to change, what got slower."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from kerascope.cli.run import check_writable, no_training, say
from kerascope.errors import UsageError

HELP = "say where the time of a training goes and what to change"

_USAGE = (
    "kerascope profile [options] SCRIPT [ARGS...]\n       kerascope profile [options] -m MODULE [ARGS...]\n"
    "       kerascope profile [options] RUN.kscope [OTHER.kscope]"
)
_EPILOG = """\
The script runs as Python itself would run it; whatever stands after SCRIPT is the script's own.
One recording is shown again; of two, the second is compared with the first.

examples:
  kerascope profile train.py --epochs 2
  kerascope profile --trace trace.json train.py       for ui.perfetto.dev
  kerascope profile before.kscope after.kscope --fail-on slower:10%
"""
_SLOWER = re.compile(r"slower:(\d+(?:\.\d+)?)%?")
_VALUES = {"--out", "--json", "--fail-on", "--trace", "--tensorboard"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `profile`; the script and its arguments are split off before."""
    parser.usage = _USAGE
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "-m", dest="module", action="store_true", help="SCRIPT is a module's name, as in python -m"
    )
    parser.add_argument("--out", metavar="FILE", help="the recording (default: runs/<script>-<time>.kscope)")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON; - for standard error")
    parser.add_argument(
        "--trace", metavar="FILE", help="write the steps as a Chrome trace, for ui.perfetto.dev"
    )
    parser.add_argument(
        "--tensorboard",
        metavar="FOLDER",
        help="write losses, times and statistics for TensorBoard into a new folder",
    )
    parser.add_argument("--quiet", action="store_true", help="print no report")
    parser.add_argument("--full", action="store_true", help="print every phase, layer, compilation and read")
    parser.add_argument(
        "--fail-on",
        metavar="WHAT",
        help="leave with 3: on warning, when there is something to change; on slower:10%%, when the second recording's "
        "steps take so much longer",
    )


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits a command line into our options, and the script (or recordings) with what belongs to it."""
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "-m":
            return [*argv[:index], "-m"], list(argv[index + 1 :])
        if word == "--":
            return list(argv[:index]), list(argv[index + 1 :])
        if not word.startswith("-") or word == "-":
            if not word.endswith(".kscope"):
                return list(argv[:index]), list(argv[index:])
            rest = list(argv[index:])
            runs = [one for one in rest if one.endswith(".kscope")]
            return [*argv[:index], *(one for one in rest if one not in runs)], runs
        index += 2 if word in _VALUES else 1
    return list(argv), []


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand; returns the exit code of the process."""
    own, rest = split(argv)
    parser = argparse.ArgumentParser(prog="kerascope profile", description=HELP)
    configure(parser)
    options = parser.parse_args(own)
    if not rest:
        raise UsageError("No script was given. Usage: " + " or".join(_USAGE.split("\n      ")))
    limit = _limit(options.fail_on)
    for path in (options.json, options.trace):
        if path and path != "-":
            check_writable(path)
    if options.tensorboard:
        from kerascope.api.board import check_board

        check_board(options.tensorboard)
    if rest[0].endswith(".kscope") and not options.module:
        return _recordings(rest, options, limit)
    if limit is not None:
        raise UsageError(
            f"Slower than what? Received: --fail-on {options.fail_on}. Give two recordings, or --fail-on warning."
        )
    return _script(rest[0], rest[1:], options)


def _limit(text: str | None) -> float | None:
    if text is None or text == "warning":
        return None
    match = _SLOWER.fullmatch(text)
    if match is None:
        raise UsageError(
            f"Received: --fail-on {text!r}. Allowed: warning, or slower:10% with any number of percent."
        )
    return float(match[1]) / 100


def _script(target: str, args: list[str], options: argparse.Namespace) -> int:
    from kerascope.api import profile as api
    from kerascope.api.report import emit, exit_code

    code, report = api.profile_script(target, args, module=options.module, out=options.out, say=say)
    if report is None:
        if not options.quiet:
            say(no_training(target, "profile"))
        return code
    emit(report, file=None if options.quiet else sys.stderr, full=options.full, json_path=options.json)
    if report.run is not None and report.run.recording:
        _export(report.run.recording, options)
    if code == 0 and options.fail_on:
        return exit_code(report, "warning")
    return code


def _recordings(paths: list[str], options: argparse.Namespace, limit: float | None) -> int:
    from kerascope.api import slower
    from kerascope.api.report import emit, exit_code, report

    _export(paths[-1], options)
    if len(paths) == 1:
        judged = report(paths[0])
        emit(judged, file=None if options.quiet else sys.stdout, full=options.full, json_path=options.json)
        return exit_code(judged, "warning") if options.fail_on == "warning" else 0
    if len(paths) > 2:
        raise UsageError(f"Two recordings can be compared. Received: {len(paths)} of them.")
    compared = slower.compare(*paths)
    if not options.quiet:
        slower.print_comparison(compared, sys.stdout)
    if options.json:
        slower.write_json(compared, options.json)
    return slower.exit_code(compared, limit)


def _export(recording: str, options: argparse.Namespace) -> None:
    """Writes the recording's steps in the formats of other tools that were asked for."""
    from kerascope.api.board import write_board
    from kerascope.api.spans import write_trace

    if options.trace:
        write_trace(recording, options.trace)
    if options.tensorboard:
        write_board(recording, options.tensorboard)
