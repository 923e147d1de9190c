"""Who may import whom, and how long a file and a function may be: the architecture, enforced.

Imports are read from the syntax tree, those inside functions and under TYPE_CHECKING too, so that no arrow can hide.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
OPEN = {"values", "errors", "env", "budget", "whose", "promises"}
GATES = {"_keras", "_backends"}
STAGES = {"record", "probe", "detect", "explain", "render"}
BACKENDS = {"keras", "jax", "tensorflow", "torch"}
THIRD_PARTY = {"numpy", "rich", "pygraphviz", "pyinstrument", "ray", "tensorboardX"}
MAX_FILE, MAX_FUNCTION = 400, 50

# What each part may import, beside itself, `OPEN` and (in the two gates) Keras and the backends. "a.b" allows that
# module of a part only.
ALLOWED: dict[str, set[str]] = {
    "": {"api"},  # kerascope/__init__.py
    "__main__": {"cli"},
    "values": set(),
    "errors": set(),
    "env": set(),
    "budget": set(),
    "whose": set(),
    "promises": set(),
    "_keras": set(),
    "_backends": {"_keras"},
    "record": set(),
    "probe": {"record.writer", "record.lines", "record.tensors", "_backends", "_keras"},
    "detect": {"record.reader", "record.lines", "_backends.tensors"},
    # Contracts run the object itself. A key with a dot is for that part of a part, in place of the part's own.
    "detect.contracts": {"detect", "record.lines", "probe.lines", "explain.subject", "_backends", "_keras"},
    "detect.second": {"detect", "record.lines", "probe.lines", "_backends", "_keras"},
    # Fixes are tried and steps run again, which needs the patient.
    "explain": {
        "detect.registry",
        "record.reader",
        "record.lines",
        "probe.lines",
        "_backends.alone",
        "_backends.grads",
        "_backends.tensors",
        "_backends.uncompiled",
        "_keras.alone",
        "_keras.objects",
        "_keras.optimizing",
        "_keras.trial",
    },
    "render": set(),
    "api": STAGES | GATES,
    "cli": {"api"},
}


def imported(tree: ast.AST, module: str) -> Iterator[tuple[int, str]]:
    """Yields line and full name of everything a module imports; `from a import b` counts as a.b."""
    package = module.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def problems(module: str, source: str) -> list[str]:
    """Returns what in a module breaks the contract, one sentence each; `module` is its dotted name."""
    own = part_of(module)
    tree = ast.parse(source)
    found = []
    for line, name in imported(tree, module):
        if (complaint := judge(own, name)) is not None:
            found.append(f"{module}:{line}: {complaint}")
    if own != "_keras" and "keras.src" in source:
        found.append(f"{module}: names keras.src, which only _keras/ may")
    if (lines := source.count("\n")) > MAX_FILE:
        found.append(f"{module}: {lines} lines, more than {MAX_FILE}")
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                found.append(
                    f"{module}:{node.lineno}: {node.name} has {length} lines, more than {MAX_FUNCTION}"
                )
    return found


def judge(own: str, name: str) -> str | None:
    """Returns why the part `own` may not import `name`, None when it may."""
    top, _, rest = name.partition(".")
    if top in BACKENDS:
        return None if own in GATES else f"imports {top}, which only _keras/ and _backends/ may"
    if top != "kerascope":
        return (
            None
            if top in sys.stdlib_module_names or top in THIRD_PARTY
            else f"imports {top}, no dependency of ours"
        )
    part = rest.split(".")[0]
    if own in (part, rest) or rest.startswith(f"{own}.") or part in OPEN or part == "":
        return None
    allowed = ALLOWED[own]
    if part in allowed or any(rest == one or rest.startswith(one + ".") for one in allowed):
        return None
    return f"imports kerascope.{rest}; {own or 'the package'} may import {', '.join(sorted(allowed | OPEN))}"


def part_of(module: str) -> str:
    """Returns the key of `ALLOWED` that a module falls under: its second part, or two of them."""
    parts = f"{module}..".split(".")
    return f"{parts[1]}.{parts[2]}" if f"{parts[1]}.{parts[2]}" in ALLOWED else parts[1]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted((SRC / "kerascope").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_module_keeps_the_contract(path):
    assert problems(module_name(path), path.read_text(encoding="utf-8")) == []


def test_every_part_is_named_in_the_contract():
    parts = {part_of(module_name(path)) for path in MODULES}
    assert len(MODULES) > 20
    assert parts == set(ALLOWED)


BAD = [
    ("kerascope.detect.loss", "import keras", "imports keras"),
    ("kerascope.api.run", "def f():\n    from jax import numpy", "imports jax"),
    (
        "kerascope.render.html",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
        "imports torch",
    ),
    (
        "kerascope.probe.watch",
        "import importlib\nimportlib.import_module('tensorflow')",
        "imports tensorflow",
    ),
    ("kerascope.values", "import pandas", "imports pandas, no dependency"),
    ("kerascope.env", "import requests", "imports requests, no dependency"),
    ("kerascope.errors", "from kerascope import record", "imports kerascope.record"),
    (
        "kerascope.probe.watch",
        "from kerascope.record.reader import RunView",
        "imports kerascope.record.reader",
    ),
    ("kerascope.probe.watch", "from kerascope.record import reader", "imports kerascope.record.reader"),
    ("kerascope.probe.watch", "from kerascope.detect import registry", "imports kerascope.detect"),
    (
        "kerascope.detect.loss",
        "from kerascope.record.writer import Writer",
        "imports kerascope.record.writer",
    ),
    ("kerascope.detect.loss", "from ..render import html", "imports kerascope.render"),
    ("kerascope.detect.loss", "def f():\n    from kerascope import _keras", "imports kerascope._keras"),
    ("kerascope.explain.rank", "from kerascope.detect.loss import x", "imports kerascope.detect.loss"),
    ("kerascope.explain.fixes", "from kerascope.probe import watch", "imports kerascope.probe.watch"),
    ("kerascope.render.html", "from kerascope.record.reader import RunView", "imports kerascope.record"),
    ("kerascope.cli.report", "from kerascope.render import html", "imports kerascope.render"),
    ("kerascope.cli.report", "import kerascope.record.reader", "imports kerascope.record"),
    (
        "kerascope.detect.contracts.layers",
        "from kerascope.explain.rank import x",
        "imports kerascope.explain",
    ),
    ("kerascope.detect.contracts", "import keras", "imports keras"),
    ("kerascope.detect.loss", "from kerascope._keras import objects", "imports kerascope._keras"),
    ("kerascope", "from kerascope.probe import watch", "imports kerascope.probe"),
    ("kerascope._keras.steps", "from kerascope._backends import base", "imports kerascope._backends"),
    ("kerascope._backends.jax", "from kerascope.probe import clock", "imports kerascope.probe"),
    ("kerascope.probe.watch", "name = 'keras.src.trainers'", "names keras.src"),
    ("kerascope._backends.jax", "import keras.src.backend", "names keras.src"),
    ("kerascope.values.report", "x = 1\n" * 401, "401 lines, more than 400"),
    ("kerascope.values", "def f():\n" + "    x = 1\n" * 50, "f has 51 lines, more than 50"),
]


@pytest.mark.parametrize(("module", "source", "complaint"), BAD)
def test_what_breaks_the_contract_is_seen(module, source, complaint):
    found = problems(module, source)
    assert len(found) == 1
    assert complaint in found[0]


GOOD = [
    ("kerascope._keras.steps", "import keras.src.trainers\nfrom kerascope import errors"),
    ("kerascope._backends.jax", "import jax.numpy as jnp\nimport keras\nfrom kerascope._keras import state"),
    (
        "kerascope.probe.watch",
        "from kerascope.record.writer import Writer\nfrom kerascope._backends import base",
    ),
    ("kerascope.detect.loss", "from kerascope.record.reader import RunView\nfrom .trend import trend"),
    ("kerascope.explain.rank", "from kerascope.detect.registry import run"),
    (
        "kerascope.detect.contracts.layers",
        "from kerascope._keras import objects\nfrom kerascope.detect.contracts.case import Case",
    ),
    ("kerascope.api.run", "from kerascope.record import reader\nfrom kerascope.render import html"),
    ("kerascope.cli.run", "from kerascope.api import run\nfrom kerascope.errors import UsageError"),
    ("kerascope", "import kerascope.api.watch"),
    ("kerascope.values", "def f():\n" + "    x = 1\n" * 49),
]


@pytest.mark.parametrize(("module", "source"), GOOD)
def test_what_keeps_the_contract_is_let_be(module, source):
    assert problems(module, source) == []
