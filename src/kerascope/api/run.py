"""`kerascope run`: a script runs as if Python had started it, watched, and is judged when it ends."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerascope.api.crash import Why, alone, explanation, keep
from kerascope.api.hook import KerasHook
from kerascope.api.paths import chosen_path
from kerascope.api.script import execute, prepare_module, prepare_script
from kerascope.api.verify import Plan, Start, verify
from kerascope.api.watching import Recorder
from kerascope.values import Report


def run(
    target: str,
    args: Sequence[str] = (),
    *,
    module: bool = False,
    out: str | Path | None = None,
    options: dict[str, Any] | None = None,
    experiments: Plan | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[int, Report | None]:
    """Runs a script or module watched; returns its exit code and the report (None when nothing was watched).

    Args:
        target: path of the script, or a module's name with ``module=True``.
        args: what the script finds in ``sys.argv[1:]``.
        module: run `target` as ``python -m`` does.
        out: the recording's path; by default ``runs/<script>-<time>.kscope``.
        options: arguments of `kerascope.probe.options.Options`.
        experiments: what trying changes may take after the run, when something was found; None tries none.
        say: told one line about every decision taken for the user (the backend, for example).

    Raises:
        ScriptError: the script does not exist, cannot be read, or is not Python.
    """
    prepare = prepare_module if module else prepare_script
    code, namespace, argv0, first_path = prepare(target)
    subject = target if module else Path(target).name
    path = chosen_path(out, Path(target).stem if not module else target)
    recorder = Recorder(path, options or {}, meta=_meta(subject, [argv0, *args], module))
    why: list[Why | None] = [None]
    cwd = Path.cwd()  # the script may change it

    def failed(error: BaseException) -> None:
        why[0] = explanation(error, getattr(recorder.session, "sites", None))
        if why[0] is not None and recorder.writer is not None:
            keep(why[0], recorder.writer, recorder.at())

    with KerasHook(recorder, say):
        outcome = execute(code, namespace, [argv0, *args], first_path, failed)
        report = recorder.finish(
            outcome=outcome.kind, exit_code=outcome.exit_code, error=outcome.error, seconds=recorder.at()
        )
    if why[0] is not None and report is None:
        report = alone(why[0], subject, outcome, recorder.at())
    if report is not None and experiments is not None and outcome.kind != "interrupted":
        start = Start(
            (cwd / (argv0 if module else target)).resolve(), tuple(args), cwd, target if module else None
        )
        report = verify(report, _file(recorder), start, experiments, say)
    return outcome.exit_code, report


def _file(recorder: Recorder) -> Path | None:
    return recorder.writer.path if recorder.writer is not None else None


def _meta(subject: str, argv: list[str], module: bool) -> dict[str, Any]:
    return {
        "subject": subject,
        "argv": argv,
        "module": module,
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
