"""On JAX, NumPy works single operations out while changes are tried: with the same results, and for nobody else."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytestmark = pytest.mark.backend

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def on_jax():
    import keras

    if keras.backend.backend() != "jax":
        pytest.skip("what is not compiled is JAX's")


def computed(x, y, flags):
    """Most operations that there are rules for, some with operands that NumPy would treat otherwise."""
    import keras
    from keras import ops

    return [
        ops.matmul(x, ops.transpose(y, (0, 2, 1))), x[:, 1:, None] + y[:, None, 1:], ops.softmax(x),
        ops.where(flags, x, ops.abs(y)), ops.any(flags, axis=0), ops.cast(x * 3e9, "int32"), x**2,
        -7 // ops.cast(ops.ones(3), "int32"), ops.pad(x, ((0, 0), (1, 2), (0, 0))), ops.argmax(x, -1),
        keras.random.uniform((3, 2), seed=3), jax.jit(lambda a: a / 2)(x),
        *ops.split(x, 2, axis=2), ops.arange(5), ops.clip(x, -0.5, 0.5), ops.relu6(y * 9),
        *halves(x, y, "float16"), *halves(x, y, "bfloat16"),
    ]  # fmt: skip


def halves(x, y, dtype):
    """Floats of 16 bits, some of them beyond what float16 holds."""
    from keras import ops

    x, y = ops.cast(x, dtype), ops.cast(y, dtype)
    return [
        ops.exp(x) + y, ops.matmul(x, ops.transpose(y, (0, 2, 1))), ops.mean(x, axis=1), ops.square(x * 300),
        ops.where(x > y, x, y), ops.cast(x, "float32"), ops.cast(x, "int32"), *ops.split(x, 2, axis=2),
    ]  # fmt: skip


def test_results_are_those_of_jax():
    from keras import ops

    from kerascope._backends.uncompiled import uncompiled

    random = np.random.default_rng(0)
    x, y = (ops.convert_to_tensor(random.normal(size=(2, 3, 4)).astype("float32")) for _ in range(2))
    expected = computed(x, y, x > 0)
    with uncompiled():
        found = computed(x, y, x > 0)
    for index, (one, two) in enumerate(zip(found, expected, strict=True)):
        assert isinstance(one, jax.Array)
        assert (one.shape, one.dtype) == (two.shape, two.dtype), index
        rough = {"float16": 2e-3, "bfloat16": 2e-2}.get(str(one.dtype), 0)
        as_floats = [np.asarray(each).astype("float32") if rough else each for each in (one, two)]
        np.testing.assert_allclose(*as_floats, rtol=rough or 1e-5, atol=rough or 1e-6, err_msg=str(index))


def test_what_jax_refuses_is_refused():
    from keras import ops

    from kerascope._backends.uncompiled import uncompiled

    refused = (
        lambda x: x + ops.ones((4, 5)),
        lambda x: ops.matmul(x, x),
        lambda x: ops.reshape(x, (5,)),
        lambda x: ops.concatenate([x, x[0]], axis=0),
        lambda x: jax.lax.slice(x, (0, 0), (9, 9)),
        lambda x: jax.lax.sub(x > 0, x > 0),
        lambda x: jax.lax.dot_general(x, x[:1], (((1,), (1,)), ((0,), (0,)))),
    )
    for number, call in enumerate(refused):
        x = ops.ones((2, 3))
        with pytest.raises(Exception) as plain:
            call(x)
        with uncompiled(), pytest.raises(type(plain.value)):
            call(x)
            pytest.fail(f"number {number} was not refused")


def test_only_this_thread_and_only_meanwhile():
    from jax.extend.core.primitives import transpose_p

    from kerascope._backends import uncompiled

    before, seen = transpose_p.impl, []
    with pytest.raises(ZeroDivisionError), uncompiled.uncompiled():
        assert transpose_p.impl is not before
        assert jax.config.jax_disable_jit
        thread = threading.Thread(target=lambda: seen.append(jax.config.jax_disable_jit))
        thread.start()
        thread.join()
        raise ZeroDivisionError
    assert transpose_p.impl is before
    assert not jax.config.jax_disable_jit
    assert seen == [False]


def test_nothing_is_compiled_for_a_new_shape():
    from jax import monitoring
    from keras import ops

    from kerascope._backends.uncompiled import uncompiled

    compiled = []

    def listen(event, *_, **__):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    monitoring.register_event_duration_secs_listener(listen)
    try:
        x = ops.convert_to_tensor(np.ones((7, 9, 5), "float32"))
        compiled.clear()
        with uncompiled():
            ops.transpose(ops.reshape(x, (63, 5)))
        assert not compiled
        ops.transpose(ops.reshape(x, (63, 5)))
        assert compiled
    finally:
        monitoring.unregister_event_duration_listener(listen)  # it would show up in what later tests trace
