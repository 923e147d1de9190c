"""`kerascope plot SUBJECT FILE`: a picture of a model, or a page to explore it."""

from __future__ import annotations

import argparse
import sys

HELP = "draw a model as SVG, PNG, PDF, HTML or DOT"

_EPILOG = """\
SUBJECT is as for `kerascope summary`: FILE.keras, SCRIPT.py or SCRIPT.py:NAME. The ending of FILE says what is
written: .svg .png .pdf .html .dot. The page (.html) opens offline: pan, zoom, fold, search, details.

examples:
  kerascope plot train.py model.html
  kerascope plot model.keras model.png --rankdir LR --theme dark
  kerascope plot train.py run.html --run runs/train-20250101-120000.kscope
  kerascope plot old.keras change.html --diff new.keras
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `plot`."""
    from kerascope.cli.summary import add_subject

    parser.description = HELP[0].upper() + HELP[1:] + "."
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_subject(parser)
    parser.add_argument("out", metavar="FILE", help="where to: .svg .png .pdf .html .dot")
    parser.add_argument("--diff", metavar="SUBJECT", help="mark what changes from SUBJECT to this one")
    parser.add_argument(
        "--run",
        dest="recording",
        metavar="RECORDING",
        help="colour the boxes by the health of a recorded run",
    )
    parser.add_argument(
        "--rankdir", choices=("TB", "LR", "BT", "RL"), default="TB", help="direction (default: TB)"
    )
    parser.add_argument("--dpi", type=int, metavar="N", help="dots per inch of a PNG (default: 96)")
    parser.add_argument("--theme", choices=("light", "dark"))
    parser.add_argument("--depth", type=int, metavar="N", help="levels to open")
    parser.add_argument("--no-collapse", action="store_true", help="draw every one of equal blocks")
    parser.add_argument("--force", action="store_true", help="write over a file that exists")


def run(args: argparse.Namespace) -> int:
    """Writes the picture; returns the exit code of the process."""
    from kerascope.api import subject as api
    from kerascope.api.files import check_free
    from kerascope.api.plot import plot

    check_free(args.out, args.force)  # before a script runs, not after
    models = []
    inputs = tuple(api.input_shape(shape) for shape in args.input or ())
    for text in (args.subject, args.diff):
        if text is not None:
            model, example = api.load_subject(text)
            inputs = inputs or example
            models.append(model)
            if text.endswith(".keras"):
                print(f"kerascope: {text} is {api.SAFE_MODE}", file=sys.stderr)
    made = plot(
        *models,
        args.out,
        inputs=inputs,
        run=args.recording,
        rankdir=args.rankdir,
        dpi=args.dpi,
        theme=args.theme,
        depth=args.depth,
        collapse=not args.no_collapse,
        batch_size=args.batch_size,
        overwrite=args.force,
    )
    if made.graph.error is not None:
        print(
            f"kerascope: the model fails when it is called; the picture ends there: {made.graph.error}",
            file=sys.stderr,
        )
        return 1
    return 0
