"""Which expressions had a part in a failure, and how far from it they stand.

From the expression that failed the names it reads are followed back to where they are assigned, attributes to where
they are set, functions and layers of the same file to their bodies. The nearer, the likelier the fault is there.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterable

from kerascope.explain.fixes.edits.context import Context, called, position
from kerascope.record.lines import Position

INSIDE, RELATED, STEP, FAR, OUTSIDE = 0.0, 0.15, 0.1, 0.8, 1.2
"""Costs: in the failing expression itself, what it is made of, each further step back, elsewhere, not executed."""


class Nearness:
    """How far each expression of a file is from the places where things went wrong."""

    def __init__(
        self,
        context: Context,
        places: Iterable[Position],
        culprit: Position | None,
        *,
        silent: bool = False,
        vague: bool = False,
    ) -> None:
        self._context = context
        self._depth: dict[ast.AST, int] = {}
        self._culprit: set[ast.AST] = set()
        at: dict[Position, list[ast.AST]] = {}
        for node in ast.walk(context.tree):
            if hasattr(node, "lineno"):
                at.setdefault(position(node), []).append(node)
        starts = [node for place in places for node in at.get(place, ())]
        if culprit is not None:
            for node in at.get(culprit, ()):
                # Not the contexts such as `ast.Load`, which are one object in the whole tree.
                self._culprit |= {n for n in ast.walk(node) if isinstance(n, ast.expr)}
        self._spread(starts)
        # A weight that does not fit may as well be right and what is done with it wrong.
        same = {context.function(node) for node in starts}
        here = silent or not starts or any(context.function(node) in same for node in self._culprit)
        self._bonus = (0.1 if vague else 0.3) if here else -0.05
        self.any = bool(starts) or bool(self._culprit)

    def _spread(self, starts: list[ast.AST]) -> None:
        queue: deque[tuple[ast.AST, int]] = deque((node, 0) for node in starts)
        while queue:
            root, depth = queue.popleft()
            for node in ast.walk(root):
                if self._depth.get(node, depth + 1) <= depth:
                    continue
                self._depth[node] = depth
                for source in self._sources(node):
                    if self._depth.get(source, 99) > depth + 1:
                        queue.append((source, depth + 1))

    def _sources(self, node: ast.AST) -> list[ast.AST]:
        """Returns the expressions that a name or an attribute got its value from, and bodies of what is called."""
        found: list[ast.AST] = []
        context = self._context
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            function = context.function(node)
            if function is not None:
                found += [s for s in ast.walk(function) if _sets(s, node.id) and s.lineno <= node.lineno]  # type: ignore[attr-defined]
                if node.id in {a.arg for a in function.args.args} and not found:
                    found += self._calls_of(function)
            found += [
                s
                for s in context.tree.body
                if isinstance(s, (ast.FunctionDef, ast.ClassDef)) and s.name == node.id
            ]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            owner = context.owner(node)
            if owner is not None:
                found += [s for s in ast.walk(owner) if _sets(s, f"self.{node.attr}")]
                found += [s for s in owner.body if isinstance(s, ast.FunctionDef) and s.name == node.attr]
        return found

    def _calls_of(self, function: ast.FunctionDef) -> list[ast.AST]:
        """Returns the calls in the file that run a function: by its name, or through an object of its class."""
        owner = self._context.owner(function)
        calls = [n for n in ast.walk(self._context.tree) if isinstance(n, ast.Call)]
        found: list[ast.AST] = [c for c in calls if called(c) == function.name]
        if owner is not None and function.name == "call":
            makers = [
                s for s in ast.walk(self._context.tree)
                if isinstance(s, ast.Assign) and called(s.value) == owner.name
            ]  # fmt: skip
            held = {self._context.text(t) for s in makers for t in s.targets}
            found += [c for c in calls if self._context.text(c.func) in held]
        return found

    def cost(self, node: ast.AST) -> float:
        """Returns what is added to the cost of an edit there."""
        if node in self._culprit:
            return -self._bonus
        depth = self._depth.get(node)
        if depth is None:
            return FAR if self.any else RELATED
        return INSIDE if depth == 0 else RELATED + STEP * min(depth, 5)


def _sets(node: ast.AST, name: str) -> bool:
    """Tells whether a statement assigns to a name such as `x` or `self.kernel`."""
    if isinstance(node, ast.Assign):
        targets: list[ast.expr] = list(node.targets)
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.comprehension)):
        targets = [node.target]
    else:
        return False
    flat = [e for t in targets for e in (t.elts if isinstance(t, (ast.Tuple, ast.List)) else [t])]
    return any(isinstance(t, (ast.Name, ast.Attribute)) and ast.unparse(t) == name for t in flat) and hasattr(
        node, "lineno"
    )
