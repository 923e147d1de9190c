"""Operations without a gradient, such as argmax, rounding and comparison, on the only way back from a result."""

from __future__ import annotations

import ast
import re
import types

from kerascope.detect.smells import flow, gradient, names, roles, source
from kerascope.detect.smells.gradient import CHOOSING, Walk, compares
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, differentiated, is_mask
from kerascope.record.lines import Site
from kerascope.values import Evidence

_ENTRIES = {"call", "forward", "__call__"}
_CONSTANT = {
    "teacher",
    "target",
    "momentum",
    "ema",
    "frozen",
    "fixed",
    "slow",
    "old",
    "reference",
    "constant",
}
"""Words for what is left out of learning on purpose."""
_PREDICTED = re.compile(r"pred|logit|output|score")


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
    if not (walk.cuts or walk.stopped) or _only_in_training(moment.site):
        return CLEAR
    if not _is_entry(moment):
        return None
    if walk.stopped and (stopped := _stopped(moment, walk)) is not None:
        return stopped
    for cut, lost in walk.cuts.items():
        if _matters(moment, walk, cut, lost) and not _may_count(moment, cut):
            return _hit(moment, cut, lost)
    return CLEAR


def _stopped(moment: Moment, walk: Walk) -> Hit | None:
    """A gradient that is kept back on purpose from the wrong one of two: from what comes last, or from all of it."""
    text = source.words(moment.site)
    if moment.role == "layer" and not walk.reached and not _is_constant(text):
        stop = next(iter(walk.stopped))
        way = Walk(moment.activation, moment.frame)
        way.alive_behind(stop)
        return _held(moment, stop, way.reached) if way.learning else None
    if "add_loss" in text:
        return None  # by which there is another way
    for stop, behind in walk.stopped.items():
        # What learns before it is reached in another way; a second network beside the one that learns is not.
        lost = {
            name
            for name, before in behind.items()
            if name not in walk.reached and before & walk.reached and not _is_constant(name)
        }
        if lost:
            return _held(moment, stop, lost)
    predicted = {name for name in source.parameters(moment.site)[1:2] if _PREDICTED.search(name)}
    if (
        moment.role == "loss"
        and predicted
        and not roles.is_guess(moment.frame)
        and not walk.reached & predicted
    ):
        return _held(moment, next(iter(walk.stopped)), predicted)
    return None


def _is_constant(text: str) -> bool:
    return bool(set(re.split(r"[\W\d_]+", text.lower())) & _CONSTANT)


def _held(moment: Moment, stop: Site, lost: set[str]) -> Hit:
    shown = ", ".join(f"`{name}`" for name in sorted(lost))
    result = flow.root(moment.site).source
    return Hit(
        "disconnected-gradient",
        "warning",
        0.8,
        f"{shown} cannot learn: `{stop.source}` keeps the gradient back",
        f"There is no other way from `{result}` back to {shown}, which takes what is learnt before it. What is to stay "
        "constant is usually the other side, the target: stop the gradient there.",
        (
            Evidence("gets no gradient", shown.replace("`", "")),
            Evidence("result", result),
        ),
        site=stop,
    )


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
    if moment.role == "layer":
        gone = {name for name in gone if not is_mask(name, moment.frame)}
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
