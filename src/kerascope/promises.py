"""What names and expressions of the user's source promise: log variances, divergences, masks, thresholds."""

from __future__ import annotations

import ast
import re

LOG_VARIANCE = re.compile(r"log_?var(iance)?s?$|log_?sigma_?(2|sq|squared)$")
DIVERGENCE = re.compile(r"(^|_)kld?($|_)|divergence")
_LARGE = 1e4
_PREDICTED = re.compile(r"y_pred|preds?$|predictions?$|logits?$|scores?$|outputs?$")


def is_low(node: ast.AST) -> bool:
    """Tells a number so far below zero that it is put in the place of a score that is not to count."""
    value = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else None
    number = getattr(value, "value", None)
    return isinstance(number, (int, float)) and number >= _LARGE


def hides(node: ast.AST) -> tuple[str, bool] | None:
    """Returns the mask that a large number below zero is multiplied with, and whether it falls on its ones."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    for number, other in ((node.left, node.right), (node.right, node.left)):
        if not is_low(number):
            continue
        if isinstance(other, ast.Name) and other.id.endswith("mask"):
            return other.id, True
        turned = isinstance(other, ast.BinOp) and isinstance(other.op, ast.Sub)
        if turned and isinstance(other.left, ast.Constant) and other.left.value == 1:  # type: ignore[attr-defined]
            right = other.right  # type: ignore[attr-defined]
            if isinstance(right, ast.Name) and right.id.endswith("mask"):
                return right.id, False
    return None


def threshold(node: ast.AST) -> ast.expr | None:
    """Returns the prediction that is compared with one half."""
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        one, two = node.left, node.comparators[0]
    elif isinstance(node, ast.Call) and _called(node) in ("greater", "greater_equal") and len(node.args) == 2:
        one, two = node.args
    else:
        return None
    half = isinstance(two, ast.Constant) and two.value == 0.5
    named = isinstance(one, (ast.Name, ast.Attribute)) and _PREDICTED.search(ast.unparse(one).lower())
    return one if half and named else None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
