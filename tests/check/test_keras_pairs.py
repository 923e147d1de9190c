"""No false alarm on the losses, metrics and optimizers that come with Keras."""

from __future__ import annotations

import inspect

import keras
import pytest

import kerascope.api.check as api

pytestmark = pytest.mark.backend

TORCH = keras.backend.backend() == "torch"

ARGUMENTS = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 4, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 4},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
ABSTRACT = {"Loss", "Metric", "MeanMetricWrapper", "Optimizer", "LossScaleOptimizer", "MultiOptimizer"}
"""Classes to derive from, and optimizers that hold others."""

TRUE = {
    ("CategoricalGeneralizedCrossEntropy", "loss-finite"),
    ("CategoricalGeneralizedCrossEntropy", "loss-targets"),
    ("CosineSimilarity", "loss-config"),
}
"""What is found and true, on every backend: the gradient of 1 - p ** q is infinite at p = 0, the one-hot code of class
numbers (B, 1) meets every prediction, and the configuration of CosineSimilarity is that of its base class, without
`axis`."""

FAMILIES = {
    "losses": keras.losses.Loss,
    "metrics": keras.metrics.Metric,
    "optimizers": keras.optimizers.Optimizer,
}


def classes():
    for family, base in FAMILIES.items():
        for name, cls in sorted(vars(getattr(keras, family)).items()):
            if inspect.isclass(cls) and issubclass(cls, base) and name not in ABSTRACT:
                # Where every operation is compiled, one of each family is enough for every day.
                costly = not TORCH and name not in ("BinaryCrossentropy", "Huber", "F1Score", "Adam")
                yield pytest.param(cls, id=f"{family}-{name}", marks=[pytest.mark.table] if costly else [])


@pytest.mark.parametrize("cls", list(classes()))
def test_no_false_alarm(cls):
    found = api.check(cls(**ARGUMENTS.get(cls.__name__, {})))
    named = {(cls.__name__, f.kind) for f in found.findings if f.severity != "note"}
    assert named <= TRUE, found
    assert not any(f.kind == "kerascope-internal" for f in found.findings), found
    assert sum(row.outcome == "kept" for row in found.contracts) >= 7, found
