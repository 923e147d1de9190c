"""What simple methods learn from the same data in a blink: neighbours and a linear map, on held-out rows.

They are a yardstick. A network that does much worse has a problem of its own; where they find nothing in the training
labels but something in the validation labels, it is the training labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerascope.probe.dataset.rows import Part

_WIDTH = 1024
_PROJECTED = 256
_NEIGHBOURS = 5
_HELD_OUT = 400
_TOKENS = 2048
_SINGLE = 512
_LEAST = 40
_STEPS = 8
_COPIES = 16
_GAP = 5.0
_LEAST_FEATURES = 4
_OVERLAP, _SEEN = 0.4, 10


def learnable(train: Part, validation: Part | None, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Returns one entry per label array: its name and the scores of simple methods; see docs/recording.md."""
    inputs = train.arrays("x")
    if not inputs or len(inputs[0][1]) < _LEAST:
        return _by_heart(train)
    held = validation.arrays("x") if validation is not None else []
    same = len(held) == len(inputs) and all(
        a[1].shape[1:] == b[1].shape[1:] for a, b in zip(inputs, held, strict=True)
    )
    table, other = _tables([a for _, a in inputs], [b for _, b in held] if same else None, rng)
    targets = dict(validation.arrays("y")) if validation is not None and same else {}
    names_seen = [name for name, _ in train.arrays("y")]
    sampled = len(train.index) / max(1, train.rows)
    found = []
    for index, (name, labels) in enumerate(train.arrays("y")):
        if labels.ndim > 2 or not np.isfinite(labels.astype(np.float64)).all():
            continue
        own = targets.get(name)
        if own is None and len(targets) == len(names_seen):
            own = list(targets.values())[index]
        copies = any(labels.shape == a.shape and np.array_equal(labels, a) for _, a in inputs)
        facts = {"name": name, "copies": copies, **_scores(table, labels, other, own, rng)}
        if not copies and (inside := _inside(inputs, labels, sampled)) is not None:
            facts["inside"] = inside
        found.append(facts)
    return found


def _inside(
    inputs: list[tuple[str, np.ndarray]], labels: np.ndarray, sampled: float
) -> dict[str, Any] | None:
    """Returns where a window over a series holds the measured number that is asked for; None where none does.

    Windows overlap: what stands at one place of one row stands at another place in others. By chance or by design
    (a first item that is to be remembered) a label may well be a column of the inputs, but hardly of such ones.
    """
    for column, wanted in enumerate(labels.reshape(len(labels), -1).T[:_STEPS]):
        if wanted.dtype.kind != "f" or len(np.unique(wanted)) < len(wanted) / 4:
            continue
        for name, array in inputs:
            if array.dtype.kind != "f" or array.ndim not in (2, 3) or array.shape[1] < 3:
                continue
            steps = array[:, :, None] if array.ndim == 2 else array
            for step, feature in np.argwhere(np.isclose(steps[0], wanted[0], rtol=1e-6, atol=0)):
                series = steps[:, :, feature]
                equal = np.allclose(series[:, step], wanted, rtol=1e-6, atol=0)
                if equal and _overlap(series, max(1, int(step)), sampled):
                    return {"input": name, "step": int(step), "steps": series.shape[1], "column": column}
    return None


def _overlap(series: np.ndarray, step: int, sampled: float) -> bool:
    """Tells whether the rows are windows that overlap: two numbers in a row stand so elsewhere in other rows, too.

    Of the rows only the share `sampled` is known, so the neighbours of most may be missing.
    """
    pairs = series[:, :-1] + 1j * series[:, 1:]
    here, others = pairs[:, step - 1], np.delete(pairs, step - 1, axis=1)
    by_chance = np.isin(here.real + 1j * np.roll(here.imag, 1), others).mean()
    expected = 1 - (1 - sampled) ** others.shape[1]
    seen = float(np.isin(here, others).mean() - by_chance)
    return seen > _OVERLAP * expected and seen * len(series) >= _SEEN


