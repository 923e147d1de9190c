"""The user's program as remedies see it: its files as trees, what was recorded of the model and its data, and names."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from kerascope.explain import scopes, source
from kerascope.explain.scopes import Module
from kerascope.explain.source import Place
from kerascope.values import Lever


@dataclasses.dataclass(frozen=True)
class Program:
    """Sources by name, facts of the trained model, and facts of its arrays ("x", "y", ...) as recorded."""

    sources: Mapping[str, str]
    facts: Mapping[str, Any]
    arrays: Mapping[str, Mapping[str, Any]]

    def modules(self) -> dict[str, Module]:
        """Returns the files that could be parsed."""
        found = {name: Module.of(name, text) for name, text in self.sources.items()}
        return {name: module for name, module in found.items() if module is not None}

    def places(self, lever: Lever) -> list[Place]:
        """Returns where a lever can be pulled."""
        return source.places(self.facts, self.sources, lever)

    def call(self, lever: Lever) -> tuple[Module, ast.Call] | None:
        """Returns the call that a lever belongs to, its argument aside."""
        bare = dataclasses.replace(lever, argument=None)
        for place in self.places(bare):
            if isinstance(place.node, ast.Call):
                return place.module, place.node
        return None

    def argument(self, call: ast.Call, name: str) -> ast.expr | None:
        """Returns what a call is given for a parameter, by name or by position."""
        signatures = self.facts.get("signatures")
        order = signatures.get(scopes.called(call)) if isinstance(signatures, Mapping) else None
        return scopes.argument(
            call, name, [str(n) for n in order or ()] or _ORDERS.get(scopes.called(call), ())
        )

    def array(self, name: str) -> Mapping[str, Any]:
        """Returns the recorded facts of an array; for "x" also those of "x[0]"."""
        exact = self.arrays.get(name)
        if exact is not None:
            return exact
        return next((facts for key, facts in self.arrays.items() if key.startswith(name + "[")), {})

    def layers(self) -> list[Mapping[str, Any]]:
        """Returns the recorded layers, outermost first."""
        found = self.facts.get("layers")
        return [layer for layer in found if isinstance(layer, Mapping)] if isinstance(found, list) else []

    def learning_rate(self) -> float | None:
        """Returns the optimizer's learning rate; None for a schedule or when it is unknown."""
        optimizer = self.facts.get("optimizer")
        config = optimizer.get("config") if isinstance(optimizer, Mapping) else None
        rate = config.get("learning_rate") if isinstance(config, Mapping) else None
        if isinstance(rate, (int, float)) and not isinstance(rate, bool) and rate > 0:
            return float(rate)
        return None

    def optimizer(self) -> str:
        """Returns the class name of the optimizer, "" when unknown."""
        optimizer = self.facts.get("optimizer")
        return str(optimizer.get("class") or "") if isinstance(optimizer, Mapping) else ""


_ORDERS: dict[str, tuple[str, ...]] = {
    "compile": ("optimizer", "loss", "loss_weights", "metrics"),
    "fit": source.FIT_ORDER,
    "EarlyStopping": ("monitor", "min_delta", "patience"),
    "ReduceLROnPlateau": ("monitor", "factor", "patience", "verbose", "mode"),
    "Dropout": ("rate",),
    "Activation": ("activation",),
    "Dense": ("units", "activation"),
    "LSTM": ("units", "activation"),
    "GRU": ("units", "activation"),
    "SimpleRNN": ("units", "activation"),
    "Conv1D": ("filters", "kernel_size", "strides", "padding"),
    "Conv2D": ("filters", "kernel_size", "strides", "padding"),
}


def spelled(module: Module, text: str) -> tuple[str, str | None]:
    """Returns a Keras expression as this file would write it, and the import line that it lacks (or None).

    Args:
        module: the file.
        text: an expression that names Keras as ``keras``, e.g. ``keras.optimizers.Adam(0.001)``.
    """
    if "keras." not in text:
        return text, None
    known = _imports(module)
    tree = ast.parse(text, mode="eval")
    edits: list[tuple[int, int, str]] = []
    missing = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not (dotted := _dotted(node)) or dotted[0] != "keras":
            continue
        if any(start <= node.col_offset and (node.end_col_offset or 0) <= end for start, end, _ in edits):
            continue  # a part of one that is done
        for length in range(len(dotted), 0, -1):
            if (name := known.get(".".join(dotted[:length]))) is not None:
                edits.append((node.col_offset, node.end_col_offset or 0, ".".join([name, *dotted[length:]])))
                break
        else:
            missing = True
    data = text.encode()
    for start, end, new in sorted(edits, reverse=True):
        data = data[:start] + new.encode() + data[end:]
    return data.decode(), "import keras" if missing else None


def _dotted(node: ast.expr) -> list[str]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _imports(module: Module) -> dict[str, str]:
    """Returns how this file names parts of Keras: {"keras": "tf.keras", "keras.layers": "layers", ...}."""
    known: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name
                if alias.name == "keras" or (alias.name == "tensorflow.keras" and alias.asname):
                    known["keras"] = name
                elif alias.name == "tensorflow":
                    known.setdefault("keras", f"{name}.keras")
                elif alias.name.startswith("keras.") and alias.asname:
                    known[alias.name] = name
        elif isinstance(node, ast.ImportFrom) and node.module:
            base = node.module.removeprefix("tensorflow.")
            for alias in node.names:
                name = alias.asname or alias.name
                if node.module == "tensorflow" and alias.name == "keras":
                    known["keras"] = name
                elif base.split(".")[0] == "keras":
                    known[f"{base}.{alias.name}"] = name
    return known
