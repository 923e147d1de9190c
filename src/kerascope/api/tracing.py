"""`kerascope trace`: an object in a file, called once on made-up inputs, or a whole script."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kerascope.api import target as targets
from kerascope.api.script import execute, prepare_script
from kerascope.api.trace import Trace, recorded
from kerascope.values import Report


def trace_object(
    file: str,
    name: str,
    *,
    inputs: Sequence[str],
    arguments: str = "",
    stop: str | None = None,
    statistics: bool = True,
    fixes: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Trace:
    """Returns the trace of `FILE.py:NAME` called once on inputs of these shapes; see `target.parse_input`.

    Raises:
        ScriptError: the file cannot be executed.
        UsageError: there is no such name, or an input or argument is not of the right form.
    """
    targets.choose_backend(say)
    module = targets.load_module(file)
    from kerascope._keras import objects
    from kerascope.api.calls import fits
    from kerascope.api.trace import traced

    obj, make = targets.lookup(module, name), None
    if isinstance(obj, type):
        keywords = targets.parse_arguments(arguments)
        fits(obj, keywords)
        make = functools.partial(obj, **keywords)
    given = targets.inputs(inputs, objects.kind_of(obj))
    return traced(obj, given, {}, make=make, stop=stop, statistics=statistics, fixes=fixes)


def trace_script(
    script: str,
    args: Sequence[str],
    *,
    stop: str | None = None,
    statistics: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[int, Report]:
    """Runs a script traced; returns its exit code and the report.

    Raises:
        ScriptError: the script does not exist, cannot be read, or is not Python.
    """
    targets.choose_backend(say)
    code, module, argv0, first_path = prepare_script(script)
    error: list[BaseException] = []
    found = Trace(Path(script).name)
    with recorded(found, None, stop=stop, statistics=statistics):
        rewritten = _rewritten(code.co_filename)
        outcome = execute(rewritten or code, module, [argv0, *args], first_path, failed=error.append)
        if error:
            found.error = error[0]
    return outcome.exit_code, found.report()


def _rewritten(file: str) -> Any:
    from kerascope.probe.lines.install import twins

    return twins(file).module
