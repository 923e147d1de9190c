"""What a name promises and its value does not keep: the log of a variance, a divergence.

A draw of noise is scaled by a standard deviation, `exp(0.5 * log_var)`, not by the variance `exp(log_var)` (Kingma and
Welling, Auto-Encoding Variational Bayes, 2014); a Kullback-Leibler divergence is never below zero (Gibbs' inequality).
"""

from __future__ import annotations

import ast

import numpy as np

from kerascope.detect.smells import flow, names, source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict, floats
from kerascope.promises import DIVERGENCE, LOG_VARIANCE
from kerascope.record.lines import Activation, Site
from kerascope.values import Evidence

_DRAWS = ("normal", "randn", "randn_like", "truncated_normal")
_BELOW = -1e-3


def concerns(site: Site) -> bool:
    """Products of two, one of them an exponential."""
    return names.called(site.node) == "multiply"


def judge(moment: Moment) -> Verdict:
    """One side is `exp` of the log of a variance, the other a draw from the normal distribution."""
    terms = moment.terms()
    if terms is None:
        return None
    for one, other in (terms, terms[::-1]):
        scale = flow.behind(one.event.site, moment.activation)
        name = _log_variance(scale)
        if name is None or not _drawn(other.event.site, moment.activation):
            continue
        return Hit(
            "wrong-argument",
            "fault",
            0.9,
            f"`{moment.site.source}` scales noise by a variance",
            f"`{name}` is the log of a variance by its name, so `{scale.source}` is the variance. Noise is scaled by "
            f"the standard deviation, its root: exp(0.5 * {name}).",
            (Evidence("scale", scale.source),),
            site=scale if scale.kind == "call" else None,
        )
    return CLEAR


def _log_variance(site: Site) -> str | None:
    node = site.node
    if names.called(node) != "exp" or not isinstance(node, ast.Call):
        return None
    value = node.args[0] if node.args else getattr(node.func, "value", None)
    text = ast.unparse(value) if isinstance(value, (ast.Name, ast.Attribute)) else ""
    return text if LOG_VARIANCE.search(text.lower()) else None


def _drawn(site: Site, activation: Activation) -> bool:
    return names.called(flow.behind(site, activation).node) in _DRAWS


# -- divergences -------------------------------------------------------------------------------------------------------


def concerns_divergence(site: Site) -> bool:
    """What is named a divergence, unless its sign is turned where it is read, or it is set again."""
    named = [t for t in site.targets if DIVERGENCE.search(t.rpartition(".")[2].lower())]
    scope = source.function(site)
    if len(site.targets) != 1 or not named or scope is None:
        return False
    stores = [
        n
        for n in ast.walk(scope)
        if isinstance(n, ast.Name) and n.id == named[0] and isinstance(n.ctx, ast.Store)
    ]
    return len(stores) == 1 and not _turned(scope, named[0])


def judge_divergence(moment: Moment) -> Verdict:
    """The mean over all that was summed or averaged."""
    values = floats(moment.value)
    if values is None or not np.isfinite(values).all():
        return None
    mean, calls = float(values.mean()), flow.sources(moment.event, moment.activation).calls()
    if mean >= _BELOW:
        return CLEAR
    if not calls & {"sum", "mean"} or "exp" not in calls or calls & set(_DRAWS):
        return None  # a part of one, or an estimate from samples, which may be below zero
    name = moment.site.targets[0]
    return Hit(
        "wrong-argument",
        "fault",
        0.85,
        f"`{name}` is a divergence by its name, and below zero",
        f"A Kullback-Leibler divergence is never below zero; `{name}` is {mean:.4g}. A sign is turned, or a term is "
        "missing: for a normal distribution it is -0.5 * sum(1 + log_var - mean**2 - exp(log_var)).",
        (Evidence(f"mean of `{name}`", mean),),
    )


def _turned(scope: ast.AST, name: str) -> bool:
    """Tells whether a name is read below a minus, or times something with one."""
    for node in ast.walk(scope):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            parts: list[ast.AST] = [node.operand]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            parts = [node.right]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and "-" in ast.unparse(node):
            parts = [node]
        else:
            continue
        if any(isinstance(n, ast.Name) and n.id == name for part in parts for n in ast.walk(part)):
            return True
    return False
