"""How often a fault is named and mended: small faulty layers, losses and metrics, each with its healthy twin.

    python bench/trace_bugs.py [--backend B] [--only NAME ...] [--held-out | --tuning] [--json FILE] [--file FILE]

Each faulty class is traced as a user would: called once, explained when it raises, looked at on other batch sizes when
it does not; then changes are tried. Columns:

- culprit: one of the two expressions that are named (the failing one, and the one where it went wrong) stands where the
  source differs from the healthy twin, or uses what is made there; or the line does that the first fix changes
- dims: the explanation gives the shapes of the operands of the failing expression
- first, top three: the first fix (one of the three shown) makes the class compute what the healthy twin computes,
  with the same weights and inputs, on three batch sizes
- tried: changes tried in all; seconds: until the first change that passes was known
- alarm: something was found wrong with the healthy twin, or a warning was given of it

The cases called held out (`trace_bugs/last.py`) are run only to score, never looked at while the search is tuned.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHARED = HERE.parent.parent / "shared" / "layer_bugs.py"
"""Faulty classes by others, which are run too where they are at hand."""
BACKENDS = ("jax", "tensorflow", "torch")


@dataclasses.dataclass
class Score:
    """The result of one case."""

    name: str
    held_out: bool
    noticed: bool = False
    culprit: bool = False
    dims: bool | None = None
    right: int = 0
    passing: int = 0
    tried: int = 0
    first: float | None = None
    seconds: float = 0.0
    alarm: bool = False
    detail: str = ""
    shown: tuple[str, ...] = ()


def score(case: Any, folder: Path, seconds: float) -> Score:
    """Traces, explains and repairs one faulty class; looks at its healthy twin."""
    from trace_bugs import load

    from kerascope._keras import objects
    from kerascope.explain.fixes.told import changed_lines

    result = Score(case.name, case.held_out)
    objects.seed(0)
    faulty = load(case, case.faulty(), folder)
    subject, failure, finding = diagnose(faulty)
    if failure is not None:
        result.noticed = True
        result.culprit, result.detail = named(case, failure, faulty)
        result.dims = states_dims(failure, finding)
        begun = time.perf_counter()
        repairs = repaired(subject, failure, finding, seconds)
        result.seconds = time.perf_counter() - begun
        result.tried, result.first, result.passing = repairs.tried, repairs.first, len(repairs.fixes)
        twins = [load(case, text, folder) for text in (case.healthy(), *case.others())]
        result.shown = tuple(fix.description for fix in repairs.fixes)
        result.culprit |= bool(
            repairs.patches and case.changed_lines() & set(changed_lines(repairs.patches[0]))
        )
        for rank, patch in enumerate(repairs.patches, start=1):
            if any(same(load(case, patch.after, folder), twin) for twin in twins):
                result.right = rank
                break
    elif finding is not None:
        result.noticed = True
        place = finding.location
        result.culprit = place.line in case.changed_lines() or place.expression in case.named
        result.detail = f"{place.line}: {place.expression}"
    healthy = load(case, case.healthy(), folder)
    subject, failure, finding = diagnose(healthy)
    result.alarm = failure is not None or finding is not None
    return result


def repaired(subject: Any, failure: Any, finding: Any, seconds: float) -> Any:
    """Tries changes, as a trace does."""
    from kerascope.api import silent
    from kerascope.explain.fixes.search import repair

    if finding is not None and finding.kind in silent.KINDS and failure.error is None:
        return silent.repaired(subject, failure, finding, seconds=seconds)
    return repair(subject, failure, seconds=seconds)


def diagnose(loaded: Any) -> tuple[Any, Any, Any]:
    """Returns the subject, what is wrong with it and the finding that says so; None for each where there is none.

    What is only said, as changes cannot be tried for it, has a finding and nothing else.
    """
    from kerascope.api import silent
    from kerascope.detect.smells import Smells
    from kerascope.explain.fixes.misbehave import misbehaviour
    from kerascope.explain.lines.explanation import explain
    from kerascope.explain.subject import subject
    from kerascope.probe.lines.session import recording

    arguments = loaded.arguments()
    smells = Smells()
    with recording(listeners=[smells]) as recorder:
        try:
            made = loaded.make()
        except Exception as error:
            cls = getattr(loaded.module, loaded.case.name)
            what = subject(cls, arguments, {}, make=loaded.make)
            return what, *explain(error, recorder, what)
        what = subject(made, arguments, {})
        try:
            what.call(made, arguments, {})
        except Exception as error:
            return what, *explain(error, recorder, what)
    found = misbehaviour(what)
    if found is None:
        findings = smells.findings()
        told = next((f for f in findings if f.severity != "note"), None)
        return what, *(silent.failure_of(what, findings) or (None, told))
    return what, found, found.finding


def named(case: Any, failure: Any, faulty: Any) -> tuple[bool, str]:
    """Tells whether the expression that is blamed is the right one, and which it is."""
    lines = case.changed_lines()
    sites = [failure.culprit, failure.site]
    blamed = [s for s in sites if s is not None and s.file == str(faulty.path)]
    text = " | ".join(f"{s.line}: {s.source}" for s in blamed)
    for site in blamed:
        known = site.source in case.named or any(n.startswith(f"{site.source}(") for n in case.named)
        if known or lines & set(range(site.position[0], site.position[1] + 1)):
            return True, text
    return False, text or f"{type(failure.error).__name__}"


def states_dims(failure: Any, finding: Any) -> bool | None:
    """Tells whether the explanation gives every operand's shape; None where nothing raised or no operand has one."""
    if failure.error is None or failure.site is None or failure.activation is None:
        return None
    shapes = [e.facts.shape for e in failure.activation.operands(failure.site) if e.facts.shape]
    if not shapes:
        return None
    if finding is None:
        return False
    text = json.dumps(finding.to_json(), ensure_ascii=False)
    return all(str(tuple(s)) in text or "B" in text for s in shapes)


