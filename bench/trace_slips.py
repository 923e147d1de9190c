"""How often a fault made at random is named and mended: slips in the suite's healthy classes that nobody chose.

    python bench/trace_slips.py --seed 3 --count 45 [--backend torch] [--of suite|keras|both] [--show]

One slip is made in a healthy class of `trace_bugs/`, or of Keras itself (`--of keras`; see `trace_keras.py`): what
`trace_mutations.py` lists, and another axis, `keepdims` or an axis left out, operands swapped, a
`transpose` or `expand_dims` left out, sizes of a reshape or weight in another order, letters of an einsum exchanged, an
index lost, another local name, another number of units. Slips that change nothing, and those that neither raise nor
break a promise, are passed over. The seed says which classes and slips are taken, so a new one gives new faults.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
from trace_mutations import mutated  # noqa: E402 - its folder is no package

_AXES = ("-1", "0", "1", "2")
_LAYERS = ("Dense", "Conv1D", "Conv2D", "GRU", "LSTM")
_DROPPED = ("expand_dims", "transpose", "swapaxes", "squeeze", "cast", "reshape")
Slip = tuple[str, ast.AST, str]


class Slips:
    """The slips that can be made in one source."""

    def __init__(self, source: str, draw: random.Random) -> None:
        self.source, self.draw = source, draw
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def text(self, node: Any) -> str:
        """Returns the source of a node."""
        begin, end = self._place(node)
        return self.source[begin:end]

    def _place(self, node: Any) -> tuple[int, int]:
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def made(self) -> list[tuple[str, str]]:
        """Returns each slip by its kind, with the whole source after it."""
        found = []
        tree = ast.parse(self.source)
        owners = {f: c for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in c.body}
        for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
            owner = owners.get(function)
            slips = [*self._of_function(function), *mutated(self.text, function, owner, self.draw)]
            for kind, node, new in slips:
                begin, end = self._place(node)
                found.append((kind, self.source[:begin] + new + self.source[end:]))
        return found

    def _of_function(self, function: ast.FunctionDef) -> Iterator[Slip]:
        names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        names |= {a.arg for a in function.args.args if a.arg != "self"}
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                yield from self._of_arguments(node)
                yield from self._of_call(node)
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
                yield from self._of_index(node)
            operands = node.args if isinstance(node, ast.Call) else [getattr(node, "left", None)]
            for operand in operands if function.name in ("call", "update_state") and len(names) > 1 else ():
                if isinstance(operand, ast.Name):
                    yield "name", operand, self.draw.choice(sorted(names - {operand.id}))

    def _of_arguments(self, call: ast.Call) -> Iterator[Slip]:
        whole = self.text(call)
        for keyword in call.keywords:
            value = keyword.value
            if keyword.arg in ("axis", "axes") and isinstance(value, (ast.Constant, ast.UnaryOp)):
                yield from (("axis", value, axis) for axis in _AXES if axis != self.text(value))
            if keyword.arg == "axis" and f", axis={self.text(value)}" in whole:
                yield "axis left out", call, whole.replace(f", axis={self.text(value)}", "", 1)
            if keyword.arg in ("axis", "axes") and isinstance(value, ast.Tuple):
                yield from (("axes", value, new) for new in ("(0, 1)", "-1"))
            if keyword.arg == "keepdims":
                yield "keepdims", call, whole.replace(", keepdims=True", "", 1)
            if keyword.arg == "shape" and isinstance(value, ast.Tuple) and len(value.elts) > 1:
                yield "weight", value, self._listed([self.text(e) for e in value.elts][::-1])

    def _of_call(self, call: ast.Call) -> Iterator[Slip]:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        args, func = call.args, self.text(call.func)
        if name in _DROPPED and args:
            yield "left out", call, self.text(args[0])
        if name == "matmul" and len(args) == 2:
            yield "swapped", call, f"{func}({self.text(args[1])}, {self.text(args[0])})"
        if name in ("stack", "concatenate"):
            other = "concatenate" if name == "stack" else "stack"
            yield "join", call.func, func.replace(name, other)
        if name in ("expand_dims", "squeeze") and len(args) > 1:
            yield from (("new axis", args[1], axis) for axis in _AXES if axis != self.text(args[1]))
        if name in ("transpose", "reshape") and len(args) > 1 and isinstance(args[1], ast.Tuple):
            parts = [self.text(e) for e in args[1].elts]
            yield "order", args[1], self._listed(self._exchanged(parts))
            if name == "reshape" and len(parts) > 1:
                yield "size left out", args[1], self._listed(self._shortened(parts))
        if name == "einsum" and args and isinstance(args[0], ast.Constant):
            yield "letters", args[0], '"' + self._letters(str(args[0].value)) + '"'
        if name in _LAYERS and args:
            yield "units", args[0], f"{self.text(args[0])} * 2"

    def _of_index(self, node: ast.Subscript) -> Iterator[Slip]:
        assert isinstance(node.slice, ast.Tuple)
        parts = [self.text(e) for e in node.slice.elts]
        if isinstance(node.ctx, ast.Load) and len(parts) > 1:
            yield "index", node.slice, ", ".join(self._shortened(parts))
            yield "index", node.slice, ", ".join(self._exchanged(parts))
            if "None" in parts:
                yield "index", node, self.text(node.value)

    def _exchanged(self, parts: list[str]) -> list[str]:
        new = list(parts)
        if len(new) > 1:
            i, j = self.draw.sample(range(len(new)), 2)
            new[i], new[j] = new[j], new[i]
        return new

    def _shortened(self, parts: list[str]) -> list[str]:
        lost = self.draw.randrange(len(parts))
        return parts[:lost] + parts[lost + 1 :]

    def _letters(self, text: str) -> str:
        places = [i for i, letter in enumerate(text) if letter.isalpha()]
        i, j = self.draw.sample(places, 2)
        letters = list(text)
        letters[i], letters[j] = letters[j], letters[i]
        return "".join(letters)

    @staticmethod
    def _listed(parts: list[str]) -> str:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def slipped(case: Any, draw: random.Random) -> tuple[str, Any] | None:
    """Returns the kind of a slip and the case that it makes of a healthy class; each kind is as likely as any other."""
    source, head = case.healthy(), len(case.header)
    made = [slip for slip in Slips(source, draw).made() if slip[1] != source]
    if not made:
        return None
    kind = draw.choice(sorted({kind for kind, _ in made}))
    text = draw.choice(sorted({text for each, text in made if each == kind}))
    good, bad = source[head:].strip("\n"), text[head:].strip("\n")
    return kind, dataclasses.replace(case, good=good, bad=bad, named=())


def main() -> None:
    """Scores random slips under one backend."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=45)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--of", choices=("suite", "keras", "both"), default="suite")
    parser.add_argument("--listed", action="store_true", help="only whether undoing it would be tried: quick")
    parser.add_argument("--show", action="store_true", help="the lines before and after the slip")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    sys.path[:0] = [str(HERE), str(HERE.parent / "src")]
    import trace_bugs as script  # this folder's script and the package of cases share a name: the package is found
    from trace_bugs import load
    from trace_bugs.case import Case
    from trace_keras import cases as of_keras

    draw, folder = random.Random(options.seed), Path(tempfile.mkdtemp())
    cases = [c for c in script.ALL if options.backend in c.backends] if options.of != "keras" else []
    cases += of_keras(Case) if options.of != "suite" else []
    draw.shuffle(cases)
    bench = _bench()
    scores: list[Any] = []
    tried = 0
    for case in cases * 20:
        if len(scores) >= options.count:
            break
        made = slipped(case, draw)
        if made is None:
            continue
        kind, faulty = made
        try:
            twins = load(faulty, faulty.faulty(), folder), load(faulty, faulty.healthy(), folder)
        except Exception:  # no longer a module that can be imported
            continue
        if bench.same(*twins) or not bench.same(twins[1], twins[1]):
            continue
        tried += 1
        if options.listed:
            place, count = undone(bench, faulty, folder)
            scores.append(place)
            print(f"{kind:14} {case.name:20} {place} of {count}", flush=True)
            if options.show and place is None and count is not None:
                print(_lines(faulty, ""), flush=True)
            continue
        score = bench.score(faulty, folder, options.seconds)
        if score.noticed:
            scores.append(score)
            print(f"{kind:14}", bench.line(score), flush=True)
        if options.show:
            print(_lines(faulty, "" if score.noticed else f"UNNOTICED {kind} {case.name}"), flush=True)
    if options.listed:
        print(
            f"of {len(scores)} slips, undoing {sum(p is not None for p in scores)} is among the changes listed"
        )
        return
    print(bench.table([(options.backend, f"seed {options.seed}", scores)]))
    print(f"{tried - len(scores)} more slips change the result, and neither raise nor break a promise.")


