"""Sizes told by how they move along with the batch."""

from __future__ import annotations

import pytest

from kerascope.explain.lines.dims import label


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((5, 5, 5), "5"),
        ((2, 11, 13), "B"),
        ((4, 22, 26), "2·B"),
        ((3, 12, 14), "B+1"),
        ((1, 10, 12), "B-1"),
        ((4, 121, 169), "B²"),
        ((8, 242, 338), "2·B²"),
        ((10, 55, 65), "5·B"),
        ((1, 5, 6), "?"),
        ((None, None, None), "?"),
        (("2·B", "2·B", "2·B"), "2·B"),
        ((1, None, 2), "?"),
    ],
)
def test_a_size_is_told_from_three_runs(sizes, expected):
    assert label(sizes, (2, 11, 13)) == expected


def test_two_runs_do_not_tell_a_sum():
    assert label((3, 12), (2, 11)) == "?"
    assert label((4, 22), (2, 11)) == "2·B"
