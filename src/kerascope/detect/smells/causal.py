"""A convolution that sees later steps beside one that is made not to."""

from __future__ import annotations

import ast

from kerascope.detect.smells import names, source
from kerascope.detect.smells.moment import Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Calls of a convolution along the steps, kept as an attribute."""
    made = _made(site)
    return made is not None and _padding(made) == "same"


def judge(moment: Moment) -> Verdict:
    """Another one of its class is causal, and wide enough to see other steps."""
    made = _made(moment.site)
    beside = _causal_beside(moment.site) if made is not None else None
    layer = names.find(moment.node.func, moment.frame)
    wide = max(getattr(layer, "kernel_size", None) or (1,)) > 1
    if made is None or beside is None or not wide:
        return None
    return Hit(
        "wrong-argument",
        "fault",
        0.85,
        f"`{moment.site.source}` sees later steps, the causal convolution beside it does not",
        f"`{ast.unparse(made)}`, line {made.lineno}, pads on both sides, so that each step sees later ones; `{beside}` "
        'is made with padding="causal" to prevent that.',
        (Evidence("padding", "same"), Evidence(f"padding of `{beside}`", "causal")),
    )


def _stores(site: Site) -> list[tuple[str, ast.Call]]:
    """Returns the convolutions along steps that the class keeps, each with its name."""
    owner = next((n for n in source.above(site) if isinstance(n, ast.ClassDef)), None)
    return [
        (ast.unparse(s.targets[0]), s.value)
        for s in (ast.walk(owner) if owner is not None else ())
        if isinstance(s, ast.Assign)
        and isinstance(s.value, ast.Call)
        and "Conv1D" in ast.unparse(s.value.func)
    ]


def _made(site: Site) -> ast.Call | None:
    node = site.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    text = ast.unparse(node.func)
    return (
        next((made for name, made in _stores(site) if name == text), None)
        if text.startswith("self.")
        else None
    )


def _padding(made: ast.Call) -> str:
    found = [k.value.value for k in made.keywords if k.arg == "padding" and isinstance(k.value, ast.Constant)]
    return str(found[0]) if found else ""


def _causal_beside(site: Site) -> str | None:
    return next((name for name, made in _stores(site) if _padding(made) == "causal"), None)
