"""What a change takes out of an expression: tensors that no longer count, and names that nothing reads any more."""

from __future__ import annotations

import ast
from collections import Counter

from kerascope.explain.fixes.edits.context import Context, Proposal, position

ORPHANED = 0.4
"""Cost of a change after which a name that was computed or passed in is no longer read anywhere."""


class LeftOut:
    """Compares the names that an expression reads with those that a change of it reads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._at = {position(n): n for n in reversed(list(ast.walk(context.tree))) if isinstance(n, ast.expr)}
        self._read: dict[ast.AST, Counter[str]] = {}

    def tensors(self, proposal: Proposal) -> int:
        """Counts the tensors that a change takes out of an expression."""
        old, new = self._exchanged(proposal)
        if old is None or new is None:
            return 0
        kept = set(_names(new)) | self._behind(old, new)
        lost = {name.rpartition(".")[2] for name in _names(old)} - {n.rpartition(".")[2] for n in kept}
        return len(lost & self._context.tensor_names)

    def _behind(self, old: ast.expr, new: ast.expr) -> set[str]:
        """Returns what a name that takes the place of an expression was computed from."""
        scope = self._context.function(old)
        if not isinstance(new, ast.Name) or scope is None:
            return set()
        values = [
            n.value
            for n in ast.walk(scope)
            if isinstance(n, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == new.id for t in n.targets)
        ]
        return {name for value in values for name in _names(value)}

    def orphans(self, proposal: Proposal) -> bool:
        """Tells whether a change leaves a local name, a parameter or an attribute of `self` that nothing reads."""
        old, new = self._exchanged(proposal)
        if old is None or new is None:
            return False
        read = _names(old)
        for name in set(read) - set(_names(new)):
            attribute = name.startswith("self.")
            if not attribute and name in self._context.names:
                continue
            scope = self._context.owner(old) if attribute else self._context.function(old)
            if scope is not None and name != "self" and self._count(scope)[name] == read[name]:
                return True
        return False

    def _exchanged(self, proposal: Proposal) -> tuple[ast.expr | None, ast.expr | None]:
        """Returns the expression that a change replaces and the new one; None where a change is of another kind."""
        edit = proposal.edits[0]
        old = self._at.get(edit.position)
        if len(proposal.edits) != 1 or old is None:
            return None, None
        try:
            return old, ast.parse(edit.text.strip(), mode="eval").body
        except SyntaxError:
            return old, None

    def _count(self, scope: ast.AST) -> Counter[str]:
        if scope not in self._read:
            self._read[scope] = _names(scope)
        return self._read[scope]


def _names(root: ast.AST) -> Counter[str]:
    """Counts how often each name, and each attribute of `self`, is read below a node."""
    found: Counter[str] = Counter()
    for node in ast.walk(root):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            held = isinstance(node.value, ast.Name) and node.value.id == "self"
            found[f"self.{node.attr}" if held else node.attr] += 1
    return found
