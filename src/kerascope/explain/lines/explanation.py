"""Why traced code failed: the expression, its operands, the rule they break, and where they were made so."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Sequence

from kerascope.explain.lines import source
from kerascope.explain.lines.blame import Cause
from kerascope.explain.lines.cause import causes
from kerascope.explain.lines.dims import Labels, Probes, probes_for, transfer, words
from kerascope.explain.lines.failure import Failure, locate, said, underlying
from kerascope.explain.lines.kinds import KINDS
from kerascope.explain.lines.operands import Tensor, shown
from kerascope.explain.lines.reading import Operation
from kerascope.explain.lines.rules import Broken, rules_for
from kerascope.explain.lines.rules.objects import unprepared
from kerascope.explain.lines.suspects import maker_of, size_of, suspect
from kerascope.explain.subject import Subject
from kerascope.probe.lines.recorder import Recorder
from kerascope.record.lines import Position, Site
from kerascope.values import Evidence, Finding, SourceSpan

__all__ = ["KINDS", "explain", "explanation_of", "judge", "span"]

_ABOUT_SHAPES = ("shape-mismatch", "wrong-axis", "index-out-of-range")
_OF_OTHER_TRACES = ("tracer-leak", "untracked-tensor", "missing-super-init", "unknown-name")
_MOST_OPERANDS = 6
_TITLE = 50
_NEVER = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)


def explain(
    error: BaseException, recorder: Recorder, subject: Subject | None
) -> tuple[Failure, Finding | None]:
    """Returns where traced code failed and why.

    To be called while the exception and its frames are alive. The exception is not touched. With a subject that can be
    run again, it is run on other batch sizes to tell which sizes are the batch.

    Args:
        error: what came out of the trace.
        recorder: the trace's recorder.
        subject: what was traced, None where it cannot be run again.
    """
    failure = locate(error, recorder)
    if isinstance(error, _NEVER):
        return failure, None
    if failure.site is None:
        return _of_no_expression(failure, error, subject)
    broken, operation = judge(failure)
    probes = Probes()
    if subject is not None and subject.make is not None and _worth_probing(broken, operation):
        probes = probes_for(subject, recorder.log)
    where, any_batch = failure, False
    if broken is None or (broken.kind in _ABOUT_SHAPES and broken.tensors and _unsized(operation)):
        other = _failing_probe(probes, failure)
        if other is not None:
            again, operation_there = judge(other)
            if again is not None:
                any_batch = broken is not None and broken.text == again.text
                broken, operation, where = again, operation_there, other
    labels = transfer(where.logs[0], probes)
    found = _causes(where, broken, labels)
    vague = broken is not None and broken.culprit is None and bool(found) and not found[0].batch
    if broken is not None and broken.culprit is None and found:
        found[0], broken = _blamed(found[0], broken, alone=len(found) == 1)
    finding = _finding(where, operation, broken, labels, found, _batch_of(where, probes), any_batch)
    known = broken.culprit if broken is not None else None
    shapes = broken is None or broken.kind in _ABOUT_SHAPES
    odd = _odd(failure, subject)
    culprit = odd or known or _several(where) or _odd(failure, subject, shapes=shapes)
    marks = failure.marks
    early = _coincidence(probes, failure) if odd is None else None
    if early is not None:
        culprit, sentence = early
        marks = (*marks, (culprit.file, culprit.position))
        finding = dataclasses.replace(finding, explanation=f"{finding.explanation} {sentence}")
    logs = (*failure.logs, *probes.logs)
    return dataclasses.replace(failure, culprit=culprit, vague=vague, logs=logs, marks=marks), finding


def _blamed(cause: Cause, broken: Broken, alone: bool) -> tuple[Cause, Broken]:
    """Returns a cause and a broken rule with the place to blame: where a layer was made, if its size is its own."""
    made = maker_of(cause.event.site) if alone and not cause.batch and _of_features(broken) else None
    if made is not None:
        name = ast.unparse(cause.event.site.node.func)  # type: ignore[attr-defined]
        text = f"`{name}` is made in line {made.line}: `{source.short(made.source)}`."
        cause = dataclasses.replace(cause, sentence=f"{cause.sentence} {text}".strip())
    size = size_of(cause.event.site)
    if size is not None:
        text = f"Its size is set in line {size.line}: `{source.short(size.source)}`."
        cause = dataclasses.replace(cause, sentence=f"{cause.sentence} {text}".strip())
    return cause, dataclasses.replace(broken, culprit=made or size or cause.event.site)


def _of_features(broken: Broken) -> bool:
    """Tells whether sizes disagree on the last axis of an operand."""
    return any(
        axis is not None and axis in (-1, len(tensor.shape) - 1)
        for axis, tensor in zip(broken.axes, broken.tensors, strict=False)
    )


def _coincidence(probes: Probes, failure: Failure) -> tuple[Site, str] | None:
    """Returns an expression that failed with no other batch size than this one, and what is said of it.

    A batch as large as another axis lets through what does not fit, and something behind it fails.
    """
    passed = {site for site, _ in failure.logs[0].rows}
    for run, recorder, batch in zip(probes.runs, probes.recorders, probes.batches, strict=True):
        if not isinstance(run.outcome, Exception):
            return None
        there = locate(run.outcome, recorder)
        if there.site is None or there.site is failure.site or there.site not in passed:
            continue
        broken, _ = judge(there)
        if broken is not None and broken.kind in _ABOUT_SHAPES:
            return (
                there.site,
                f"With a batch of {batch} it fails before, in line {there.site.line}: {broken.text}",
            )
    return None


def _odd(failure: Failure, subject: Subject | None, *, shapes: bool = False) -> Site | None:
    """Returns the place of what is suspect by itself; of unusual code nothing is said."""
    cls: type | None = None
    with contextlib.suppress(Exception):
        wrong = failure.error is not None and isinstance(underlying(failure.error), TypeError)
        if wrong and subject is not None and subject.make is not None:
            cls = type(subject.make())
    with contextlib.suppress(Exception):
        return suspect(failure, shapes=shapes, cls=cls)
    return None


def _several(failure: Failure) -> Site | None:
    """Returns where a name was set to several tensors, that is taken for one where it failed."""
    activation, site = failure.activation, failure.site
    if activation is None or site is None:
        return None
    for child in site.children:
        known = activation.definitions.get(child.source) if child.kind == "name" else None
        if child in activation.parts and known is not None and known.site.kind != "arguments":
            return known.site
    return None


def _of_no_expression(
    failure: Failure, error: BaseException, subject: Subject | None
) -> tuple[Failure, Finding | None]:
    """Returns what is wrong where no expression of the user's failed, but Keras refused the object as it is."""
    found = unprepared(error)
    if found is None:
        return _of_a_definition(failure, error, subject)
    file, made, broken = found
    place = (made.lineno, made.end_lineno or made.lineno, made.col_offset, made.end_col_offset or 0)
    finding = Finding(
        kind=broken.kind,
        severity="fault",
        confidence=1.0,
        title=broken.title or broken.text,
        explanation=broken.text,
        location=SourceSpan(file, made.lineno, made.lineno, f"def {made.name}"),
    )
    culprit = Site(
        file,
        (made.lineno, made.lineno, made.col_offset, made.col_offset),
        f"def {made.name}",
        "statement",
        "",
        made,
    )
    return dataclasses.replace(failure, culprit=culprit, marks=((file, place),)), finding


