"""Where trial runs go: processes on this machine, or the workers of a Ray cluster."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import importlib
import os
import tempfile
import threading
from concurrent.futures import Future
from typing import Any, Protocol

from kerascope.api.sandbox import Request, Server, keeping_compiled, reaching_us, run_trial
from kerascope.errors import SetupError, UsageError
from kerascope.explain.experiments.outcome import Outcome

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Runs trials, `jobs` at once."""

    jobs: int

    def submit(self, request: Request) -> Future[Outcome]:
        """Begins a trial; the future holds its outcome."""
        ...

    def close(self) -> None:
        """Begins no further trials and lets go of what was held."""
        ...


class Local:
    """Trials in processes on this machine; where it can fork, each of a few that have imported Keras before."""

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or max(1, os.cpu_count() or 1)
        self._pool = concurrent.futures.ThreadPoolExecutor(self.jobs, thread_name_prefix="kerascope-trial")
        self._own = threading.local()
        self._servers: list[Server] = []
        self._scratch = tempfile.TemporaryDirectory(prefix="kerascope-compiled-", ignore_cleanup_errors=True)
        self.compiled = self._scratch.name  # shared by all trials

    def submit(self, request: Request) -> Future[Outcome]:
        """Begins a trial in a process of its own."""
        return self._pool.submit(self._run, request)

    def _run(self, request: Request) -> Outcome:
        environment = keeping_compiled(request.environment, self.compiled)
        request = dataclasses.replace(request, environment=environment, compiled=self.compiled)
        if hasattr(os, "fork") and not hasattr(self._own, "server"):
            self._own.server = Server(request.environment)
            self._servers.append(self._own.server)
        return run_trial(request, getattr(self._own, "server", None))

    def close(self) -> None:
        """Begins no further trials and ends those under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for server in self._servers:
            server.close()
        self._scratch.cleanup()


class Ray:
    """Trials on a Ray cluster: the one that RAY_ADDRESS names, else one that is started on this machine."""

    def __init__(self, jobs: int | None = None) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise SetupError(
                f"The engine 'ray' needs Ray, which is not installed ({error}). Install it with "
                "`pip install kerascope[ray]`, or leave `--engine` out."
            ) from error
        self._started = not self._ray.is_initialized()
        if self._started:
            self._ray.init(log_to_driver=False, include_dashboard=False, configure_logging=False)
        self.jobs = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        # Workers need this package as well; where it is installed on them the path does no harm.
        path = reaching_us(os.environ)["PYTHONPATH"]
        settings = {"num_cpus": 1, "max_retries": 0, "runtime_env": {"env_vars": {"PYTHONPATH": path}}}
        self._remote = self._ray.remote(**settings)(run_trial)

    def submit(self, request: Request) -> Future[Outcome]:
        """Begins a trial on some worker."""
        future: Future[Outcome] = self._remote.remote(request).future()
        return future

    def close(self) -> None:
        """Leaves the cluster, and stops it when it was started here."""
        if self._started:
            self._ray.shutdown()


def engine(name: str, jobs: int | None = None) -> Engine:
    """Returns the engine of this name, "local" or "ray", with room for `jobs` trials at once.

    Raises:
        UsageError: there is no such engine.
        SetupError: Ray is asked for and not installed.
    """
    if name == "local":
        return Local(jobs)
    if name == "ray":
        return Ray(jobs)
    raise UsageError(f"There is no such engine. Received: engine={name!r}. Use one of {', '.join(ENGINES)}.")
