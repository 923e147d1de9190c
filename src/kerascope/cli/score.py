"""`kerascope score CORPUS`: run scripts with known faults and say how good the diagnoses are."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kerascope.errors import UsageError

HELP = "run a corpus of scripts with known faults and score the diagnoses"

_EPILOG = """\
CORPUS is a folder with a manifest.json that names faulty, fixed and healthy scripts.
Each script runs in a process of its own. In the list of cases D means detected, 1 and 3 that a right kind was among the
first 1 and 3 findings, L that the place was right, F that kerascope's own patch reached the level of the fixed script.

examples:
  kerascope score tests/corpus
  kerascope score tests/corpus --backend torch --jobs 4 --json scores.json
  kerascope score tests/corpus --only 'so48*' --resume
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `score`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("corpus", metavar="CORPUS", help="a folder with a manifest.json")
    parser.add_argument(
        "--json", metavar="FILE", help="write every report and the scores as JSON; - for standard output"
    )
    parser.add_argument(
        "--backend", choices=("jax", "tensorflow", "torch"), help="default: the one Keras would take"
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="scripts at once (default: half of the processors)"
    )
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted scoring stopped")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="cases to run, e.g. 'so48*'; may be repeated",
    )
    parser.add_argument("--split", metavar="NAME", help="run the cases of this split only, e.g. aside")
    parser.add_argument(
        "--experiments",
        type=float,
        metavar="SECONDS",
        default=60.0,
        help="time for trying changes after each run with findings (default: 60; 0: none)",
    )
    parser.add_argument(
        "--keep", metavar="DIR", help="folder of the results (default: runs/score-<corpus>-<backend>)"
    )


def run(args: argparse.Namespace) -> int:
    """Runs the corpus and prints the scores; returns the exit code of the process."""
    from kerascope.api import score as api

    if args.experiments < 0:
        raise UsageError(
            f"`--experiments` is a time in seconds. Received: --experiments {args.experiments:g}. Give 0 or more."
        )
    if args.jobs is not None and args.jobs < 1:
        raise UsageError(f"`--jobs` counts processes. Received: --jobs {args.jobs}. Give 1 or more.")
    result = api.score(
        args.corpus,
        backend=args.backend,
        jobs=args.jobs,
        resume=args.resume,
        only=args.only,
        split=args.split,
        keep=args.keep,
        options=("--experiments", f"{args.experiments:g}", "--jobs", "1"),
        say=lambda text: print(f"kerascope: {text}", file=sys.stderr, flush=True),
    )
    if args.json == "-":
        sys.stdout.write(_json(result.to_json()))
        return 0
    sys.stdout.write(api.text(result))
    if args.json:
        _write(args.json, _json(result.to_json()))
    return 0


def _json(data: object) -> str:
    return json.dumps(data, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The scores cannot be written there: {error.strerror}. Received: --json {path!r}. "
            "Give a path in a folder that exists and can be written to."
        ) from error
