"""What a model is made of: calls, tensors and weights, and the difference between two models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kerascope.values.encoding import Json
from kerascope.values.measures import TensorStats
from kerascope.values.report import SourceSpan

TOPOLOGY_SCHEMA = "kerascope/topology/1"

Dim = int | str | None
"""One dimension: a number, a multiple of the batch such as "B" or "2·B", None where it is not known."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec(Json):
    """A tensor that goes into or comes out of a call.

    `source` is the call it comes from (None: from nowhere we saw) and `index` which of that call's outputs it is.
    `role` is "data", "mask", "state" (a weight used directly) or "constant". `masked`: it carries a Keras mask.
    """

    shape: tuple[Dim, ...]
    dtype: str
    source: int | None = None
    index: int = 0
    role: str = "data"
    argument: str = ""
    masked: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class WeightFacts(Json):
    """A variable; `size` is how many numbers, `bytes` what they take. `stats` is filled on request only."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    size: int
    bytes: int
    stats: TensorStats | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class CallFacts(Json):
    """One call of a layer, a model or an operation, inside the call `parent`.

    `category` is "input", "layer", "model", "op", "constant" or "code" (calculations that Keras does not see).
    `call` counts the calls of the same layer from 1, `calls` is how many there are. `weights` index
    `Topology.weights`, those of everything inside included; `trainable` and `frozen` count their numbers.
    `settings` say what it computes: an axis, strides, an activation; `config` is a layer's whole configuration,
    filled on request only. `source` is the line that made the call, `defined` the class's own. `macs`, `flops` and
    `output_bytes` are for `Topology.batch_size` samples, None where unknown. `path` is unique in the graph.
    """

    id: int
    path: str
    name: str
    kind: str
    category: str
    parent: int | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    call: int = 1
    calls: int = 1
    custom: bool = False
    built: bool = True
    can_train: bool = True
    policy: str | None = None
    dtype: str | None = None
    weights: tuple[int, ...] = ()
    trainable: int = 0
    frozen: int = 0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    losses: tuple[str, ...] = ()
    source: SourceSpan | None = None
    defined: SourceSpan | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    macs: int | None = None
    flops: int | None = None
    output_bytes: int | None = None
    health: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Topology(Json):
    """A model as a graph of calls, in the order they ran. `notes` say what could not be seen, and why.

    `how` is "structure" (nothing was run: the model's parts only), "symbolic" or "data". `error` is why the
    model could not be run to its end, `verdict` what a recorded run says of it as a whole. The totals are Keras's own:
    numbers in `model.weights`.
    """

    name: str
    kind: str
    backend: str
    how: str
    calls: tuple[CallFacts, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    weights: tuple[WeightFacts, ...] = ()
    trainable: int = 0
    frozen: int = 0
    weight_bytes: int = 0
    optimizer: str | None = None
    optimizer_size: int = 0
    optimizer_bytes: int = 0
    optimizer_built: bool = True
    batch_size: int = 1
    untracked: tuple[str, ...] = ()
    unbuilt: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None
    verdict: str | None = None
    schema: str = TOPOLOGY_SCHEMA


@dataclasses.dataclass(frozen=True, slots=True)
class Change(Json):
    """One difference between two models.

    `kind` is "added", "removed", "reshaped", "reparametrised", "reconfigured" (another activation, other strides) or
    "reconnected".
    """

    kind: str
    path: str
    layer: str
    before: str = ""
    after: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference(Json):
    """What changed from one model to another; `same` counts the calls that did not."""

    before: str
    after: str
    changes: tuple[Change, ...] = ()
    same: int = 0
    parameters: tuple[int, ...] = ()
    fingerprints: tuple[str, ...] = ()
