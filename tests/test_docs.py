"""The documentation says what the code does, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kerascope.detect.registry import detectors
from kerascope.record.schema import SCHEMA

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_recording_page_holds_the_schema():
    assert SCHEMA.strip() in (ROOT / "docs" / "recording.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_kind_has_a_page():
    for detector in detectors():
        for kind in detector.kinds:
            assert (ROOT / "docs" / "findings" / f"{kind}.md").is_file(), kind
