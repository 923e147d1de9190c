"""Facts of the data from the batches that were recorded, for trainings on generators and datasets.

Their form is that of the facts of whole arrays (docs/recording.md, `data`), with what a few batches allow to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascope.detect.reading import listing, mapping, number
from kerascope.record.reader import ModelView


def from_batches(model: ModelView) -> dict[str, Any]:
    """Returns facts of inputs and labels as of training rows; empty when no batch was recorded."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for _, facts in model.batches():
        for array in listing(facts.get("arrays")):
            array = mapping(array)
            found.setdefault(str(array.get("name")), []).append(array)
    parts: dict[str, Any] = {"x": [], "y": []}
    for name, arrays in found.items():
        part = name.partition("[")[0]
        if part in parts and all(math.isfinite(number(a.get("mean"))) for a in arrays):
            parts[part].append(_together(name, arrays))
    return {"train": parts} if parts["x"] or parts["y"] else {}


def _together(name: str, arrays: list[Mapping[str, Any]]) -> dict[str, Any]:
    shape = listing(arrays[0].get("shape"))
    means = np.array([number(a.get("mean")) for a in arrays])
    spreads = np.array([number(a.get("std")) for a in arrays])
    mean = float(means.mean())
    facts: dict[str, Any] = {
        "name": name,
        "dtype": arrays[0].get("dtype"),
        "shape": [None, *shape[1:]],
        "min": min(number(a.get("min")) for a in arrays),
        "max": max(number(a.get("max")) for a in arrays),
        "mean": mean,
        "std": float(np.sqrt((spreads**2 + (means - mean) ** 2).mean())),
        "finite": min(number(a.get("finite")) for a in arrays),
    }
    features = [mapping(a.get("features")) for a in arrays]
    if all(features):
        facts["features"] = _features(features)
    if name.startswith("y"):
        facts |= _labels(arrays, shape)
    return facts


def _features(features: list[Mapping[str, Any]]) -> dict[str, list[float]]:
    means = [[number(v) for v in listing(f.get("mean"))] for f in features]
    spreads = [[number(v) for v in listing(f.get("std"))] for f in features]
    if len({len(m) for m in (*means, *spreads)}) != 1:
        return {}
    middle = np.mean(means, axis=0)
    spread = np.sqrt(np.mean(np.square(spreads) + np.square(np.array(means) - middle), axis=0))
    return {"mean": middle.tolist(), "std": spread.tolist()}


def _labels(arrays: list[Mapping[str, Any]], shape: Any) -> dict[str, Any]:
    """Returns how labels are written: classes where every batch was seen to hold classes, otherwise numbers."""
    counts: dict[str, float] = {}
    for array in arrays:
        classes = mapping(array.get("classes"))
        if not classes:
            return {"written": "" if len(listing(shape)) > 2 else "numbers", "distinct": len(arrays) * 100}
        for key, count in classes.items():
            counts[str(key)] = counts.get(str(key), 0.0) + number(count)
    columns = shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 1
    # The columns of one-hot rows are all there; those that no row had are no classes that were seen.
    seen = {key: count for key, count in counts.items() if count > 0}
    return {
        "written": "one-hot" if columns > 1 else "classes",
        "distinct": columns if columns > 1 else len(seen),
        "counts": seen,
        "whole": True,
    }
