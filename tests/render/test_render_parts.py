"""Figures, plots and clean text: the small parts every view is made of."""

from __future__ import annotations

import math

import pytest
from rich.cells import cell_len

from kerascope.render import numbers, plot
from kerascope.render.clean import LONGEST, clean, shorten
from kerascope.render.findings import amount


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.41, "2.41"), (0.0007, "0.00070"), (1.2e9, "1.2e9"), (1024, "1,024"), (0.31, "0.31"), (445.4, "445"),
        (39.52, "39.5"), (9.999, "10.0"), (99.96, "100"), (0.0999, "0.10"), (0.996, "1.0"), (1234.5, "1,234"),
        (99_999.9, "1.0e5"), (0.00001234, "1.2e-5"), (0.00009996, "0.00010"), (0.0, "0"), (-0.5, "-0.50"),
        (-1234, "-1,234"), (10**9, "1.0e9"), (999_999_999, "999,999,999"), (10**400, "1.0e400"), (-(10**9), "-1.0e9"),
        (9_999_999_999, "1.0e10"), (math.nan, "NaN"), (math.inf, "inf"), (-math.inf, "-inf"), (None, "-"),
        (True, "yes"), (False, "no"), ("word", "word"), (1e308, "1.0e308"), (5e-324, "4.9e-324"),
    ],
)  # fmt: skip
def test_figure(value, text):
    assert numbers.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.1, "3.1 s"), (0.045, "45 ms"), (0.0031, "3.1 ms"), (0.00045, "0.45 ms"), (0.9996, "1.0 s"), (59.9, "60 s"),
        (162, "2 min 42 s"), (119.6, "2 min 0 s"), (4320, "1 h 12 min"), (3599.9, "1 h 0 min"), (0, "0 ms"),
        (math.nan, "NaN s"), (-1.0, "-1.00 s"),
    ],
)  # fmt: skip
def test_duration(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.61, "61 %"), (0, "0 %"), (1, "100 %"), (0.9999, ">99 %"), (0.003, "0.3 %"), (1e-7, "<0.01 %"),
     (math.nan, "NaN %"), (-1e29, "-1.0e31 %"), (2, "200 %"), (0.0996, "10 %")],
)  # fmt: skip
def test_percent(share, text):
    assert numbers.percent(share) == text


def test_a_change_too_small_for_three_digits_gets_more():
    assert numbers.change(2.41, 2.35) == "2.41 -> 2.35"
    assert numbers.change(2.4101, 2.4142) == "2.4101 -> 2.4142"
    assert numbers.change(2.41, 2.41) == "2.41 -> 2.41"
    assert numbers.change(None, math.nan) == "- -> NaN"


def test_amount_puts_units_and_lists_in_words():
    assert amount(445, "times") == "445 times"
    assert amount(0.0241, "s") == "24 ms"
    assert amount([1, 2.5, None]) == "1 2.50 "
    assert amount(["a", "b"]) == "a, b"
    assert amount({"w": 1, "b": [2, 3]}) == "w 1, b 2 3"
    assert amount(list(range(99))) == "0 1 2 3 4 5 6 7 ..."
    assert amount([[[[1]]]]) == "..."
    assert amount(None) == ""


def test_sparkline_runs_from_lowest_to_highest():
    assert plot.sparkline(range(8)) == "▁▂▃▄▅▆▇█"
    assert plot.sparkline(range(8), plain=True) == "_.:-=+*#"
    assert plot.sparkline([]) == ""


def test_sparkline_draws_constants_flat_and_marks_what_is_not_finite():
    assert plot.sparkline([3.0] * 4) == "▄▄▄▄"
    assert plot.sparkline([1.0, math.nan, 2.0, math.inf, -math.inf]) == "▁×█××"
    assert plot.sparkline([math.nan] * 3, plain=True) == "xxx"
    assert plot.sparkline([-1e308, 0.0, 1e308]) == "▁▅█"


def test_from_zero_noise_does_not_look_like_a_trend():
    assert plot.sparkline([102, 101, 100]) == "█▅▁"
    assert plot.sparkline([102, 101, 100], from_zero=True) == "███"
    assert plot.sparkline([2.4, 1.2, 0.0], from_zero=True) == "█▅▁"
    assert plot.sparkline([-1.0, 1.0], from_zero=True) == "▁█"


def test_resample_takes_means_and_loses_no_bad_value():
    assert plot.resample([1, 3, 5, 7], 2) == [2.0, 6.0]
    assert plot.resample([1, 2], 5) == [1.0, 2.0]
    thinned = plot.resample([1.0] * 500 + [math.nan] + [1.0] * 499, 10)
    assert [math.isnan(value) for value in thinned] == [index == 5 for index in range(10)]
    assert plot.resample([1e308] * 10, 2) == [1e308, 1e308]
    assert len(plot.resample(range(1001), 37)) == 37


def test_log_scale_shows_what_spans_much():
    assert plot.log_scale([1, 100, 0, -1])[:2] == [0.0, 2.0]
    assert all(map(math.isnan, plot.log_scale([0, -1, math.inf])))
    assert plot.wants_log([0.001, 5]) and not plot.wants_log([1, 5]) and not plot.wants_log([0, 5000])
    assert not plot.wants_log([])


def test_tall_plot_has_its_rows():
    assert plot.tall([0, 1], 2, rows=2) == [" █", "▁█"]
    assert plot.tall([0, 1], 8, rows=2) == ["    ████", "▁▁▁▁████"]
    assert plot.tall([0, math.nan], 2, rows=2, plain=True) == [" x", "#x"]


@pytest.mark.parametrize(("encoding", "can"), [(None, True), ("utf-8", True), ("ascii", False), ("cp1252", False),
                                               ("no-such", False)])  # fmt: skip
def test_only_an_encoding_with_blocks_gets_blocks(encoding, can):
    assert plot.can_draw(encoding) is can


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dense_1", "dense_1"), ("\x1b[31m", "\\x1b[31m"), ("a\n   b\r\nc", "a b c"), ("a\tb", "a b"),
        ("\u202e", "\\u202e"), ("\udc80", "\\udc80"), ("\U000e0041", "\\U000e0041"), ("é", "é"), ("漢字", "漢字"),
        ("a\u00a0b", "a b"), ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"), ("❤\ufe0f", "❤"), ("  keep", "  keep"),
        (12, "12"),
    ],
)  # fmt: skip
def test_clean(text, shown):
    assert clean(text) == shown
    assert clean(shown) == shown


def test_clean_bounds_what_it_keeps():
    assert len(clean("x" * 10**6)) == LONGEST + 3


def test_shorten_takes_the_middle():
    assert shorten("encoder/block_0/attention_output", 15) == "encode...output"
    assert shorten("short", 15) == "short"
    assert shorten("漢字" * 20, 10) == "漢字...字"
    assert cell_len(shorten("漢字" * 20, 10)) <= 10
    assert shorten("abcdef", 2) == ".."
