"""Where a cause of slowness stands, and what to do there: lines, callbacks, arguments."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kerascope.detect.reading import listing, mapping, number
from kerascope.detect.timing import Timing
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Fix, SourceSpan

_PART = 0.3
_REMAINS = 2
"""Programs made again, at most, where what remained at the end of an epoch was behind it, also of the validation."""
_BETWEEN = 0.5
"""What part of the wait must lie between two epochs."""
_FASTER = 0.87
"""What a change must leave of the time to be called one."""
_WORKING = ("Map", "Filter", "Interleave", "Scan", "Generator")
"""In the names of pipeline steps that call a function."""
ARRAYS = ("ndarray", "Tensor", "EagerTensor", "ArrayImpl", "list", "dict", "tuple", "DataFrame")


def span(view: RunView, file: Any, line: Any) -> SourceSpan:
    """Returns a place in the user's source, with the line's text where the recording has it."""
    if not isinstance(file, str) or not file:
        return SourceSpan()
    number_ = int(line) if isinstance(line, int) and line > 0 else None
    text = view.sources().get(file, "") if number_ is not None else ""
    rows = text.splitlines()
    code = rows[number_ - 1].strip() if number_ is not None and number_ <= len(rows) else None
    return SourceSpan(file=file, line=number_, expression=code)


def data_place(timing: Timing) -> tuple[SourceSpan, str]:
    """Returns the line that makes the batches, and a sentence about it."""
    if (
        timing.between_epochs > _BETWEEN
        and timing.fact("source").get("num_workers")
        and (timing.fact("source").get("persistent_workers") is False)
    ):
        return SourceSpan(expression="DataLoader(persistent_workers=False)"), (
            f"{100 * timing.between_epochs:.0f} % of the wait lies between epochs: for each of them the "
            "loader starts its workers anew."
        )
    phase = "data" if timing.spent("data") >= timing.spent("outside") else "other"
    lines = timing.lines(phase)
    seen = timing.seen(phase)
    if lines and number(lines[0].get("seconds")) >= _PART * seen:
        part = number(lines[0].get("seconds")) / seen
        return span(timing.view, lines[0].get("file"), lines[0].get("line")), (
            f"{100 * part:.0f} % of the wait is spent in this line."
        )
    calls = [row for row in timing.called_back() if row.get("feeding") is True]
    if calls and number(calls[0].get("seconds")) >= _PART * timing.spent("data"):
        return span(timing.view, calls[0].get("file"), calls[0].get("line")), (
            f"The data pipeline calls the Python function `{calls[0].get('function')}`."
        )
    source = [listing(line) for line in listing(timing.fact("source").get("lines"))]
    if source and len(source[0]) == 3:
        return span(timing.view, source[0][1], source[0][2]), f"The batches are made by `{source[0][0]}`."
    for step in map(mapping, listing(timing.fact("source").get("pipeline"))):
        if step.get("file"):
            place = span(timing.view, step.get("file"), step.get("line"))
            return place, "The pipeline maps each element with the function that begins here."
    if calls:
        return span(timing.view, calls[0].get("file"), calls[0].get("line")), (
            f"The only function of yours that the data pipeline calls is `{calls[0].get('function')}`."
            if len(calls) == 1
            else f"Of your functions the data pipeline spends most in `{calls[0].get('function')}`."
        )
    kind = str(timing.fact("source").get("kind") or "the data source")
    return SourceSpan(expression="fit(x)"), f"The batches come from {kind}."


def pipeline(timing: Timing) -> list[Evidence]:
    """Returns how the data source works, as far as that is known."""
    source = timing.fact("source")
    found = [
        Evidence(name, source[name])
        for name in ("workers", "num_workers", "use_multiprocessing")
        if isinstance(source.get(name), (int, bool))
    ]
    chain = [mapping(step) for step in listing(source.get("pipeline"))]
    if chain:
        found.append(
            Evidence(
                "pipeline", " <- ".join(str(step.get("op")).removesuffix("Dataset") for step in chain[:8])
            )
        )
    return found


def tried_source(timing: Timing) -> tuple[Fix, ...]:
    """Returns what another way to read the data gained when it was tried, or that it gained nothing."""
    found = timing.fact("source changed")
    before, after = number(found.get("before")), number(found.get("after"))
    if not before > 0 or not after > 0:
        return ()
    name = str(found.get("name"))
    if after > _FASTER * before:
        return (
            Fix(
                f"{name} was tried and gains nothing ({ms(before)} -> {ms(after)} per batch): do less per batch"
            ),
        )
    return (Fix(name, None, True, {"batch and step": ms(before)}, {"batch and step": ms(after)}),)


def tried_executions(timing: Timing) -> tuple[Fix, ...]:
    """Returns what several steps in one call gained when they were tried: each call costs Keras's loop once."""
    name = "steps_per_execution"
    ratio, many, loop = timing.ratio(name), timing.multiple(name), timing.rest("step", "data", "outside")
    if not math.isfinite(ratio) or not math.isfinite(loop):
        return ()
    before = timing.experiments["cached"] + loop
    after = ratio * timing.experiments["cached"] + loop / many
    if after > _FASTER * before:
        return ()
    return (Fix(f"{name}={many} in `compile`", None, True, {"step": ms(before)}, {"step": ms(after)}),)


