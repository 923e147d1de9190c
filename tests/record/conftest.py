"""What the tests of the recording share: a small recording to write, and a user who may not do everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerascope.record.writer import Writer

NOBODY = 65534


class Sketch:
    """Writes the rows of a plain training: one model, one fit, a sample every 10 steps, a check every 5."""

    def __init__(self, writer: Writer, epoch_length: int = 50) -> None:
        self.writer = writer
        self.epoch_length = epoch_length
        self.model = writer.model("mlp", "Sequential", {"layers": [{"path": "dense"}]})
        self.training = writer.training(self.model, "fit", 1, 0.5, {"epochs": 2, "loss_log": "mean"})
        self.logs = writer.layout(self.model, "logs", ["loss", "accuracy"])
        self.state = writer.layout(self.model, "state", ["weight:dense/kernel", "optimizer:sgd/rate"])
        self.gradient = writer.layout(self.model, "gradient", ["dense/kernel", "dense/bias"])
        self.step = 0

    def values(self, step: int) -> list[float]:
        """The figures of one step, each different from the others and from those of other steps."""
        return [step * 0.1, 0.01 + step, 0.005 + step, 1e-3 / step, 32.0, 1.0 / step, step / (step + 1)]

    def run(self, steps: int) -> Sketch:
        """Writes that many further steps."""
        for _ in range(steps):
            self.step += 1
            epoch = (self.step - 1) // self.epoch_length
            self.writer.step(self.model, self.step, self.training, epoch, self.logs, self.values(self.step))
            if self.step % 5 == 0:
                self.writer.check(self.model, self.step, self.state, np.array([self.step, 0.5]), True)
            if self.step % 10 == 0:
                stats = np.full((2, 7), self.step, np.float64)
                stats[:, 6] = 1
                self.writer.sample(self.model, self.step, "gradient", self.gradient, stats)
        return self


@pytest.fixture
def sketch() -> type[Sketch]:
    """The class that writes a plain training."""
    return Sketch


@pytest.fixture
def open_writer() -> Iterator[Callable[..., Writer]]:
    """Opens writers and closes them after the test."""
    writers: list[Writer] = []

    def opened(path: Path, meta: dict[str, Any] | None = None) -> Writer:
        writers.append(Writer(path, {"backend": "numpy"} if meta is None else meta))
        return writers[-1]

    yield opened
    for writer in writers:
        writer.close()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that takes the place of the system's temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="kerascope-test-", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    for path, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            with contextlib.suppress(OSError):
                os.chmod(os.path.join(path, name), 0o777)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def as_nobody() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """A context in which file permissions bind, also when the tests are run by root."""

    @contextlib.contextmanager
    def context() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return context
