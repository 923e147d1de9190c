"""pytest plugin: the fixture `kerascope_check`, and `--kerascope-module` that tests every Keras object of a package.

    def test_my_layer(kerascope_check):
        kerascope_check(MyLayer(4), (32, 10))

    pytest --kerascope-module mypackage

pytest loads this file at every start, so neither kerascope nor Keras is imported before a check is asked for.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kerascope.api.check import Check

_CHECKS = pytest.StashKey[list["Check"]]()


class CheckFailed(AssertionError):
    """An object breaks a contract; the message is the report."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options."""
    group = parser.getgroup("kerascope", "checks of Keras layers, models, losses, metrics and optimizers")
    group.addoption(
        "--kerascope-module",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="check every Keras object that this module or package defines, each as a test",
    )
    group.addoption("--kerascope-json", metavar="FILE", help="write the reports of all checks as JSON")


@pytest.hookimpl(tryfirst=True)  # so that -k and -m choose among these tests too
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Adds a test for each object of the modules that were named."""
    for name in config.getoption("--kerascope-module"):
        parent = _Module.from_parent(session, name=name, nodeid=name)
        items.extend(parent.collect())


class _Module(pytest.Collector):
    """A module or package whose objects are checked."""

    def collect(self) -> Iterator[_Object]:
        """Yields an item for each Keras object; imports the package, and with it Keras."""
        from kerascope.api.checking import modules_of, objects_in
        from kerascope.errors import KerascopeError

        def say(sentence: str) -> None:
            warnings.warn(pytest.PytestCollectionWarning(sentence), stacklevel=2)

        try:
            modules = list(modules_of(self.name, say))
        except KerascopeError as error:
            raise pytest.UsageError(str(error)) from None
        for module in modules:
            for name, obj in objects_in(module):
                inner = f"{module.__name__}.{name}".removeprefix(f"{self.name}.")
                yield _Object.from_parent(self, name=inner, obj=obj)


class _Object(pytest.Item):
    """The check of one object."""

    def __init__(self, *, obj: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.obj = obj

    def runtest(self) -> None:
        """Checks the object; one that cannot be made without arguments is skipped."""
        from kerascope.errors import UsageError

        try:
            result = _checked(self, self.obj)
        except UsageError as error:
            pytest.skip(str(error))
        if not result.ok:
            raise CheckFailed(repr(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Returns the report alone for a broken contract."""
        if isinstance(excinfo.value, CheckFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path | str, int | None, str]:
        """Returns where the object is defined."""
        code = getattr(self.obj, "__init__", self.obj) if isinstance(self.obj, type) else self.obj
        found = getattr(code, "__code__", None)
        if found is None:
            return self.path, None, self.name
        return Path(found.co_filename), found.co_firstlineno - 1, self.name


@pytest.fixture
def kerascope_check(request: pytest.FixtureRequest) -> Callable[..., Check]:
    """Checks an object and fails the test, with the report as message, when it breaks a contract.

    The returned function takes what `kerascope.check` takes and returns what it returns. Where pytest has subtests
    (version 9 on), each contract is one of them.
    """

    def check(subject: Any, /, *inputs: Any, **options: Any) -> Check:
        __tracebackhide__ = True
        result = _checked(request.node, subject, *inputs, **options)
        _as_subtests(request, result)
        if not result.ok:
            raise CheckFailed(repr(result).lstrip())  # pytest shows the first line in its summary
        return result

    return check


def _checked(item: pytest.Item, subject: Any, *inputs: Any, **options: Any) -> Check:
    """Checks, and leaves a JUnit property for each contract and the report with the test."""
    from kerascope.api.check import check

    result = check(subject, *inputs, **options)
    for row in result.contracts:
        item.user_properties.append((f"kerascope.{result.subject}.{row.name}", row.outcome))
    item.stash.setdefault(_CHECKS, []).append(result)
    return result


def _as_subtests(request: pytest.FixtureRequest, result: Check) -> None:
    try:
        subtests = request.getfixturevalue("subtests")
    except pytest.FixtureLookupError:
        return
    broken = {finding.kind: finding for finding in reversed(result.findings) if finding.severity != "note"}
    for row in result.contracts:
        if row.outcome in ("kept", "broken"):
            with subtests.test(f"{result.subject}: {row.name}"):
                if row.name in broken:
                    finding = broken[row.name]
                    pytest.fail(f"{finding.title}\n{finding.explanation}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Puts the reports of a test's checks with its outcome, which is what comes back from parallel workers."""
    report = yield
    if call.when == "call" and _CHECKS in item.stash:
        report.kerascope = [{"test": item.nodeid, **result.to_json()} for result in item.stash[_CHECKS]]
    return report


class _Collected:
    """Gathers the reports of all tests for `--kerascope-json`."""

    def __init__(self, path: str) -> None:
        self.path, self.reports = Path(path), list[dict[str, Any]]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the reports of one test."""
        if report.when == "call" and type(report) is pytest.TestReport:
            self.reports += getattr(report, "kerascope", [])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the file."""
        document = {"schema": "kerascope/checks/1", "reports": self.reports}
        self.path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Begins gathering reports; not in a parallel worker, whose reports come back to us."""
    path = config.getoption("--kerascope-json")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collected(path), "kerascope-json")
