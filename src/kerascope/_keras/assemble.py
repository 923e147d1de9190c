"""From what a run recorded to the graph that travels on: drafts in, frozen records out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import keras

from kerascope._keras import anatomy
from kerascope._keras.drafts import Draft, Seen, opens
from kerascope._keras.graph import layer_tree, own_variables
from kerascope._keras.recorder import Recorder
from kerascope.values import CallFacts, TensorSpec, Topology, WeightFacts


def graph(
    subject: Any, recorder: Recorder, details: bool, notes: Iterable[str], error: str | None
) -> Topology:
    """Returns the graph of what `recorder` saw while `subject` ran."""
    drafts = _without_root(subject, recorder.drafts)
    outputs = next((d.outputs for d in recorder.drafts if d.target is subject and d.parent is None), [])
    drafts = _without_idle_masks(drafts, outputs)
    drafts = _without_lone_code(drafts, outputs)
    drafts = _with_constants(drafts)
    ran = {id(draft.target) for draft in recorder.drafts}
    how = "data" if recorder.ran_on_data else "symbolic"
    return _topology(subject, drafts, outputs, ran, how, details, notes, error)


def parts(
    subject: Any,
    layers: list[tuple[Any, int]],
    inner: Callable[[Any], Recorder | None],
    details: bool,
    notes: Iterable[str],
) -> Topology:
    """Returns the layers of a model that was not run; `inner` runs those of them whose inputs are known."""
    drafts: list[Draft] = []
    above: list[tuple[int, int]] = []  # (depth, id) of the layers around the present one
    skip: int | None = None
    for layer, depth in layers:
        if skip is not None and depth > skip:
            continue
        skip = None
        while above and above[-1][0] >= depth:
            above.pop()
        parent = above[-1][1] if above else None
        category = "model" if isinstance(layer, keras.Model) else "layer"
        draft = Draft(len(drafts), parent, layer, str(layer.name), category)
        drafts.append(draft)
        above.append((depth, draft.id))
        run = inner(layer)
        if run is not None:
            _graft(drafts, draft, run)
            skip = depth
    ran = {id(layer) for layer, _ in layers}
    return _topology(subject, _with_constants(drafts), [], ran, "structure", details, notes, None)


def _graft(drafts: list[Draft], under: Draft, run: Recorder) -> None:
    """Adds a run of its own below `under`."""
    start = len(drafts)
    root = next((d for d in run.drafts if d.target is under.target and d.parent is None), None)
    kept = _without_idle_masks(_without_root(under.target, run.drafts), root.outputs if root else [])
    number = {draft.id: start + position for position, draft in enumerate(kept)}
    for draft in kept:
        draft.id = number[draft.id]
        draft.parent = under.id if draft.parent is None else number.get(draft.parent, under.id)
    seen = [s for draft in kept for s in (*draft.inputs, *draft.outputs)]
    for one in {id(s): s for s in [*seen, *(root.outputs if root else [])]}.values():
        one.source = number.get(one.source) if one.source is not None else None
    under.outputs = root.outputs if root else []
    drafts += kept


def _without_root(subject: Any, drafts: list[Draft]) -> list[Draft]:
    """Leaves out the call of the subject itself when there is something in it."""
    root = next(
        (d for d in drafts if d.target is subject and d.parent is None and d.category != "input"), None
    )
    if root is None or not (opens(subject) and any(d.parent == root.id for d in drafts)):
        return drafts
    for draft in drafts:
        if draft.parent == root.id:
            draft.parent = None
    return [draft for draft in drafts if draft is not root]


def _without_idle_masks(drafts: list[Draft], outputs: list[Seen]) -> list[Draft]:
    """Leaves out what computes a mask that nobody uses."""
    while True:
        used = {seen.source for draft in drafts for seen in draft.inputs} | {seen.source for seen in outputs}
        idle = {draft.id for draft in drafts if draft.for_mask and draft.id not in used}
        if not idle:
            return drafts
        drafts = [draft for draft in drafts if draft.id not in idle]


def _without_lone_code(drafts: list[Draft], outputs: list[Seen]) -> list[Draft]:
    """Shuts layers in which nothing but code was seen: the code is the layer."""
    inside: dict[int, list[Draft]] = {}
    for draft in drafts:
        if draft.parent is not None:
            inside.setdefault(draft.parent, []).append(draft)
    gone: dict[int, Draft] = {}
    by_id = {draft.id: draft for draft in drafts}
    for parent, children in inside.items():
        if parent in by_id and all(child.category == "code" for child in children):
            gone.update({child.id: by_id[parent] for child in children})
    for seen in [s for d in drafts for s in (*d.inputs, *d.outputs)] + outputs:
        if seen.source in gone:
            owner = gone[seen.source]
            made = [s.source for s in owner.outputs]
            index = made.index(seen.source) if seen.source in made else 0
            seen.source, seen.index = owner.id, index
    return [draft for draft in drafts if draft.id not in gone]


def _with_constants(drafts: list[Draft]) -> list[Draft]:
    """Adds a box for every array that is built into the model."""
    free = max((draft.id for draft in drafts), default=-1) + 1
    out: list[Draft] = []
    for draft in drafts:
        for seen in draft.inputs:
            if seen.role == "constant" and seen.source is None and draft.category != "code":
                constant = Draft(free, draft.parent, None, "constant", "constant")
                constant.outputs = [Seen(seen.shape, seen.dtype, free)]
                seen.source, seen.index = free, 0
                out.append(constant)
                free += 1
        out.append(draft)
    return out


def _topology(
    subject: Any,
    drafts: list[Draft],
    outputs: list[Seen],
    ran: set[int],
    how: str,
    details: bool,
    notes: Iterable[str],
    error: str | None,
) -> Topology:
    from kerascope._keras.topology import optimizer_facts

    maker = _Maker(subject, drafts, details)
    calls = tuple(maker.call(draft) for draft in drafts)
    layers = [layer for layer, _ in layer_tree(subject)]
    known = {id(layer) for layer in layers} | {id(subject)}
    strangers = [
        d.target for d in drafts if isinstance(d.target, keras.layers.Layer) and id(d.target) not in known
    ]
    optimizer, optimizer_size, optimizer_bytes, optimizer_built = optimizer_facts(subject)
    weights = [anatomy.weight_facts(v, False) for v in subject.weights]
    return Topology(
        name=str(subject.name),
        kind=type(subject).__name__,
        backend=keras.backend.backend(),
        how=how,
        calls=calls,
        outputs=tuple(_tensor(seen, maker.ids) for seen in outputs),
        weights=tuple(maker.weights),
        trainable=anatomy.sizes(_trainable(subject)),
        frozen=anatomy.sizes(subject.non_trainable_weights),
        weight_bytes=sum(weight.bytes for weight in weights),
        optimizer=optimizer,
        optimizer_size=optimizer_size,
        optimizer_bytes=optimizer_bytes,
        optimizer_built=optimizer_built,
        untracked=_names(layer for layer in strangers if layer.weights or not _is_tool(layer)),
        unbuilt=_names(layer for layer in layers if not layer.built),
        unused=_unused(subject, layers, ran) if how != "structure" and error is None else (),
        notes=tuple(notes),
        error=error,
    )


def _trainable(subject: Any) -> list[Any]:
    # What Keras counts: the weights that were trainable when the model was compiled.
    return list(getattr(subject, "_collected_trainable_weights", subject.trainable_weights))


def _is_tool(layer: Any) -> bool:
    return str(type(layer).__module__).startswith("keras.")


def _names(layers: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(getattr(layer, "path", None) or layer.name) for layer in layers))


def _unused(subject: Any, layers: list[Any], ran: set[int]) -> tuple[str, ...]:
    """Returns layers with weights that no call reached; what is inside a shut layer counts as reached."""
    reached = set(ran)
    for layer in [subject, *layers]:
        if id(layer) in ran and not opens(layer):
            reached |= {id(child) for child, _ in layer_tree(layer)}
    return _names(layer for layer in layers if id(layer) not in reached and own_variables(layer))


class _Maker:
    """Turns drafts into records; facts about a layer are gathered once, however often it is called."""

    def __init__(self, subject: Any, drafts: list[Draft], details: bool) -> None:
        self.subject = subject
        self.details = details
        self.ids = {draft.id for draft in drafts}
        self.parents = {draft.parent for draft in drafts}
        self.paths: dict[int, str] = {}
        self.taken: Counter[str] = Counter()
        self.weights: list[WeightFacts] = []
        self.calls = Counter(id(d.target) for d in drafts if d.target is not None)
        self._so_far: Counter[int] = Counter()
        self._index: dict[int, int] = {}
        self._facts: dict[int, dict[str, Any]] = {}

    def call(self, draft: Draft) -> CallFacts:
        target = draft.target
        self._so_far[id(target)] += 1
        facts = self._facts.get(id(target)) if target is not None else self._gather(draft)
        if facts is None:
            facts = self._facts[id(target)] = self._gather(draft)
        added = draft.added_losses
        losses = (*facts["losses"], *([f"add_loss ({added} times)"] if added else []))
        return CallFacts(
            id=draft.id,
            path=self._path(draft),
            name=draft.name,
            kind=facts["kind"],
            category=draft.category,
            parent=draft.parent,
            inputs=tuple(_tensor(seen, self.ids) for seen in draft.inputs),
            outputs=tuple(_tensor(seen, self.ids) for seen in draft.outputs),
            call=self._so_far[id(target)] if target is not None else 1,
            calls=self.calls[id(target)] if target is not None else 1,
            **{k: v for k, v in facts.items() if k not in ("kind", "losses", "settings")},
            settings={**facts.get("settings", {}), **draft.settings},
            losses=losses,
            source=anatomy.called_at(draft.file, draft.line),
            error=draft.error,
            notes=tuple(draft.notes),
        )

    def _path(self, draft: Draft) -> str:
        above = self.paths.get(draft.parent) if draft.parent is not None else None
        path = f"{above}/{draft.name}" if above else draft.name
        self.taken[path] += 1
        if self.taken[path] > 1:
            path = f"{path}#{self.taken[path]}"
        self.paths[draft.id] = path
        return path

    def _gather(self, draft: Draft) -> dict[str, Any]:
        target = draft.target
        kind = (
            type(target).__name__ if target is not None else _PLAIN_KINDS.get(draft.category, draft.category)
        )
        facts: dict[str, Any] = {"kind": kind, "losses": ()}
        if not isinstance(target, keras.layers.Layer) or draft.category == "input":
            return facts
        trainable, frozen = target.trainable_weights, target.non_trainable_weights
        listed = own_variables(target) if draft.id in self.parents else [*trainable, *frozen]
        facts.update(
            custom=not str(type(target).__module__).startswith("keras."),
            built=bool(target.built),
            can_train=bool(target.trainable),
            policy=anatomy.policy(target),
            dtype=str(target.compute_dtype),
            weights=tuple(self._weight(v) for v in listed),
            trainable=anatomy.sizes(trainable),
            frozen=anatomy.sizes(frozen),
            defined=anatomy.defined(target),
            losses=tuple(anatomy.losses(target)),
        )
        facts["settings"] = anatomy.settings(target)
        facts["config"] = anatomy.config(target) if self.details else {}
        return facts

    def _weight(self, variable: Any) -> int:
        number = self._index.get(id(variable))
        if number is None:
            number = self._index[id(variable)] = len(self.weights)
            self.weights.append(anatomy.weight_facts(variable, self.details))
        return number


_PLAIN_KINDS = {"input": "InputLayer", "constant": "Constant", "code": "Code"}


def _tensor(seen: Seen, ids: set[int]) -> TensorSpec:
    source = seen.source if seen.source in ids else None
    return TensorSpec(seen.shape, seen.dtype, source, seen.index, seen.role, seen.argument, seen.masked)
