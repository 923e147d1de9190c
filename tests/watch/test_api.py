"""`kerascope.Watch` and `kerascope.watch`: the watch as a callback and as a context manager."""

from __future__ import annotations

import common
import keras
import numpy as np
import pytest

import kerascope
from kerascope.errors import UsageError


def model(seed=1):
    keras.utils.set_random_seed(seed)
    return common.compiled(common.network())


def test_the_callback(tmp_path):
    plain = model()
    common.fit(plain)
    watched = model()
    watch = kerascope.Watch(tmp_path / "run.kscope", every=5)
    common.fit(watched, callbacks=[watch])
    assert common.weights(plain) == common.weights(watched)
    assert watch.report.run.steps == 40
    assert common.complaints(watch.report) == []
    assert not hasattr(watched.train_function, "kerascope_raw")
    common.fit(watched, epochs=1, callbacks=[watch])
    assert watch.report.run.steps == 60
    report = watch.close()
    assert report.run.steps == 60
    assert kerascope.load(tmp_path / "run.kscope").report().run.steps == 60
    bundle = watch._repr_mimebundle_()
    assert {"text/plain", "text/html"} <= bundle.keys()


def test_the_context_manager(tmp_path):
    one, two = model(), model()
    with kerascope.watch(one, out=tmp_path / "run.kscope") as watching:
        common.fit(one, epochs=1)
        common.fit(two, epochs=1)
    assert watching.report.run.steps == 20
    assert common.complaints(watching.report) == []
    assert watching.path == tmp_path / "run.kscope"


def test_the_context_manager_passes_errors_on(tmp_path):
    fit = vars(keras.Model).get("fit")
    with pytest.raises(ZeroDivisionError), kerascope.watch(out=tmp_path / "run.kscope") as watching:
        common.fit(model(), epochs=1)
        raise ZeroDivisionError("of the user")
    assert watching.report.verdict == "crashed"
    assert vars(keras.Model).get("fit") is fit


def test_an_error_in_the_step_takes_the_callback_off(tmp_path):
    class Boom(keras.layers.Layer):
        def call(self, x, training=False):
            if training:  # Keras tries the model out before it trains
                raise ZeroDivisionError("of the user")
            return x

    broken = keras.Sequential([keras.layers.Dense(4), Boom()])
    common.compiled(broken)
    with pytest.raises(ZeroDivisionError):
        common.fit(broken, callbacks=[kerascope.Watch(tmp_path / "run.kscope")])
    assert not hasattr(broken.train_function, "kerascope_raw")


def test_a_watch_that_saw_nothing(tmp_path):
    with kerascope.watch(out=tmp_path / "run.kscope") as watching:
        pass
    assert watching.report.findings == ()
    assert not (tmp_path / "run.kscope").exists()


@pytest.mark.parametrize(
    "options", [{"every": -1}, {"every": 1.5}, {"budget": 0}, {"budget": 2}, {"memory": -1}]
)
def test_bad_arguments(options):
    with pytest.raises(UsageError, match="Received: "):
        kerascope.Watch(**options)


def test_an_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / "mine"
    path.write_text("mine")
    with pytest.raises(UsageError, match="overwrite"):
        kerascope.Watch(path)
    assert path.read_text() == "mine"


@pytest.mark.skipif(common.BACKEND == "tensorflow", reason="TensorFlow itself refuses such a name")
def test_hostile_names_do_not_get_through(tmp_path):
    inputs = keras.Input((16,))
    layer = keras.layers.Dense(4, name="[red]x[{}]")
    layer._name = "evil\x1b[31m[bold]<script>"
    hostile = common.compiled(keras.Model(inputs, layer(inputs)))
    x = common.X.copy()
    x[0] = np.nan
    with kerascope.watch(out=tmp_path / "run.kscope") as watching:
        hostile.fit(x, common.Y, epochs=1, batch_size=32, verbose=0, shuffle=False)
    assert "\x1b" not in repr(watching)
    assert "<script>" not in watching._repr_mimebundle_()["text/html"]
