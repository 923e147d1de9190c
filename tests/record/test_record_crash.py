"""Nothing acknowledged is lost when the process dies, and a forked child leaves the recording alone."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest

from kerascope.record.reader import RunView
from kerascope.record.writer import Writer

KILLS = 20

CHILD = textwrap.dedent(
    """
    import os, sys, time
    import numpy as np
    from kerascope.record import store
    from kerascope.record.writer import Writer

    store.LOG_PAGES = 20  # so that some are killed while the log goes to the file
    acknowledge = sys.argv[2] == "flush"
    writer = Writer(sys.argv[1], {"backend": "numpy"})
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0.0, {})
    logs = writer.layout(model, "logs", ["loss"])
    gradient = writer.layout(model, "gradient", [f"v{i}" for i in range(200)])
    stats = np.ones((200, 7))
    for step in range(1, 1_000_000):
        writer.step(model, step, training, 0, logs, [0.0, 0.0, 0.0, 0.0, 32.0, float(step)])
        if step % 40 == 0:
            writer.sample(model, step, "gradient", gradient, stats)
        if not acknowledge:
            os.write(1, b"%d\\n" % step)
        elif step % 7 == 0:
            writer.flush()
            os.write(1, b"%d\\n" % step)
        time.sleep(0.0002)
    """
)


def start(path, how: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(path), how], stdout=subprocess.PIPE)


def killed(child: subprocess.Popen[bytes], seconds: float) -> int:
    """Kills the child so long after its first word and returns the last step that it acknowledged."""
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    lines = (first + child.stdout.read()).split(b"\n")
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return int(lines[-2])


def test_kill_at_random_moments_loses_no_acknowledged_step(tmp_path):
    moments = random.Random(2).sample(range(1, 150), KILLS)
    for begin in range(0, KILLS, 2):  # two at a time
        pair = [(tmp_path / f"{index}.kscope", moments[index]) for index in range(begin, begin + 2)]
        children = [start(path, "flush") for path, _ in pair]
        for child, (path, moment) in zip(children, pair, strict=True):
            last = killed(child, moment / 1000)
            model = RunView.open(path).models[0]
            table = model.steps()
            assert table.step.tolist() == list(range(1, len(table.step) + 1))
            assert len(table.step) >= last
            assert table.logs["loss"].tolist() == table.step.tolist()
            assert len(model.samples("gradient").step) == len(table.step) // 40
            with sqlite3.connect(path) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("moment", [0.05, 0.3])
def test_kill_without_flush_loses_at_most_one_commit(tmp_path, moment):
    path = tmp_path / "a.kscope"
    last = killed(start(path, "plain"), moment)
    found = len(RunView.open(path).models[0].steps().step)
    assert last - 64 <= found <= last + 1


def test_a_reader_sees_whole_states_while_it_is_being_written(tmp_path):
    path = tmp_path / "a.kscope"
    child = start(path, "flush")
    assert child.stdout is not None
    seen = []
    for _ in range(15):
        acknowledged = int(child.stdout.readline())
        view = RunView.open(path)
        table = view.models[0].steps()
        samples = view.models[0].samples("gradient")
        assert table.step.tolist() == list(range(1, len(table.step) + 1))
        assert len(table.step) >= acknowledged and len(samples.step) == len(table.step) // 40
        seen.append(len(table.step))
        view.close()
        time.sleep(0.01)
    last = killed(child, 0)
    assert seen == sorted(seen) and seen[0] < seen[-1]
    assert len(RunView.open(path).models[0].steps().step) >= last


def test_an_interpreter_that_just_ends_leaves_everything(tmp_path):
    path = tmp_path / "a.kscope"
    code = (
        CHILD.replace("1_000_000", "30").replace("time.sleep(0.0002)", "pass")
        + "\nraise ValueError('the user')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path), "plain"], capture_output=True, check=False)
    assert done.returncode == 1 and b"the user" in done.stderr
    assert len(RunView.open(path).models[0].steps().step) == 29
    assert os.listdir(tmp_path) == ["a.kscope"]


FORK = textwrap.dedent(
    """
    import gc, os, sys
    from kerascope.record.writer import Writer

    writer = Writer(sys.argv[1], {})
    model = writer.model("m", "Model", {})
    training = writer.training(model, "fit", 1, 0.0, {})
    logs = writer.layout(model, "logs", [])

    def write(steps):
        for step in steps:
            writer.step(model, step, training, 0, logs, [0.0] * 5)

    write(range(1, 101))
    holders = sys.getrefcount(writer._store.connection)
    child = os.fork()
    if child == 0:
        assert sys.getrefcount(writer._store.connection) == holders + 1  # so it is never freed, thus never closed
        write(range(1001, 1201))
        assert writer.model("of the child", "Model", {}) == 0
        writer.flush()
        writer.view().close()
        writer.close()
        if sys.argv[2] == "drop":
            del writer
            gc.collect()
        sys.exit(7)  # runs exit handlers and frees what is left, as the parent's exit will
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    names = sorted(os.listdir(os.path.dirname(sys.argv[1])))
    assert names == ["a.kscope", "a.kscope-shm", "a.kscope-wal"], names
    write(range(101, 201))
    assert writer.troubles == [], writer.troubles
    """
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", ["keep", "drop"])
def test_a_forked_child_neither_writes_nor_closes(tmp_path, how):
    path = tmp_path / "a.kscope"
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(path), how], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    view = RunView.open(path)
    assert [model.name for model in view.models] == ["m"]
    assert view.models[0].steps().step.tolist() == list(range(1, 201))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_an_interrupt_in_the_middle_of_a_commit_loses_nothing(tmp_path, sketch, monkeypatch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    whole = writer._store.write

    def interrupted(rows: object) -> None:
        monkeypatch.setattr(writer._store, "write", whole)
        raise KeyboardInterrupt

    monkeypatch.setattr(writer._store, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.flush()
    drawn.run(10)
    writer.close()
    model = RunView.open(writer.path).models[0]
    assert len(model.steps().step) == 20 and len(model.samples("gradient").step) == 2
    assert writer.troubles == []


def test_a_call_in_the_middle_of_a_commit_waits_for_the_next(tmp_path, sketch, monkeypatch):
    writer = Writer(tmp_path / "a.kscope", {})
    drawn = sketch(writer).run(10)
    whole = writer._store.write

    def interrupted(rows: list[object]) -> None:
        monkeypatch.setattr(writer._store, "write", whole)
        drawn.run(70)  # what a signal handler might do
        writer.close()
        whole(rows)

    monkeypatch.setattr(writer._store, "write", interrupted)
    writer.flush()
    writer.close()
    assert len(RunView.open(writer.path).models[0].steps().step) == 80
    assert writer.troubles == []
