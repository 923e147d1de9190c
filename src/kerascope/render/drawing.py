"""Pictures by Graphviz, through the pygraphviz wheels, which bring Graphviz along: no program has to be installed."""

from __future__ import annotations

import warnings

from kerascope.errors import SetupError

FORMATS = ("svg", "png", "pdf")


def draw(dot: str, kind: str) -> bytes:
    """Returns a DOT document drawn as "svg", "png" or "pdf".

    Raises:
        SetupError: pygraphviz is not installed, or Graphviz cannot draw this.
    """
    try:
        import pygraphviz
    except ImportError:
        raise SetupError(
            'Pictures need one more package: pip install "kerascope[plot]"', slug="plot"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fonts that are replaced
            drawn = pygraphviz.AGraph(string=dot).draw(format=kind, prog="dot")
    except Exception as error:
        raise SetupError(
            f"Graphviz cannot draw this: {error} Received: format={kind!r}.", slug="plot"
        ) from error
    return bytes(drawn)


def available() -> bool:
    """Tells whether pictures can be drawn here."""
    import importlib.util

    return importlib.util.find_spec("pygraphviz") is not None