def _by_heart(train: Part) -> list[dict[str, Any]]:
    """Returns what is known of a handful of rows: whether a network can know them by heart."""
    inputs = train.arrays("x")
    if not inputs or len(inputs[0][1]) < 4:
        return []
    rows = np.concatenate([array.reshape(len(array), -1).astype(np.float64) for _, array in inputs], axis=1)
    apart = len(np.unique(rows, axis=0)) == len(rows)
    found = []
    for name, labels in train.arrays("y"):
        if apart and labels.ndim <= 2:
            classes, targets = _targets(labels)
            chance = float(targets.mean(0).max()) if classes else 0.0
            found.append(
                {"name": name, "few": True, "score": "accuracy" if classes else "r2", "chance": chance}
            )
    return found


def _tables(
    train: list[np.ndarray], held: list[np.ndarray] | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the inputs as one standardised table, and the held-out ones by the same measure."""
    columns, others = [], []
    for i, array in enumerate(train):
        other = held[i] if held is not None else None
        if (
            array.dtype.kind in "iu"
            and array.ndim == 2
            and 2 < array.max(initial=0) < _TOKENS
            and array.shape[1] > 2
        ):
            size = int(max(array.max(), other.max(initial=0) if other is not None else 0)) + 1
            columns.append(_counts(array, size))
            if other is not None:
                others.append(_counts(other, size))
            continue
        columns.append(array.reshape(len(array), -1).astype(np.float64))
        if other is not None:
            others.append(other.reshape(len(other), -1).astype(np.float64))
    table = np.nan_to_num(np.concatenate(columns, axis=1), posinf=0, neginf=0)
    second = np.nan_to_num(np.concatenate(others, axis=1), posinf=0, neginf=0) if others else None
    mean, std = table.mean(0), table.std(0)
    keep = std > 1e-12
    table = (table[:, keep] - mean[keep]) / std[keep]
    second = np.clip((second[:, keep] - mean[keep]) / std[keep], -1e3, 1e3) if second is not None else None
    if table.shape[1] > _WIDTH:
        mix = rng.standard_normal((table.shape[1], _PROJECTED)) / np.sqrt(table.shape[1])
        table, second = table @ mix, second @ mix if second is not None else None
    return table, second


def _counts(array: np.ndarray, size: int) -> np.ndarray:
    counts = np.zeros((len(array), size))
    np.add.at(counts, (np.arange(len(array))[:, None], np.clip(array, 0, size - 1).astype(int)), 1.0)
    return counts


def _scores(
    table: np.ndarray,
    labels: np.ndarray,
    other: np.ndarray | None,
    own: np.ndarray | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    classes, targets = _targets(labels)
    order = rng.permutation(len(table))
    cut = min(_HELD_OUT, len(table) // 4)
    test, fit = order[:cut], order[cut:]
    facts: dict[str, Any] = {
        "score": "accuracy" if classes else "r2",
        "chance": float(targets.mean(0).max()) if classes else 0.0,
        "neighbours": _neighbours(table[fit], targets[fit], table[test], targets[test], classes),
        "linear": _linear(table[fit], targets[fit], table[test], targets[test], classes),
        "single": _single(table, targets, classes),
    }
    if other is not None and own is not None and len(own) == len(other) and len(other) >= 20:
        answers = _targets(own, labels)[1]
        if answers.shape[1] == targets.shape[1]:
            facts["validation_neighbours"] = _neighbours(table, targets, other, answers, classes)
            facts["validation_linear"] = _linear(table, targets, other, answers, classes)
            facts["within_validation"] = _neighbours(other, answers, other, answers, classes, leave_out=True)
            facts["validation_chance"] = float(answers.mean(0).max()) if classes else 0.0
            facts["copied"] = _copied(table, targets, other, answers)
    return facts


def _copied(known: np.ndarray, labels: np.ndarray, asked: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the share of held-out rows with a few rows of the same label much nearer than all the others.

    Among rows that were drawn one by one distances grow gradually; a gap behind the first ones is what copies with
    little changes leave. Rows that are the same to the digit are counted elsewhere.
    """
    if known.shape[1] < _LEAST_FEATURES or len(known) < 4 * _COPIES:
        return 0.0
    square = (asked**2).sum(1)[:, None] - 2 * asked @ known.T + (known**2).sum(1)[None, :]
    nearest = np.argpartition(square, _COPIES, axis=1)[:, : _COPIES + 1]
    exact = ((asked[:, None] - known[nearest]) ** 2).sum(2)  # the formula above is of no use near 0
    order = exact.argsort(1)
    nearest, distance = np.take_along_axis(nearest, order, 1), np.sqrt(np.take_along_axis(exact, order, 1))
    gap = (distance[:, 1:] > _GAP * distance[:, :-1]).any(1) & (distance[:, 0] > 1e-9)
    same = (np.abs(labels[nearest[:, 0]] - wanted) < 0.05).all(1)
    return float((gap & same).mean())


def _targets(labels: np.ndarray, like: np.ndarray | None = None) -> tuple[bool, np.ndarray]:
    """Returns whether labels are classes, and them as one-hot rows, or as numbers brought to unit spread."""
    basis = (labels if like is None else like).astype(np.float64)
    values = labels.astype(np.float64)
    if basis.ndim == 2 and basis.shape[1] == 1:
        basis, values = basis[:, 0], values.reshape(len(values), -1)[:, 0]
    if basis.ndim == 2:
        one_hot = bool(((basis == 0) | (basis == 1)).all() and (basis.sum(1) == 1).all())
        return (True, values) if one_hot else (False, (values - basis.mean(0)) / (basis.std(0) + 1e-12))
    distinct = np.unique(basis)
    whole = bool((basis == np.round(basis)).all())
    if whole and 2 <= len(distinct) <= min(100, max(2, len(basis) // 10)):
        return True, (values[:, None] == distinct[None, :]).astype(np.float64)
    return False, ((values - basis.mean()) / (basis.std() + 1e-12))[:, None]


def _neighbours(
    known: np.ndarray,
    answers: np.ndarray,
    asked: np.ndarray,
    wanted: np.ndarray,
    classes: bool,
    leave_out: bool = False,
) -> float:
    distance = (asked**2).sum(1)[:, None] - 2 * asked @ known.T + (known**2).sum(1)[None, :]
    if leave_out:
        np.fill_diagonal(distance, np.inf)
    k = min(_NEIGHBOURS, len(known) - 1)
    nearest = np.argpartition(distance, k, axis=1)[:, :k]
    return _score(answers[nearest].mean(1), wanted, classes)


def _linear(
    known: np.ndarray, answers: np.ndarray, asked: np.ndarray, wanted: np.ndarray, classes: bool
) -> float:
    ones = np.ones((len(known), 1))
    a = np.concatenate([known, ones], axis=1)
    strength = 0.01 * len(known) + 1e-6
    weights = np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ answers)
    return _score(np.concatenate([asked, np.ones((len(asked), 1))], axis=1) @ weights, wanted, classes)


def _score(predicted: np.ndarray, wanted: np.ndarray, classes: bool) -> float:
    if classes:
        return float((predicted.argmax(1) == wanted.argmax(1)).mean())
    rest, spread = ((predicted - wanted) ** 2).mean(), wanted.var(0).mean()
    return float(max(-10.0, 1 - rest / spread)) if spread > 0 else 0.0


def _single(table: np.ndarray, targets: np.ndarray, classes: bool) -> dict[str, Any] | None:
    """Returns how much of the labels the best single column explains, and the second best (share of variance)."""
    if not 2 <= table.shape[1] <= _SINGLE:
        return None
    mean = targets.mean(0)
    total = ((targets - mean) ** 2).sum()
    if total <= 0:
        return None
    if classes:
        size = targets.sum(0)
        keep = size > 0
        centres = (targets.T @ table)[keep] / size[keep, None]
        share = (size[keep, None] * centres**2).sum(0) / len(table)
    else:
        slope = table.T @ (targets - mean) / len(table)
        share = (slope**2).sum(1) / (total / len(table))
    best = np.argsort(-share)[:2]
    return {"feature": int(best[0]), "best": float(share[best[0]]), "second": float(share[best[1]])}
