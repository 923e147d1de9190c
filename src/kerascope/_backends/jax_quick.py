"""Quick compilations on JAX, for programs that run a few times, on a few numbers."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from kerascope._keras.training import steps_compiled_by

# Most of what XLA takes to compile for a processor goes into kernels that fuse operations.
_LIGHT = {"xla_cpu_use_fusion_emitters": False}
_options: dict[str, bool] = {}


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """Returns what `jax.jit` does; within `quick_compilations` it compiles quickly."""
    import jax

    return jax.jit(function, **({"compiler_options": dict(_options)} if _options else {}), **options)


@contextlib.contextmanager
def quick_compilations() -> Iterator[None]:
    """Has XLA compile without most of its optimisations: what is compiled here runs a few times, on a few numbers.

    Its results may differ in their last bits, and JAX would use the same compiled code again in the user's program. It
    looks compiled code up by the default device, too: naming the one that is used anyway keeps ours apart.
    """
    import jax

    option = "jax_disable_most_optimizations"
    try:
        before = jax.config.read(option)  # a flag, which is no attribute of the configuration
    except AttributeError:  # not every version has it
        yield
        return
    if before or jax.config.jax_default_device is not None:  # there is nothing to keep ours apart by
        yield
        return
    jax.config.update(option, True)
    try:
        with jax.default_device(jax.devices()[0]), _light():
            yield
    finally:
        jax.config.update(option, before)


@contextlib.contextmanager
def _light() -> Iterator[None]:
    """Gives what `jit` and Keras's trainer compile the options of XLA that make it quick, where XLA has them."""
    import jax

    if _options or not _is_light(jax.devices()[0].platform):
        yield
        return
    _options.update(_LIGHT)
    try:
        with steps_compiled_by(jit, instead_of=jax.jit):
            yield
    finally:
        _options.clear()


@functools.cache
def _is_light(platform: str) -> bool:
    """Tells whether XLA takes the options on this platform."""
    import jax

    if platform != "cpu":
        return False
    try:
        jax.jit(lambda x: x, compiler_options=_LIGHT)(0.0)
    except jax.errors.JaxRuntimeError:  # another version, which has no such option
        return False
    return True