def ms(seconds: float) -> str:
    """Returns a duration in milliseconds, or in seconds."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def data_cure(timing: Timing) -> str:
    """Returns what to change about the data source."""
    source = timing.fact("source")
    chain = [mapping(step) for step in listing(source.get("pipeline"))]
    if chain:
        names = [str(step.get("op")) for step in chain]
        maps = [name for name in names if "Map" in name]
        steps = []
        if any("Map" in name and "Parallel" not in name for name in names):
            steps.append("map(..., num_parallel_calls=tf.data.AUTOTUNE)")
        batch = next((i for i, name in enumerate(names) if "Batch" in name), None)
        if batch is not None and any("Map" in name for name in names[batch:]):
            steps.append("batch before a vectorised map")
        if not names[0].startswith("Prefetch"):
            steps.append("prefetch(tf.data.AUTOTUNE) at the end")
        if maps and "CacheDataset" not in names:
            steps.append("cache() after what is the same in every epoch")
        return "; ".join(steps) or "make the source itself faster, or keep its results: cache()"
    if "num_workers" in source:
        return (
            "DataLoader(..., num_workers=4, persistent_workers=True)"
            if not source["num_workers"]
            else "DataLoader(..., persistent_workers=True), or less work per sample"
            if source.get("persistent_workers") is False
            else "more workers, or less work per sample"
        )
    if "workers" in source:
        return "PyDataset(workers=4, use_multiprocessing=True), or less work in `__getitem__`"
    if str(source.get("kind", "")).endswith("generator"):
        return (
            "a keras.utils.PyDataset with workers=4 in place of the generator, or arrays that are made once"
        )
    return "make the batches before they are needed: another thread or process, or once before the training"


def callback_place(timing: Timing, hooks: Sequence[str]) -> tuple[SourceSpan, list[Evidence]]:
    """Returns where a callback's time goes, and the reads of the device hidden in it."""
    known = mapping(timing.fact("callbacks").get("places"))
    heaviest = max(hooks, key=lambda name: timing.phases[name])
    file, line = ([*listing(known.get(heaviest)), "", 0])[:2]
    name = heaviest.rpartition(".")[2]
    for row in timing.lines("callback"):
        if row.get("file") == file and _PART * timing.seen("callback") <= number(row.get("seconds")):
            line = row.get("line")
            break
    own = isinstance(file, str) and file and "site-packages" not in file
    place = (
        span(timing.view, file, line) if own else SourceSpan(expression=heaviest.removeprefix("callback:"))
    )
    reads = [
        mapping(read)
        for read in listing(timing.fact("reads").get("reads"))
        if mapping(read).get("phase") in hooks
    ]
    count = sum(number(read.get("count")) for read in reads)
    found = []
    if count:
        found.append(Evidence(f"reads of the device in {name}", round(count / timing.steps, 2), "per step"))
        worst = max(reads, key=lambda read: number(read.get("count")))
        if worst.get("file"):
            found.append(Evidence("read at", f"{worst.get('file')}:{worst.get('line')}"))
    return place, found


