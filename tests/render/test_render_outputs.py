"""The ways out: terminal, rich, notebook, JSON."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from kerascope.errors import KerascopeError
from kerascope.render import (
    ReportView,
    from_json_text,
    notebook_bundle,
    print_report,
    to_html,
    to_json_text,
    to_text,
)
from kerascope.values import Evidence, Finding, Report

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")


def printed(report, **options):
    file = io.StringIO()
    print_report(report, file, **options)
    return file.getvalue()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_file_gets_plain_text(sample):
    assert printed(sample("no_learning"), width=80) == to_text(sample("no_learning"))


def test_colour_can_be_insisted_on_or_refused(sample, monkeypatch):
    assert COLOUR.search(printed(sample("no_learning"), width=80, color=True))
    monkeypatch.setenv("TERM", "dumb")
    assert COLOUR.search(printed(sample("no_learning"), width=80, color=True))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in printed(sample("no_learning"), width=80, color=False)


def test_no_color_is_honoured(sample, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert COLOUR.search(printed(sample("no_learning"), width=80))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not COLOUR.search(printed(sample("no_learning"), width=80))


def test_the_terminals_width_is_used_up_to_a_hundred(sample, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert printed(sample("no_learning")) == to_text(sample("no_learning"), 60)
    monkeypatch.setenv("COLUMNS", "240")
    assert printed(sample("no_learning")) == to_text(sample("no_learning"), 100)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_can_be_printed_to(sample, encoding):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="\n")
    print_report(sample("non_finite"), file, width=80, full=True)
    file.flush()
    assert raw.getvalue().decode(encoding) == to_text(sample("non_finite"), 80, True, encoding)
    assert ("█" in raw.getvalue().decode(encoding)) is (encoding == "utf-8")


def test_in_a_notebook_the_file_is_still_written_to(sample, monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert printed(sample("no_learning"), width=80) == to_text(sample("no_learning"))


def test_rich_can_print_a_report(sample):
    console = Console(file=io.StringIO(), width=80)
    console.print(ReportView(sample("no_learning")))
    assert console.file.getvalue() == to_text(sample("no_learning"))


def test_a_notebook_gets_text_and_html(sample):
    bundle = notebook_bundle(sample("no_learning"))
    assert bundle == {
        "text/plain": to_text(sample("no_learning")),
        "text/html": to_html(sample("no_learning")),
    }
    assert "<script" not in bundle["text/html"] and "prefers-color-scheme:dark" in bundle["text/html"]


@pytest.mark.parametrize("url", ["http:", "https:", "url(", "@import", "src=", "href="])
def test_html_fetches_nothing(sample, url):
    assert url not in to_html(sample("no_learning"), full=True)


@pytest.mark.parametrize("name", ["healthy", "no_learning", "crashed", "deep", "no_steps"])
def test_json_comes_back_the_same(sample, name):
    text = to_json_text(sample(name))
    assert from_json_text(text) == sample(name)
    assert to_json_text(from_json_text(text)) == text
    assert text.endswith("}\n") and list(json.loads(text))[:3] == ["subject", "backend", "verdict"]


def test_json_has_no_literal_nan(sample):
    data = json.loads(to_json_text(sample("non_finite")), parse_constant=lambda name: pytest.fail(name))
    assert data["findings"][0]["evidence"][0]["value"] == "nan"


def test_json_can_be_printed_anywhere():
    text = to_json_text(Report("\x9b2J \u202e \udc80", "jax", "healthy"))
    assert text.isascii() and from_json_text(text).subject == "\x9b2J \u202e \udc80"


def test_array_values_become_json():
    values = [np.float32(0.5), np.float32("nan"), np.arange(2), object()]
    evidence = tuple(Evidence("v", value) for value in values)
    text = to_json_text(
        Report("s", "jax", "faulty", (Finding("k", "note", 1.0, "t", "e", evidence=evidence),))
    )
    found = [item["value"] for item in json.loads(text)["findings"][0]["evidence"]]
    assert found[:3] == [0.5, "nan", [0, 1]] and found[3].startswith("<object")


def damaged(**changes):
    data = Report("s", "jax", "faulty", (Finding("k", "note", 1.0, "t", "e"),)).to_json()
    data["findings"][0].update(changes.pop("finding", {}))
    return json.dumps(data | changes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "schema=None"),
        ('{"schema": 5}', "schema=5"),
        (damaged(schema="kerascope/report/2"), "Update kerascope"),
        (damaged(schema="other/1"), "--json FILE"),
        (damaged(verdict="fine"), "verdict='fine' is not one of"),
        (damaged(subject=None), "subject=None is not a text"),
        (damaged(finding={"severity": "awful"}), "severity='awful'"),
        (damaged(finding={"confidence": "much"}), "confidence='much' is not a number"),
        (damaged(finding={"rank": True}), "rank=True is not a number"),
        (damaged(finding={"fixes": [{"description": "d", "after": [1]}]}), "after=[1] is not an object"),
        (damaged(finding={"evidence": [{"label": "l", "plot": ["x"]}]}), "plot='x' is not a number"),
        (damaged(finding={"evidence": [{}]}), "missing 1 required"),
        (damaged(finding={"location": {"line": "3"}}), "line='3' is not a number"),
        (damaged(finding={"evidence": [{"label": 4}]}), "label=4 is not a text"),
        (damaged(run=7), "run=7 is not an object"),
        (damaged(layers=[7]), "layers=7 is not an object"),
        (damaged(gaps="text"), "gaps='text' is not a list"),
        (damaged(schema="\x1b[2J"), "\\x1b[2J"),
    ],
)
def test_what_is_no_report_is_refused_in_words(text, words):
    with pytest.raises(KerascopeError) as caught:
        from_json_text(text)
    message = str(caught.value)
    assert words in message and "Received: " in message and "\n" not in message and "\x1b" not in message