def undone(bench: Any, case: Any, folder: Path) -> tuple[int | None, int | None]:
    """Returns the place of the change that undoes a slip among those listed (None: it is not), and how many there are.

    Nothing is tried. None and None where nothing was noticed.
    """
    from trace_bugs import load

    from kerascope.explain.fixes.candidates import FAMILIES, after
    from kerascope.explain.fixes.outcome import Trial
    from kerascope.explain.fixes.search import _Search

    faulty = load(case, case.faulty(), folder)
    subject, failure, _ = bench.diagnose(faulty)
    if failure is None:
        return None, None
    families = FAMILIES
    listed = _Search(Trial(subject), failure, 10.0, None, families, "")._listed()
    wanted = _meaning(case.healthy())
    for place, candidate in enumerate(listed):
        try:
            found = _meaning(after(candidate)) == wanted
        except SyntaxError:
            continue
        if found:
            return place, len(listed)
    return None, len(listed)


def _meaning(source: str) -> str:
    """Returns what a source says, whatever the order of keywords and the brackets of tuples."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(getattr(node, "body", None), list):
            node.body = [s for s in node.body if not isinstance(s, ast.Pass)] or node.body
        if isinstance(node, ast.Call):
            node.keywords.sort(key=lambda k: k.arg or "")
    return ast.dump(tree).replace("List(", "Tuple(")


def _lines(case: Any, title: str) -> str:
    import difflib

    diff = difflib.unified_diff(case.healthy().splitlines(), case.faulty().splitlines(), n=0, lineterm="")
    lines = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([*([title] if title else []), *(f"      {line}" for line in lines)])


def _bench() -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location("bench_trace_bugs", HERE / "trace_bugs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_trace_bugs"] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
