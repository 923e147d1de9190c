"""Trains on two virtual devices watched and unwatched; prints whether the weights are the same."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import common
import keras

scope = contextlib.nullcontext
if common.BACKEND == "jax":
    devices = keras.distribution.list_devices("cpu")
    assert len(devices) == 2
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
else:
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    scope = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope


def make():
    with scope():
        return common.compiled(common.network())


off, on, run = common.twice(make, common.fit, every=7)
assert not run.internal(), run.view.events("internal")
steps = run.model.steps()
assert len(steps.step) == 40
missing = run.gaps()
sampled = len(run.model.samples("gradient").step)
assert sampled or any("samples" in gap or "gradient" in gap for gap in missing), missing
print("samples", sampled, "gaps", missing, "batch", set(steps.batch_size))
print("same:", off == on)