def same(one: Any, other: Any) -> bool:
    """Tells whether two modules' objects compute the same from the same weights and inputs."""
    import numpy as np

    try:
        a, b = outputs(one), outputs(other)
    except Exception:
        return False
    return len(a) == len(b) and all(
        x.shape == y.shape and np.allclose(x, y, rtol=1e-3, atol=1e-4) for x, y in zip(a, b, strict=True)
    )


def outputs(loaded: Any) -> list[Any]:
    """Returns what an object yields on three batch sizes, its weights set to fixed random values."""
    import numpy as np

    from kerascope._keras import objects
    from kerascope.explain.fixes.outcome import arrays
    from kerascope.explain.subject import subject

    objects.seed(1)
    made = loaded.make()
    what = subject(made, loaded.arguments(), {})
    found = []
    for batch in (5, 3, 1):
        arguments = loaded.arguments(batch, seed=batch)
        result = arrays(what.call(made, arguments, {}))
        if batch == 5 and what.kind in ("layer", "model"):
            for index, weight in enumerate(made.weights):
                value = np.random.default_rng(index).uniform(0.1, 0.9, weight.shape)
                weight.assign(value.astype("float32"))
            result = arrays(what.call(made, arguments, {}))
        found += result
    return found


# -- a file of faulty classes without twins ---------------------------------------------------------------------------

EXPECTED = {
    "ConcatWrongAxis": "axis=-1",
    "ReshapeMixesSamples": "ops.transpose(x",
    "SoftmaxOverBatch": "axis=1",
    "HardcodedBatch": "ops.shape(x)[0]",
    "NumpyInCall": "ops.tanh",
    "NoSuperInit": "super().__init__()",
    "WeightShapeFromBatch": "s[1:]",
    "BroadcastLoss": "y_pred",
    "ScalarLoss": "axis=-1",
}
"""What a right fix of a class in such a file puts into a line."""


