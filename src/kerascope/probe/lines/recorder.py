"""What rewritten code calls: every expression's value passes through here on its way, unchanged.

The hooks are module functions, so code that outlives a trace (a generator, say) goes on working: they hand values
on. Which execution of a function a value belongs to is told by the frame, so recursion, generators and threads are
told apart without adding a name to any scope.
"""

from __future__ import annotations

import bdb
import contextlib
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kerascope._backends import tensors
from kerascope.record.lines import Activation, Event, LineLog, Site
from kerascope.values import TensorFacts

_MOST_FRAMES = 4096
_MOST_OPERANDS = 64
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"}


class Operand:
    """What an expression was computed from: a child expression's event and, for listeners, its value."""

    __slots__ = ("event", "value")

    def __init__(self, event: Event, value: Any) -> None:
        self.event = event
        self.value = value


class Entry:
    """What belongs to a frame: its code, its activation, and operands that wait for the expression that takes them."""

    __slots__ = ("activation", "code", "pending")

    def __init__(self, code: types.CodeType, activation: Activation) -> None:
        self.code = code
        self.activation = activation
        self.pending: dict[Site, list[Operand]] = {}


Listener = Callable[[Event, Any, Sequence[Operand], types.FrameType], None]
"""Told of every event: the event, the tensor, what the expression was computed from, and the user's frame."""


