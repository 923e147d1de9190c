"""Operations without a gradient, such as argmax, rounding and comparison, on the only way back from a result."""

from __future__ import annotations

import ast
import types

from kerascope.detect.smells import flow, gradient, names, roles, source
from kerascope.detect.smells.gradient import CHOOSING, Walk, compares
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, differentiated
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ENTRIES = {"call", "forward", "__call__"}


def concerns(site: Site) -> bool:
    """What functions return, and calls of losses."""
    return _is_loss(site.node) or source.is_result(site)


def _is_loss(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (
        "loss" in (name := names.called(node).lower()) or "entropy" in name
    )


def judge(moment: Moment) -> Verdict:
    """Goes back from the result and looks whether any way without such an operation leads to what is to learn."""
    role = moment.role
    if role not in ("layer", "loss", "train") or not moment.event.facts.dtype.startswith(("float", "bfloat")):
        return None
    walk = Walk(moment.activation, moment.frame)
    if role == "train":
        return _loss_in_step(moment, walk) if _is_loss(moment.node) else None
    if not source.is_result(moment.site):
        return None
    # The event of the result itself is not kept as the latest yet, but those it is computed from are.
    walk.alive(moment.site)
    walk.parameters = source.parameters(moment.site)
    gradient.remember(moment.event.number, walk)
    if not walk.cuts or _only_in_training(moment.site):
        return CLEAR
    if not _is_entry(moment):
        return None
    for cut, lost in walk.cuts.items():
        if _matters(moment, walk, cut, lost) and not _may_count(moment, cut):
            return _hit(moment, cut, lost)
    return CLEAR


def _may_count(moment: Moment, cut: Site) -> bool:
    """Tells whether a bare function may as well be a metric: nothing says loss, and it counts what compares well."""
    if moment.role != "loss" or not roles.is_guess(moment.frame):
        return False
    # The classes that `argmax` chooses are compared with the true ones.
    return compares(cut) or (cut.parent is not None and compares(cut.parent))


def _is_entry(moment: Moment) -> bool:
    """A helper may cut as it likes as long as whoever calls it has another way."""
    name = moment.activation.function.rsplit(".", 1)[-1]
    if name in _ENTRIES:
        return True
    caller = moment.frame.f_back
    outer = moment.activation.parent
    return moment.role == "loss" and (
        outer is None or caller is None or caller.f_code.co_filename != outer.file
    )


def _only_in_training(site: Site) -> bool:
    """Hard decisions outside of training have a soft twin."""
    scope = source.function(site)
    tests = (
        [n.test for n in ast.walk(scope) if isinstance(n, (ast.If, ast.IfExp))] if scope is not None else []
    )
    return any(source.mentions(test, "training") for test in tests)


def _matters(moment: Moment, walk: Walk, cut: Site, lost: set[str]) -> bool:
    """Tells whether something that should learn is reached in no other way."""
    gone = lost - walk.reached
    if gone & walk.learning:
        return True
    given = source.parameters(moment.site)
    if moment.role == "loss":
        predicted = set(given[1:2] or given)
        return bool(gone & predicted) and not walk.reached & predicted
    if not gone & set(given) or walk.reached & set(given):
        return False
    if cut in walk.indices and names.called(cut.node) not in CHOOSING:
        return False  # numbers sorted into bins, which are looked up, are data on their way in
    if cut in walk.indices and names.called(cut.node) == "argmin" and walk.learning:
        return False  # the nearest of some codes, which learn
    if not _trains(moment.frame) or type(moment.value).__module__.startswith("tensorflow"):
        return True
    return any(differentiated(names.find(ast.Name(name), moment.frame)) for name in gone)


def _trains(frame: types.FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name in ("train_step", "train_on_batch", "fit"):
            return True
        frame = frame.f_back
    return False


def _loss_in_step(moment: Moment, walk: Walk) -> Verdict:
    node = moment.argument(1, "y_pred", "output", "logits")
    predicted = next((s for s in moment.site.children if s.node is node), None)
    if predicted is None:
        return None
    if walk.alive(predicted) or not walk.cuts:
        return CLEAR
    cut, lost = next(iter(walk.cuts.items()))
    return _hit(moment, cut, lost)


def _hit(moment: Moment, cut: Site, lost: set[str]) -> Hit:
    sure = moment.role == "train" or (moment.role == "loss" and not roles.is_guess(moment.frame))
    shown = ", ".join(f"`{name}`" for name in sorted(lost))
    result = flow.root(moment.site).source
    operation = names.called(cut.node) or cut.name
    return Hit(
        "disconnected-gradient",
        "fault" if sure else "warning",
        0.9 if sure else 0.75,
        f"No gradient comes back through `{cut.source}`",
        f"`{operation}` has a derivative of zero or none at all, and there is no other way from `{result}` back to "
        f"{shown}, so whatever comes before cannot learn from it. Use something with a slope (sigmoid, softmax), or "
        "pass the gradient around it: `x + stop_gradient(hard(x) - x)`.",
        (
            Evidence("operation without a gradient", cut.source),
            Evidence("gets no gradient", shown.replace("`", "")),
            Evidence("result", result),
        ),
        site=cut,
    )