def _of_a_definition(
    failure: Failure, error: BaseException, subject: Subject | None
) -> tuple[Failure, Finding | None]:
    """Returns what is wrong where Keras could not call what the user has defined."""
    culprit = _odd(failure, subject)
    if culprit is None:
        return failure, None
    finding = Finding(
        kind="wrong-argument",
        severity="fault",
        confidence=1.0,
        title=f"`{culprit.source}` is not what Keras calls",
        explanation=_unlike(culprit, said(error) or type(underlying(error)).__name__),
        location=SourceSpan(culprit.file, culprit.line, culprit.line, culprit.source),
    )
    marks = ((culprit.file, culprit.position),)
    return dataclasses.replace(failure, culprit=culprit, marks=marks), finding


def _unlike(culprit: Site, message: str) -> str:
    """Returns what a definition takes, beside what was said about a call of it."""
    node = culprit.node
    if not isinstance(node, ast.FunctionDef):
        return message
    taken = f"`{culprit.function}` takes ({ast.unparse(node.args)}): {message.rstrip('.')}."
    several = "missing a required argument" in message
    return f"{taken} A list of tensors that a layer is called with is one argument." if several else taken


def explanation_of(failure: Failure, *, complete: bool = True) -> Finding:
    """Returns what is wrong from a failure alone, without running anything.

    Args:
        failure: its `site` and `error` are known.
        complete: whether all operands are known; where some are not, nothing is said about how they fit.
    """
    broken, operation = judge(failure)
    if broken is not None and not complete and broken.kind in (*_ABOUT_SHAPES, "dtype-mismatch"):
        broken = None
    return _finding(failure, operation, broken, {}, (), None)


def judge(failure: Failure) -> tuple[Broken | None, Operation]:
    """Returns the rule that the failing expression breaks, None where none fits, and the expression as it was read."""
    operation = Operation(failure)
    for rule in rules_for(operation):
        try:
            broken = rule(operation)
        except Exception:
            continue  # unusual code that the rule was not made for; the others may still know
        if broken is not None:
            return broken, operation
    return None, operation