def changes(rows: Sequence[Mapping[str, Any]]) -> list[Evidence]:
    """Returns the first few changes of arguments behind compilations."""
    found = []
    for row in rows[:3]:
        for change in map(mapping, listing(row.get("differences"))[:2]):
            text = f"{change.get('before')} -> {change.get('after')}"
            found.append(Evidence(f"{change.get('argument')}", text, steps=(int(row.get("step") or 0),)))
    return found


def recompile_reason(timing: Timing, rows: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Returns the argument behind repeated compilations, a sentence about it, and the cure."""
    arguments: Counter[str] = Counter()
    for row in rows:
        for change in map(mapping, listing(row.get("differences"))):
            arguments[str(change.get("argument"))] += 1
    if arguments:
        argument = arguments.most_common(1)[0][0]
        ragged = len(rows) <= _REMAINS
        shapes = "another shape" if ragged else "ever new shapes or dtypes"
        why = f"`{argument}` came in {shapes}, and each needs a program."
        cure = (
            "batch(..., drop_remainder=True), or a number of samples that the batch size divides"
            if ragged
            else "pad to one length, or to a few (buckets); drop_remainder for the last batch"
        )
        return argument, why, cure
    name = Counter(str(row.get("function") or "train_step") for row in rows).most_common(1)[0][0]
    made = mapping(mapping(timing.fact("functions").get("functions")).get(name))
    signatures = [listing(one) for one in listing(made.get("signatures"))]
    position = _position(signatures)
    if position is not None:
        shown = ", ".join(str(one[position]) for one in signatures[:3])
        return (
            f"{name}(argument {position + 1})",
            f"`{name}` is called with a new Python value each time ({shown}), and each value is a program of its own.",
            "pass it as a tensor: `tf.constant(value)`, or leave it out of the compiled function",
        )
    phase = Counter(str(row.get("phase")) for row in rows).most_common(1)[0][0]
    where = f" in {phase.removeprefix('callback:')}" if phase != "step" else ""
    return (
        name,
        f"`{name}` is made anew{where}: a new function object, a static argument, or `compile` called again.",
        "make the function once and outside; pass what changes as an array, not as a Python value",
    )


def recompile_fix(timing: Timing, rows: Sequence[Mapping[str, Any]], cure: str) -> Fix:
    """Returns the cure; of a batch that remained, with what the step took on whole batches, where none was compiled."""
    whole, first = timing.experiments.get("cached"), timing.first("cached")
    made = max(number(row.get("seconds")) for row in rows)
    remained = len(rows) <= _REMAINS and any(listing(row.get("differences")) for row in rows)
    if not remained or whole is None or not first < _FASTER * made:
        return Fix(cure)
    return Fix(
        cure, None, True, {"last step of an epoch": ms(made + whole)}, {"last step of an epoch": ms(whole)}
    )


def _position(signatures: Sequence[Sequence[Any]]) -> int | None:
    if len(signatures) < 2 or len({len(one) for one in signatures}) != 1:
        return None
    different = [i for i, values in enumerate(zip(*signatures, strict=True)) if len(set(values)) > 1]
    return different[0] if different else None


def metric_place(timing: Timing) -> SourceSpan:
    """Returns the compiled metrics as they stand in `compile`, and the user's line in them that takes longest.

    Where no line was seen, as in a compiled step, it is the user's only metric that is shown.
    """
    text = mapping(timing.model.facts.get("compile")).get("metrics")
    own = [tuple(listing(one)) for one in listing(timing.fact("metrics").get("lines"))]
    functions = {"update_state", "result", *(name for name, *_ in own)}
    rows = [row for row in timing.lines("step") if row.get("function") in functions]
    place = SourceSpan()
    if rows:
        place = span(timing.view, rows[0].get("file"), rows[0].get("line"))
    elif len(own) == 1:
        place = span(timing.view, *own[0][1:])
    return dataclasses.replace(place, expression=f"metrics={text}" if text else "metrics")


def in_memory(timing: Timing) -> bool:
    """Tells whether the batches are cut out of arrays, by Keras or by a pipeline that does nothing else with them."""
    chain = [str(mapping(step).get("op")) for step in listing(timing.fact("source").get("pipeline"))]
    if chain:
        return chain[-1].startswith("TensorSlice") and not any(
            word in op for op in chain for word in _WORKING
        )
    return str(timing.fact("source").get("kind")).rpartition(".")[2] in ARRAYS