class Recorder:
    """Turns reported values into a log. Nothing that fails in here reaches the user's code."""

    def __init__(
        self,
        log: LineLog,
        *,
        statistics: bool = True,
        listeners: Sequence[Listener] = (),
        only: str | None = None,
    ) -> None:
        self.log = log
        self.statistics = statistics
        self.listeners = list(listeners)
        self.frames: dict[int, Entry] = {}
        self.probe: Callable[[Site, Any], Any] | None = None
        """Given an expression and its value, what to go on with in its place: the same value, with a gradient seen."""
        self._facts: dict[int, tuple[weakref.ref[Any], int, TensorFacts]] = {}
        self._local = threading.local()

    # -- activations -------------------------------------------------------------------------------------------

    def _find(self, frame: types.FrameType) -> Entry:
        known = self.frames.get(id(frame))
        if known is not None and known.code is frame.f_code:
            return known
        if frame.f_code.co_name in _COMPREHENSIONS:
            outer = self._enclosing(frame)
            if outer is not None:
                return outer
        return self._begin(frame)

    def _begin(self, frame: types.FrameType) -> Entry:
        code = frame.f_code
        parent = self._caller(frame)
        if self.listeners:
            self._forget_operands(parent)
        activation = self.log.activate(
            code.co_qualname, code.co_filename, None if parent is None else parent.activation
        )
        entry = Entry(code, activation)
        if self.listeners:
            self._local.__dict__.setdefault("stack", []).append(entry)
        self.frames[id(frame)] = entry
        if len(self.frames) > _MOST_FRAMES:
            self._prune()
        return entry

    def _caller(self, frame: types.FrameType) -> Entry | None:
        """Returns what belongs to the nearest calling frame that is known."""
        frames = self.frames
        back = frame.f_back
        while back is not None:
            known = frames.get(id(back))
            if known is not None and known.code is back.f_code:
                return known
            back = back.f_back
        return None

    def _forget_operands(self, parent: Entry | None) -> None:
        """Lets go of tensors that wait in functions of this thread which have come to their end."""
        stack: list[Entry] = self._local.__dict__.setdefault("stack", [])
        while stack and stack[-1] is not parent:
            stack.pop().pending.clear()

    def _prune(self) -> None:
        """Forgets the older half of the frames, but none that is on a stack."""
        running: set[int] = set()
        for frame in sys._current_frames().values():
            back: types.FrameType | None = frame
            while back is not None:
                running.add(id(back))
                back = back.f_back
        for key in list(self.frames)[: _MOST_FRAMES // 2]:
            if key not in running:
                self.frames.pop(key, None)

    def _enclosing(self, frame: types.FrameType) -> Entry | None:
        """Returns the activation of the function that a comprehension stands in, as long as that runs."""
        code = frame.f_code
        wanted = code.co_qualname.rpartition(".")[0].removesuffix(".<locals>") or "<module>"
        back = frame.f_back
        while back is not None:
            known = self.frames.get(id(back))
            if known is not None and known.code is back.f_code:
                outer = known.code
                if outer.co_qualname == wanted and outer.co_filename == code.co_filename:
                    return known
            back = back.f_back
        return None

    def activation_of(self, frame: types.FrameType) -> Activation | None:
        """Returns the activation that runs, or died, in a frame."""
        known = self.frames.get(id(frame))
        if known is not None and known.code is frame.f_code:
            return known.activation
        if frame.f_code.co_name in _COMPREHENSIONS:
            outer = self._enclosing(frame)
            return None if outer is None else outer.activation
        return None

    # -- what the hooks report ---------------------------------------------------------------------------------

    def entered(self, site: Site, values: Sequence[Any], frame: types.FrameType) -> None:
        """A function was called with these arguments."""
        entry = self._begin(frame)
        definitions = entry.activation.definitions
        for name, value in zip(site.targets, values, strict=True):
            what = tensors.kind(value)
            if what == "tensor":
                definitions[name] = self._add(site, entry, value, name, frame)
            elif what == "container":
                for path, tensor in tensors.leaves(value):
                    event = self._add(site, entry, tensor, name + path, frame)
                    definitions.setdefault(name, event)

    def yielded(self, site: Site, value: Any, frame: types.FrameType) -> None:
        """An expression yielded a tensor, or a container that may hold some."""
        entry = self._find(frame)
        activation = entry.activation
        if self.listeners and not site.repeated:
            entry.pending.pop(site, None)  # of an earlier time, when what it is part of was no tensor
        if tensors.kind(value) == "tensor":
            event = activation.last[site] = self._add(site, entry, value, "", frame)
            for name in site.targets:
                activation.definitions[name] = event
            if site in activation.parts:
                del activation.parts[site]
            return
        if len(value) > tensors.MOST_ITEMS:
            return
        events = [self._add(site, entry, tensor, path, frame) for path, tensor in tensors.leaves(value)]
        if events:
            activation.parts[site] = events
            activation.last[site] = events[0]
            for index, name in enumerate(site.targets):
                activation.definitions[name] = (
                    events[index] if len(site.targets) == len(events) else events[0]
                )

    def _add(self, site: Site, entry: Entry, tensor: Any, path: str, frame: types.FrameType) -> Event:
        event = self.log.add(site, entry.activation, self._facts_of(tensor), path)
        if self.listeners:
            self._tell(event, entry.pending, tensor, frame)
        return event

    def _tell(
        self, event: Event, pending: dict[Site, list[Operand]], tensor: Any, frame: types.FrameType
    ) -> None:
        operands: list[Operand] = []
        site = event.site
        if site.kind != "arguments":
            for child in site.children:
                operands += self._taken(child, pending)
        if site.parent is not None:
            waiting = pending.setdefault(site, [])
            if len(waiting) < _MOST_OPERANDS:
                waiting.append(Operand(event, tensor))
        for listener in self.listeners:
            listener(event, tensor, operands, frame)

    def _taken(self, site: Site, pending: dict[Site, list[Operand]]) -> list[Operand]:
        if site in pending:
            return pending.pop(site)
        return [operand for child in site.children for operand in self._taken(child, pending)]

    def _facts_of(self, tensor: Any) -> TensorFacts:
        """Returns what is known of a tensor, computed once for each live object and state of it."""
        known = self._facts.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == tensors.version(tensor):
            return known[2]
        facts = tensors.facts(tensor, statistics=self.statistics)
        version = tensors.version(tensor)
        if version is None:
            return facts
        try:
            self._facts[id(tensor)] = (weakref.ref(tensor), version, facts)
        except TypeError:
            return facts
        if len(self._facts) > 4 * _MOST_FRAMES:
            self._facts = {key: entry for key, entry in self._facts.items() if entry[0]() is not None}
        return facts

    # -- guard -------------------------------------------------------------------------------------------------

    def guarded(self, report: Callable[..., None], *args: Any) -> None:
        """Runs a report; code of the user's that it runs in turn is not traced, and what fails is noted."""
        if getattr(self._local, "busy", False):
            return
        self._local.busy = True
        try:
            report(*args)
        except bdb.BdbQuit:  # the debugger's `quit`
            raise
        except Exception as error:
            self.log.note(f"a value was left out, kerascope failed on it: {type(error).__name__}: {error}")
        finally:
            self._local.busy = False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """In this block and thread nothing is reported."""
        before = getattr(self._local, "busy", False)
        self._local.busy = True
        try:
            yield
        finally:
            self._local.busy = before


_known_kind = tensors.known_kind
_active: list[Recorder] = []
_held: dict[tuple[int, Site], Any] = {}
"""What statements are about to change, by frame and expression."""


def begin(recorder: Recorder) -> None:
    """Reports go to `recorder` from now on."""
    _active.append(recorder)


def end(recorder: Recorder) -> None:
    """Reports go to whom they went before."""
    if recorder in _active:
        _active.remove(recorder)
    if not _active:
        _held.clear()  # statements that failed have left something


def active() -> Recorder | None:
    """Returns the recorder that reports go to."""
    return _active[-1] if _active else None


def value(site: Site, result: Any) -> Any:
    """Called in place of every expression: hands its value on."""
    if _active and _known_kind(type(result)) != "other" and tensors.kind(result) != "other":
        recorder = _active[-1]
        recorder.guarded(recorder.yielded, site, result, sys._getframe(1))
        if recorder.probe is not None:
            return recorder.probe(site, result)
    return result


def enter(site: Site, arguments: tuple[Any, ...]) -> None:
    """Called first in every function."""
    if _active:
        recorder = _active[-1]
        recorder.guarded(recorder.entered, site, arguments, sys._getframe(1))


def hold(site: Site, base: Any) -> Any:
    """Called on what a statement is about to change in part."""
    if _active:
        _held[id(sys._getframe(1)), site] = base
    return base


def stored(site: Site) -> None:
    """Called after `base[i] = v`."""
    frame = sys._getframe(1)
    base = _held.pop((id(frame), site), None)
    if base is not None and _active and tensors.kind(base) == "tensor":
        value_from(site, base, frame)


def attribute(site: Site, name: str) -> None:
    """Called after `base.name += v`; a property is not asked again."""
    frame = sys._getframe(1)
    base = _held.pop((id(frame), site), None)
    result = getattr(base, "__dict__", {}).get(name)
    if _active and tensors.kind(result) != "other":
        value_from(site, result, frame)


def value_from(site: Site, result: Any, frame: types.FrameType) -> None:
    """Reports a value for a frame that is not the caller's."""
    recorder = _active[-1]
    recorder.guarded(recorder.yielded, site, result, frame)
