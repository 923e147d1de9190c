"""Two players of one step, a judge and a maker, whose losses ask for the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from kerascope._keras import objects
from kerascope.detect.second import source
from kerascope.detect.second.trial import Found, Trial, finding
from kerascope.values import Evidence, SourceSpan

_JUDGE = re.compile(r"(^|_)(d|dis|disc|discriminator|critic|judge)(_|$)", re.IGNORECASE)
_MAKER = re.compile(r"(^|_)(g|gen|generator)(_|$)", re.IGNORECASE)
_FILLED = ("ones", "zeros", "ones_like", "zeros_like", "full", "full_like")


def look(trial_: Trial) -> Iterator[Found]:
    """Yields the loss of the maker; it stands when both losses vanish, which adversaries' losses cannot."""
    if "train_step" not in trial_.own.methods:
        return
    names = [str(m.name) for m in getattr(trial_.model, "metrics", ()) if objects.kind_of(m) == "metric"]
    losses = [name for name in names if "loss" in name.lower()]
    judge = next((name for name in losses if _JUDGE.search(name)), None)
    maker = next((name for name in losses if _MAKER.search(name) and name != judge), None)
    step = source.method(type(trial_.model), "train_step")
    if judge is None or maker is None or step is None:
        return
    yield Found(
        finding(
            "custom-loss-bug",
            "fault",
            0.85,
            f"`{judge}` and `{maker}` both go to 0: the two do not play against each other",
            "A judge that is hardly ever wrong leaves the maker a large loss, and a maker that deceives it leaves the "
            "judge one. Where both are next to 0, both ask for the same: the maker is rewarded for what the judge "
            "finds out, so that it moves away from the data. Samples that are to be taken for real need the labels of "
            "real ones (ones, where the judge says 1 to real) in the maker's loss.",
            _wanted(step, maker),
            [Evidence("losses", f"{judge}, {maker}")],
        ),
        "agree",
        (judge, maker),
    )


def _wanted(step: source.Method, maker: str) -> SourceSpan:
    """Returns where the labels of the maker's loss are made: in a call there, or under a name; else that loss."""
    assigned = {
        target.id: node
        for node in step.statements()
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    loss = next((node for name, node in assigned.items() if _MAKER.search(name) and "loss" in name), None)
    if loss is None:
        return step.first
    for call in (node for node in ast.walk(loss) if isinstance(node, ast.Call)):
        for given in call.args:
            known = assigned.get(given.id) if isinstance(given, ast.Name) else None
            if known is not None and _fills(known.value):
                return step.span_of(known)
    return step.span_of(loss)


def _fills(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _FILLED
