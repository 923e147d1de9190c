"""`kerascope doctor`: what this machine has, and whether a training can be watched on it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kerascope.errors import UsageError

HELP = "say what this machine has and whether a training can be watched on it"

_DESCRIPTION = """\
Says which Python, Keras and backends are installed, which backend Keras will use and why, and what is missing.
Imports neither Keras nor a backend. Leaves with 0 when a training can be watched here, with 1 when not."""
_EPILOG = """\
example:
  kerascope doctor
  kerascope doctor --json machine.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `doctor`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--json",
        metavar="FILE",
        nargs="?",
        const="-",
        help="write the facts as JSON to FILE instead; without FILE, to standard output",
    )


def run(args: argparse.Namespace) -> int:
    """Prints or writes the facts; returns 0 when a training could be watched, else 1."""
    from kerascope.api import doctor

    environment = doctor.doctor()
    if args.json is None:
        doctor.print_environment(environment, sys.stdout)
    else:
        text = json.dumps(environment.to_json(), indent=2, ensure_ascii=args.json == "-")
        if args.json == "-":
            print(text)
        else:
            _write(args.json, text + "\n")
    return 0 if environment.ok else 1


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The facts cannot be written there: {error.strerror}. Received: --json {path!r}. "
            "Give a path in a folder that exists and can be written to."
        ) from error
