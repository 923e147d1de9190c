"""What is saved of a function while it is traced is the user's own code: Keras writes a `Lambda`'s by `marshal`."""

from __future__ import annotations

import contextlib
import marshal
import types
from collections.abc import Iterator
from typing import Any

from kerascope.probe.lines.install import original


@contextlib.contextmanager
def own_code_is_written() -> Iterator[None]:
    """In this block `marshal.dumps` writes the user's code objects in place of the rewritten ones, which it cannot."""
    dumps = marshal.dumps

    def own(value: Any, *args: Any, **kwargs: Any) -> bytes:
        return dumps(original(value) if isinstance(value, types.CodeType) else value, *args, **kwargs)

    marshal.dumps = own
    try:
        yield
    finally:
        marshal.dumps = dumps
