# ruff: noqa: E501 (tables of hostile strings)
"""Names, labels, paths and messages are written by others: nothing of them may act on a terminal or a page."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from kerascope.render import from_json_text, print_report, to_html, to_json_text, to_text
from kerascope.render.html import _STYLE
from kerascope.values import (
    SEVERITIES,
    Evidence,
    Finding,
    Fix,
    LayerRow,
    Report,
    RunSummary,
    Series,
    SourceSpan,
    encode,
)

NASTY = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link", "\x9b2J", "\x90q\x9c", "a\x08\x08b",
    "line\nline", "a\r\nb", "\rover", "\v\f", "\x85", "\u2028", "\u2029", "\u202eevil", "\u2066x\u2069", "\u200b",
    "\u200d", "\ufeff", "\u00ad", "\U000e0041", "\udc80", "\ud800", "\x00", "\x7f", "[red]x[/red]", "[link=x]y[/]",
    "[/]", ":smile:", "<script>alert(1)</script>", "</style><b onclick=x>", "\"'><img src=x onerror=y>", "&lt;&#27;",
    "]]>", "<!--", "e\u0301\u0302\u0303\u0304\u0305" * 3, "漢字" * 30, "👩\u200d👩\u200d👧", "❤\ufe0f", "🇩🇪", "\t", "   ", "",
    "x" * 300, "a/" * 80, "-rf $(reboot) `id`; 'q'", "\u3164", "\u1100\u1161\u11a8", "שלום", "ﷺ" * 40, "\ue000",
    "\U0010ffff", "%s{0}{x}",
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(NASTY), st.text(max_size=20), st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
)
maybe = st.none() | texts
floats = st.floats() | st.sampled_from([0.0, 1e308, -1e308, 5e-324])
ints = st.integers() | st.integers(0, 10**400)
curves = st.lists(floats, max_size=90).map(tuple)
values = st.recursive(
    st.none() | st.booleans() | ints | floats | texts,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
mappings = st.dictionaries(texts, values, max_size=3)


def few(strategy, most=3):
    return st.lists(strategy, max_size=most).map(tuple)


steps = few(ints, 6)
spans = st.builds(SourceSpan, maybe, st.none() | ints, st.none() | ints, maybe, maybe, st.none() | ints)
evidence = st.builds(Evidence, texts, values, maybe, steps, curves)
fixes = st.builds(Fix, texts, maybe, st.booleans(), mappings, mappings)
findings = st.builds(Finding, texts, st.sampled_from(SEVERITIES), floats, texts, texts, spans, few(evidence),
                     few(fixes), st.integers(-2, 9))  # fmt: skip
layers = st.builds(
    LayerRow, texts, texts, texts, ints, st.booleans(), *[st.none() | floats for _ in range(7)]
)
series = st.builds(Series, texts | st.sampled_from(["loss", "val_loss"]), texts, curves, curves)
runs = st.builds(
    RunSummary, texts, texts, maybe, st.integers(0, 10**12), floats, floats, ints, st.none() | ints, maybe
)
reports = st.builds(
    Report, texts, texts, st.sampled_from(["healthy", "faulty", "crashed"]), few(findings, 7), texts,
    st.none() | runs, few(layers, 16), few(series), few(texts, 6),
)  # fmt: skip

quick = settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def acting(text):
    """Returns the characters of `text` that do something rather than show something, line ends apart."""
    return {
        char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n"
    }


@quick
@given(
    reports,
    st.sampled_from([40, 60, 80, 120]),
    st.booleans(),
    st.sampled_from([None, "ascii", "cp1252", "utf-8"]),
)
def test_text_shows_and_fits(report, width, full, encoding):
    text = to_text(report, width, full, encoding)
    assert not acting(text)
    assert text.endswith("\n")
    assert max(map(cell_len, text.split("\n"))) <= width
    text.encode(encoding or "utf-8")


ALLOWED = {"div", "style", "p", "span", "pre", "table", "thead", "tbody", "tr", "th", "td"}
CLASSES = {"kerascope", "section", "line", "heading", "title", "body", "plot", "diff", "number", "name", "text",
           "strong", "accent", "bad", "good", "dim", "code"}  # fmt: skip


class Checker(HTMLParser):
    """Reads a fragment, and fails on anything but the tags and classes we write, closed in order."""

    def __init__(self, fragment):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.style = [], [], []
        self.feed(fragment)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED
        for name, value in attrs:
            assert name == "class", name
            assert set(value.split()) <= CLASSES, value
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.style if self.open[-1:] == ["style"] else self.text).append(data)

    def _unexpected(self, data):
        raise AssertionError(data)

    handle_comment = handle_decl = handle_pi = unknown_decl = _unexpected


@quick
@given(reports, st.booleans())
def test_html_holds_only_what_we_write(report, full):
    fragment = to_html(report, full)
    checked = Checker(fragment)
    assert "".join(checked.style) == _STYLE
    assert not acting(fragment)
    fragment.encode("utf-8")


@quick
@given(reports, st.booleans())
def test_colour_adds_styles_and_nothing_else(report, full):
    file = io.StringIO()
    print_report(report, file, width=80, color=True, full=full)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
    assert [line.rstrip() for line in stripped.split("\n")] == to_text(report, 80, full).split("\n")


@quick
@given(reports)
def test_json_is_ascii_and_comes_back(report):
    text = to_json_text(report)
    assert text.isascii() and not acting(text)
    # By way of JSON, in which two halves of a surrogate pair are one character.
    assert encode(from_json_text(text)) == json.loads(json.dumps(encode(report)))


FIELDS = ["subject", "headline", "title", "explanation", "layer", "file", "label", "gap", "curve", "patch"]
CHARGE = "\x1b[2J<b>\u202e[red]x[/red]"


@pytest.mark.parametrize("field", FIELDS)
def test_hostile_text_is_shown_not_swallowed(field):
    given_ = {name: "plain" for name in FIELDS} | {field: CHARGE}
    finding = Finding("k", "fault", 0.5, given_["title"], given_["explanation"],
                      SourceSpan(given_["file"], 3, layer=given_["layer"]), (Evidence(given_["label"], 1.0),),
                      (Fix("try", given_["patch"]),))  # fmt: skip
    report = Report(given_["subject"], "jax", "faulty", (finding,), given_["headline"], RunSummary("s", "jax"),
                    curves=(Series(given_["curve"], "step", (1.0, 2.0), (1.0, 2.0)),), gaps=(given_["gap"],))  # fmt: skip
    seen = r"\x1b[2J<b>\u202e[red]x[/red]"
    assert seen in to_text(report, full=True)
    assert seen in "".join(Checker(to_html(report, full=True)).text)
