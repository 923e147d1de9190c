"""What somebody meets who checks a first object: targets beside inputs, arguments, defaults, guesses."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from bug import numbers
from bugs_people import Gated
from keras import layers, ops

import kerascope
from kerascope._keras import objects
from kerascope.api.check import checked

pytestmark = pytest.mark.backend
register = keras.saving.register_keras_serializable("kerascope_first_use")


@register
class LosesItsShift(layers.Layer):
    def __init__(self, scale=1.0, shift=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.shift = scale, shift

    def call(self, x):
        return x * self.scale + self.shift

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@register
class KeepsAll(LosesItsShift):
    def get_config(self):
        return {**super().get_config(), "shift": self.shift}


class NeedsFourUnits(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        if units != 4:
            raise ValueError("four")
        self.units = units

    def call(self, x):
        return x * self.units


class NeedsSevenUnits(NeedsFourUnits):
    def __init__(self, units, **kwargs):
        super().__init__(units - 3, **kwargs)


class AveragesThePaddingOfAnything(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return ops.mean(x, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None


class Slow(keras.optimizers.SGD):
    """Takes its parent's constructor as it is."""


def kinds(found):
    return {finding.kind for finding in found.findings if finding.severity != "note"}


def test_a_second_array_beside_the_one_argument_of_a_model_is_its_target():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    only = ["builds", "step-runs", "step-learns", "step-sample-weight"]
    found = kerascope.check(model, numbers(8, 6), np.arange(8) % 4, only=only)
    assert found.ok, found
    assert [row.outcome for row in found.contracts if row.name in only] == ["kept"] * 4


def test_a_sound_model_with_metrics_has_nothing_said_of_it():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1)(layers.Dense(6, activation="tanh")(inputs)))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    assert not kerascope.check(model, numbers(8, 4), numbers(8, 1, seed=1), fixes=False).findings


def test_a_setting_that_the_configuration_leaves_out_is_found_at_its_default():
    assert kinds(kerascope.check(LosesItsShift, (3, 6), only=["builds", "config"], fixes=False)) == {"config"}
    assert kerascope.check(KeepsAll, (3, 6), only=["builds", "config"], fixes=False).ok


def test_a_class_whose_supposed_arguments_do_not_work_is_not_judged():
    assert kerascope.check(NeedsFourUnits, only=["builds"]).ok
    with pytest.raises(kerascope.KerascopeError, match=r"units=4.*ValueError"):
        kerascope.check(NeedsSevenUnits, only=["builds"])


def test_layers_among_the_arguments_are_made_anew():
    given = Gated(layers.Dense(3))
    one, other = objects.maker(given)(), objects.maker(given)()
    assert isinstance(one.layer, layers.Dense) and one.layer is not other.layer is not given.layer
    # Its configuration gives back a dictionary: that is what is wrong, and not the call.
    found = checked(given, (numbers(3, 6),), {}, only=["builds", "config"], fixes=False)
    assert kinds(found) == {"config"}


def test_masks_are_judged_on_a_sequence_where_inputs_are_guessed():
    only = ["builds", "masks"]
    assert kinds(kerascope.check(AveragesThePaddingOfAnything, only=only, fixes=False)) == {"masks"}
    told = kerascope.check(AveragesThePaddingOfAnything, (3, 6), only=only, fixes=False)
    assert {row.name: row.outcome for row in told.contracts}["masks"] == "skipped"


def test_an_optimizer_with_an_inherited_constructor():
    assert kerascope.check(Slow, only=["optimizer-runs"]).ok


class ReadsColumns(layers.Layer):
    """The names of its inputs are not in the order of the alphabet."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(3)

    def build(self, input_shape):
        self.dense.build(input_shape["numbers"])

    def call(self, features):
        return self.dense(features["numbers"]) * features["flag"]


def test_inputs_in_a_dict_keep_their_names():
    given = {"numbers": numbers(3, 4), "flag": numbers(3, 1, seed=1)}
    found = kerascope.check(ReadsColumns(), given, fixes=False)
    assert found.ok, found


class WantsSevenAxes(layers.Layer):
    def call(self, x):
        if len(x.shape) != 7:
            raise ValueError("seven axes")
        return x


class HasNoScale(layers.Layer):
    def call(self, x):
        return x * self.scale


def test_an_input_that_nobody_guesses_is_no_fault_of_the_layer():
    (found,) = kerascope.check(WantsSevenAxes, only=["builds"], fixes=False).findings
    assert found.severity == "warning" and "--input" in found.explanation
    (found,) = kerascope.check(WantsSevenAxes, (2, 5), only=["builds"], fixes=False).findings
    assert found.severity == "fault" and "--input" not in found.explanation
    (found,) = kerascope.check(HasNoScale, only=["builds"], fixes=False).findings
    assert found.severity == "fault"  # no input would help


LOSSES = """
import keras
from keras import ops
from keras.losses import mean_squared_error


def turned_loss(y_true, y_pred):
    return -ops.mean(ops.square(y_true - y_pred), axis=-1)


def _hidden(y_true, y_pred):
    return turned_loss(y_true, y_pred)


def share_of_hits(y_true, y_pred):
    hits = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.mean(ops.cast(hits, "float32"))


def plain_loss(x):
    return x
"""


def test_the_loss_functions_of_a_file_are_checked(tmp_path):
    from kerascope.api import checking

    file = tmp_path / "some_losses.py"
    file.write_text(LOSSES)
    (one,) = checking.check_target(str(file), fixes=False)
    assert one.subject == "turned_loss"
    assert {f.severity for f in one.findings if f.kind == "loss-minimum"} == {"fault"}
    # By its name it may be a metric, which is nobody's mistake.
    (one,) = checking.check_target(f"{file}:share_of_hits", fixes=False)
    found = {f.kind: f.severity for f in one.findings}
    assert found["loss-minimum"] == found["loss-gradient"] == "warning"
