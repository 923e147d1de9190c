"""A corpus of faulty, fixed and healthy scripts with what is wrong in each: its manifest, read and checked.

The format: a folder with ``manifest.json``; ``cases`` pair a faulty script with a fixed one and name the faults (kind,
lines, layer), ``healthy`` are sound scripts. Each script prints a last line ``RESULT {json}`` with its own figures.
"""

from __future__ import annotations

import ast
import dataclasses
import fnmatch
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerascope.errors import UsageError

BACKENDS = ("jax", "tensorflow", "torch")


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing that is wrong: its kind, the lines a person would change, the layer (None where there is none)."""

    kind: str
    lines: tuple[int, ...]
    layer: str | None = None


@dataclasses.dataclass(frozen=True)
class Script:
    """One program of a corpus. `role` is "faulty", "fixed" or "healthy"; `id` is the case's with its role."""

    id: str
    case: str
    role: str
    path: Path
    backends: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """A faulty script with its twin, and what counts as a right answer."""

    id: str
    faulty: Script
    fixed: Script
    faults: tuple[Fault, ...]
    alternatives: tuple[str, ...]
    also_true: tuple[str, ...]
    metric: str
    better: str

    def spans(self) -> frozenset[int]:
        """Returns the lines of the faulty script that lie in a call of several lines."""
        tree = ast.parse(self.faulty.path.read_text(encoding="utf-8"))
        return frozenset(
            line
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node.end_lineno is not None and node.end_lineno > node.lineno
            for line in range(node.lineno, node.end_lineno + 1)
        )


@dataclasses.dataclass(frozen=True)
class Corpus:
    """All cases and healthy scripts of a folder."""

    folder: Path
    cases: tuple[Case, ...]
    healthy: tuple[Script, ...]

    def scripts(self) -> tuple[Script, ...]:
        """Returns every script, each case's faulty one before its fixed one."""
        pairs = [script for case in self.cases for script in (case.faulty, case.fixed)]
        return (*pairs, *self.healthy)


def read(folder: str | Path, only: Sequence[str] = (), split: str | None = None) -> Corpus:
    """Returns the corpus in a folder.

    Args:
        folder: where ``manifest.json`` lies, or that file.
        only: patterns such as "so48*" of cases or healthy scripts to keep; none keeps all.
        split: keep what is of this ``split`` ("open", "aside") or of none; None keeps all.

    Raises:
        UsageError: there is no manifest, it is not one, or a script it names is missing.
    """
    place = Path(folder)
    place = place.parent if place.name == "manifest.json" else place
    data = _manifest(place)
    keep = [one for one in data["cases"] + data["healthy"] if _kept(one, only, split)]
    if not keep:
        raise UsageError(f"No script of the corpus is left. Received: only={list(only)!r}, split={split!r}.")
    try:
        cases = tuple(_case(place, one) for one in keep if "faulty" in one)
        healthy = tuple(
            Script(one["id"], one["id"], "healthy", _script(place, one["script"]), _backends(one))
            for one in keep
            if "faulty" not in one
        )
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"The manifest {place / 'manifest.json'} is not complete: {type(error).__name__}: {error}."
        ) from error
    return Corpus(place, cases, healthy)


def _manifest(place: Path) -> dict[str, list[dict[str, Any]]]:
    file = place / "manifest.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {"cases": list(data["cases"]), "healthy": list(data.get("healthy", []))}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"This folder holds no corpus: {type(error).__name__}: {error}. Received: corpus={str(place)!r}. "
            "Give a folder with a manifest.json that lists `cases` and `healthy` scripts."
        ) from error


def _kept(one: dict[str, Any], only: Sequence[str], split: str | None) -> bool:
    if split is not None and one.get("split", split) != split:
        return False
    return not only or any(fnmatch.fnmatchcase(str(one.get("id")), pattern) for pattern in only)


def _case(place: Path, one: dict[str, Any]) -> Case:
    name, backends = str(one["id"]), _backends(one)
    faults = tuple(
        Fault(fault["kind"], tuple(fault.get("lines") or [fault["line"]]), fault.get("layer"))
        for fault in one["faults"]
    )
    return Case(
        id=name,
        faulty=Script(f"{name}_faulty", name, "faulty", _script(place, one["faulty"]), backends),
        fixed=Script(f"{name}_fixed", name, "fixed", _script(place, one["fixed"]), backends),
        faults=faults,
        alternatives=tuple(one.get("alternatives", ())),
        also_true=tuple(one.get("also_true", ())),
        metric=one["metric"],
        better=one["better"],
    )


def _backends(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(one.get("backends") or BACKENDS)


def _script(place: Path, name: str) -> Path:
    """Returns where a script lies; a manifest may name it by the folder it was written in."""
    for path in (place / name, place / Path(name).name):
        if path.is_file():
            return path
    raise UsageError(f"A script of the corpus is missing. Received: script={name!r}, corpus={str(place)!r}.")
