"""A mode that is fixed where the caller's is at hand: `training=False` in a `call` that is told whether it trains."""

from __future__ import annotations

import ast
import re

from kerascope.detect.smells import names, source
from kerascope.detect.smells.moment import Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ON_PURPOSE = re.compile(
    r"monte.?carlo|mc.?dropout|always|frozen|freeze|inference only|teacher|target", re.IGNORECASE
)


def concerns(site: Site) -> bool:
    """Calls with a fixed `training`, in a function that takes a parameter of that name."""
    return _fixed(site.node) is not None and "training" in source.parameters(site)


def judge(moment: Moment) -> Verdict:
    """Nothing else in the function may read the parameter, and nothing say that it is meant.

    A whole model that runs as when it is used, or a layer that does not train, is one that was trained before.
    """
    layer = names.find(moment.node.func, moment.frame)
    if layer is None or hasattr(layer, "layers") or not getattr(layer, "trainable", True):
        return None
    scope, fixed = source.function(moment.site), _fixed(moment.node)
    read = any(
        isinstance(n, ast.Name) and n.id == "training" and isinstance(n.ctx, ast.Load)
        for n in (ast.walk(scope) if scope is not None else ())
    )
    if fixed is None or scope is None or read or _ON_PURPOSE.search(source.words(moment.site)):
        return None
    text = ast.unparse(moment.node.func)
    return Hit(
        "training-flag",
        "fault",
        0.85,
        f"`{moment.site.source}` is always called with training={fixed}",
        f"The function is told by its parameter `training` whether the model trains, and nothing reads it: `{text}` "
        f"does {'the same when the model is used' if fixed else 'not what it should while the model trains'}. Hand it "
        "on: training=training.",
        (Evidence("training", fixed),),
    )


def _fixed(node: ast.AST) -> bool | None:
    """Returns the literal that a call gives for `training`."""
    given = [k.value for k in node.keywords if k.arg == "training"] if isinstance(node, ast.Call) else []
    value = given[0].value if given and isinstance(given[0], ast.Constant) else None
    return value if isinstance(value, bool) else None
