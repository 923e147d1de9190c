"""Where the time of a training went, as tables: phases, and in full layers, compilations and reads of the device."""

from __future__ import annotations

import math

from kerascope.render.blocks import AnyBlock, Column, Document, Heading, Line, Section, Span, Style, Table
from kerascope.render.clean import shorten
from kerascope.render.numbers import MISSING, duration, figure, memory, percent, scaled
from kerascope.values import CompareRow, Comparison, LayerTime, Profile

NAME_CELLS = 48
MOST_LAYERS = 6
MOST_ROWS = 20
_SMALL = 0.002
_ALIKE = 0.3
"""What part of a change by the clock the processor must share, both as logarithms of ratios."""


def sections(profile: Profile, full: bool) -> list[tuple[AnyBlock, ...]]:
    """Returns the tables; without `full` what takes a five-hundredth of the time or more, and the slowest layers."""
    found: list[tuple[AnyBlock, ...]] = [(_phases(profile, full), *_source(profile))]
    if profile.layers:
        found.append((_layers(profile, full), *_remark(profile)))
    if profile.trials:
        found.append((_trials(profile, full),))
    if profile.compiles and (full or len(profile.compiles) > 1):
        found.append((_compiles(profile, full),))
    if full and profile.reads:
        found.append((_reads(profile),))
    if profile.memory is not None and (full or profile.memory_per_epoch):
        text = f"Memory of the process: {memory(profile.memory)} at most"
        text += (
            f", {memory(profile.memory_per_epoch)} more in every epoch" if profile.memory_per_epoch else ""
        )
        found.append((Line((Span(text),)),))
    return found


def _phases(profile: Profile, full: bool) -> Table:
    shown = [row for row in profile.phases if full or row.share >= _SMALL]
    columns = (
        Column("where the time went"),
        Column("time", "right"),
        Column("share", "right"),
        Column("per step", "right"),
        Column("", drop=1),
    )
    rows = [
        (
            Span(shorten(row.label, NAME_CELLS), "accent" if row is shown[0] else "plain"),
            Span(duration(row.seconds)),
            Span(percent(min(1.0, row.share))),
            Span(
                duration(row.per_step) if row.per_step is not None else MISSING,
                "plain" if row.per_step else "dim",
            ),
            Span(row.note, "dim"),
        )
        for row in shown
    ]
    sums = sum(row.share for row in profile.phases)
    whole = (
        Span("all of fit", "dim"),
        Span(duration(profile.wall), "dim"),
        Span(percent(min(1.0, sums)), "dim"),
    )
    outside = _outside(profile)
    step = Span(duration(profile.step) if profile.step is not None else MISSING, "dim")
    cpu = Span(f"CPU time {duration(profile.cpu)}", "dim")
    return Table(
        columns,
        (*rows, (*whole, step, cpu), *outside),
        omitted=len(profile.phases) - len(shown),
        omitted_at=len(rows),
    )


def _source(profile: Profile) -> tuple[AnyBlock, ...]:
    text = f"The batches come from {profile.source}." if profile.source else ""
    if profile.copying is not None:
        text += f" A copy of one to the device takes {duration(profile.copying)} by itself."
    return (Line((Span(text.strip(), "dim"),)),) if text else ()


def _outside(profile: Profile) -> list[tuple[Span, ...]]:
    """Returns what a script takes beside `fit`: until Keras is imported, and the rest."""
    if profile.importing is None or profile.script is None:
        return []  # called from Python
    measuring = profile.measuring or 0.0
    found = (
        ("before: until Keras is imported", profile.importing),
        ("after: trials, layers by themselves", measuring),
        ("the rest of the script", max(0.0, profile.script - profile.importing - profile.wall - measuring)),
    )
    return [
        (Span(name, "dim"), Span(duration(seconds), "dim"), Span(""), Span(""), Span(""))
        for name, seconds in found
    ]


