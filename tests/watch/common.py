"""Small models and what the tests of the watch share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from kerascope.api.watching import Recorder
from kerascope.record.reader import RunView

BACKEND = keras.backend.backend()
_RANDOM = np.random.default_rng(0)
X = _RANDOM.normal(size=(20 * 32, 16)).astype("float32")
Y = np.argmax(X @ _RANDOM.normal(size=(16, 4)), axis=1).astype("int32")


def loss() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(cls: Any = None) -> Any:
    """A functional net with dropout and batch normalisation: randomness and non-trainable state."""
    inputs = keras.Input((16,))
    x = layers.Dense(32, activation="relu", name="d1")(inputs)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.Dropout(0.3, name="do")(x)
    return (cls or keras.Model)(inputs, layers.Dense(4, name="d2")(x))


def compiled(model: Any, optimizer: Any = None, **options: Any) -> Any:
    options.setdefault("metrics", ["accuracy"])
    model.compile(optimizer or keras.optimizers.Adam(1e-2), options.pop("loss", None) or loss(), **options)
    return model


def complaints(report: Any) -> list[str]:
    """The kinds of all warnings and faults but the true one: these trainings end after a few dozen steps."""
    found = [f.kind for f in report.findings if f.severity in ("fault", "warning")]
    return [kind for kind in found if kind != "too-few-epochs"]


def weights(model: Any) -> list[bytes]:
    """The bytes of everything a training leaves behind."""
    from kerascope._keras.state import all_variables

    return [
        keras.ops.convert_to_numpy(v.value).tobytes() for role, v in all_variables(model) if role != "metric"
    ]


class Recorded:
    """A watched run: its recording, opened for reading, and its report."""

    def __init__(self, view: RunView, report: Any, recorder: Recorder) -> None:
        self.view = view
        self.report = report
        self.recorder = recorder

    @property
    def model(self) -> Any:
        return self.view.models[0]

    def gaps(self) -> list[str]:
        return [str(event.facts["what"]) for event in self.view.events("gap")]

    def internal(self) -> list[str]:
        return [str(event.facts["where"]) for event in self.view.events("internal")]


@contextlib.contextmanager
def recording(models: list[Any] | None = None, **options: Any) -> Iterator[Recorder]:
    """Watches the block; `finished` makes a `Recorded` of the recorder afterwards."""
    recorder = Recorder(Path(tempfile.mkdtemp()) / "run.kscope", options, {"subject": "test"})
    recorder.start(models)
    try:
        yield recorder
    finally:
        recorder.stop()


def finished(recorder: Recorder) -> Recorded:
    report = recorder.finish()
    assert recorder.writer is not None and recorder.writer.path is not None
    return Recorded(RunView.open(recorder.writer.path), report, recorder)


def twice(make: Callable[[], Any], train: Callable[[Any], Any], **options: Any) -> tuple[Any, Any, Recorded]:
    """Trains unwatched and watched from the same seed; returns both (weights, history) and the recording."""
    results = []
    recorder = None
    for watched in (False, True):
        keras.utils.set_random_seed(1)
        if watched:
            model = make()
            with recording(**options) as recorder:
                history = train(model)
        else:
            model = make()
            history = train(model)
        results.append((weights(model), getattr(history, "history", history)))
        assert model.train_function is None or not hasattr(model.train_function, "kerascope_raw")
    assert recorder is not None
    return results[0], results[1], finished(recorder)


def fit(model: Any, **options: Any) -> Any:
    options = {"batch_size": 32, "epochs": 2, "verbose": 0, **options}
    return model.fit(X, Y, **options)
