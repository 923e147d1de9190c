"""What each backend's compiler needs so that a trace sees the user's code run: put in place for the time of a trace.

A compiled function runs no Python, or Python that a compiler has made from the source. So for the time of a trace

- what Keras has compiled before is compiled anew (JAX and TensorFlow read the code again while they do, with shapes
  and without values);
- the user's own `jax.jit` functions are traced anew;
- the user's own `tf.function`s are run as the Python they are, unless they are called inside another graph;
- code compiled by `torch.compile` is run as the Python it is.

Each of these is said once, when it is met.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras

from kerascope._keras.steps import Patches

Note = Callable[[str], None]
IsUsers = Callable[[str], bool]


@contextlib.contextmanager
def code_is_run(note: Note, is_users: IsUsers) -> Iterator[None]:
    """Makes compiled functions run, or be traced, as the user's Python in this block.

    `note` takes sentences about what was done instead of what would have happened untraced.
    """
    with contextlib.ExitStack() as stack:
        if sys.modules.get("torch") is not None:
            stack.enter_context(_torch(note))
        if "tensorflow" in sys.modules:
            stack.enter_context(_tensorflow(note, is_users))
        if keras.backend.backend() == "jax":
            stack.enter_context(_jax(note, is_users))
        stack.enter_context(_keras(note))
        yield


# -- Keras -----------------------------------------------------------------------------------------------------


def _keras(note: Note) -> Patches:
    patches = Patches()
    if keras.backend.backend() in ("jax", "tensorflow"):
        for what in ("train", "test", "predict"):
            plain = getattr(keras.Model, f"make_{what}_function", None)
            if plain is not None:
                patches.put(keras.Model, f"make_{what}_function", _renewing(plain, what, note))
    return patches


def _renewing(plain: Callable[..., Any], what: str, note: Note) -> Callable[..., Any]:
    done: weakref.WeakSet[Any] = weakref.WeakSet()

    @functools.wraps(plain)
    def make(self: Any, force: bool = False) -> Any:
        if self not in done:
            done.add(self)
            if getattr(self, f"{what}_function", None) is not None and not force and not self.run_eagerly:
                force = True
                note(
                    f"the {what} step of model `{self.name}` had been compiled before the trace: it is compiled anew, "
                    "as no Python runs otherwise"
                )
        return plain(self, force=force)

    return make


# -- torch -----------------------------------------------------------------------------------------------------

_COMPILED = (
    "a function compiled by torch.compile was met: in the trace it is run as the Python it is, uncompiled"
)


@contextlib.contextmanager
def _torch(note: Note) -> Iterator[None]:
    import torch

    with contextlib.ExitStack() as stack:
        if "torch._dynamo.eval_frame" in sys.modules:
            stack.enter_context(_uncompiled(note))
        else:  # loading the compiler takes a second: only when something is compiled
            patches = stack.enter_context(Patches())
            plain = torch.compile
            stages = contextlib.ExitStack()
            stack.push(stages)

            @functools.wraps(plain)
            def compile(*args: Any, **kwargs: Any) -> Any:
                importlib.import_module("torch._dynamo.eval_frame")

                patches.undo()
                stages.enter_context(_uncompiled(note))
                return plain(*args, **kwargs)

            patches.put(torch, "compile", compile)
        yield


@contextlib.contextmanager
def _uncompiled(note: Note) -> Iterator[None]:
    import torch

    with torch.compiler.set_stance("force_eager"), Patches() as patches:
        module = sys.modules["torch._dynamo.eval_frame"]
        asked = getattr(module, "_callback_from_stance", None)
        if asked is not None:  # how the compiler asks what to do with a call

            def callback_from_stance(callback: Any) -> Any:
                if callback is not None and callback is not False:
                    note(_COMPILED)
                return asked(callback)

            patches.put(module, "_callback_from_stance", callback_from_stance)
        yield


# -- TensorFlow ------------------------------------------------------------------------------------------------


def _tensorflow(note: Note, is_users: IsUsers) -> Patches:
    import tensorflow as tf

    patches = Patches()
    compiled = type(tf.function(_nothing))
    plain = compiled.__call__

    @functools.wraps(plain)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        user = users_function(self.python_function, is_users)
        if user is None:
            return plain(self, *args, **kwargs)
        if not tf.executing_eagerly():
            note(
                f"`{user.__qualname__}` is a tf.function inside another graph: AutoGraph makes other code from "
                "its source, so its lines are not shown"
            )
            return plain(self, *args, **kwargs)
        note(
            f"`{user.__qualname__}` is a tf.function: in the trace it is run as the Python it is, uncompiled"
        )
        return self.python_function(*args, **kwargs)

    patches.put(compiled, "__call__", call)
    _note_conversions(patches, note, is_users)
    return patches


def _note_conversions(patches: Patches, note: Note, is_users: IsUsers) -> None:
    api = sys.modules.get("tensorflow.python.autograph.impl.api")
    plain = getattr(api, "_convert_actual", None)
    if api is None or plain is None:
        return

    def convert(entity: Any, *args: Any, **kwargs: Any) -> Any:
        user = users_function(entity, is_users)
        if user is not None:
            note(
                f"`{user.__qualname__}` was run in a graph by AutoGraph, which makes other code from its source: its "
                "lines are not shown"
            )
        return plain(entity, *args, **kwargs)

    patches.put(api, "_convert_actual", convert)


def _nothing() -> None:
    pass


# -- JAX -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _jax(note: Note, is_users: IsUsers) -> Iterator[None]:
    import jax

    compiled = type(jax.jit(_nothing))
    cleared = []
    for function in [o for o in gc.get_objects() if type(o) is compiled]:
        user = users_function(function, is_users)
        owner = getattr(getattr(function, "__wrapped__", None), "__self__", None)
        if (user is not None or isinstance(owner, keras.layers.Layer)) and function._cache_size():
            function.clear_cache()
            cleared.append((function, function.__name__ if user is None else user.__qualname__))
    try:
        yield
    finally:
        for function, name in cleared:
            if function._cache_size():
                note(
                    f"`{name}` had been compiled by jax.jit before the trace: it was compiled anew, as no Python runs "
                    "otherwise"
                )


def users_function(function: Any, is_users: IsUsers) -> types.FunctionType | None:
    """Returns the user's function behind wrappers, methods and partials, when it is one of the user's."""
    for _ in range(16):
        if isinstance(function, types.FunctionType) and is_users(function.__code__.co_filename):
            return function
        inner = getattr(function, "__wrapped__", None)
        if inner is None or inner is function:
            inner = getattr(function, "__func__", None)
        if inner is None and isinstance(function, functools.partial):
            inner = function.func
        if inner is None:
            return None
        function = inner
    return None