def _trials(profile: Profile, full: bool) -> Table:
    shown = [row for row in profile.trials if full or row.ratio is not None]
    columns = (
        Column("tried on the last batch"),
        Column("step", "right"),
        Column("time", "right"),
        Column("", drop=1),
    )
    rows = tuple(
        (
            Span(shorten(row.change, NAME_CELLS)),
            Span(duration(row.seconds) if row.seconds is not None else MISSING),
            Span(f"{figure(row.ratio)} x" if row.ratio is not None else MISSING, _gained(row.ratio)),
            Span(shorten(row.note, 60), "dim"),
        )
        for row in shown
    )
    return Table(columns, rows, omitted=len(profile.trials) - len(shown), omitted_at=len(rows))


def _gained(ratio: float | None) -> Style:
    return "plain" if ratio is None or ratio > 0.8 else "good"


def _layers(profile: Profile, full: bool) -> Table:
    shown = profile.layers if full else profile.layers[:MOST_LAYERS]
    inside = any(row.inside is not None for row in shown)
    models = {row.layer.partition("/")[0] for row in shown if "/" in row.layer}
    model = f"{models.pop()}/" if len(models) == 1 else ""
    columns = (
        Column("layer by itself"),
        Column("forward", "right"),
        Column("+ gradient", "right"),
        Column("of step", "right"),
        *([Column("inside it", "right", drop=4)] if inside else []),
        Column("FLOP/s", "right", drop=1),
        Column("of peak", "right", drop=2),
        Column("output", "right", drop=3),
    )
    rows = tuple(
        (
            Span(
                shorten(
                    f"{row.layer.removeprefix(model)} ({row.kind})"
                    + (f" x{row.calls}" if row.calls > 1 else ""),
                    NAME_CELLS,
                )
            ),
            Span(duration(row.forward * row.calls)),
            Span(duration(row.both * row.calls) if row.both is not None else MISSING),
            _share(row),
            *([Span(duration(row.inside) if row.inside is not None else MISSING, "dim")] if inside else []),
            Span(scaled(row.rate) if row.rate is not None else MISSING, "dim"),
            Span(percent(min(1.0, row.of_peak)) if row.of_peak is not None else MISSING, "dim"),
            Span(memory(row.output * row.calls) if row.output is not None else MISSING, "dim"),
        )
        for row in shown
    )
    return Table(columns, rows, omitted=len(profile.layers) - len(shown), omitted_at=len(rows))


def _share(row: LayerTime) -> Span:
    if row.share is None:
        return Span(MISSING, "dim")
    return Span(percent(row.share) if row.share <= 1 else f"{figure(row.share)} x")


def _remark(profile: Profile) -> tuple[AnyBlock, ...]:
    if profile.cached is None:
        return ()
    alone = sum((row.both if row.both is not None else row.forward) * row.calls for row in profile.layers)
    text = f"A step with a cached batch takes {duration(profile.cached)}; the layers one by one {duration(alone)}"
    more = (
        ": in the step they run fused."
        if alone > 1.1 * profile.cached
        else ", the rest is loss, metrics and optimizer."
    )
    lines = [text + more]
    if profile.operators is not None:
        python = max(0.0, profile.cached - profile.operators)
        lines.append(
            f"Of that step {duration(profile.operators)} are operators (torch.profiler), {duration(python)} Python: "
            "Keras, the layers' own code, starting operators."
        )
    if profile.activations is not None:
        need = "more: not measured here"
        if profile.held is not None:
            need = f"{memory(profile.held)} at the most, measured"
        lines.append(f"The layers return {memory(profile.activations)}; forward and backward need {need}.")
    return tuple(Line((Span(one, "dim"),)) for one in lines)


