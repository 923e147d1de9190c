"""One part of a tensor taken twice under two names, and the rest of it never: a copied line that was not changed."""

from __future__ import annotations

import ast

from kerascope.detect.smells import source
from kerascope.detect.smells.moment import CLEAR, Hit, Moment, Verdict
from kerascope.record.lines import Site
from kerascope.values import Evidence


def concerns(site: Site) -> bool:
    """Parts of a tensor that have been given another name before."""
    return isinstance(site.node, ast.Subscript) and len(site.targets) == 1 and _before(site) is not None


def judge(moment: Moment) -> Verdict:
    """Some of the tensor must be left over: what is read of it is told by the source."""
    site = moment.site
    before, operand = _before(site), moment.part(site.node.value)  # type: ignore[attr-defined]
    if before is None or operand is None:
        return None
    whole, part = operand.event.facts.shape, moment.event.facts.shape
    if not whole or part is None or not _left_over(site, whole, part):
        return CLEAR
    text = operand.event.site.source
    return Hit(
        "wrong-argument",
        "fault",
        0.9,
        f"`{site.targets[0]}` is the same part of `{text}` as `{before}`",
        f"`{site.source}` is taken twice, as `{before}` and as `{site.targets[0]}`, and another part of `{text}` is "
        "never read.",
        (Evidence(f"shape of `{text}`", str(whole).replace("None", "B")), Evidence("part", str(part))),
    )


def _reads(site: Site) -> list[ast.Subscript] | None:
    """Returns all that a function reads of a name; None where it reads the whole, or sets the name more than once."""
    scope, held = source.function(site), site.node.value  # type: ignore[attr-defined]
    if scope is None or not isinstance(held, ast.Name):
        return None
    found = [n for n in ast.walk(scope) if isinstance(n, ast.Subscript) and ast.unparse(n.value) == held.id]
    named = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == held.id]
    stored = [n for n in named if isinstance(n.ctx, ast.Store)]
    return found if len(named) - len(stored) == len(found) and len(stored) <= 1 else None


def _before(site: Site) -> str | None:
    """Returns the other name of the same part."""
    scope = source.function(site)
    if scope is None or _reads(site) is None:
        return None
    text = ast.unparse(site.node)
    for statement in ast.walk(scope):
        if isinstance(statement, ast.Assign) and statement.lineno < site.line:
            target = statement.targets[0]
            if ast.unparse(statement.value) == text and isinstance(target, ast.Name):
                return target.id if target.id != site.targets[0] else None
    return None


def _left_over(site: Site, whole: tuple[int | str | None, ...], part: tuple[int | str | None, ...]) -> bool:
    reads = _reads(site) or []
    texts = {ast.unparse(n.slice) for n in reads}
    if len(texts) == 1:
        return part != whole
    places = [_number(n.slice) for n in reads]
    axes = {axis for axis, _ in places}
    size = whole[axes.pop()] if len(axes) == 1 and None not in axes else None  # type: ignore[index]
    return isinstance(size, int) and len({place % size for _, place in places}) < size


def _number(index: ast.expr) -> tuple[int | None, int]:
    """Returns the axis and the place of an index such as `[:, 1]`; no axis where it is another one."""
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    axis = len(parts) - 1
    last = parts[-1]
    sign = 1
    if isinstance(last, ast.UnaryOp) and isinstance(last.op, ast.USub):
        sign, last = -1, last.operand
    if not isinstance(last, ast.Constant) or not isinstance(last.value, int):
        return None, 0
    plain = all(isinstance(p, ast.Slice) and p.lower is None and p.upper is None for p in parts[:-1])
    return (axis if plain else None), sign * last.value
