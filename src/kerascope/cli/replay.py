"""`kerascope replay RUN --step K`: run a recorded step again, with values, lines or a debugger."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

HELP = "run a recorded step again: compiled, eagerly, line by line, or in a debugger"

_EPILOG = """\
RUN is a recording that `kerascope run` wrote (.kscope), or a folder: then its newest recording. The script is run
again up to the training that the step belongs to, in an empty folder unless you say --here; the recorded state and
batch are put in, and that one step is run. Nothing of the recording is executed or deserialised as code.

examples:
  kerascope replay runs --step 120                    the same to the bit?
  kerascope replay runs --step 120 --mode trace       every line of your own with its values
  kerascope replay runs --step 120 --mode pdb         a debugger in your own frame
  kerascope replay runs --step 120 --against torch    the first layer that comes out otherwise there
  kerascope replay runs --step 3 --script train.py -- --epochs 3
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `replay`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recording", metavar="RUN", help="a .kscope file, or a folder that holds some")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="after --: the script's arguments")
    parser.add_argument("--step", type=int, metavar="K", help="the step, counted from 1 (default: list them)")
    parser.add_argument(
        "--mode", choices=("compiled", "eager", "trace", "pdb"), default="compiled", help="how to run it"
    )
    parser.add_argument("--script", metavar="FILE", help="the script (default: the one that was recorded)")
    parser.add_argument(
        "--model", type=int, default=1, metavar="N", help="of several models, which (default: 1)"
    )
    parser.add_argument(
        "--stop", metavar="WHEN", help='with --mode pdb: nonfinite, "loss.max > 10" (see trace)'
    )
    parser.add_argument(
        "--against",
        metavar="WHAT",
        help="where the step differs computed by something else: eager, another installed backend, or the path of "
        "another version of the script",
    )
    parser.add_argument("--carried", help=argparse.SUPPRESS)
    parser.add_argument("--here", action="store_true", help="run the script in the current folder")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON too (- for standard output)")
    parser.add_argument("--full", action="store_true", help="print every expression")
    parser.add_argument("--result", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Runs the step again; returns the exit code: 1 when it did not come out as recorded."""
    from kerascope.api import replay as api
    from kerascope.api import report as reports

    path = reports.newest_recording(args.recording)
    if str(path) != args.recording:
        _say(f"{path} is the newest recording there.")
    with reports.load(path) as opened:
        if args.step is None:
            _say(opened.steps_to_replay())
            return 0
        if args.against not in (None, "eager"):
            return _against(opened.step(args.step, model=args.model), args)
        from kerascope.api import replaying

        found = replaying.rerun_script(
            opened.step(args.step, model=args.model),
            mode="eager" if args.against else args.mode,
            script=args.script,
            args=args.args or None,
            here=args.here,
            stop=args.stop,
            say=_say,
        )
    if args.result:
        api.write_result(found, args.result)
    elif args.json == "-":
        sys.stdout.write(reports.json_text(found.report))
    else:
        reports.emit(found.report, file=sys.stdout, full=args.full, json_path=args.json)
    return 1 if found.equal is False else 0


def _against(step: Any, args: argparse.Namespace) -> int:
    """Compares the step with what something else makes of it; returns 1 when it differs."""
    from kerascope.api import against as api
    from kerascope.api import report as reports

    place = api.Place(args.script, args.args or None, args.here)
    if args.carried:
        api.there(step, Path(args.carried), Path(args.result), args.against, place)
        return 0
    found = api.against(step, args.against, place, _say)
    if args.json == "-":
        sys.stdout.write(reports.json_text(found))
    else:
        reports.emit(found, file=sys.stdout, full=args.full, json_path=args.json)
    return 0 if found.ok else 1


def _say(text: str) -> None:
    print(f"kerascope: {text}", file=sys.stderr, flush=True)