def _worth_probing(broken: Broken | None, operation: Operation) -> bool:
    return bool(operation.tensors) and (broken is None or broken.kind not in _OF_OTHER_TRACES)


def _unsized(operation: Operation) -> bool:
    """Tells whether the trace does not say how large the operands are: symbolic ones, whose sizes may be made up."""
    return any(
        t.mode == "symbolic" or not all(isinstance(s, int) for s in t.shape) for t in operation.tensors
    )


def _failing_probe(probes: Probes, failure: Failure) -> Failure | None:
    for run, recorder in zip(probes.runs, probes.recorders, strict=True):
        if isinstance(run.outcome, BaseException):
            there = locate(run.outcome, recorder)
            if there.site is failure.site:
                return there
    return None


def _batch_of(where: Failure, probes: Probes) -> int | None:
    return next((b for b, log in zip(probes.batches, probes.logs, strict=True) if log is where.logs[0]), None)


def _causes(where: Failure, broken: Broken | None, labels: Labels) -> list[Cause]:
    if broken is None or broken.cause is not None or broken.kind not in _ABOUT_SHAPES:
        return []
    axes = broken.axes if len(broken.axes) == len(broken.tensors) else (None,) * len(broken.tensors)
    return causes(where.logs[0], labels, broken.tensors, axes, state=broken.state)


def _finding(
    where: Failure,
    operation: Operation,
    broken: Broken | None,
    labels: Labels,
    found: Sequence[Cause],
    batch: int | None,
    any_batch: bool = False,
) -> Finding:
    assert where.error is not None
    location = span(operation.site)
    # Where another line is to blame, what this one was given says nothing.
    parts = () if broken is not None and broken.at is not None else operation.parts[:_MOST_OPERANDS]
    operands = [_operand(tensor, labels, batch) for tensor in parts]
    if broken is None:
        return Finding(
            kind="error-in-user-code",
            severity="fault",
            confidence=1.0,
            title=f"`{_brief(operation)}` raised {type(underlying(where.error)).__name__}",
            explanation=said(where.error) or "The exception says nothing.",
            location=location,
            evidence=tuple(operands),
        )
    text = broken.text if batch is None or any_batch else f"With a batch of {batch}: {broken.text}"
    sentences = [text, *(cause.sentence for cause in found if cause.sentence)]
    if broken.cause is not None:
        sentences.append(f"{broken.cause[1]}.")
    if broken.at is not None:
        location = _statement(*broken.at)
    evidence = [*operands, *broken.evidence]
    came = [
        Evidence(f"line {c.event.site.line}", f"{source.short(c.event.site.source)}: {c.flow}") for c in found
    ]
    evidence += dict.fromkeys(came)  # the parts of one tensor come from one line
    return Finding(
        kind=broken.kind,
        severity="fault",
        confidence=1.0,
        title=broken.title or f"`{operation.source}` cannot be computed",
        explanation=" ".join(sentences),
        location=location,
        evidence=tuple(evidence),
    )


def _brief(operation: Operation) -> str:
    """Returns the expression for a title: a call with many arguments by its name, as its line is shown anyway."""
    node, text = operation.node, operation.source
    return f"{ast.unparse(node.func)}(...)" if isinstance(node, ast.Call) and len(text) > _TITLE else text


def _operand(tensor: Tensor, labels: Labels, batch: int | None) -> Evidence:
    sizes = shown(tensor.shape)
    label = labels.get(tensor.event) if tensor.event is not None else None
    if label is not None and any("B" in size for size in label):
        # Symbolic sizes may be stand-ins, and those of a probe are nobody's.
        made_up = tensor.mode == "symbolic" or batch is not None
        sizes = words(label) if made_up else f"{sizes} = {words(label)}"
    return Evidence(tensor.text, f"{sizes} {tensor.dtype}".strip())


def span(site: Site) -> SourceSpan:
    """Returns where an expression stands, with its line of source and its columns in characters."""
    return _span(site.file, site.position, site.source)


def _statement(file: str, node: ast.stmt) -> SourceSpan:
    place = (node.lineno, node.end_lineno or node.lineno, node.col_offset, node.end_col_offset or 0)
    return _span(file, place, ast.unparse(node))


def _span(file: str, position: Position, expression: str) -> SourceSpan:
    first, last, start, end = position
    text = source.lines(file)
    line = text[first - 1] if 0 < first <= len(text) else None
    columns: tuple[int, ...] = ()
    if line is not None:
        encoded = line.encode()
        stop = end if last == first else len(encoded)
        columns = (
            len(encoded[:start].decode(errors="replace")),
            len(encoded[:stop].decode(errors="replace")),
        )
    return SourceSpan(file, first, last, expression, code=line, columns=columns)
