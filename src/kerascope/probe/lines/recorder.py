"""What rewritten code calls: every expression's value passes through here on its way, unchanged.

The hooks are module functions, so code that outlives a trace (a generator, say) goes on working: they hand values
on. Which execution of a function a value belongs to is told by the frame, so recursion, generators and threads are
told apart without adding a name to any scope.
"""

from __future__ import annotations

import sys
import threading
import types
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from kerascope._backends import tensors
from kerascope.record.lines import Activation, Event, LineLog, Site
from kerascope.values import TensorFacts

_MOST_FRAMES = 4096
_COMPREHENSIONS = {"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>"}


class Operand:
    """What an expression was computed from: a child expression's event and, for listeners, its value."""

    __slots__ = ("event", "value")

    def __init__(self, event: Event, value: Any) -> None:
        self.event = event
        self.value = value


_Entry = tuple[types.CodeType, Activation, dict[Site, list[Operand]]]
"""What belongs to a frame: its code, its activation, and operands that wait for the expression that takes them."""

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
        self._frames: dict[int, _Entry] = {}
        self._facts: dict[int, tuple[weakref.ref[Any], int, TensorFacts]] = {}
        self._local = threading.local()

    # -- activations -------------------------------------------------------------------------------------------

    def _find(self, frame: types.FrameType) -> _Entry:
        known = self._frames.get(id(frame))
        code = frame.f_code
        if known is not None and known[0] is code:
            return known
        if code.co_name in _COMPREHENSIONS:
            outer = self._enclosing(frame)
            if outer is not None:
                return outer
        return self._begin(frame)

    def _begin(self, frame: types.FrameType) -> _Entry:
        code = frame.f_code
        parent = None
        back = frame.f_back
        while back is not None:
            known = self._frames.get(id(back))
            if known is not None and known[0] is back.f_code:
                parent = known[1]
                break
            back = back.f_back
        entry: _Entry = (code, self.log.activate(code.co_qualname, code.co_filename, parent), {})
        self._frames[id(frame)] = entry
        if len(self._frames) > _MOST_FRAMES:
            for key in list(self._frames)[: _MOST_FRAMES // 2]:
                del self._frames[key]
        return entry

    def _enclosing(self, frame: types.FrameType) -> _Entry | None:
        """Returns the activation of the function that a comprehension's or lambda's code stands in, when it runs."""
        wanted = frame.f_code.co_qualname.rsplit(".<locals>", 1)[0]
        back = frame.f_back
        while back is not None:
            known = self._frames.get(id(back))
            if known is not None and known[0] is back.f_code and back.f_code.co_qualname == wanted:
                return known
            back = back.f_back
        return None

    def activation_of(self, frame: types.FrameType) -> Activation | None:
        """Returns the activation that runs, or died, in a frame."""
        known = self._frames.get(id(frame))
        if known is not None and known[0] is frame.f_code:
            return known[1]
        if frame.f_code.co_name in _COMPREHENSIONS:
            outer = self._enclosing(frame)
            return None if outer is None else outer[1]
        return None

    # -- what the hooks report ---------------------------------------------------------------------------------

    def entered(self, site: Site, values: Sequence[Any], frame: types.FrameType) -> None:
        """A function was called with these arguments."""
        entry = self._begin(frame)
        for name, value in zip(site.targets, values, strict=True):
            for path, tensor in tensors.leaves(value):
                event = self._add(site, entry, tensor, name + path, frame)
                entry[1].definitions.setdefault(name, event)

    def yielded(self, site: Site, value: Any, frame: types.FrameType) -> None:
        """An expression yielded a tensor, or a container that may hold some."""
        entry = self._find(frame)
        activation = entry[1]
        if tensors.kind(value) == "tensor":
            self._defines(site, activation, self._add(site, entry, value, "", frame))
            activation.parts.pop(site, None)
            return
        if len(value) > tensors.MOST_ITEMS:
            return
        events = [self._add(site, entry, tensor, path, frame) for path, tensor in tensors.leaves(value)]
        if events:
            activation.parts[site] = events
            activation.last[site] = events[0]
            self._unpacks(site, activation, events)

    @staticmethod
    def _defines(site: Site, activation: Activation, event: Event) -> None:
        activation.last[site] = event
        for name in site.targets:
            activation.definitions[name] = event

    @staticmethod
    def _unpacks(site: Site, activation: Activation, events: Sequence[Event]) -> None:
        for index, name in enumerate(site.targets):
            activation.definitions[name] = events[index] if len(site.targets) == len(events) else events[0]

    def _add(self, site: Site, entry: _Entry, tensor: Any, path: str, frame: types.FrameType) -> Event:
        _, activation, pending = entry
        event = self.log.add(site, activation, self._facts_of(tensor), path)
        if self.listeners:
            operands: list[Operand] = []
            if path == "" or path.startswith("["):
                for child in site.children:
                    operands += self._taken(child, pending)
            if site.parent is not None:
                pending.setdefault(site, []).append(Operand(event, tensor))
            for listener in self.listeners:
                listener(event, tensor, operands, frame)
        return event

    def _taken(self, site: Site, pending: dict[Site, list[Operand]]) -> list[Operand]:
        if site in pending:
            return pending.pop(site)
        return [operand for child in site.children for operand in self._taken(child, pending)]

    def _facts_of(self, tensor: Any) -> TensorFacts:
        """Returns what is known of a tensor, computed once for each live object and state of it."""
        version = getattr(tensor, "_version", 0)
        known = self._facts.get(id(tensor))
        if known is not None and known[0]() is tensor and known[1] == version:
            return known[2]
        facts = tensors.facts(tensor, statistics=self.statistics)
        if tensors.may_change(tensor):
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
        except Stop:
            raise
        except Exception as error:
            self.log.note(f"a value was left out, kerascope failed on it: {type(error).__name__}: {error}")
        finally:
            self._local.busy = False


class Stop(BaseException):
    """Raised by a listener to leave the user's code on the user's wish (the debugger's `quit`)."""


_active: list[Recorder] = []
_held = threading.local()


def begin(recorder: Recorder) -> None:
    """Reports go to `recorder` from now on."""
    _active.append(recorder)


def end(recorder: Recorder) -> None:
    """Reports go to whom they went before."""
    _active.remove(recorder)


def value(site: Site, result: Any) -> Any:
    """Called in place of every expression: hands its value on."""
    if _active and tensors.kind(result) != "other":
        recorder = _active[-1]
        recorder.guarded(recorder.yielded, site, result, sys._getframe(1))
    return result


def enter(site: Site, arguments: tuple[Any, ...]) -> None:
    """Called first in every function."""
    if _active:
        recorder = _active[-1]
        recorder.guarded(recorder.entered, site, arguments, sys._getframe(1))


def hold(site: Site, base: Any) -> Any:
    """Called on what a statement is about to change in part."""
    if _active:
        held = _held.__dict__.setdefault("bases", {})
        held[site] = base
    return base


def stored(site: Site) -> None:
    """Called after `base[i] = v`."""
    base = _held.__dict__.get("bases", {}).pop(site, None)
    if base is not None and _active and tensors.kind(base) == "tensor":
        value_from(site, base, sys._getframe(1))


def attribute(site: Site, name: str) -> None:
    """Called after `base.name += v`; a property is not asked again."""
    base = _held.__dict__.get("bases", {}).pop(site, None)
    result = getattr(base, "__dict__", {}).get(name)
    if _active and tensors.kind(result) != "other":
        value_from(site, result, sys._getframe(1))


def value_from(site: Site, result: Any, frame: types.FrameType) -> None:
    """Reports a value for a frame that is not the caller's."""
    recorder = _active[-1]
    recorder.guarded(recorder.yielded, site, result, frame)
