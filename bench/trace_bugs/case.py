"""One case of the suite: the source of a healthy class, and the change that breaks it.

The faulty module is the healthy one with `good` replaced by `bad`; both are written to files and imported, as a user's
would be. The cases of `last.py` are held out: they are only run to score.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

HEADER = "import keras\nimport numpy as np\nfrom keras import layers, ops\n\n\n"
BATCH = 4
"""Batch size of the call that fails. `Case.batch` says otherwise where this one would hide the fault."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A class that is wrong in one place.

    `inputs` are the call's arguments without the batch axis, separated by spaces: "6,4" normal floats, "i9:6"
    integers below 9, "p3" rows that add up to one, "u3" between 0 and 1, "m6" zeros and ones, "-" a scalar per row;
    with `as_list` they are given as one list, with `keys` as one dict. `make` is the expression that makes the
    object. `named` are further expressions that count as naming the culprit, beside those on a changed line. `also`
    are other repairs as good as the original: pairs (good, bad) applied to the healthy source in place of the bug.
    """

    name: str
    inputs: str
    good: str | tuple[str, ...]
    bad: str | tuple[str, ...]
    source: str
    make: str = ""
    named: tuple[str, ...] = ()
    also: tuple[tuple[str | tuple[str, ...], str | tuple[str, ...]], ...] = ()
    backends: tuple[str, ...] = ("jax", "tensorflow", "torch")
    as_list: bool = False
    keys: tuple[str, ...] = ()
    batch: int = BATCH
    header: str = HEADER
    held_out: bool = False

    def healthy(self) -> str:
        """Returns the source of the healthy module."""
        return self.header + self.source.strip("\n") + "\n"

    def faulty(self) -> str:
        """Returns the source of the faulty module."""
        return self._changed(_several(self.good), _several(self.bad))

    def others(self) -> list[str]:
        """Returns the sources of further modules that count as repaired."""
        return [self._changed(_several(good), _several(bad)) for good, bad in self.also]

    def _changed(self, good: tuple[str, ...], bad: tuple[str, ...]) -> str:
        text = self.healthy()
        for old, new in zip(good, bad, strict=True):
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} occurs {text.count(old)} times")
            text = text.replace(old, new)
        return text

    def changed_lines(self) -> set[int]:
        """Returns the numbers of the lines in the faulty module that differ from the healthy one."""
        import difflib

        old, new = self.healthy().splitlines(), self.faulty().splitlines()
        blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        return {i + 1 for tag, _, _, a, b in blocks if tag != "equal" for i in range(a, max(b, a + 1))}

    def arrays(self, batch: int, seed: int = 0) -> list[np.ndarray]:
        """Returns the arguments for a batch of this size."""
        random = np.random.default_rng(seed)
        return [_array(text, batch, random) for text in self.inputs.split()]


def _several(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _array(text: str, batch: int, random: np.random.Generator) -> np.ndarray:
    kind = text[0] if text[0] in "ipum" else ""
    text = text.removeprefix(kind)
    high = 2
    if kind == "i":
        number, _, text = text.partition(":")
        high = int(number)
    shape = (batch, *(int(size) for size in text.split(",") if size and size != "-"))
    if kind in ("i", "m"):
        array = random.integers(0, high, shape)
        array.flat[0] = high - 1
        return array.astype("int32" if kind == "i" else "float32")
    values = random.normal(size=shape) if kind == "" else random.uniform(0.05, 0.95, shape)
    if kind == "p":
        values = values / values.sum(-1, keepdims=True)
    return values.astype("float32")


@dataclasses.dataclass
class Loaded:
    """An imported module of a case."""

    case: Case
    path: Path
    module: Any

    def make(self) -> Any:
        """Returns a new object."""
        return eval(self.case.make or f"{self.case.name}()", vars(self.module))

    def arguments(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Returns the call's arguments as tensors."""
        import keras

        tensors = [keras.ops.convert_to_tensor(a) for a in self.case.arrays(batch or self.case.batch, seed)]
        if self.case.keys:
            return (dict(zip(self.case.keys, tensors, strict=True)),)
        return (tensors,) if self.case.as_list else tuple(tensors)


_count = 0


def load(case: Case, source: str, folder: Path) -> Loaded:
    """Writes the source to a file of its own and imports it."""
    global _count  # noqa: PLW0603 - names of modules must not repeat
    _count += 1
    name = f"{case.name.lower()}_{_count}"
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return Loaded(case, path, module)
