"""What a training is about: its task, its data, its objective, its layers, and how well it does beside a yardstick.

Detectors of causes ask these questions; all answers come from the recording, and what is not recorded is None, NaN
or empty, never guessed.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerascope.detect.batches import from_batches
from kerascope.detect.node import (
    ACTIVATIONS,
    BINARY,
    CROSS_ENTROPY,
    NORMALISING,
    NUMERIC,
    PASSING,
    RECURRENT,
    Node,
    activation_of,
    known_activation,
    nodes_of,
)
from kerascope.detect.reading import Anatomy, listing, mapping, number, whole
from kerascope.detect.trend import Trend, trend
from kerascope.record.reader import ModelView, RunView

_RARE = 0.75
_SCORES = ("neighbours", "linear", "validation_neighbours", "validation_linear")


@dataclasses.dataclass(frozen=True)
class Target:
    """One output with its labels, its loss and what the trained model answers there."""

    index: int
    name: str
    loss: str
    custom_loss: bool
    from_logits: bool
    layer: Node | None
    activation: str
    units: int | None
    labels: Mapping[str, Any]
    validation_labels: Mapping[str, Any]
    train: Mapping[str, Any]
    validation: Mapping[str, Any]
    yardstick: Mapping[str, Any]
    ignores: bool = False  # the loss leaves out one label, e.g. that of padding

    @property
    def written(self) -> str:
        """How the labels are written: "classes", "one-hot", "multi-hot", "numbers", "other" or ""."""
        return str(self.labels.get("written") or "")

    @property
    def classes(self) -> int:
        """Number of different labels seen."""
        return whole(self.labels.get("distinct"))

    @property
    def columns(self) -> int:
        """Number of values in one label."""
        shape = listing(self.labels.get("shape"))
        return int(shape[-1]) if len(shape) > 1 and isinstance(shape[-1], int) else 1

    def figure(self, name: str) -> float:
        """Returns a figure of the training labels: "min", "max", "mean" or "std"."""
        return number(self.labels.get(name))

    @property
    def is_class_task(self) -> bool:
        """Tells whether the labels are classes (written as numbers from 0, or as one-hot rows)."""
        return self.written in ("one-hot", "multi-hot") or (
            self.written == "classes" and self.loss not in NUMERIC
        )

    @property
    def is_numeric_task(self) -> bool:
        """Tells whether the labels are measured numbers."""
        return self.written == "numbers"


class Situation:
    """Everything the detectors of causes ask of one model."""

    def __init__(self, view: RunView, model: ModelView) -> None:
        self.view = view
        self.model = model
        self.anatomy = Anatomy(model.facts)
        self.program = mapping(model.facts.get("program"))
        trainings = [row for row in model.trainings() if mapping(row.facts.get("data"))]
        self.training = trainings[-1] if trainings else None
        facts = self.training.facts if self.training is not None else {}
        self.data = mapping(mapping(facts).get("data"))
        if not mapping(self.data.get("train")):
            self.data = {**from_batches(model), **self.data}
        self.fit = mapping(mapping(facts).get("fit"))
        self.memo: dict[object, float] = {}

    # -- layers --------------------------------------------------------------------------------------------------

    @functools.cached_property
    def nodes(self) -> dict[str, Node]:
        """The layers by path, in the order in which they compute where that is known."""
        found = {node.path: node for node in nodes_of(self.model.facts)}
        order = [str(name) for name in listing(self.program.get("order"))]
        if not order:
            order = [name.partition("#")[0] for name in self.model.samples("output").names]
        return {name: found[name] for name in dict.fromkeys([*order, *found]) if name in found}

    @functools.cached_property
    def working(self) -> list[Node]:
        """The layers that compute something, without inputs and without layers that hold others."""
        holders = {path.rpartition("/")[0] for path in self.nodes}
        return [n for n in self.nodes.values() if n.kind != "InputLayer" and n.path not in holders]

    @functools.cached_property
    def chains(self) -> list[list[str]]:
        """For each output the layers before it, the last first; of a model without a graph, the order of computing."""
        outputs = [mapping(entry) for entry in listing(self.program.get("outputs"))]
        if outputs:
            return [[str(name) for name in listing(entry.get("before"))] for entry in outputs]
        return [[node.path for node in reversed(self.working)]] if self.working else []

    def output_shape(self, index: int) -> list[Any]:
        """Returns the shape of an output as the graph has it, [] where there is none."""
        outputs = listing(self.program.get("outputs"))
        return list(listing(mapping(outputs[index]).get("shape"))) if index < len(outputs) else []

    def ending(self, index: int) -> tuple[Node | None, str]:
        """Returns the layer that makes an output and the activation it ends in ("" when that is not known)."""
        chain = self.chains[index] if index < len(self.chains) else []
        activation = ""
        for path in chain:
            node = self.nodes.get(path)
            if node is None:
                return None, activation
            if node.kind in ACTIVATIONS:
                activation = activation or activation_of(node)
            elif node.weighted or node.kind in RECURRENT:
                return node, activation or known_activation(node)
            elif node.custom or not (node.kind in PASSING or "Pooling" in node.kind):
                return (node if node.custom else None), activation
        return None, activation

    def activation_layer(self, index: int) -> Node | None:
        """Returns the layer whose setting decides the activation of an output."""
        chain = self.chains[index] if index < len(self.chains) else []
        for path in chain:
            node = self.nodes.get(path)
            if node is not None and (node.kind in ACTIVATIONS or node.weighted or node.parameters):
                return node
        return None

    def inner_activation(self, index: int) -> tuple[Node | None, str]:
        """Returns an activation between the last weights and the last activation, (None, "") without one."""
        chain = self.chains[index] if index < len(self.chains) else []
        seen = 0
        for path in chain:
            node = self.nodes.get(path)
            name = (
                "" if node is None else activation_of(node) if node.kind in ACTIVATIONS else node.activation
            )
            if node is None or node.custom or "Pool" in node.kind:
                break
            if name not in ("", "linear"):
                if seen:
                    return node, name
                seen += 1
            if node.weighted or node.kind in (*RECURRENT, *NORMALISING):
                break
        return None, ""

    @functools.cached_property
    def hidden(self) -> list[Node]:
        """The dense and convolutional layers before the outputs, in the order of computing."""
        last = {node.path for i in range(len(self.chains)) if (node := self.ending(i)[0]) is not None}
        return [node for node in self.working if node.weighted and node.path not in last]

    def activation_after(self, node: Node) -> str:
        """Returns the activation that a layer's output passes before the next layer with weights."""
        if node.activation not in ("", "linear"):
            return node.activation
        following = self.working[self.working.index(node) + 1 :] if node in self.working else []
        for other in following:
            if other.kind in ACTIVATIONS:
                return activation_of(other)
            if other.kind in (*PASSING, *NORMALISING) or (other.parameters == 0 and not other.custom):
                if "Pool" in other.kind and "Max" in other.kind:
                    return "max"
                continue
            break
        return "linear"

    @functools.cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the variables by path."""
        entries = [mapping(e) for e in listing(self.model.facts.get("variables"))]
        return {str(e.get("path")): tuple(whole(n) for n in listing(e.get("shape"))) for e in entries}

    # -- the objective -------------------------------------------------------------------------------------------

    @functools.cached_property
    def targets(self) -> list[Target]:
        """The outputs with all that is known of each; empty when outputs, losses and labels do not pair off."""
        losses = [mapping(entry) for entry in listing(self.program.get("losses"))]
        outputs = [mapping(entry) for entry in listing(self.program.get("outputs"))]
        if not losses or (self.chains and len(self.chains) != len(losses)):
            return []
        found = []
        for loss in losses:
            key = str(loss.get("key") or "") if len(losses) > 1 else ""
            indices = [i for i, output in enumerate(outputs) if str(output.get("key") or "") == key]
            if len(losses) > 1 and len(indices) != 1:
                return []
            found.append(self._target(indices[0] if indices else 0, key, loss))
        return found

    def _target(self, index: int, key: str, loss: Mapping[str, Any]) -> Target:
        node, activation = self.ending(index)
        labels = _keyed(mapping(self.data.get("train")).get("y"), key)
        answers = {part: self._answers(part, key) for part in ("train", "validation")}
        shape = self._shape(index, answers["train"])
        return Target(
            index=index,
            name=str(loss.get("name") or ""),
            loss=str(loss.get("function") or loss.get("class") or ""),
            custom_loss=loss.get("custom") is True,
            from_logits=loss.get("from_logits") is True,
            ignores=mapping(loss.get("config")).get("ignore_class") is not None,
            layer=node,
            activation=activation,
            units=shape if shape is not None else (node.units if node is not None else None),
            labels=labels,
            validation_labels=_keyed(mapping(self.data.get("validation")).get("y"), key),
            train=answers["train"],
            validation=answers["validation"],
            yardstick=self._yardstick(loss, labels, key),
        )

    def _yardstick(self, loss: Mapping[str, Any], labels: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """Returns what simple methods reach, nothing where the model was asked for something else."""
        found = {} if _sequence(loss, labels) else _keyed(self.data.get("learnable"), key)
        weighed = self.fit.get("class_weight") is True or self.fit.get("sample_weight") is True
        # Whoever weighs a rare class higher pays for it with accuracy.
        rare = found.get("score") == "accuracy" and number(found.get("chance")) > _RARE
        return {**found, **dict.fromkeys(_SCORES)} if weighed and rare else found

    def _answers(self, part: str, key: str) -> Mapping[str, Any]:
        entry = mapping(mapping(self.data.get("answers")).get(part))
        found = [mapping(e) for e in listing(entry.get("outputs"))]
        own = [e for e in found if str(e.get("key") or "") == key]
        return own[0] if len(own) == 1 else {}

    def _shape(self, index: int, answers: Mapping[str, Any]) -> int | None:
        outputs = [mapping(entry) for entry in listing(self.program.get("outputs"))]
        shape = listing((outputs[index] if index < len(outputs) else answers).get("shape"))
        if not shape:
            return None
        width = shape[-1] if len(shape) > 1 else 1
        return int(width) if isinstance(width, int) else None

    def metric_names(self) -> list[tuple[str, str, bool]]:
        """Returns (name, function or class, the user's own) of the compiled metrics."""
        entries = [mapping(e) for e in listing(self.program.get("measures"))]
        return [
            (str(e.get("name")), str(e.get("function") or e.get("class") or ""), e.get("custom") is True)
            for e in entries
        ]

    # -- data ----------------------------------------------------------------------------------------------------

    def inputs(self, part: str = "train") -> list[Mapping[str, Any]]:
        """Returns the facts of each input array of "train" or "validation"."""
        return [mapping(e) for e in listing(mapping(self.data.get(part)).get("x"))]

    @property
    def has_graph(self) -> bool:
        """Tells whether what happens between layers is known: a functional model without bare operations."""
        outputs = listing(self.program.get("outputs"))
        return bool(outputs) and not any(name.startswith("op:") for chain in self.chains for name in chain)

    @property
    def rows(self) -> float:
        """Number of training rows, NaN when not known."""
        return number(mapping(self.data.get("train")).get("rows"))

    def first_layers(self) -> list[Node]:
        """Returns the first layers that change values, as far as the model is a chain from its inputs."""
        return [n for n in self.working if n.kind not in PASSING]

    # -- optimisation --------------------------------------------------------------------------------------------

    @property
    def optimizer(self) -> str:
        """Class name of the optimizer."""
        return str(self.anatomy.optimizer.get("class") or "")

    @functools.cached_property
    def rate(self) -> float:
        """The largest learning rate used, NaN when not known."""
        rates = np.asarray(self.model.steps().learning_rate, np.float64)
        rates = rates[np.isfinite(rates)]
        return float(rates.max()) if len(rates) else math.nan

    @functools.cached_property
    def losses(self) -> np.ndarray:
        """The loss of each batch alone."""
        return np.asarray(self.model.batch_loss(), np.float64)

    @functools.cached_property
    def trend(self) -> Trend | None:
        """The course of the loss."""
        return trend(self.losses)

    @property
    def updates(self) -> int:
        """Number of weight updates."""
        return len(self.model.steps().step) // self.anatomy.steps_per_update()

    def epoch_logs(self, name: str) -> np.ndarray:
        """Returns a figure by epoch, only those of the last training."""
        rows = self.model.epochs()
        if self.training is not None:
            rows = tuple(row for row in rows if row.training == self.training.id)
        return np.array([number(row.logs.get(name)) for row in rows], np.float64)


def _sequence(loss: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Tells whether a label is a row of classes (one per time step, say), for which there is no yardstick."""
    several = len(listing(labels.get("shape"))) > 1 and listing(labels.get("shape"))[-1] != 1
    return (
        loss.get("function") in (*CROSS_ENTROPY, *BINARY) and labels.get("written") == "numbers" and several
    )


def _keyed(entries: Any, key: str) -> Mapping[str, Any]:
    """Returns the facts of the labels that belong to an output: those under its key, or the only ones there are."""
    found = [mapping(e) for e in listing(entries)]
    name = "y" + "".join(f"[{part}]" for part in key.split("/") if part)
    own = [e for e in found if e.get("name") == name]
    return own[0] if own else found[0] if len(found) == 1 and not key else {}


def situations(view: RunView) -> Sequence[Situation]:
    """Returns the situation of every model that was trained; the same ones for every detector."""
    known = view.memo.get("situations")
    if known is None:
        known = [Situation(view, model) for model in view.models]
        # A training that failed in its first step has no steps, and yet a program and data to look at.
        known = [one for one in known if len(one.model.steps().step) or one.training is not None]
        view.memo["situations"] = known
    return known
