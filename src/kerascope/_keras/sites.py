"""Where the user's program made what trains: the calls of layers, optimizers, losses and metrics, `compile`, `fit`.

Noted while the objects are made, from the frames of the user's own files, because nothing of it can be told later.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import linecache
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from kerascope.whose import is_users

if TYPE_CHECKING:
    from kerascope._keras.steps import Patches

Frame = dict[str, Any]

_DEPTH = 200
_KEPT = 8
_SOURCE_LIMIT = 200_000


class Sites:
    """Remembers for each object the calls that led to it, innermost first; objects are held weakly."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[weakref.ref[Any], list[Frame]]] = {}
        self._paths: dict[str, str] = {}

    def install(self, patches: Patches) -> None:
        """Notes from now on, until the patches are undone."""
        for owner in _makers():
            patches.put(owner, "__init__", self._making(vars(owner)["__init__"]))
        for name in ("compile", "fit", "train_on_batch", "evaluate", "predict"):
            # On the class that defines it: one of `Model` itself would be taken for the user's own, and Keras does not
            # compile a loaded model whose `compile` is that.
            owner = next(cls for cls in keras.Model.__mro__ if name in vars(cls))
            patches.put(owner, name, self._calling(vars(owner)[name], name))
        if isinstance(found := vars(keras.layers.Layer).get("trainable"), property):
            patches.put(keras.layers.Layer, "trainable", self._freezing(found))

    def _making(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def __init__(obj: Any, *args: Any, **kwargs: Any) -> None:
            self._note(obj, "made", once=True)
            original(obj, *args, **kwargs)

        # Keras reads the names of the parameters off it, without looking through wrappers.
        __init__.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        return __init__

    def _calling(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(original)
        def call(obj: Any, *args: Any, **kwargs: Any) -> Any:
            self._note(obj, name)
            return original(obj, *args, **kwargs)

        return call

    def _freezing(self, original: property) -> property:
        def trainable(obj: Any, value: Any) -> None:
            self._note(obj, "thawed" if value else "frozen")
            assert original.fset is not None
            original.fset(obj, value)

        return property(original.fget, trainable, original.fdel, original.__doc__)

    def _note(self, obj: Any, role: str, once: bool = False) -> None:
        # Called inside the user's own calls: whatever is odd about an object (no weak references, a frame
        # without positions) must not reach them, and is then simply not known.
        try:
            key = (id(obj), role)
            known = self._made.get(key)
            if once and known is not None and known[0]() is obj:
                return
            frames = self._frames(obj)
            if frames:
                self._made[key] = (weakref.ref(obj), frames)
        except Exception:
            return

    def _frames(self, obj: Any) -> list[Frame]:
        frames: list[Frame] = []
        inside: list[Frame] = []
        frame: Any = sys._getframe(3)
        for _ in range(_DEPTH):
            if frame is None or len(frames) == _KEPT:
                break
            code = frame.f_code
            if is_users(code.co_filename):
                entry = self._entry(frame)
                own = code.co_name == "__init__" and code.co_argcount and _first_argument(frame) is obj
                (inside if own else frames).append(entry)
            frame = frame.f_back
        return frames or inside

    def _entry(self, frame: Any) -> Frame:
        code = frame.f_code
        name = shown_name(code.co_filename)
        self._paths[name] = code.co_filename
        positions = next(itertools.islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
        line, end_line, column, end_column = positions
        return {
            "file": name,
            "line": line or frame.f_lineno,
            "end_line": end_line or frame.f_lineno,
            "columns": [column, end_column] if column is not None and end_column is not None else [],
            "function": code.co_name,
        }

    def of(self, obj: Any, role: str = "made") -> list[Frame]:
        """Returns the calls noted for an object, innermost first; empty when none are known."""
        known = self._made.get((id(obj), role))
        return known[1] if known is not None and known[0]() is obj else []

    def facts(self, model: Any, layer_names: dict[int, str]) -> dict[str, Any]:
        """Returns what docs/recording.md says of `sites` and `signatures`."""
        sites: dict[str, list[Frame]] = {}
        signatures: dict[str, list[str]] = {
            "compile": _parameters(keras.Model.compile),
            "fit": _parameters(keras.Model.fit),
        }
        for key, obj, role in _parts(model, layer_names):
            if frames := self.of(obj, role):
                sites[key] = frames
            if role == "made":
                signatures[type(obj).__name__] = _parameters(type(obj).__init__)
        return {"sites": sites, "signatures": signatures}

    def files(self) -> dict[str, str]:
        """Returns the text of every file of the user's that a call came from, by the name used in the sites."""
        found = {}
        for name, path in self._paths.items():
            if text := "".join(linecache.getlines(path)):
                found[name] = text[:_SOURCE_LIMIT]
        return found


def _makers() -> list[Any]:
    """Returns the base classes through whose `__init__` everything passes that a training is made of."""
    optimizer = next(c for c in reversed(keras.optimizers.Optimizer.__mro__) if "apply" in vars(c))
    return [
        c for c in (keras.layers.Layer, optimizer, keras.Loss, keras.metrics.Metric) if "__init__" in vars(c)
    ]


def _first_argument(frame: Any) -> Any:
    return frame.f_locals.get(frame.f_code.co_varnames[0])


def _parts(model: Any, layer_names: dict[int, str]) -> Iterator[tuple[str, Any, str]]:
    """Yields (key, object, role) of everything whose place is worth knowing."""
    from kerascope._keras.graph import layer_tree

    for role in ("compile", "fit", "train_on_batch"):
        yield role, model, role
    yield "model", model, "made"
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        yield "optimizer", getattr(optimizer, "inner_optimizer", None) or optimizer, "made"
    for loss in keras.tree.flatten(getattr(model, "loss", None)):
        if isinstance(loss, keras.Loss):
            yield "loss", loss, "made"
    compiled = getattr(getattr(model, "_compile_metrics", None), "metrics", None) or ()
    for metric in (*getattr(model, "metrics", ()), *compiled):
        yield f"metric:{metric.name}", metric, "made"
    for layer, _ in layer_tree(model):
        name = layer_names.get(id(layer), str(layer.name))
        yield f"layer:{name}", layer, "made"
        for role in ("frozen", "thawed"):
            yield f"{role}:{name}", layer, role
    for role in ("frozen", "thawed"):
        yield f"{role}:", model, role


def _parameters(function: Any) -> list[str]:
    """Returns the names that positional arguments get, without `self`; empty where they cannot be told."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in kinds]


@functools.lru_cache(maxsize=4096)
def shown_name(path: str) -> str:
    """Returns the name under which a source file is kept: relative to the script's folder where it lies below it."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main:
        try:
            return Path(path).resolve().relative_to(Path(main).resolve().parent).as_posix()
        except ValueError:
            pass  # it lies elsewhere: its own name has to do
    return Path(path).name
