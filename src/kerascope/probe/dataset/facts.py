"""Facts of the whole training and validation data, from a bounded sample of their rows."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from kerascope.probe.clock import now
from kerascope.probe.dataset.ahead import ahead
from kerascope.probe.dataset.answers import Answers, answers
from kerascope.probe.dataset.earlier import Earlier
from kerascope.probe.dataset.learnable import learnable
from kerascope.probe.dataset.order import order_facts
from kerascope.probe.dataset.rows import Part, parts

_ROWS = 1500
_VALIDATION_ROWS = 600
_FEATURES = 512
_CLASSES = 200
_HASHED = 100_000_000  # bytes
_PREDICTED = 512
_WINDOW = 8  # steps
_WINDOWS = 20_000
_SECONDS = 1.5


def data_facts(
    arguments: dict[str, Any],
    predict: Callable[[Any], Answers] | None,
    earlier: Earlier | None = None,
) -> dict[str, Any]:
    """Returns what docs/recording.md says of `data`, for the arguments of one `fit`.

    Args:
        arguments: of `fit`, by name.
        predict: the trained model's answers for inputs in the structure given to `fit`; None: not asked.
        earlier: the rows of the trainings of this model before this one, to which those of this one are added.
    """
    train, validation = parts(arguments)
    rng = np.random.default_rng(0)
    facts: dict[str, Any] = {"given": type(arguments.get("x")).__name__}
    began = now()
    samples: dict[str, Part] = {}
    for name, part, most in (("train", train, _ROWS), ("validation", validation, _VALIDATION_ROWS)):
        if part is not None and part.rows:
            samples[name] = part.sample(part.affordable(most), rng)
            facts[name] = _part_facts(part, samples[name])
    if "train" in samples and "validation" in samples and train is not None and validation is not None:
        weighed = _counting(train, arguments.get("sample_weight"))
        held = arguments.get("validation_data")
        held = held[2] if isinstance(held, (tuple, list)) and len(held) > 2 else None
        asked_for = _counting(samples["validation"], held)
        _try(
            facts,
            "between",
            lambda: _between(samples["train"], samples["validation"], weighed, asked_for, earlier),
        )
    if "train" in samples:
        _try(facts, "learnable", lambda: learnable(samples["train"], samples.get("validation"), rng))
    if train is not None and now() - began < _SECONDS:
        _try(facts, "order", lambda: order_facts(train, validation, facts.get("learnable"), rng))
    if predict is not None:
        asked: dict[str, Any] = {}
        for name, sample in samples.items():
            if now() - began < _SECONDS:
                chosen = sample.sample(_PREDICTED, rng)
                _try(asked, name, functools.partial(answers, chosen, predict))
        facts["answers"] = asked
        if "train" in samples and now() - began < _SECONDS:
            _try(facts, "ahead", lambda: ahead(samples["train"], predict, rng))
    facts["seconds"] = now() - began
    return facts


_PLAIN = ("batch_size", "epochs", "shuffle", "validation_split", "initial_epoch", "steps_per_epoch")
_MOST_CLASSES = 100
_OBJECTS = ("validation_data", "class_weight", "sample_weight")


def settings_of_fit(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `fit` that are plain values, and which of the others were given."""
    facts: dict[str, Any] = {
        name: arguments[name] for name in _PLAIN if isinstance(arguments.get(name), (bool, int, float, str))
    }
    facts |= {name: arguments.get(name) is not None for name in _OBJECTS}
    weights = arguments.get("class_weight")
    if isinstance(weights, dict) and 0 < len(weights) <= _MOST_CLASSES:
        facts["class_weights"] = {str(label): float(weight) for label, weight in weights.items()}
    given = arguments.get("callbacks") or ()
    listed = given if isinstance(given, (list, tuple)) else [given]
    facts["callbacks"] = [type(callback).__name__ for callback in listed]
    return facts


def _try(facts: dict[str, Any], key: str, look: Callable[[], Any]) -> None:
    """Adds what a look found. A model that takes other inputs than `fit` got (a GAN, say) is no failure of anybody."""
    try:
        facts[key] = look()
    except Exception as error:
        facts[key] = {"error": f"{type(error).__name__}: {error}"[:300]}


