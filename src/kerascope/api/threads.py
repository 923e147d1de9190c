"""The threads that a script leaves behind: which of them Python waits for before it ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection

_POLL = 0.05


def wait(known: Collection[threading.Thread] = ()) -> None:
    """Waits for threads as Python does before it ends: one of them may be training.

    A pool that nobody shuts down ends with Python itself, so only its work is waited for. `known` are threads that
    were there before the script.
    """
    others = {threading.main_thread(), threading.current_thread(), *known}
    quiet = 0
    while quiet < 2:  # twice: what a worker has just taken is neither in its queue nor begun
        left = [one for one in threading.enumerate() if not one.daemon and one not in others]
        if not left:
            return
        busy = [one for one in left if not _idle(one)]
        quiet = 0 if busy else quiet + 1
        (busy or left)[0].join(_POLL)


def _idle(one: threading.Thread) -> bool:
    """Tells whether a thread belongs to a pool of `concurrent.futures` and has nothing to do."""
    # Where such a module was never imported, there is no such pool.
    processes, pools = (sys.modules.get(f"concurrent.futures.{name}") for name in ("process", "thread"))
    if processes is not None and one in processes._threads_wakeups:
        return not getattr(one, "pending_work_items", None)
    queue = pools._threads_queues.get(one) if pools is not None else None
    if pools is None or queue is None:
        return False
    frame = sys._current_frames().get(one.ident or 0)
    return queue.empty() and (frame is None or frame.f_code is pools._worker.__code__)
