"""The command line's entry: help, exit codes, one paragraph for an error, quiet ends."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from kerascope.cli import main as cli
from kerascope.errors import KerascopeError, ScriptError


@pytest.fixture
def command(monkeypatch):
    """Puts a function in the place of what the command line would do."""

    def put(function):
        monkeypatch.setattr(cli, "_dispatch", function)

    return put


def test_no_arguments_show_the_help(kerascope):
    done = kerascope()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: kerascope")
    assert all(name in done.stderr for name in cli.COMMANDS)


def test_help_has_an_example_for_every_command(kerascope):
    text = kerascope("--help").stdout
    assert all(f"kerascope {name}" in text for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_explains_itself(kerascope, name):
    assert cli.COMMANDS[name] == importlib.import_module(f"kerascope.cli.{name}").HELP
    done = kerascope(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: kerascope {name}")
    assert "example" in done.stdout
    assert f"kerascope {name}" in done.stdout.split("example", 1)[1]


def test_version(kerascope):
    done = kerascope("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("kerascope ")


@pytest.mark.parametrize("argument", ["nonsense", "--nonsense", "\x1b[31m"])
def test_an_unknown_command_is_refused(kerascope, argument):
    done = kerascope(argument)
    assert done.returncode == 2
    assert "kerascope: error:" in done.stderr
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


def test_everything_after_run_goes_to_it_untouched(monkeypatch):
    from kerascope.cli import run

    seen = []
    monkeypatch.setattr(run, "main", lambda argv: seen.append(argv) or 7)
    assert cli.main(["run", "--", "train.py", "--help", "-x", "report", "--version"]) == 7
    assert seen == [["--", "train.py", "--help", "-x", "report", "--version"]]


@pytest.mark.parametrize("error", [KerascopeError("It cannot be."), ScriptError("It cannot be.")])
def test_our_errors_are_a_paragraph_and_an_exit_code(command, capsys, error):
    def fail(arguments):
        raise error

    command(fail)
    assert cli.main([]) == error.exit_code
    assert capsys.readouterr() == ("", "kerascope: It cannot be.\n")


def test_an_error_shows_no_escape_sequence(command, capsys):
    def fail(arguments):
        raise KerascopeError("no such file\x1b[2J: \u202ename\nsecond line é")

    command(fail)
    assert cli.main([]) == 2
    assert capsys.readouterr().err == "kerascope: no such file\\x1b[2J: \\u202ename\nsecond line é\n"


def test_other_errors_are_not_hidden(command):
    def fail(arguments):
        raise ZeroDivisionError

    command(fail)
    with pytest.raises(ZeroDivisionError):
        cli.main([])


def test_an_interrupt_is_quiet(command, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    command(interrupt)
    assert cli.main([]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_goes_away_is_no_error(subprocess_env):
    code = "import sys\nfrom kerascope.cli import main as cli\n"
    code += "cli._dispatch = lambda arguments: print('x' * 1_000_000) or 0\nsys.exit(cli.main([]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=subprocess_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (141, b"")