def score_file(path: str, seconds: float) -> None:
    """Prints what is found and offered for the classes of a file that are named in `EXPECTED`."""
    import importlib.util

    import keras
    from trace_bugs import Loaded

    spec = importlib.util.spec_from_file_location("layer_bugs", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layer_bugs"] = module
    spec.loader.exec_module(module)

    class Given(Loaded):
        def make(self) -> Any:
            entry = {**module.LAYERS, **module.LOSSES}[self.case.name]
            return entry[0]()

        def arguments(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
            if self.case.name in module.LOSSES:
                arrays = [module._x(4, 1), module._x(4, 1) + 1.0]
                if self.case.name == "ScalarLoss":
                    arrays = [module._x(4, 3), module._x(4, 3) + 1.0]
            else:
                arrays = [module.LAYERS[self.case.name][1](4)]
            return tuple(keras.ops.convert_to_tensor(a) for a in arrays)

    for name, wanted in EXPECTED.items():
        case = argparse.Namespace(name=name)
        _, failure, finding = diagnose(given := Given(case, Path(path), module))
        what = diagnose(given)[0]
        if failure is None:
            print(f"{name:20} UNNOTICED")
            continue
        repairs = repaired(what, failure, finding, seconds)
        lines = [[ln for ln in (f.patch or "").splitlines() if ln.startswith("+")] for f in repairs.fixes]
        rank = next((i for i, added in enumerate(lines, 1) if any(wanted in ln for ln in added)), 0)
        site = failure.culprit or failure.site
        shown = "; ".join(f.description for f in repairs.fixes)
        print(f"{name:20} right {rank} tried {repairs.tried:3} [{site.source if site else finding}]  {shown}")


# -- the table --------------------------------------------------------------------------------------------------------


def share(count: int, total: int) -> str:
    """Returns "31 of 33 (94 %)"."""
    return f"{count} of {total} ({100 * count / total:.0f} %)" if total else "-"


def summary(scores: list[Score]) -> dict[str, str]:
    """Returns the figures of one table row."""
    total = len(scores)
    dims = [s.dims for s in scores if s.dims is not None]
    firsts = [s.first for s in scores if s.first is not None]
    return {
        "cases": str(total),
        "culprit named": share(sum(s.culprit for s in scores), total),
        "dims stated": share(sum(dims), len(dims)),
        "first fix right": share(sum(s.right == 1 for s in scores), total),
        "top three right": share(sum(s.right > 0 for s in scores), total),
        "tried (median)": f"{statistics.median(s.tried for s in scores):.0f}" if scores else "-",
        "seconds to first (median)": f"{statistics.median(firsts):.2f}" if firsts else "-",
        "false alarms": str(sum(s.alarm for s in scores)),
    }


def table(rows: list[tuple[str, str, list[Score]]]) -> str:
    """Returns the summary as a Markdown table."""
    lines = []
    for backend, half, scores in rows:
        figures = summary(scores)
        if not lines:
            lines.append("| backend | half | " + " | ".join(figures) + " |")
            lines.append("|" + "---|" * (len(figures) + 2))
        lines.append(f"| {backend} | {half} | " + " | ".join(figures.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    """Scores the chosen cases under one backend."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backend", choices=BACKENDS, default=os.environ.get("KERAS_BACKEND", "jax"))
    parser.add_argument("--only", nargs="+", default=(), metavar="NAME")
    parser.add_argument("--held-out", action="store_true", help="the held-out cases alone")
    parser.add_argument("--tuning", action="store_true", help="the others alone")
    parser.add_argument("--quiet", action="store_true", help="figures only, nothing of single cases")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument(
        "--file", metavar="FILE", help="a file of faulty classes without twins, instead of the suite"
    )
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path[:0] = [str(HERE), str(HERE.parent / "src")]
    import trace_bugs

    if options.file:
        score_file(options.file, options.seconds)
        return
    scores = []
    folder = Path(tempfile.mkdtemp())
    for case in trace_bugs.ALL:
        if options.backend not in case.backends or (options.only and case.name not in options.only):
            continue
        if (options.held_out and not case.held_out) or (options.tuning and case.held_out):
            continue
        result = score(case, folder, options.seconds)
        scores.append(result)
        if not options.quiet:
            print(line(result), flush=True)
    halves = (("tuning", False), ("held out", True))
    rows = [(options.backend, n, [s for s in scores if s.held_out is h]) for n, h in halves]
    print(table([row for row in rows if row[2]]))
    if SHARED.is_file() and not (options.only or options.held_out or options.tuning):
        score_file(str(SHARED), options.seconds)
    if options.json:
        data = [dataclasses.asdict(s) for s in scores]
        Path(options.json).write_text(json.dumps({"backend": options.backend, "scores": data}, indent=1))


def line(s: Score) -> str:
    """Returns one case's result as a line of text."""
    marks = f"{'culprit' if s.culprit else 'CULPRIT?':9} {'dims' if s.dims else 'dims?' if s.dims is False else '':6}"
    rank = f"right {s.right}" if s.right else "NONE RIGHT" if s.noticed else "UNNOTICED"
    first = "-" if s.first is None else f"{s.first:.2f}"
    shown = "; ".join(s.shown)
    return (
        f"{s.name:20} {marks} {rank:10} of {s.passing} tried {s.tried:4} first {first}s all {s.seconds:.1f}s"
        f"{' ALARM' if s.alarm else ''}  [{s.detail[:70]}]  {shown[:150]}"
    )


if __name__ == "__main__":
    main()
