"""What a trace shows while Keras works out shapes from a `keras.Input`: `B` for the unknown size, and each line once.

On JAX and TensorFlow the framework itself has unknown sizes. On torch Keras runs the user's code on tensors where
one made-up number stands for them, again without the "meta" device should that fail, and then with another number. What
a size depends on is told from the two runs; the repetitions are not shown.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from kerascope._backends import tensors
from kerascope._backends.labels import Filling, label
from kerascope._keras.specs import Attempt
from kerascope.probe.lines import recorder as hooks
from kerascope.probe.lines.recorder import Recorder
from kerascope.record.lines import Event, LineLog

Shape = tuple[int | str | None, ...]
SEVERAL = "an input has several unknown sizes; Keras takes them for one while it works out shapes, so B stands for each"


@contextlib.contextmanager
def spec(alike: bool) -> Iterator[Attempt]:
    """Keras works out a shape; gives what is to be entered around every run of the user's code in it."""
    recorder = hooks.active()
    if recorder is not None and alike:
        recorder.log.note(SEVERAL)
    runs = None if recorder is None else _Runs(recorder)
    yield contextlib.nullcontext if runs is None else runs.attempt  # type: ignore[misc]


class _Runs:
    """The runs of one piece of code on stand-ins."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._first: Filling | None = None
        self._events: list[Event] = []
        self._mark = recorder.log.mark()

    @contextlib.contextmanager
    def attempt(self, size: int | None) -> Iterator[None]:
        if size is None:
            with tensors.symbolic(None):
                yield
        elif self._first is None or self._first.size == size:
            self._recorder.log.rewind(self._mark)  # of a run that failed and is made again
            self._first = Filling(size)
            try:
                with tensors.symbolic(self._first):
                    yield
            finally:
                self._events = self._recorder.log.events[self._mark.events :]
        else:
            with self._compared(Filling(size)):
                yield

    @contextlib.contextmanager
    def _compared(self, second: Filling) -> Iterator[None]:
        """Runs unseen, and corrects what has been shown by the two sizes that are known then."""
        unseen = Recorder(LineLog(), statistics=False)
        hooks.begin(unseen)
        try:
            with tensors.symbolic(second):
                yield
        finally:
            hooks.end(unseen)
        for one, other in zip(self._events, unseen.log.events, strict=False):
            if one.site is not other.site or one.path != other.path:
                break  # the code took another way: what follows has nothing to be compared with
            self._correct(one, other, second)

    def _correct(self, one: Event, other: Event, second: Filling) -> None:
        assert self._first is not None
        a, b = self._first.sizes(one.facts), second.sizes(other.facts)
        if a is None or b is None or len(a) != len(b):
            return
        pairs = zip(a, b, strict=True)
        better = tuple(label(x, y, self._first.size, second.size) for x, y in pairs)
        known = one.facts.shape
        if better == known:
            return
        one.facts = dataclasses.replace(one.facts, shape=better)
        row = self._recorder.log.rows.get((one.site, one.path))
        if row is not None:
            row.shapes = list(dict.fromkeys(better if shape == known else shape for shape in row.shapes))
