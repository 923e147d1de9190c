"""Run by test_tensorflow_backend.py in a process of its own: two logical CPUs under MirroredStrategy."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

import keras  # noqa: E402  the devices come first
import numpy as np  # noqa: E402
import tf_programs as programs  # noqa: E402

from kerascope._backends.tensorflow import BACKEND  # noqa: E402

STRATEGY = tf.distribute.MirroredStrategy(
    ["CPU:0", "CPU:1"]
)  # a second one would share collective keys with it


def train(*, watch: bool, cls: Any = keras.Model, eager: bool = False) -> tuple[Any, Any, Any]:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    with STRATEGY.scope():
        model = programs.compiled(cls, run_eagerly=eager)

    def fit() -> Any:
        x, y = programs.data()
        return model.fit(x, y, batch_size=32, epochs=1 if eager else 3, verbose=0).history

    if not watch:
        return model, fit(), None
    with programs.watched() as attacher:
        return model, fit(), attacher.probe


def replicas(model: Any) -> list[bytes]:
    strategy = model.distribute_strategy
    values = [v.value for _, v in programs.steps_variables(model)]
    return [copy.numpy().tobytes() for value in values for copy in strategy.experimental_local_results(value)]


def compare(cls: Any, *, eager: bool = False) -> tuple[Any, Any]:
    plain, plain_history, _ = train(watch=False, cls=cls, eager=eager)
    watched, history, probe = train(watch=True, cls=cls, eager=eager)
    assert replicas(plain) == replicas(watched), "weights differ"
    assert repr(plain_history) == repr(history), (plain_history, history)
    assert all(not sample.errors for sample in probe.samples.values()), probe.samples
    return watched, probe


def check_rewind(model: Any, probe: Any) -> None:
    end = replicas(model)
    live = BACKEND.save(model, None)
    BACKEND.load(model, probe.snapshots[26])
    for number in range(26, 34):
        logs, _ = BACKEND.one_step(probe.raw, None, probe.batches[number])
        again = {name: np.asarray(value).tobytes() for name, value in logs.items()}
        assert again == {name: value.tobytes() for name, value in probe.logs[number].items()}, number
    assert replicas(model) == end, "rewound weights differ"
    BACKEND.load(model, live)
    assert replicas(model) == end


def check_sample(model: Any, probe: Any) -> None:
    """Gradients of the replicas add up to those of the whole batch, outputs are those of the whole batch."""
    batch = BACKEND.batch(probe.batches[1])
    assert batch[0].shape == (32, programs.FEATURES) and BACKEND.host(batch[0]).shape == (
        32,
        programs.FEATURES,
    )
    sample = BACKEND.sample(model, None, probe.batches[1])
    assert len(BACKEND.leaves(model)) == len(programs.steps_variables(model))  # one for all copies
    table = dict(
        zip(sample.parts["gradient"].names, BACKEND.host(sample.parts["gradient"].stats), strict=True)
    )
    assert set(sample.parts) == {"gradient", "weight", "update", "output", "loss"}, sample
    assert len(table) == 6 and all(np.isfinite(row).all() for row in table.values())
    outputs = dict(zip(sample.parts["output"].names, BACKEND.host(sample.parts["output"].stats), strict=True))
    x = BACKEND.host(batch[0])
    layer = model.get_layer("first")
    expected = np.maximum(x @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    np.testing.assert_allclose(outputs["first"][:2], [np.linalg.norm(expected), expected.mean()], rtol=1e-5)


def check_sum() -> None:
    keras.utils.set_random_seed(1)
    x, y = programs.data()
    with STRATEGY.scope():
        inputs = keras.Input((programs.FEATURES,))
        model = keras.Model(inputs, keras.layers.Dense(programs.CLASSES, name="only")(inputs))
        model.compile(keras.optimizers.SGD(0.1), programs.cross_entropy())
    dataset = STRATEGY.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices((x, y)).batch(32))
    batch = next(iter(dataset))
    model._symbolic_build(data_batch=(x[:32], y[:32]))
    kernel, bias = model.get_layer("only").kernel.numpy(), model.get_layer("only").bias.numpy()
    sample = BACKEND.sample(model, None, batch)
    with tf.GradientTape() as tape:
        k = tf.constant(kernel)
        tape.watch(k)
        loss = programs.cross_entropy()(y[:32], tf.constant(x[:32]) @ k + bias)
    gradient = tape.gradient(loss, k).numpy()
    row = BACKEND.host(sample.parts["gradient"].stats)[0]
    np.testing.assert_allclose(row[:2], [np.linalg.norm(gradient), gradient.mean()], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(BACKEND.host(sample.parts["loss"].stats)[0][0], loss.numpy(), rtol=1e-5)


def main() -> None:
    model, probe = compare(keras.Model)
    check_rewind(model, probe)
    check_sample(model, probe)
    compare(programs.Custom, eager=True)
    check_sum()
    assert BACKEND.limits(model) == {} and isinstance(BACKEND.inline(model), str)
    print("all same")


if __name__ == "__main__":
    main()
