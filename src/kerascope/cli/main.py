"""The command line: finds the subcommand, turns kerascope's errors into one paragraph and an exit code.

A subcommand is a module of this package, imported only when it is asked for. It offers `HELP` (one line),
`configure(parser)` and `run(args) -> int`. The arguments of `run` belong to the user's script, so it offers
`main(argv) -> int` and splits them itself.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from kerascope.errors import KerascopeError

COMMANDS = {
    "run": "run a training script, watch its training, and report",
    "trace": "show every tensor of your own lines, explain an error, offer fixes that pass",
    "check": "test a layer, loss, metric or model on its own, or all of a package",
    "replay": "run a recorded step again: compiled, eagerly, line by line, or in a debugger",
    "profile": "say where the time of a training goes and what to change",
    "report": "judge a recording again and show the report",
    "export": "copy a recording, without what it holds of the user's data and source",
    "summary": "show every layer and operation of a model with shapes, parameters and cost",
    "plot": "draw a model as SVG, PNG, PDF, HTML or DOT",
    "fix": "show the best change that was verified for a run, and write it when asked to",
    "score": "run a corpus of scripts with known faults and score the diagnoses",
    "doctor": "say what this machine has and whether a training can be watched on it",
}
"""The subcommands and their `HELP`, repeated here so that `--help` imports none of them."""

_DESCRIPTION = (
    "A debugger for Keras 3: it watches a training from the inside and says what is wrong, where and why."
)
_EPILOG = """\
examples:
  kerascope run train.py --epochs 3          run a script as Python would, and report
  kerascope trace layers.py:MyLayer --input 2,5   every tensor of its lines
  kerascope check layers.py:MyLayer          the layer alone, against every contract
  kerascope replay runs --step 120 --mode trace    a recorded step again, line by line
  kerascope profile train.py                 where its time goes
  kerascope report runs/train-*.kscope       judge a recording again
  kerascope summary train.py                 what the script's model is made of
  kerascope plot model.keras model.html      a picture of it
  kerascope fix runs/train-*.kscope          the best change that was verified, to be written with --apply
  kerascope score corpus                     how good the diagnoses are on scripts with known faults
  kerascope export old.kscope new.kscope --redact    a recording to pass on
  kerascope doctor                           can a training be watched on this machine?

`kerascope COMMAND --help` says more about one command.
"""
_INTERRUPTED = 130  # what a shell makes of SIGINT
_BROKEN_PIPE = 141  # and of SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code of the process."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except KerascopeError as error:
        print(f"kerascope: {_visible(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. What is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("run", "trace", "profile"):
        module = importlib.import_module(f"kerascope.cli.{arguments[0]}")
        return int(module.main(arguments[1:]))
    command = arguments[0] if arguments else None
    parser = _parser(command)
    if command is None:
        parser.print_help(sys.stderr)
        return 2
    args = parser.parse_args(arguments)
    if args.version:
        from kerascope.env import own_version

        print(f"kerascope {own_version()}")
        return 0
    return int(args.run(args))


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Returns the parser of the whole line; only the subcommand that is asked for gets its options."""
    parser = argparse.ArgumentParser(
        prog="kerascope",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, allow_abbrev=False)
        if name == command:
            module = importlib.import_module(f"kerascope.cli.{name}")
            module.configure(subparser)
            subparser.set_defaults(run=module.run)
    return parser


def _visible(text: str) -> str:
    """Returns `text` with escape sequences and the like made visible: names of files are not ours."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )
