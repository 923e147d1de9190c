"""Layers as the detectors of causes see them, and what is known of Keras's own kinds, losses and activations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from kerascope.detect.reading import listing, mapping, whole

CROSS_ENTROPY = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
)
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
NUMERIC = (
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "log_cosh",
    "mean_squared_logarithmic_error",
    "mean_absolute_percentage_error",
)
WEIGHTED = ("Dense", "Conv1D", "Conv2D", "Conv3D", "EinsumDense", "DepthwiseConv2D", "SeparableConv2D")
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM2D")
NORMALISING = (
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "Normalization",
    "Rescaling",
    "UnitNormalization",
    "RMSNormalization",
)
ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Sigmoid")
PASSING = (
    "Dropout",
    "Flatten",
    "Reshape",
    "GaussianNoise",
    "GaussianDropout",
    "ActivityRegularization",
    "Masking",
)
SQUASHING = ("sigmoid", "tanh", "hard_sigmoid", "softsign")


@dataclasses.dataclass(frozen=True)
class Node:
    """One layer as its settings describe it. `activation` is "linear" when it has none."""

    path: str
    kind: str
    activation: str
    config: Mapping[str, Any]
    shape: tuple[int | None, ...]
    parameters: int
    trainable: bool
    custom: bool
    weights: tuple[str, ...]

    @property
    def units(self) -> int | None:
        """Width of the output, None where it is not known."""
        for key in ("units", "filters"):
            if isinstance(self.config.get(key), int):
                return int(self.config[key])
        return self.shape[-1] if self.shape else None

    @property
    def weighted(self) -> bool:
        """Tells whether this is a dense or convolutional layer."""
        return self.kind in WEIGHTED


KNOWN = (
    *(
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "swish",
        "mish",
        "softplus",
        "softsign",
    ),
    *("sigmoid", "hard_sigmoid", "hard_silu", "tanh", "hard_tanh", "softmax", "exponential", "linear", "glu"),
)
"""Activations whose range is known; one of the user's own may be anything."""


def known_activation(node: Node) -> str:
    """Returns a layer's own activation, "linear" without one, "" for one that Keras does not know."""
    name = node.activation or "linear"
    return name if name in KNOWN else ""


def activation_of(node: Node) -> str:
    """Returns the activation that a layer of activations applies."""
    if node.kind == "Activation":
        return node.activation or "linear"
    return {"ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu", "PReLU": "prelu"}.get(
        node.kind, node.kind.lower()
    )


def nodes_of(facts: Mapping[str, Any]) -> Iterator[Node]:
    """Yields the layers that a recording's facts about a model tell of."""
    for entry in listing(facts.get("layers")):
        entry = mapping(entry)
        path = entry.get("path")
        if not isinstance(path, str):
            continue
        shape = listing(entry.get("output_shape"))
        yield Node(
            path=path,
            kind=str(entry.get("class") or ""),
            activation=str(entry.get("activation") or ""),
            config=mapping(entry.get("config")),
            shape=tuple(n if isinstance(n, int) else None for n in shape),
            parameters=whole(entry.get("parameters")),
            trainable=entry.get("trainable") is True,
            custom=entry.get("custom") is True,
            weights=tuple(str(w) for w in listing(entry.get("weights"))),
        )
