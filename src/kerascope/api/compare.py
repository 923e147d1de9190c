"""What changed between two models, and a fingerprint that changes when anything of the architecture does."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from kerascope.render.summary import shapes_text
from kerascope.values import CallFacts, Change, Difference, Topology, encode

_COUNTED = re.compile(r"(_\d+)?(#\d+)?(?=/|$)")


def fingerprint(graph: Topology) -> str:
    """Returns 16 hexadecimal digits over types, settings, nesting, connections, shapes, dtypes and weights.

    Left out are names, values, source lines, costs and the backend: two builds of one model agree.
    """
    text = json.dumps(_essence(graph), separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _essence(graph: Topology) -> Any:
    number = {call.id: position for position, call in enumerate(graph.calls)}
    first: dict[tuple[int, ...], int] = {}
    rows = []
    for position, call in enumerate(graph.calls):
        weights = [
            (graph.weights[i].shape, graph.weights[i].dtype, graph.weights[i].trainable) for i in call.weights
        ]
        shared = first.setdefault(call.weights, position) if call.weights else position
        rows.append(
            [
                call.kind,
                number.get(call.parent) if call.parent is not None else None,
                [
                    [number.get(t.source) if t.source is not None else None, t.index, t.role]
                    for t in call.inputs
                ],
                [[list(t.shape), t.dtype] for t in call.outputs],
                weights,
                shared,
                call.can_train,
                encode(dict(sorted(call.settings.items()))),
            ]
        )
    return rows


def difference(before: Topology, after: Topology) -> Difference:
    """Returns the changes from one graph to the other, in the order of the calls.

    Calls are matched by type and name; the counters in names that Keras gives ("dense_3") do not count.
    """
    matcher = difflib.SequenceMatcher(
        None, [_key(c) for c in before.calls], [_key(c) for c in after.calls], autojunk=False
    )
    changes: list[Change] = []
    same = 0
    partner: dict[int, int] = {}
    blocks = matcher.get_opcodes()
    for tag, i, j, k, m in blocks:
        if tag == "equal":
            pairs = zip(before.calls[i:j], after.calls[k:m], strict=True)
            partner.update({a.id: b.id for a, b in pairs})
    for tag, i, j, k, m in blocks:
        if tag == "equal":
            for a, b in zip(before.calls[i:j], after.calls[k:m], strict=True):
                found = _changes(before, a, after, b, partner)
                changes += found
                same += not found
        else:
            changes += [Change("removed", c.path, c.kind, _describe(c)) for c in before.calls[i:j]]
            changes += [Change("added", c.path, c.kind, "", _describe(c)) for c in after.calls[k:m]]
    return Difference(
        before=f"{before.name} ({before.kind})",
        after=f"{after.name} ({after.kind})",
        changes=tuple(changes),
        same=same,
        parameters=(before.trainable + before.frozen, after.trainable + after.frozen),
        fingerprints=(fingerprint(before), fingerprint(after)),
    )


def _key(call: CallFacts) -> tuple[str, str]:
    return call.kind, _COUNTED.sub("", call.path)


def _describe(call: CallFacts) -> str:
    count = call.trainable + call.frozen
    text = shapes_text(call.outputs) or "no output"
    return f"{text}, {count:,} parameters" if count else text


def _changes(
    before: Topology, a: CallFacts, after: Topology, b: CallFacts, partner: dict[int, int]
) -> Sequence[Change]:
    found = []

    def note(kind: str, x: str, y: str) -> None:
        if x != y:
            found.append(Change(kind, b.path, b.kind, x, y))

    note("reshaped", _tensors(a), _tensors(b))
    x, y = _weights(before, a), _weights(after, b)
    if x != y:
        found.append(Change("reparametrised", b.path, b.kind, _parameters(a, x), _parameters(b, y)))
    else:
        note("reparametrised", _training(a), _training(b))
    note("reconfigured", *_settings(a, b))
    ours = [(partner.get(t.source, "gone") if t.source is not None else None, t.index) for t in a.inputs]
    theirs = [(t.source, t.index) for t in b.inputs]
    if ours != theirs and not any(s == "gone" for s, _ in ours):
        found.append(Change("reconnected", b.path, b.kind, _sources(before, a), _sources(after, b)))
    return found


def _settings(a: CallFacts, b: CallFacts) -> tuple[str, str]:
    """Returns the settings that differ, except those that shapes and weights tell already."""
    names = [n for n in {**a.settings, **b.settings} if a.settings.get(n) != b.settings.get(n)]
    told = a.outputs and b.outputs and _tensors(a) != _tensors(b)
    names = [name for name in names if not (told and name in _TOLD)]
    x, y = (", ".join(f"{n}={call.settings[n]}" for n in names if n in call.settings) for call in (a, b))
    return x, y


_TOLD = frozenset(["units", "filters", "output_dim", "target_shape", "output_shape"])
"""Settings that are a shape of what comes out."""


def _tensors(call: CallFacts) -> str:
    kinds = sorted({t.dtype for t in call.outputs} - {"float32"})
    return " ".join([shapes_text(call.outputs), *kinds])


def _weights(graph: Topology, call: CallFacts) -> list[Any]:
    return [(graph.weights[i].shape, graph.weights[i].dtype) for i in call.weights]


def _parameters(call: CallFacts, weights: list[Any]) -> str:
    shapes = " ".join(f"{dtype[:1]}{list(shape)}" for shape, dtype in weights)
    return f"{call.trainable + call.frozen:,}: {shapes}"


def _training(call: CallFacts) -> str:
    return f"{call.trainable:,} trainable, {call.frozen:,} frozen"


def _sources(graph: Topology, call: CallFacts) -> str:
    paths = {c.id: c.path for c in graph.calls}
    return ", ".join(paths.get(t.source, "?") if t.source is not None else "?" for t in call.inputs)
