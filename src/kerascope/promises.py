"""What names and expressions of the user's source promise: log variances, divergences, ranges, masks, thresholds."""

from __future__ import annotations

import ast
import re

LOG_VARIANCE = re.compile(r"log_?var(iance)?s?$|log_?sigma_?(2|sq|squared)$")
DIVERGENCE = re.compile(r"(^|_)kld?($|_)|divergence")
COSINE = re.compile(r"^cos(ine)?(_sim(ilarity)?)?$|_cos(ine)?$")
PROBABILITY = re.compile(r"^(?!.*log)(.*_)?(probs?|probabilit(y|ies))$")
SPREAD = re.compile(r"^(?!.*log)(.*_)?(sigma|std|stddev|stdev|variance)$")
MASK = re.compile(r"mask|valid|real|keep|present|observed|pad")
_LARGE = 1e4
_PREDICTED = re.compile(r"y_pred|preds?$|predictions?$|logits?$|scores?$|outputs?$")


def is_objective(text: str) -> bool:
    """Tells whether a class says, by its name or docstring, that it gives a loss or likelihood of a whole batch."""
    each = re.search(r"per (sample|row|image|example)|for each|one number|of each", text.lower())
    return bool(re.search(r"loss|likelihood|objective|elbo|penalty", text.lower())) and not each


def is_low(node: ast.AST) -> bool:
    """Tells a number so far below zero that it is put in the place of a score that is not to count."""
    value = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None
    number = getattr(value, "value", None)
    return isinstance(number, (int, float)) and number >= _LARGE


def hides(node: ast.AST) -> tuple[ast.expr, str, bool] | None:
    """Returns what falls on scores that are not to count, the mask in it, and whether it is the mask's ones.

    That is the factor of a large number below zero (`(1 - mask) * -1e9`, `scores - 1e9 * mask`), or the condition of a
    `where` that puts such a number in the place of a score.
    """
    if isinstance(node, ast.Call) and _called(node) == "where" and len(node.args) == 3:
        condition, one, two = node.args
        if is_low(one) != is_low(two) and (told := _mask(condition)) is not None:
            return condition, told[0], told[1] == is_low(one)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        node, low = node.right, is_high
    else:
        low = is_low
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    for number, other in ((node.left, node.right), (node.right, node.left)):
        if low(number) and (told := _mask(other)) is not None:
            return other, *told
    return None


def _mask(node: ast.expr) -> tuple[str, bool] | None:
    """Returns the mask that an expression is, looked at along other axes or in other numbers, and whether as it is."""
    if isinstance(node, ast.Name):
        return (node.id, True) if node.id.endswith("mask") else None
    if isinstance(node, ast.Subscript):
        return _mask(node.value)
    if (
        isinstance(node, ast.Call)
        and _called(node) in ("cast", "expand_dims", "logical_not", "reshape")
        and node.args
    ):
        told = _mask(node.args[0])
        return None if told is None else (told[0], told[1] != (_called(node) == "logical_not"))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not)):
        told = _mask(node.operand)
        return None if told is None else (told[0], not told[1])
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and getattr(node.left, "value", None) == 1
    ):
        told = _mask(node.right)
        return None if told is None else (told[0], not told[1])
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node)
    return None


def _compared(node: ast.Compare) -> tuple[str, bool] | None:
    """`mask > 0`, `mask == 0`."""
    told, number = _mask(node.left), getattr(node.comparators[0], "value", None)
    if told is None or number not in (0, 0.5, 1) or isinstance(node.left, ast.Compare):
        return None
    name, straight = told
    above = isinstance(node.ops[0], (ast.Gt, ast.GtE)) or (isinstance(node.ops[0], ast.NotEq) and number == 0)
    equal = isinstance(node.ops[0], ast.Eq)
    if not (above or equal or isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.NotEq))):
        return None
    ones = above or (equal and number == 1)
    return name, straight == ones


def is_high(node: ast.AST) -> bool:
    """Tells a number that is so large that scores from which it is taken are not to count."""
    number = getattr(node, "value", None)
    return isinstance(number, (int, float)) and not isinstance(number, bool) and number >= _LARGE


def threshold(node: ast.AST) -> ast.expr | None:
    """Returns the prediction that is compared with one half, or with what is called a threshold."""
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        one, two = node.left, node.comparators[0]
    elif isinstance(node, ast.Call) and _called(node) in ("greater", "greater_equal") and len(node.args) == 2:
        one, two = node.args
    else:
        return None
    name = getattr(two, "attr", getattr(two, "id", ""))
    half = (isinstance(two, ast.Constant) and two.value == 0.5) or "thresh" in name
    named = isinstance(one, (ast.Name, ast.Attribute)) and _PREDICTED.search(ast.unparse(one).lower())
    return one if half and named else None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
