"""Where a recording goes: never onto something that exists."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from kerascope.errors import UsageError


def chosen_path(out: str | Path | None, stem: str) -> Path:
    """Returns where to record to; raises `UsageError` when that would overwrite something."""
    if out is None:
        return default_path(stem)
    path = Path(out).absolute()
    if path.exists():
        raise UsageError(
            f"The recording would overwrite something. Received: out={str(out)!r}. Give a path that does not exist, "
            "or remove the file first."
        )
    return path


def default_path(stem: str) -> Path:
    """Returns ``runs/<stem>-<time>.kscope`` in the current folder, numbered when it is taken."""
    stem = re.sub(r"[^\w.-]+", "_", stem) or "run"
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path = Path("runs") / f"{stem}-{stamp}.kscope"
    count = 2
    while path.exists():
        path = Path("runs") / f"{stem}-{stamp}-{count}.kscope"
        count += 1
    return path.absolute()  # the script may change the current folder
