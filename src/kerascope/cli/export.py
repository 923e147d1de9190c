"""`kerascope export RUN OUT --redact`: a copy of a recording that can be shown to others."""

from __future__ import annotations

import argparse
import sys

HELP = "copy a recording, without what it holds of the user's data and source"

_EPILOG = """\
A recording holds batches and weights (to run steps again), facts about the data, the source of the script and its
arguments. With --redact the copy holds none of them; figures and curves stay. Lines and expressions that a finding
quotes go, too, and findings that rest on the data themselves are not made from the copy.

example:
  kerascope export runs/train-20250101-120000.kscope for-the-issue.kscope --redact
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `export`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recording", metavar="RUN", help="a .kscope file, or a folder that holds some")
    parser.add_argument("out", metavar="OUT", help="the copy, a file that does not exist yet")
    parser.add_argument("--redact", action="store_true", help="leave out data, weights, source and arguments")


def run(args: argparse.Namespace) -> int:
    """Writes the copy; returns the exit code of the process."""
    from kerascope.api.export import export
    from kerascope.api.report import newest_recording

    size = export(newest_recording(args.recording), args.out, redact=args.redact)
    print(f"kerascope: {args.out} ({size / 1024 / 1024:.1f} MiB)", file=sys.stderr)
    return 0
