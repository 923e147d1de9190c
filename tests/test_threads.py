"""A script's threads are waited for as Python waits for them; pools that nobody shuts down stop nothing."""

from __future__ import annotations

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kerascope.api import threads


def waited(known: list[threading.Thread], seconds: float = 20) -> bool:
    """Tells whether the wait comes to an end."""
    waiter = threading.Thread(target=threads.wait, args=(known,), daemon=True)
    waiter.start()
    waiter.join(seconds)
    return not waiter.is_alive()


def test_a_thread_is_waited_for() -> None:
    known, done = threading.enumerate(), []
    threading.Thread(target=lambda: (time.sleep(0.5), done.append(1))).start()
    assert waited(known)
    assert done == [1]


def test_work_of_a_pool_is_waited_for_and_the_pool_is_not() -> None:
    known, done = threading.enumerate(), []

    def work() -> None:
        time.sleep(0.3)
        done.append(1)

    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        for _ in range(3):
            pool.submit(work)
        assert waited(known)
        assert done == [1, 1, 1]
        assert pool.submit(len, "abc").result(5) == 3  # it still works
    finally:
        pool.shutdown()


def test_work_that_one_pool_gives_another_is_waited_for() -> None:
    known, done = threading.enumerate(), []
    first, second = (concurrent.futures.ThreadPoolExecutor(1) for _ in range(2))
    try:
        second.submit(time.sleep, 0)
        first.submit(lambda: (time.sleep(0.4), second.submit(lambda: (time.sleep(0.4), done.append(1)))))
        assert waited(known)
        assert done == [1]
    finally:
        first.shutdown()
        second.shutdown()


def test_threads_from_before_are_not_the_scripts() -> None:
    until = threading.Event()
    before = threading.Thread(target=until.wait)
    before.start()
    try:
        assert waited(threading.enumerate())
    finally:
        until.set()


@pytest.mark.parametrize("kind", ["ThreadPoolExecutor", "ProcessPoolExecutor"])
def test_a_script_that_leaves_a_pool_open_ends(tmp_path: Path, kind: str) -> None:
    (tmp_path / "train.py").write_text(
        "import concurrent.futures, time\n"
        "if __name__ == '__main__':\n"
        f"    pool = concurrent.futures.{kind}(2)\n"
        "    print(pool.submit(pow, 2, 5).result(), flush=True)\n"
        "    pool.submit(time.sleep, 0.3)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "kerascope", "run", "train.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "32\n"), done.stderr
