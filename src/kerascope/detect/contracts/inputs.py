"""Inputs for a layer about which nothing is said: what it takes is found by trying, the likeliest shapes first."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerascope._keras import objects
from kerascope.detect.contracts.case import BATCH, set_seed
from kerascope.explain.subject import BATCH as B
from kerascope.explain.subject import InputSpec

VECTORS = InputSpec((B, 6))
SEQUENCES = InputSpec((B, 5, 4))
IMAGES = InputSpec((B, 16, 16, 3))
IDS = InputSpec((B, 5), "int32", 0, 4)
VOLUMES = InputSpec((B, 8, 8, 8, 2))
TIMED_IMAGES = InputSpec((B, 3, 8, 8, 2))
LABELS = InputSpec((B,), "int32", 0, 4)

_ALONE = (VECTORS, SEQUENCES, IMAGES, IDS, VOLUMES, TIMED_IMAGES, LABELS)
_HINTS = (
    (("image", "img", "pixel", "frame"), IMAGES),
    (("token", "ids", "word"), IDS),
    (("query", "key", "value", "sequence", "seq", "time", "hidden"), SEQUENCES),
)
_CALL_CONTEXT = ("training", "mask", "self")
NESTINGS = ("apart", "list")

Args = tuple[Any, ...]


def candidates(obj: Any) -> Iterator[Args]:
    """Yields arguments to try on a layer, model or function, the likeliest first."""
    names = tensor_parameters(obj)
    hinted = [
        spec for words, spec in _HINTS for name in names[:1] if any(word in name.lower() for word in words)
    ]
    if not hinted and objects.looks_up(obj):
        hinted = [IDS]
    kinds = list(dict.fromkeys([*hinted, *_ALONE]))
    count = max(1, len(names))
    for spec in kinds:
        yield (spec,) * count
    if count == 1:
        # A layer that merges takes a list of tensors as its one argument.
        for spec in kinds[:3]:
            yield ([spec, spec],)
        if parts := named_parts(obj):
            for spec in kinds[:3]:
                yield (_filled(parts, spec),)
    elif count == 2:
        yield SEQUENCES, IDS
        yield SEQUENCES, VECTORS


def tensor_parameters(obj: Any) -> list[str]:
    """Returns the names of the parameters of a call that must be given."""
    function = obj.call if objects.kind_of(obj) in ("layer", "model") else obj
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["x"]
    return [
        p.name
        for p in parameters
        if p.default is p.empty
        and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        and p.name not in _CALL_CONTEXT
    ]


def takes_several(obj: Any) -> bool:
    """Tells whether a call has room for a second tensor, be it one that may be left out."""
    try:
        parameters = list(inspect.signature(obj.call).parameters.values())
    except (TypeError, ValueError):
        return True
    more = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return (
        more
        or len([p for p in parameters if p.name not in _CALL_CONTEXT and p.kind is not p.VAR_KEYWORD]) > 1
    )


def named_parts(obj: Any) -> dict[str, Any]:
    """Returns how a call takes its one argument apart, as `inputs["image"]`, told from its source.

    Each name has a dict of what is taken from that part in turn, an empty one where nothing is.
    """
    function = obj.call if objects.kind_of(obj) in ("layer", "model") else obj
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):  # made at run time, or a lambda in the middle of a line
        return {}
    names = tensor_parameters(obj)[:1]
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        path = _path(node, names)
        part = found
        for name in path:
            part = part.setdefault(name, {})
    return found


def _path(node: ast.AST, names: Sequence[str]) -> list[str]:
    """Returns the names in `inputs["a"]["b"]`, none for another expression."""
    path: list[str] = []
    while isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        if not isinstance(node.slice.value, str):
            return []
        path.insert(0, node.slice.value)
        node = node.value
    return path if isinstance(node, ast.Name) and node.id in names else []


def _filled(parts: dict[str, Any], spec: InputSpec) -> dict[str, Any]:
    return {name: _filled(inner, spec) if inner else spec for name, inner in parts.items()}


def guesses(make: Callable[[], Any], most: int = 2) -> list[Args]:
    """Returns up to `most` kinds of arguments that the object takes; empty when none of those tried works.

    Each is tried on a fresh object; what gives no finite floats, batch in front, counts where nothing else works.
    """
    good: list[Args] = []
    poor: list[Args] = []
    for args in candidates(make()):
        values = _try(make, args)
        if values is None:
            continue
        sound = all(v.ndim >= 1 and v.shape[0] == BATCH and _finite(v) for v in values) and values
        (good if sound else poor).append(args)
        if len(good) >= most:
            break
    return good or poor[:most]


def _finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())


def _try(make: Callable[[], Any], args: Args) -> list[np.ndarray] | None:
    from kerascope.detect.contracts.case import arrays

    random = np.random.default_rng(0)

    def filled(batch: int) -> Any:
        def fill(value: Any) -> Any:
            return objects.to_tensor(value.array(batch, random)) if isinstance(value, InputSpec) else value

        return objects.map_structure(fill, list(args))

    try:
        set_seed(0)
        obj = make()
        found = arrays(obj(*filled(BATCH)))
        if args[0] is LABELS:  # a layer that takes its last axis for features would take the batch for them
            obj(*filled(BATCH - 1))
        return found
    except Exception:  # that it does not take these is the answer
        return None


# -- constructors --------------------------------------------------------------------------------------------------

_BY_NAME: Sequence[tuple[tuple[str, ...], Any]] = (
    (("activation",), "relu"),
    (("fn", "func"), objects.curve()),
    (("learning_rate",), 0.01),
    (("rate", "prob", "dropout", "ratio", "momentum", "alpha", "decay"), 0.5),
    (("factor", "temperature", "threshold", "gamma", "margin", "sigma"), 0.5),
    (("epsilon", "eps"), 1e-3),
    (("num_heads", "n_heads", "heads", "num_layers", "depth", "groups", "n_blocks", "stacks"), 2),
    (("kernel", "pool", "stride", "window"), 3),
    (("axis",), -1),
    (("padding",), "same"),
    (("vocab", "max_len", "length", "input_dim"), 16),
    (
        (
            "units",
            "dim",
            "filters",
            "size",
            "channels",
            "features",
            "num",
            "n_",
            "hidden",
            "width",
            "classes",
        ),
        4,
    ),
)


def constructor_arguments(cls: type) -> tuple[dict[str, Any], list[str]]:
    """Returns values for the arguments that a constructor needs, told from their names, and names that tell nothing."""
    found: dict[str, Any] = {}
    unknown: list[str] = []
    for parameter in _parameters(cls):
        if parameter.default is not parameter.empty or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            continue
        name = parameter.name.lower()
        value = next((v for words, v in _BY_NAME if any(word in name for word in words)), None)
        if value is None:
            unknown.append(parameter.name)
        else:
            found[parameter.name] = value
    return found, unknown


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Returns the parameters of the first constructor among a class and its bases that does not hand on all it gets."""
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        try:
            # Not that of the class: Keras's `__new__` takes anything.
            parameters = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        except (TypeError, ValueError):
            return []
        if not any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(parameters) > 2:
            return parameters
    return []