def _compiles(profile: Profile, full: bool) -> Table:
    shown = profile.compiles[: MOST_ROWS if full else 5]
    columns = (Column("compiled"), Column("at step", "right"), Column("time", "right"), Column("why"))
    rows = tuple(
        (
            Span(shorten(row.what, NAME_CELLS)),
            Span(figure(row.step)),
            Span(duration(row.seconds)),
            Span(shorten(row.why, 60), "dim"),
        )
        for row in shown
    )
    return Table(columns, rows, omitted=len(profile.compiles) - len(shown), omitted_at=len(rows))


def _reads(profile: Profile) -> Table:
    shown = profile.reads[:MOST_ROWS]
    columns = (
        Column("reads of the device at"),
        Column("in"),
        Column("times", "right"),
        Column("waited", "right"),
    )
    rows = tuple(
        (
            Span(f"{shorten(row.file, NAME_CELLS)}:{row.line}"),
            Span(row.phase),
            Span(figure(row.count)),
            Span(duration(row.seconds)),
        )
        for row in shown
    )
    return Table(columns, rows, omitted=len(profile.reads) - len(shown), omitted_at=len(rows))


def comparison(compared: Comparison) -> Document:
    """Returns two recordings side by side: verdict, then each part of a step."""
    step = next((row for row in compared.rows if row.label == "step"), None)
    heading = Line((Span(_word(step), _tone(step)), Span("   "), Span(_change(step))), hang=2)
    names = [
        Line((Span("before  ", "dim"), Span(compared.before)), hang=2),
        Line((Span("after   ", "dim"), Span(compared.after)), hang=2),
    ]
    columns = (
        Column("median of a usual step"),
        Column("before", "right"),
        Column("after", "right"),
        Column("after/before", "right"),
        Column("within", "right", drop=1),
    )
    rows = tuple(
        (
            Span(
                "the whole step" if row is step else shorten(row.label, NAME_CELLS),
                "strong" if row is step else "plain",
            ),
            Span(duration(row.before) if row.before is not None else MISSING),
            Span(duration(row.after) if row.after is not None else MISSING),
            Span(figure(row.ratio) if row.ratio is not None else MISSING, _tone(row)),
            Span(
                f"{figure(row.low)} .. {figure(row.high)}"
                if row.low is not None and row.high is not None
                else "",
                "dim",
            ),
        )
        for row in compared.rows
    )
    return Document(
        (Section((Heading(heading), *names)), Section((Table(columns, rows), *_processor(compared))))
    )


def _processor(compared: Comparison) -> tuple[Line, ...]:
    """Returns what the processor did meanwhile: a clock runs on while another program has it."""
    if compared.cpu is None:
        return ()
    before, after = compared.cpu
    times = figure(after / before)
    text = f"The processor worked {duration(before)} per step before and {duration(after)} after ({times} times), "
    text += "all of fit together."
    step = next((row for row in compared.rows if row.label == "step"), None)
    ratio = step.ratio if step is not None and step.ratio else 1.0
    if _sure(step) and abs(math.log(after / before)) < _ALIKE * abs(math.log(ratio)):
        text += " That is not what the clock says: it waited, or another program had the processor. Measure again."
    return (Line((Span(text, "dim"),)),)


def _sure(row: CompareRow | None) -> int:
    """1 when surely slower, -1 when surely faster, 0 within the noise."""
    if row is None or row.low is None or row.high is None:
        return 0
    return int(row.low > 1) - int(row.high < 1)


def _word(row: CompareRow | None) -> str:
    return {1: "SLOWER", -1: "FASTER", 0: "NO DIFFERENCE"}[_sure(row)]


def _tone(row: CompareRow | None) -> Style:
    tones: dict[int, Style] = {1: "bad", -1: "good", 0: "plain"}
    return tones[_sure(row)]


def _change(row: CompareRow | None) -> str:
    if row is None or row.ratio is None or row.low is None or row.high is None:
        return "a usual step is not recorded in both"
    within = f"within {figure(row.low)} and {figure(row.high)}"
    return f"a usual step takes {figure(row.ratio)} times as long, by the noise {within}"