def _part_facts(part: Part, sample: Part) -> dict[str, Any]:
    whole = part if part.rows <= 200_000 else sample
    return {
        "rows": part.rows,
        "x": [array_facts(name, array) for name, array in sample.arrays("x")],
        "y": [label_facts(name, array) for name, array in whole.arrays("y")],
    }


def array_facts(name: str, array: np.ndarray) -> dict[str, Any]:
    """Returns shape, range and the scale of each feature."""
    facts: dict[str, Any] = {"name": name, "dtype": str(array.dtype), "shape": [None, *array.shape[1:]]}
    values = array.astype(np.float64)
    facts |= figures(values)
    facts["whole"] = bool(array.dtype.kind in "iub" or (values == np.round(values)).all())
    if array.ndim in (2, 3) and 1 <= array.shape[-1] <= _FEATURES and array.size:
        rows = values.reshape(-1, array.shape[-1])
        facts["features"] = {
            "mean": rows.mean(0).tolist(),
            "std": rows.std(0).tolist(),
            "min": rows.min(0).tolist(),
            "max": rows.max(0).tolist(),
        }
    return facts


def figures(values: np.ndarray) -> dict[str, Any]:
    """Returns range, mean and spread of the finite values."""
    good = values[np.isfinite(values)]
    if not good.size:
        return {"finite": 0.0 if values.size else 1.0}
    return {
        "min": float(good.min()),
        "max": float(good.max()),
        "mean": float(good.mean()),
        "std": float(good.std()),
        "zeros": float((good == 0).mean()),
        "finite": good.size / values.size,
    }


def label_facts(name: str, array: np.ndarray) -> dict[str, Any]:
    """Returns how labels are written, how often each class occurs and in what order they come."""
    facts: dict[str, Any] = {"name": name, "dtype": str(array.dtype), "shape": [None, *array.shape[1:]]}
    values = array.astype(np.float64)
    facts |= figures(values)
    facts["whole"] = bool(np.isfinite(values).all() and (values == np.round(values)).all())
    columns = int(array.shape[1]) if array.ndim == 2 else 1
    facts["written"] = _written(values, facts["whole"], columns)
    classes = values.argmax(1) if facts["written"] == "one-hot" else values.reshape(len(values), -1)[:, 0]
    distinct, counts = (
        np.unique(classes, return_counts=True) if array.ndim <= 2 else (np.zeros(0), np.zeros(0))
    )
    facts["distinct"] = len(distinct)
    if facts["written"] in ("one-hot", "classes") and len(distinct) <= _CLASSES:
        facts["counts"] = {f"{v:g}": int(n) for v, n in zip(distinct, counts, strict=True)}
    elif len(distinct) <= 50:
        facts["values"] = {f"{v:.6g}": int(n) for v, n in zip(distinct, counts, strict=True)}
    if facts["written"] == "multi-hot":
        facts["columns"] = values.mean(0).tolist()
    elif columns > 1 and facts["written"] == "numbers" and columns <= _FEATURES:
        facts["features"] = {"mean": values.mean(0).tolist(), "std": values.std(0).tolist()}
    if len(classes) > 1 and array.ndim <= 2:
        facts["repeats"] = float((classes[1:] == classes[:-1]).mean())
        facts["repeats_by_chance"] = float(((counts / counts.sum()) ** 2).sum())
        spread = float(classes.std())
        if spread > 0:
            middle = classes - classes.mean()
            facts["lag"] = float((middle[1:] * middle[:-1]).mean() / spread**2)
    return facts


