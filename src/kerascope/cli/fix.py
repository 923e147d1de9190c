"""`kerascope fix RUN`: show the best change that was verified for a run; `--apply` writes it."""

from __future__ import annotations

import argparse
import sys

HELP = "show the best change that was verified for a run, and write it when asked to"

_EPILOG = """\
RUN is a recording that `kerascope run` wrote (.kscope), or a folder: then its newest recording.
Without --apply nothing is written. A script that has changed since it ran is never written to.

examples:
  kerascope fix runs
  kerascope fix runs/train-20250101-120000.kscope --apply
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `fix`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("recording", metavar="RUN", help="a .kscope file, or a folder that holds some")
    parser.add_argument("--apply", action="store_true", help="write the change into the script")
    parser.add_argument("--script", metavar="FILE", help="where the script lies, when it was moved")


def run(args: argparse.Namespace) -> int:
    """Prints the change and writes it when asked to; returns the exit code of the process."""
    from kerascope.api import fix as api
    from kerascope.api.report import newest_recording

    path = newest_recording(args.recording)
    if str(path) != args.recording:
        print(f"kerascope: {path} is the newest recording there.", file=sys.stderr)
    found = api.mending(path, args.script)
    print(f"{found.finding.title}: {found.fix.description}")
    for name, value in found.fix.before.items():
        print(f"{name}: {api.shown(value, found.fix.after.get(name))}")
    sys.stdout.write(f"\n{found.fix.patch}\n")
    sys.stdout.flush()
    if not args.apply:
        print("kerascope: nothing was written; --apply writes this change.", file=sys.stderr)
        return 0
    for file in found.write():
        print(f"kerascope: {file} was changed.", file=sys.stderr)
    return 0
