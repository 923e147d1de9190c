"""The second look: faults in the user's own code are named at their line, and sound code is left alone."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerascope
from kerascope._keras import steps as steps_of_keras
from kerascope._keras import trial as trial_of_keras
from kerascope.detect.second import passing, trial

HERE = Path(__file__).parent
BACKEND = keras.backend.backend()


def _module(name):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


FAULTY, SOUND = _module("faulty"), _module("sound")
STEPS = _module("steps")
_QUICK = ("rounds", "hides", "attends", "negates", "overwrites", "forces", "pools")
"""Run by every test run; the others by `make tables`."""


def marks(module, function):
    """Returns (line, kind) of the marks that belong to a training: those since the training before it."""
    lines = Path(module.__file__).read_text().splitlines()
    if module is STEPS:  # the same class for each backend: any mark of the file will do
        return [
            (n, m.group(1)) for n, line in enumerate(lines, 1) if (m := re.search(r"# <- ([\w-]+)", line))
        ]
    starts = sorted(inspect.getsourcelines(one)[1] for one in (*module.SEEN, *module.ASIDE))
    start = inspect.getsourcelines(function)[1]
    first = max((one for one in starts if one < start), default=0)
    last = start + len(inspect.getsourcelines(function)[0])
    found = ((number, re.search(r"# <- ([\w-]+)", line)) for number, line in enumerate(lines, 1))
    return [(number, mark.group(1)) for number, mark in found if mark and first < number < last]


def judged(function, path):
    keras.utils.set_random_seed(1)
    FAULTY.KEPT.clear()
    with kerascope.watch(out=path / "run.kscope") as watching:
        function()
    return watching.report


def assert_named(module, function, path):
    report = judged(function, path)
    wanted = marks(module, function)
    assert wanted
    found = [(one.kind, one.location.line) for one in report.findings[:3]]
    assert any(kind == k and line and abs(line - at) <= 1 for kind, line in found for at, k in wanted), found
    assert not [one for one in report.findings if one.kind == "kerascope-internal"]


@pytest.mark.catalogue
@pytest.mark.backend
@pytest.mark.parametrize("name", _QUICK)
def test_a_fault_is_named_at_its_line(name, tmp_path):
    assert_named(FAULTY, getattr(FAULTY, name), tmp_path)


@pytest.mark.table
@pytest.mark.parametrize("function", [f for f in (*FAULTY.SEEN, *FAULTY.ASIDE) if f.__name__ not in _QUICK])
def test_every_fault_is_named_at_its_line(function, tmp_path):
    assert_named(FAULTY, function, tmp_path)


@pytest.mark.catalogue
@pytest.mark.backend
@pytest.mark.parametrize("name", ("forgets", "head_only", "no_mode"))
def test_faults_of_train_steps_are_named_at_their_line(name, tmp_path):
    assert_named(STEPS, getattr(STEPS, name), tmp_path)


class Mixes(keras.layers.Layer):
    """Adds two halves of which one does not count."""

    def __init__(self):
        super().__init__()
        self.one, self.two = keras.layers.Dense(4), keras.layers.Dense(4)

    def call(self, x):
        large, small = 1e3 * self.one(x), self.two(x)
        return 0.5 * large + 0.5 * small


@pytest.mark.backend
def test_terms_of_different_scales_are_compared_in_a_late_step_too(tmp_path):
    def mixes():
        FAULTY.trained(FAULTY.regression(Mixes()), FAULTY.X, FAULTY.NUMBERS, "mse")

    report = judged(mixes, tmp_path)
    found = next(one for one in report.findings if one.kind == "scale-mismatch")
    said = next(str(e.value) for e in found.evidence if e.label == "ratio over the steps")
    late = re.fullmatch(r"[\d,]+ at step 1, [\d,.]+ at step (\d+)", said)
    assert late, said
    assert int(late.group(1)) > 10


def quiet(report):
    """What is worse than a note; that the training is short is no matter here."""
    found = [one for one in report.findings if one.severity != "note" and one.kind != "too-few-epochs"]
    return [(one.kind, one.title) for one in found]


@pytest.mark.backend
def test_a_sound_train_step_is_left_alone(tmp_path):
    assert quiet(judged(STEPS.sound, tmp_path)) == []


@pytest.mark.table
@pytest.mark.parametrize("function", [*SOUND.SEEN, *SOUND.ASIDE])
def test_sound_code_is_left_alone(function, tmp_path):
    report = judged(function, tmp_path)
    assert quiet(report) == []
    assert not [one for one in report.findings if one.kind == "kerascope-internal"]


class Counting(keras.layers.Layer):
    """Counts its calls in Python and prints, as nobody should."""

    calls = 0

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x, training=False):
        self.seen.append(len(self.seen))
        print("called")
        return keras.random.dropout(x, 0.1, seed=self.seed) if training else x


@pytest.mark.backend
def test_the_second_look_leaves_everything_as_it_was(tmp_path, capsys):
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), Counting(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    watch = kerascope.Watch(out=tmp_path / "run.kscope")
    model.fit(FAULTY.X, FAULTY.NUMBERS, batch_size=16, epochs=2, verbose=0, callbacks=[watch])
    layer = model.layers[1]

    def state():
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        values = [np.array(keras.ops.convert_to_numpy(v.value)) for v in variables]
        return values, list(layer.seen), np.random.get_state()

    before = state()
    capsys.readouterr()
    assert watch.report.run.steps == 24
    after = state()
    assert all(np.array_equal(a, b) for a, b in zip(before[0], after[0], strict=True))
    assert before[1] == after[1]
    assert all(np.array_equal(a, b) for a, b in zip(before[2], after[2], strict=True))
    assert "called" not in capsys.readouterr().out


def test_a_loss_that_refuses_other_targets_is_left_alone():
    from kerascope.detect.second import losses, pairs, source

    y_true = np.array([[0.0], [1.0], [2.0], [3.0]], "float32")

    def own(y_true_, y_pred):
        if not np.array_equal(keras.ops.convert_to_numpy(y_true_), y_true):
            raise ValueError("not these")
        return keras.ops.mean(keras.ops.square(y_true_ - y_pred), axis=-1)

    pair = pairs.fitted(y_true, y_true + np.array([[0.5], [-0.2], [0.1], [0.3]], "float32"))
    assert np.isnan(pairs.called(own, pair.other_targets(), pair.y_pred))
    assert pairs.called(own, y_true, pair.y_pred) > 0
    assert list(losses._judged("own", own, pair, source.function(own))) == []


def test_waiting_counts_in_the_second_look(monkeypatch):
    clock = {"wall": 0.0, "own": 0.0}
    monkeypatch.setattr("time.perf_counter", lambda: clock["wall"])
    monkeypatch.setattr("time.process_time", lambda: clock["own"])
    keras.utils.set_random_seed(1)
    model = FAULTY.regression()
    model.compile("sgd", "mse")
    point = type("Point", (), {"snapshot": None, "data": (FAULTY.X[:8], FAULTY.NUMBERS[:8])})()
    look = trial.Trial(model, trial.Points(point), 20.0)
    clock.update(wall=40.0, own=5.0)
    assert look.seconds_left() == pytest.approx(20 - 40 / 3)


def test_a_model_that_only_trains_cannot_be_called():
    from kerascope._keras.trial import has_call

    class Duel(keras.Model):
        def train_step(self, *args):
            return {}

    class Called(keras.Model):
        def call(self, x):
            return x

    inputs = keras.Input((6,))
    functional = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    assert not has_call(Duel())
    assert has_call(Called()) and has_call(FAULTY.regression()) and has_call(functional)


def test_padding_is_told_from_tokens():
    from kerascope.detect.second.padding import filling

    random = np.random.default_rng(3)
    full = random.integers(1, 20, (64, 30))
    lengths = random.integers(4, 25, 64)
    ends = np.where(np.arange(30)[None] < lengths[:, None], full, 0)
    assert filling(ends)[::2] == (0, "at the end")
    assert filling(ends[:, ::-1])[::2] == (0, "at the front")
    assert filling(ends)[1] == pytest.approx(1 - lengths.mean() / 30)
    assert filling(full) is None
    assert filling(random.integers(0, 2, (64, 30))) is None  # 0 is a token like any other
    assert filling(np.where(np.arange(30)[None] < 20, full, 0)) is None  # all of one length


def test_an_embedding_matters_where_a_mask_would():
    from kerascope.detect.second.padding import unmasked

    def network(*middle, **options):
        layers = [keras.Input((9,), dtype="int32"), keras.layers.Embedding(20, 4, **options), *middle]
        return keras.Sequential([*layers, keras.layers.Dense(1)])

    assert len(unmasked(network(keras.layers.LSTM(3)))) == 1
    assert unmasked(network(keras.layers.LSTM(3), mask_zero=True)) == []
    assert unmasked(network(keras.layers.GlobalMaxPooling1D())) == []


@pytest.mark.parametrize("hands_on", [False, True])
def test_a_mask_is_followed_into_a_layer_and_out_of_it(hands_on):
    from kerascope.detect.second.padding import _Way

    class Places(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.words, self.places = (
                keras.layers.Embedding(20, 4, mask_zero=True),
                keras.layers.Embedding(9, 4),
            )

        def call(self, x):
            return self.words(x) + self.places(keras.ops.arange(9))

        def compute_mask(self, x, mask=None):
            return self.words.compute_mask(x) if hands_on else None

    places, tokens = Places(), np.array([[3, 4, 0, 0, 0, 0, 0, 0, 0]] * 2)
    network = keras.Sequential(
        [keras.Input((9,), dtype="int32"), places, keras.layers.GlobalAveragePooling1D()]
    )
    way = _Way(tokens, [places])
    with steps_of_keras.Patches() as patches:
        trial_of_keras.tap_calls(patches, way.before, way.after)
        network(tokens)
    assert way.embeddings == [places.words]
    assert way.loses is (None if hands_on else places)
    assert (way.blind is None) == hands_on


@pytest.mark.backend
def test_the_second_look_can_be_left_out(tmp_path):
    keras.utils.set_random_seed(1)
    with kerascope.watch(out=tmp_path / "run.kscope", examine=0) as watching:
        FAULTY.overwrites()
    assert "metric-bug" not in {one.kind for one in watching.report.findings}


@pytest.mark.backend
def test_what_was_found_is_in_the_recording(tmp_path):
    first = judged(FAULTY.overwrites, tmp_path)
    again = kerascope.load(tmp_path / "run.kscope")
    with again:
        assert [f.kind for f in again.report().findings] == [f.kind for f in first.findings]


def test_a_folder_of_the_users_with_our_name_is_the_users():
    space = {"made": lambda: passing._maker(object(), sys._getframe(1))}
    exec(compile("def call(x):\n    return made()", "/home/me/kerascope-demo/model.py", "exec"), space)
    assert space["call"](0).f_code.co_filename == "/home/me/kerascope-demo/model.py"