def _written(values: np.ndarray, whole: bool, columns: int) -> str:
    if values.ndim > 2 or not values.size:
        return "other"
    zero_one = bool(((values == 0) | (values == 1)).all())
    if columns > 1 and zero_one:
        return "one-hot" if bool((values.sum(1) == 1).all()) else "multi-hot"
    if columns == 1 and whole:
        distinct = len(np.unique(values))
        if (
            distinct <= max(2, min(_CLASSES, len(values) // 5))
            and values.min() > -2
            and values.max() < 10_000
        ):
            return "classes"
    return "numbers"


# -- between training and validation -----------------------------------------------------------------------------


def _counting(part: Part, weights: Any) -> Part:
    """Returns a part without the rows of no weight, as when one graph is given whole to both parts."""
    if not isinstance(weights, np.ndarray) or weights.ndim != 1 or len(weights) != part.rows:
        return part
    return dataclasses.replace(part, index=part.index[weights[part.index] != 0])


def _between(
    sample: Part, held: Part, train: Part, validation: Part, earlier: Earlier | None
) -> dict[str, Any]:
    """Compares samples of both parts, and looks for rows of the one that count in the other, too."""
    facts: dict[str, Any] = {
        "shift": [_shift(a, b) for a, b in zip(sample.arrays("x"), held.arrays("x"), strict=False)]
    }
    known = _hashes(train)
    if known is not None:
        asked = _hashes(validation)
        if asked:
            facts["shared"] = sum(h in known for h in asked) / len(asked)
            facts["doubles"] = 1 - len(known) / max(1, len(train.index))
            if earlier is not None and earlier.rows:
                facts["earlier"] = sum(h in earlier.rows and h not in known for h in asked) / len(asked)
        if earlier is not None:
            earlier.add(known)
        facts["overlap"] = _overlap(train, validation)
    return facts


def _shift(train: tuple[str, np.ndarray], validation: tuple[str, np.ndarray]) -> dict[str, Any]:
    """Compares two samples of one array: spread and, per feature, how far the means lie apart."""
    a, b = train[1].astype(np.float64), validation[1].astype(np.float64)
    facts: dict[str, Any] = {
        "name": train[0],
        "std": [float(a.std()), float(b.std())],
        "mean": [float(a.mean()), float(b.mean())],
        "max": [float(np.abs(a).max()), float(np.abs(b).max())] if a.size and b.size else [],
    }
    if a.shape[1:] == b.shape[1:] and len(a) > 1 and len(b) > 1:
        a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        spread = np.sqrt((a.var(0) + b.var(0)) / 2)
        good = spread > 1e-12
        if good.any():
            apart = np.abs(a.mean(0) - b.mean(0))[good] / spread[good]
            error = np.sqrt(1 / len(a) + 1 / len(b))
            facts["apart"] = {
                "median": float(np.median(apart)),
                "max": float(apart.max()),
                "error": float(error),
            }
            ratio = (b.std(0)[good] + 1e-12) / (a.std(0)[good] + 1e-12)
            facts["ratio"] = {
                "median": float(np.median(ratio)),
                "min": float(ratio.min()),
                "max": float(ratio.max()),
            }
    return facts


def _overlap(train: Part, validation: Part) -> float:
    """Returns the share of validation rows that are a training row moved on, or back, by one step, as windows are."""
    known, asked = train.arrays("x"), validation.arrays("x")
    if len(known) != 1 or len(asked) != 1 or known[0][1].dtype.kind != "f":
        return 0.0
    (_, a), (_, b) = known[0], asked[0]
    if a.ndim not in (2, 3) or a.shape[1:] != b.shape[1:] or a.shape[1] < _WINDOW or len(a) > _WINDOWS:
        return 0.0
    later, sooner = ({row.tobytes() for row in np.ascontiguousarray(part)} for part in (a[:, 1:], a[:, :-1]))
    moved = zip(np.ascontiguousarray(b[:, :-1]), np.ascontiguousarray(b[:, 1:]), strict=True)
    found = sum(
        bool(np.ptp(first) > 0 and (first.tobytes() in later or last.tobytes() in sooner))
        for first, last in moved
    )
    return found / max(1, len(b))


def _hashes(part: Part) -> set[bytes] | None:
    """Returns a hash of each row's inputs; None when there is too much of it."""
    arrays = part.first().arrays("x")
    width = sum(array.nbytes for _, array in arrays)
    if not width or width * len(part.index) > _HASHED:
        return None
    rows = [np.ascontiguousarray(array).reshape(len(array), -1) for _, array in part.arrays("x")]
    found = set()
    for i in range(len(part.index)):
        found.add(
            hashlib.blake2b(b"".join(a[i].astype(np.float32).tobytes() for a in rows), digest_size=8).digest()
        )
    return found
