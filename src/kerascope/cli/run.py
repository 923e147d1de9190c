"""`kerascope run SCRIPT [ARGS...]`: run a training script unchanged and say what happened in it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from kerascope.errors import UsageError

HELP = "run a training script, watch its training, and report"

_USAGE = "kerascope run [options] SCRIPT [ARGS...]\n       kerascope run [options] -m MODULE [ARGS...]"
_EPILOG = """\
The script runs as Python itself would run it; whatever stands after SCRIPT is the script's own.
Its output and exit code stay as they are; the report goes to the error output.

example:
  kerascope run train.py --epochs 3
  kerascope run --fail-on fault --json report.json train.py
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `run`; the script and its arguments are split off before."""
    parser.usage = _USAGE
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "-m", dest="module", action="store_true", help="SCRIPT is a module's name, as in python -m"
    )
    parser.add_argument("--out", metavar="FILE", help="the recording (default: runs/<script>-<time>.kscope)")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON; - for standard error")
    parser.add_argument("--quiet", action="store_true", help="print no report")
    parser.add_argument("--full", action="store_true", help="print every layer, curve and finding")
    parser.add_argument(
        "--fail-on",
        choices=("warning", "fault"),
        help="leave with 3 when there is such a finding, or a worse one",
    )
    _add_experiments(parser)
    parser.add_argument(
        "--examine",
        type=float,
        metavar="SECONDS",
        default=20.0,
        help="time for running your own layers, losses, metrics and train steps once more (default: 20; 0: none)",
    )
    parser.add_argument(
        "--every",
        type=int,
        metavar="N",
        help="take full statistics every N steps (default: 1 %% of the time; 0: none)",
    )
    parser.add_argument(
        "--inline", action="store_true", help="add gradient norms of every step, inside the step"
    )
    parser.add_argument(
        "--budget",
        type=float,
        metavar="PERCENT",
        default=1.0,
        help="time statistics may take (default: 1 percent)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        metavar="MIB",
        default=512.0,
        help="memory for snapshots and batches (default: 512 MiB)",
    )
    _configure_keeping(parser)


def _configure_keeping(parser: argparse.ArgumentParser) -> None:
    """Adds what is kept to run steps again, and where to stop."""
    parser.add_argument(
        "--break",
        dest="pause",
        metavar="WHEN",
        help='pause after a step and debug its replay: nonfinite, "step==120", "loss>2*median(loss,50)"',
    )
    parser.add_argument(
        "--snapshot-every", type=int, metavar="K", default=50, help="steps between copies of the state (50)"
    )
    parser.add_argument(
        "--keep-batches",
        type=int,
        metavar="N",
        default=64,
        help="batches kept after each state (default: 64)",
    )
    parser.add_argument(
        "--no-batches", action="store_true", help="keep no data and no states: no step can be run again"
    )
    parser.add_argument(
        "--keep",
        type=float,
        metavar="MIB",
        default=128.0,
        help="room in the recording for states and batches (default: 128 MiB)",
    )


def _add_experiments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiments",
        type=float,
        metavar="SECONDS",
        default=None,
        help="time for trying changes when something is wrong, after the run (default: 60, or what "
        "KERASCOPE_EXPERIMENTS says; 0: none)",
    )
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where changes are tried: processes on this machine (default), or a Ray cluster",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="changes tried at once (default: one per processor)"
    )


def split(argv: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """Splits a command line into our options, the script or module, and the script's own arguments."""
    takes_value = {
        "--out",
        "--json",
        "--fail-on",
        "--every",
        "--budget",
        "--memory",
        "--experiments",
        "--examine",
        "--engine",
        "--jobs",
        "--break",
        "--snapshot-every",
        "--keep-batches",
        "--keep",
    }
    index = 0
    while index < len(argv):
        word = argv[index]
        if word == "-m":
            target = argv[index + 1] if index + 1 < len(argv) else None
            return [*argv[:index], "-m"], target, list(argv[index + 2 :])
        if word == "--":
            return (
                list(argv[:index]),
                argv[index + 1] if index + 1 < len(argv) else None,
                list(argv[index + 2 :]),
            )
        if not word.startswith("-") or word == "-":
            return list(argv[:index]), word, list(argv[index + 1 :])
        index += 2 if word in takes_value else 1
    return list(argv), None, []


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand; returns the exit code of the process."""
    own, target, args = split(argv)
    parser = argparse.ArgumentParser(prog="kerascope run", description=HELP)
    configure(parser)
    options = parser.parse_args(own)
    if target is None:
        raise UsageError("No script was given. Usage: " + _USAGE.replace("\n      ", " or"))
    from kerascope.api import run as api
    from kerascope.api.report import emit, exit_code
    from kerascope.api.verify import Plan

    if options.experiments is None:
        options.experiments = _default_seconds()
    if options.experiments < 0 or (options.jobs is not None and options.jobs < 1):
        raise UsageError(
            "`--experiments` is a time in seconds, `--jobs` a number of processes. "
            f"Received: --experiments {options.experiments:g}, --jobs {options.jobs}. Give 0 or more, and 1 or more."
        )
    if options.json and options.json != "-":
        check_writable(options.json)
    code, report = api.run(
        target,
        args,
        module=options.module,
        out=options.out,
        options={
            "every": options.every,
            "inline": options.inline or "grad_norm" in (options.pause or ""),
            "pause": options.pause,
            "budget": options.budget / 100,
            "memory": int(options.memory * 1024 * 1024),
            "examine": options.examine,
            "snapshot_every": options.snapshot_every,
            "keep_batches": 0 if options.no_batches else options.keep_batches,
            "keep_bytes": int(options.keep * 1024 * 1024),
        },
        experiments=Plan(options.experiments, options.engine, options.jobs),
        say=say,
    )
    if report is None:
        if not options.quiet:
            say(no_training(target, "report"))
        return code
    emit(report, file=None if options.quiet else sys.stderr, full=options.full, json_path=options.json)
    if code == 0 and options.fail_on:
        return exit_code(report, options.fail_on)
    return code


def no_training(target: str, purpose: str) -> str:
    """Says why there is nothing to report of a script, and what sees a training loop of one's own."""
    text = f"{target} called no `fit` or `train_on_batch` of a Keras model, so there is nothing to {purpose}."
    if "keras" not in sys.modules:
        return text
    return text + (
        " A loop of your own is watched once its body is the `train_step` of a model whose `fit` is called; "
        "`kerascope check` and `kerascope trace` test its parts."
    )


def _default_seconds() -> float:
    """Returns the time for experiments where the command line names none."""
    given = os.environ.get("KERASCOPE_EXPERIMENTS", "60")
    try:
        return float(given)
    except ValueError:
        raise UsageError(
            f"KERASCOPE_EXPERIMENTS is a time in seconds. Received: KERASCOPE_EXPERIMENTS={given!r}. Give a "
            "number, 0 for no experiments."
        ) from None


def check_writable(path: str) -> None:
    """Finds out before the training, not after, that a report cannot be written."""
    try:
        with open(path, "a", encoding="utf-8"):
            pass
    except OSError as error:
        raise UsageError(
            f"The report cannot be written there: {error.strerror}. Received: --json {path!r}. "
            "Give a path in a folder that exists and can be written to."
        ) from error


def say(text: str) -> None:
    print(f"kerascope: {text}", file=sys.stderr, flush=True)
