"""Rewrites a file's syntax tree so that every expression that may yield a tensor reports its value.

An expression `e` becomes `value(site, e)`: evaluated once, in its old order, and handed on unchanged. All nodes keep
their place in the source, so tracebacks, debuggers and coverage show the user's own lines. The hooks and the sites
stand in the compiled code as constants, so no name is added to any scope; see `install`.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import re
from typing import Any, TypeVar

from kerascope.probe.lines.targets import pairs, target_names
from kerascope.record.lines import Position, Site

PREFIX = "\0kerascope "
"""Begins the string constants that `install` replaces by hooks and sites."""

VALUE, ENTER, HOLD, STORED, ATTRIBUTE = (
    f"{PREFIX}{n}" for n in ("value", "enter", "hold", "stored", "attribute")
)

_NEVER_TENSORS = frozenset(dir(builtins)) | {"self", "cls"}
_SIGNS = (ast.operator, ast.unaryop)
_Node = TypeVar("_Node", bound=ast.AST)


def _copy(node: _Node) -> _Node:
    """Returns a shallow copy; `copy.copy` does the same by a longer way."""
    new = type(node).__new__(type(node))
    new.__dict__.update(node.__dict__)
    return new


def rewrite(source: str, file: str) -> tuple[ast.Module, list[Site]]:
    """Returns the rewritten tree and its sites; the constant `PREFIX + "site 7"` stands for the eighth site."""
    tree = ast.parse(source)
    transformer = _Transformer(source, file, _plain_names(tree))
    new = transformer.visit(tree)
    return new, transformer.sites


def _plain_names(tree: ast.Module) -> frozenset[str]:
    """Returns names that are modules, classes or functions wherever they are read: no use in looking at them."""
    bound: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
    rebound: set[str] = set()
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Name):
            if not isinstance(inner.ctx, ast.Load):
                rebound.add(inner.id)  # also `cls = self.class_token`
        elif isinstance(inner, ast.arg) and inner.arg not in ("self", "cls"):
            rebound.add(inner.arg)
    return frozenset((bound | _NEVER_TENSORS) - rebound)


def position(node: ast.AST) -> Position:
    """Returns where an expression or statement stands."""
    n: Any = node
    return n.lineno, n.end_lineno, n.col_offset, n.end_col_offset


@dataclasses.dataclass
class _Scope:
    """Where the transformer is: the qualified name as `co_qualname` has it, and the expression it is inside of."""

    function: str
    is_function: bool
    outer: Site | None = None
    repeating: int = 0


class _Transformer(ast.NodeTransformer):
    def __init__(self, source: str, file: str, plain: frozenset[str]) -> None:
        self.sites: list[Site] = []
        # As Python's tokenizer splits it; `str.splitlines` knows more ends of lines.
        self._lines = [line.encode() for line in re.split("\r\n|\r|\n", source)]
        self._index: dict[Site, int] = {}
        self._file = file
        self._plain = plain
        self._scopes = [_Scope("<module>", False)]

    # -- sites and hooks ---------------------------------------------------------------------------------------

    def _site(self, node: ast.AST, kind: str) -> Site:
        scope = self._scopes[-1]
        site = Site(
            self._file, position(node), self._text(node), kind, scope.function, node, parent=scope.outer
        )
        site.repeated = scope.repeating > 0
        if scope.outer is not None:
            scope.outer.children.append(site)
        self._index[site] = len(self.sites)
        self.sites.append(site)
        return site

    def _text(self, node: ast.AST) -> str:
        first, last, start, end = position(node)
        if first == last:
            return self._lines[first - 1][start:end].decode(errors="replace")
        lines = [self._lines[first - 1][start:], *self._lines[first : last - 1], self._lines[last - 1][:end]]
        return b"\n".join(lines).decode(errors="replace")

    def _hook(self, name: str, site: Site, *values: ast.expr) -> ast.Call:
        reference = ast.Constant(f"{PREFIX}site {self._index[site]}")
        call = ast.Call(ast.Constant(name), [reference, *values], [])
        for node in (call, call.func, call.args[0]):
            ast.copy_location(node, site.node)
        return call

    def _wrapped(self, node: ast.expr, kind: str) -> ast.expr:
        """Returns `value(site, node)`, with the parts of `node` wrapped in turn."""
        site = self._site(node, kind)
        return self._hook(VALUE, site, self._inside(site, node))

    def _inside(self, site: Site | None, node: _Node) -> _Node:
        """Visits the parts of `node`; the sites made there become children of `site`."""
        scope = self._scopes[-1]
        outer, scope.outer = scope.outer, site
        new = self._parts(node)
        scope.outer = outer
        return new

    def _parts(self, node: _Node) -> _Node:
        new = _copy(node)  # the site keeps the node as the user wrote it
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(new, field, self._list(value))
            elif field == "func" and isinstance(node, ast.Call):
                setattr(new, field, self._callee(value))
            elif isinstance(value, ast.AST):
                setattr(new, field, self.visit(value))
        return new

    def _list(self, values: list[Any]) -> list[Any]:
        found: list[Any] = []
        for value in values:
            new = self.visit(value) if isinstance(value, ast.AST) else value
            found += new if isinstance(new, list) else [new]
        return found

    def _callee(self, node: ast.expr) -> ast.expr:
        """Leaves `ops.matmul` as it is; of `x.sum` the `x` is looked at, of `f(x)(y)` the `f(x)`."""
        if isinstance(node, ast.Name):
            return node
        if isinstance(node, ast.Attribute):
            new = _copy(node)
            new.value = node.value if self._is_plain(node.value) else self.visit(node.value)
            return new
        result: ast.expr = self.visit(node)
        return result

    def _is_plain(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._plain and node.id not in ("self", "cls")

    # -- expressions -------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> ast.expr:
        return self._wrapped(node, "call")

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if all(isinstance(n, (ast.BinOp, ast.UnaryOp, ast.Constant, *_SIGNS)) for n in ast.walk(node)):
            return node  # such as `2**3`, which the compiler works out
        return self._wrapped(node, "binop")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.operand, ast.Constant):
            return node
        return self._wrapped(node, "unaryop")

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        return self._wrapped(node, "compare")

    def visit_Await(self, node: ast.Await) -> ast.expr:
        return self._wrapped(node, "call")

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id not in self._plain:
            return self._wrapped(node, "name")
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return self._inside(self._scopes[-1].outer, node)
        return node if self._is_plain(node) else self._wrapped(node, "attribute")

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.ctx, ast.Load):
            return self._wrapped(node, "subscript")
        return self._inside(self._scopes[-1].outer, node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        return node  # what a message shows is not computed with

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node

    def _comprehension(self, node: _Node) -> _Node:
        """What stands in a comprehension is computed many times for one computation of what it is part of."""
        self._scopes[-1].repeating += 1
        new = self._parts(node)
        self._scopes[-1].repeating -= 1
        return new

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        new = _copy(node)
        new.value = self._assigned(node.value, [node.target])
        return new

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        new = _copy(node)  # patterns are no expressions
        if node.guard is not None:
            new.guard = self.visit(node.guard)
        new.body = self._list(node.body)
        return new

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        new = _copy(node)
        new.args = self.visit(node.args)
        with self._scope("<lambda>", is_function=True):
            entry = self._entry(node, "lambda").value
            new.body = ast.copy_location(ast.BoolOp(ast.Or(), [entry, self.visit(node.body)]), node.body)
        return new

    # -- statements --------------------------------------------------------------------------------------------

    def _assigned(self, value: ast.expr, targets: list[ast.expr]) -> ast.expr:
        count = len(self.sites)
        new: ast.expr = self.visit(value)
        self._name(count, value, tuple(target_names(targets, self._text)))
        for element, target in pairs(value, targets):
            for site in self.sites[count:]:
                if site.node is element:
                    site.targets = tuple(target_names([target], self._text))
        return new

    def _name(self, index: int, value: ast.expr, targets: tuple[str, ...]) -> None:
        """Says what the value of an expression is assigned to; a lambda's own site stands for its call."""
        if len(self.sites) > index and self.sites[index].node is value and not isinstance(value, ast.Lambda):
            self.sites[index].targets = targets

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.AST]:
        new = _copy(node)
        new.value = self._assigned(node.value, node.targets)
        stores: list[ast.AST] = []
        new.targets = [self._store(target, stores) for target in node.targets]
        return [new, *stores] if stores else new

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        new = _copy(node)
        if node.value is not None:
            new.value = self._assigned(node.value, [node.target])
        return new

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.AST]:
        new = _copy(node)
        site = self._site(node, "augmented")
        site.targets = tuple(target_names([node.target], self._text))
        new.value = self._inside(site, ast.Expr(node.value)).value
        if isinstance(node.target, ast.Name):
            again = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            return [new, self._statement(self._hook(VALUE, site, again))]
        stores: list[ast.AST] = []
        new.target = self._store(node.target, stores, site)
        return [new, *stores] if stores else new

    def _store(self, target: ast.expr, after: list[ast.AST], site: Site | None = None) -> Any:
        """Rewrites `base[i] = v` and `base.name = v` so that afterwards the changed tensor is looked at.

        `base` is evaluated once, as before, and held until the statement is done; nothing is evaluated again.
        """
        if isinstance(target, (ast.Tuple, ast.List)):
            new_list = _copy(target)
            new_list.elts = [self._store(element, after) for element in target.elts]
            return new_list
        if isinstance(target, ast.Subscript):
            site = site or self._site(target, "store")
            site.targets = (self._text(target.value),)
            new = self._inside(site, target)
            new.value = self._hook(HOLD, site, new.value)
            after.append(self._statement(self._hook(STORED, site)))
            return new
        if isinstance(target, ast.Attribute) and site is not None:
            changed = self._inside(site, target)
            changed.value = self._hook(HOLD, site, changed.value)
            name = ast.copy_location(ast.Constant(target.attr), target)
            after.append(self._statement(self._hook(ATTRIBUTE, site, name)))
            return changed
        return target

    @staticmethod
    def _statement(value: ast.Call) -> ast.Expr:
        return ast.copy_location(ast.Expr(value), value)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is None:
            return node
        new = _copy(node)
        count = len(self.sites)
        new.value = self.visit(node.value)
        self._name(count, node.value, ("return",))
        return new

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        new = _copy(node)
        with self._scope(node.name, is_function=False):
            new.body = self._list(node.body)
            new.body.insert(
                _after_docstring(node), self._beginning(node, f"class {node.name}", ast.Tuple([], ast.Load()))
            )
        return new

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        new = _copy(node)
        new.args = self.visit(node.args)
        with self._scope(node.name, is_function=True):
            body = self._list(node.body)
            body.insert(_after_docstring(node), self._entry(node, f"def {node.name}"))
        new.body = body
        return new

    visit_AsyncFunctionDef = visit_FunctionDef

    def _entry(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, source: str) -> ast.Expr:
        """Returns the statement that tells of a call and its arguments."""
        a = node.args
        names = [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)] + [
            x.arg for x in (a.vararg, a.kwarg) if x
        ]
        values = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
        return self._beginning(node, source, values, tuple(names))

    def _beginning(
        self, node: ast.AST, source: str, values: ast.Tuple, names: tuple[str, ...] = ()
    ) -> ast.Expr:
        site = self._site(node, "arguments")
        site.source, site.targets = source, names
        entry = ast.Expr(self._hook(ENTER, site, values))
        for part in ast.walk(entry):
            # Where the signature stands: a failing hook or a debugger must not show the whole body.
            ast.copy_location(part, node)
            part.end_lineno, part.end_col_offset = node.lineno, node.col_offset  # type: ignore[attr-defined]
        return entry

    def _scope(self, name: str, *, is_function: bool) -> _Entered:
        outer = self._scopes[-1]
        prefix = (
            ""
            if outer.function == "<module>"
            else outer.function + (".<locals>." if outer.is_function else ".")
        )
        return _Entered(self._scopes, _Scope(prefix + name, is_function))

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        new = _copy(node)  # defaults belong to the scope outside; annotations are let be
        new.defaults = [self.visit(d) for d in node.defaults]
        new.kw_defaults = [None if d is None else self.visit(d) for d in node.kw_defaults]
        return new

    def generic_visit(self, node: ast.AST) -> Any:
        if type(node).__name__ in ("TypeAlias", "TypeVar", "ParamSpec", "TypeVarTuple"):
            return node
        return self._parts(node)


def _after_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return 1 if ast.get_docstring(node, clean=False) is not None else 0


class _Entered:
    def __init__(self, scopes: list[_Scope], scope: _Scope) -> None:
        self._scopes, self._scope = scopes, scope

    def __enter__(self) -> None:
        self._scopes.append(self._scope)

    def __exit__(self, *_: object) -> None:
        self._scopes.pop()
