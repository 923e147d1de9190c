"""What the tests of the detectors share: judging a made-up recording."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fake.py, whatever the import mode

from kerascope.detect.registry import run_detectors
from kerascope.values import Finding

Judge = Callable[..., dict[str, Finding]]


@pytest.fixture
def judge() -> Judge:
    """Returns the findings on some models by kind; fails when a detector itself failed."""

    def judged(*models: Any, **settings: Any) -> dict[str, Finding]:
        from fake import View

        findings = run_detectors(View(*models, **settings))
        failed = [f for f in findings if f.title.startswith("Kerascope's detector")]
        assert not failed, failed
        kinds = [finding.kind for finding in findings]
        assert len(set(kinds)) == len(kinds) or len(models) > 1, kinds
        return {finding.kind: finding for finding in findings}

    return judged
