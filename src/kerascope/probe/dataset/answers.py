"""What the trained model answers on a sample of its data, beside what it should have answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kerascope.probe.clock import now
from kerascope.probe.dataset.rows import Part

Answers = dict[str, np.ndarray]
"""Outputs by key: "" for the only one."""

_UNITS = 64
_BATCH = 128
_SLOW = 0.25  # seconds after which no further batch is asked


def answers(part: Part, predict: Callable[[Any], Answers]) -> dict[str, Any]:
    """Returns one entry per output under "outputs", and how many rows were asked."""
    # Batches of one size: eager programs are compiled for each size anew.
    index = np.random.default_rng(0).permutation(part.index)
    each = [Part(part.x, part.y, index[i : i + _BATCH], _BATCH) for i in range(0, len(index), _BATCH)]
    each = [batch for batch in each if len(batch.index) == _BATCH] or each[:1]
    predicted: list[Answers] = []
    began = now()
    for batch in each:
        predicted.append(predict(batch.structure("x")))
        if now() - began > _SLOW:
            break
    each = each[: len(predicted)]
    outputs = {key: np.concatenate([batch[key] for batch in predicted]) for key in predicted[0]}
    part = Part(part.x, part.y, np.concatenate([batch.index for batch in each]), part.rows)
    labels = dict(part.arrays("y"))
    facts: dict[str, Any] = {"rows": len(part.index)}
    facts["outputs"] = [
        {"key": key, **_output(output, _label(labels, key, len(outputs)))} for key, output in outputs.items()
    ]
    return facts


def _label(labels: dict[str, np.ndarray], key: str, count: int) -> tuple[str, np.ndarray] | None:
    """Returns the labels of an output: those under its key, or the only ones there are."""
    name = "y" + "".join(f"[{part}]" for part in key.split("/") if part)
    if name in labels:
        return name, labels[name]
    return next(iter(labels.items())) if len(labels) == 1 and count == 1 else None


def _output(output: np.ndarray, label: tuple[str, np.ndarray] | None) -> dict[str, Any]:
    good = output[np.isfinite(output)]
    facts: dict[str, Any] = {"shape": [None, *output.shape[1:]], "finite": good.size / max(1, output.size)}
    if not good.size:
        return facts
    facts |= {
        "min": float(good.min()),
        "max": float(good.max()),
        "mean": float(good.mean()),
        "std": float(good.std()),
    }
    facts["zeros"] = float((good == 0).mean())
    flat = output.reshape(len(output), -1)
    if flat.shape[1] <= _UNITS:
        facts["unit_mean"], facts["unit_std"] = flat.mean(0).tolist(), flat.std(0).tolist()
    facts["sums_to_one"] = float((np.abs(output.sum(-1) - 1) < 1e-3).mean()) if output.ndim > 1 else 0.0
    if label is not None and good.size == output.size:
        facts |= {"label": label[0], **_against(output, label[1].astype(np.float64))}
    return facts


def _against(output: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    if (
        labels.ndim == output.ndim
        and labels.shape == output.shape
        and output.ndim == 2
        and output.shape[1] > 1
    ):
        one_hot = bool(((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all())
        if one_hot:
            return _classes(output.argmax(1), labels.argmax(1))
        return _numbers(output, labels)
    if output.ndim == 2 and output.shape[1] > 1 and labels.size == len(output):
        return _classes(output.argmax(1), labels.reshape(-1))
    if labels.size == output.size:
        flat, wanted = output.reshape(len(output), -1), labels.reshape(len(output), -1)
        facts = _numbers(flat, wanted)
        if flat.shape[1] == 1 and set(np.unique(wanted)) <= {0.0, 1.0}:
            cut = 0.5 if output.min() >= 0 and output.max() <= 1 else 0.0
            facts |= _classes((flat[:, 0] > cut).astype(float), wanted[:, 0])
        return facts
    return {}


def _classes(predicted: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    distinct = np.unique(np.concatenate([predicted, wanted]))[:200]
    return {
        "accuracy": float((predicted == wanted).mean()),
        "classes": {
            f"{c:g}": [
                int((wanted == c).sum()),
                int((predicted == c).sum()),
                int(((wanted == c) & (predicted == c)).sum()),
            ]
            for c in distinct
        },
    }


def _numbers(output: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    rest, spread = float(((output - labels) ** 2).mean()), float(labels.var(0).mean())
    facts = {"mse": rest, "mae": float(np.abs(output - labels).mean()), "variance": spread}
    facts["r2"] = max(-1e6, 1 - rest / spread) if spread > 0 else 0.0
    a, b = output - output.mean(0), labels - labels.mean(0)
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    facts["correlation"] = float((a * b).sum() / size) if size > 0 else 0.0
    return facts
