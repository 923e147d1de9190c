"""What people see, word for word. `REGOLD=1 pytest tests/render` writes the golden files anew; read the diff."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kerascope.render import to_html, to_text
from kerascope.values import Report, decode

GOLDEN = Path(__file__).parents[1] / "golden" / "render"

# File, report, width, full, encoding.
TEXTS = [
    ("healthy", "healthy", 80, False, None),
    ("healthy-full", "healthy", 80, True, None),
    ("no-learning", "no_learning", 80, False, None),
    ("no-learning-60", "no_learning", 60, False, None),
    ("no-learning-120", "no_learning", 120, False, None),
    ("no-learning-ascii", "no_learning", 80, False, "ascii"),
    ("no-learning-full", "no_learning", 80, True, None),
    ("non-finite", "non_finite", 80, False, None),
    ("non-finite-full", "non_finite", 80, True, None),
    ("non-finite-full-ascii", "non_finite", 80, True, "ascii"),
    ("crashed", "crashed", 80, False, None),
    ("deep", "deep", 80, False, None),
    ("no-steps", "no_steps", 80, False, None),
    ("no-steps-full", "no_steps", 80, True, None),
]


def compare(path, text):
    if os.environ.get("REGOLD"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path.name} is missing; write it with REGOLD=1"
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "situation", "width", "full", "encoding"), TEXTS, ids=[row[0] for row in TEXTS]
)
def test_text_is_the_golden_one(sample, name, situation, width, full, encoding):
    compare(GOLDEN / f"{name}.txt", to_text(sample(situation), width, full, encoding))


def test_html_is_the_golden_one(sample):
    compare(GOLDEN / "no-learning.html", to_html(sample("no_learning")))


# Figures a report carries for others than this view: the order of findings, an end that is the same line, two
# figures per layer for which 80 columns have no room.
UNSEEN = {"rank", "end_line", "output_mean", "output_std"}


def numbers(data, path=()):
    """Yields the path of each number in JSON data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, item in items:
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            yield (*path, key)
        else:
            yield from numbers(item, (*path, key))


def changed(data, path):
    """Returns the report with another number at `path`: half as large again, on a curve a NaN."""
    data = json.loads(json.dumps(data))
    owner = data
    for key in path[:-1]:
        owner = owner[key]
    curve = path[-2] in ("y", "plot")
    owner[path[-1]] = "nan" if curve else type(owner[path[-1]])(owner[path[-1]] * 1.5 + 1)
    return decode(Report, data)


def shown(data, path):
    """Says whether the full text has to show the number at `path`: all but those named here."""
    if path[-2] == "x":  # of the steps of a curve only the ends stand on its axis
        return path[-1] in (0, len(data["curves"][path[1]]["x"]) - 1)
    # A share of finite values cannot grow; the marked row of the golden text covers it.
    return path[-1] not in UNSEEN and not (path[0] == "layers" and path[-1] == "finite")


@pytest.mark.parametrize("situation", ["no_learning", "non_finite", "crashed"])
def test_no_number_can_change_without_the_text_changing(sample, situation):
    report = sample(situation)
    data, text = report.to_json(), to_text(report, full=True)
    paths = [path for path in numbers(data) if shown(data, path)]
    assert len(paths) > 4
    for path in paths:
        assert to_text(changed(data, path), full=True) != text, f"changing {path} changes nothing"


def test_a_changed_figure_changes_the_golden_text(sample):
    text = to_text(changed(sample("no_learning").to_json(), ("layers", 1, "gradient")))
    assert text != (GOLDEN / "no-learning.txt").read_text(encoding="utf-8")
