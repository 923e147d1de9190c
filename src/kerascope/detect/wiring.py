"""What kerascope itself could not do in this run, as notes."""

from __future__ import annotations

from collections.abc import Iterator

from kerascope.detect.registry import detector
from kerascope.record.reader import RunView
from kerascope.values import Evidence, Finding

_MOST = 20


@detector(kinds=("kerascope-internal",), slug="internal")
def internal(view: RunView) -> Iterator[Finding]:
    """Turns each recorded failure of kerascope into a note."""
    said: set[tuple[str, str]] = set()
    for event in view.events("internal"):
        where, error = (
            str(event.facts.get("where") or "unknown"),
            str(event.facts.get("error") or "unknown error"),
        )
        if (where, error) in said or len(said) >= _MOST:
            continue
        said.add((where, error))
        consequence = str(event.facts.get("consequence") or "some of this run was not recorded")
        yield Finding(
            kind="kerascope-internal",
            severity="note",
            confidence=1.0,
            title=f"Kerascope failed in `{where}`; the training was not touched",
            explanation=(
                f"An error of kerascope's own was caught while it watched; consequence: {consequence}. It says nothing "
                "about the model. Please report it with the text below."
            ),
            evidence=(Evidence("error", error[:500]),),
        )
