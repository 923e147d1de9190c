"""`kerascope report RUN`: judge a recording again and show the report; needs no Keras."""

from __future__ import annotations

import argparse
import sys

HELP = "judge a recording again and show the report"

_EPILOG = """\
RUN is a recording that `kerascope run` wrote (.kscope), or a folder: then its newest recording.

examples:
  kerascope report runs/train-20250101-120000.kscope
  kerascope report runs --full
  kerascope report runs --json - --fail-on fault
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `report`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recording", metavar="RUN", help="a .kscope file, or a folder that holds some")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="the report as JSON: to FILE, or instead of the text when no FILE is given",
    )
    parser.add_argument("--full", action="store_true", help="print every layer, curve and finding")
    parser.add_argument(
        "--fail-on",
        choices=("warning", "fault"),
        help="leave with 3 when there is such a finding, or a worse one",
    )


def run(args: argparse.Namespace) -> int:
    """Judges the recording and prints; returns the exit code of the process."""
    from kerascope.api import report as api

    path = api.newest_recording(args.recording)
    if str(path) != args.recording:
        print(f"kerascope: {path} is the newest recording there.", file=sys.stderr)
    judged = api.report(path)
    if args.json == "-":
        sys.stdout.write(api.json_text(judged))
    else:
        api.emit(judged, file=sys.stdout, full=args.full, json_path=args.json)
    return api.exit_code(judged, args.fail_on) if args.fail_on else 0
