"""The errors kerascope raises on purpose. Each carries the slug that names its page in the docs.

A message says what happened, shows ``Received: name=value``, says what is allowed and what to do. The
command line prints it as one paragraph, without a traceback, and leaves with `exit_code`.
"""

from __future__ import annotations


class KerascopeError(Exception):
    """Something kerascope was asked to do cannot be done; the message says what to do instead."""

    slug = "error"
    exit_code = 2

    def __init__(self, message: str, *, slug: str | None = None) -> None:
        super().__init__(message)
        if slug is not None:
            self.slug = slug


class UsageError(KerascopeError):
    """An argument is not what the function or command takes."""

    slug = "usage"


class ScriptError(KerascopeError):
    """The script to run cannot be started: missing, unreadable, or not Python."""

    slug = "script"


class RecordingError(KerascopeError):
    """A file is not a recording, or one that cannot be read."""

    slug = "recording"


class SetupError(KerascopeError):
    """Keras or a backend is missing, or its version is outside the supported range."""

    slug = "environment"
