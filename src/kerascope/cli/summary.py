"""`kerascope summary SUBJECT`: every layer and operation of a model with shapes, parameters and cost."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

HELP = "show every layer and operation of a model with shapes, parameters and cost"

_EPILOG = """\
SUBJECT is a saved model (.keras, loaded in safe mode), or a script: it is run up to its first fit, which is not
run. script.py:name is a model, or a function or class that makes one. B is the batch.

examples:
  kerascope summary train.py
  kerascope summary model.keras --depth 1 --columns output,params,macs
  kerascope summary layers.py:MyModel --input None,32 --json -
"""


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say which model is meant."""
    parser.add_argument("subject", metavar="SUBJECT", help="FILE.keras, SCRIPT.py or SCRIPT.py:NAME")
    parser.add_argument(
        "--input",
        action="append",
        metavar="SHAPE",
        help="shape of an input, e.g. None,32; once for each input of a model that was never built",
    )
    parser.add_argument(
        "--batch-size", type=int, default=1, metavar="N", help="batch for cost and memory (default: 1)"
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `summary`."""
    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_subject(parser)
    parser.add_argument(
        "--depth", type=int, metavar="N", help="levels to show; 1 is the model's own layers alone"
    )
    parser.add_argument("--columns", metavar="A,B,...", help="input output dtype params macs flops line ...")
    parser.add_argument(
        "--filter", metavar="REGEX", help="only calls whose path contains it, or whose type it is"
    )
    parser.add_argument(
        "--collapse",
        action=argparse.BooleanOptionalAction,
        help="show equal blocks that follow one another once; by default in a table of more than 100 rows",
    )
    parser.add_argument(
        "--diff", metavar="SUBJECT", help="what changed from SUBJECT to the other one given here"
    )
    parser.add_argument(
        "--fingerprint", action="store_true", help="print only the architecture's fingerprint"
    )
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="as JSON: to FILE, or instead of the text"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the summary; returns 1 when the model fails when it is called or, with --diff, when something changed."""
    from kerascope.api import subject as api
    from kerascope.api.files import write_text
    from kerascope.api.summary import summary

    def summarise(text: str) -> Any:
        model, example = api.load_subject(text)
        if text.endswith(".keras"):
            print(f"kerascope: {text} is {api.SAFE_MODE}", file=sys.stderr)
        inputs = tuple(api.input_shape(shape) for shape in args.input or ()) or example
        return summary(
            model,
            *inputs,
            batch_size=args.batch_size,
            depth=args.depth,
            columns=args.columns,
            filter=args.filter,
            collapse=args.collapse,
        )

    result = summarise(args.subject)
    shown = result if args.diff is None else result.diff(summarise(args.diff))
    if args.json:
        text = json.dumps(shown.to_json(), indent=2, ensure_ascii=True) + "\n"
        sys.stdout.write(text) if args.json == "-" else write_text(args.json, text, overwrite=True)
    if args.fingerprint:
        print(result.fingerprint)
    elif args.json != "-":
        shown.print(sys.stdout)
    if args.diff is not None:
        return int(bool(shown))
    return int(result.graph.error is not None)
