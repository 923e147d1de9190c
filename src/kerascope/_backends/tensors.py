"""What a tensor is: told from its type, for every framework that is already loaded, and none that is not."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from kerascope._backends import labels
from kerascope.values import TensorFacts

Kind = Literal["other", "tensor", "container"]
Mode = Literal["eager", "traced", "symbolic"]

MOST_ITEMS = 16
"""Containers with more items are left unopened: they are data, not a handful of tensors."""

_kinds: dict[type, Kind] = dict.fromkeys(
    (
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        type(None),
        type,
        type(sys),
        type(len),
        type(lambda: 0),
        range,
        slice,
    ),
    "other",
)
_kinds.update(dict.fromkeys((list, tuple, dict), "container"))
known_kind = _kinds.get
"""What is known of a type: "tensor", "container", "other", or None when nothing of the type has been seen."""
_PRIMAL = {"JVPTracer", "LinearizeTracer"}


def kind(value: Any) -> Kind:
    """Tells a tensor (of any framework), a container that may hold some, and anything else apart."""
    known = _kinds.get(type(value))
    if known is None:
        known = _classify(value)
        # A class may become known as a tensor only once its framework is loaded; one that is loaded never goes away.
        if known != "other" or len(_kinds) < 10_000:
            _kinds[type(value)] = known
    return known


def _classify(value: Any) -> Kind:
    if isinstance(value, tensor_types()):
        return "tensor"
    if isinstance(value, (list, tuple, dict)):
        return "container"
    return "other"


def tensor_types() -> tuple[type, ...]:
    """Returns the tensor classes of all frameworks that are loaded."""
    names = {
        "tensorflow": ("Tensor", "Variable", "IndexedSlices", "RaggedTensor", "SparseTensor"),
        "jax": ("Array",),
        "torch": ("Tensor",),
        "keras": ("KerasTensor", "Variable"),
    }
    found: list[type] = [np.ndarray]
    for module, classes in names.items():
        loaded = sys.modules.get(module)
        found += [getattr(loaded, name) for name in classes if isinstance(getattr(loaded, name, None), type)]
    return tuple(found)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields path and tensor of everything in a small container; a tensor itself has an empty path."""
    what = kind(value)
    if what == "tensor":
        yield path, value
    elif what == "container" and len(value) <= MOST_ITEMS:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            if kind(item) != "other":
                yield from leaves(item, f"{path}[{key!r}]")


def unwrapped(value: Any) -> Any:
    """Returns the framework's own tensor: of a Keras variable its value, of a gradient's tracer what it stands for.

    While JAX differentiates code that is not compiled, tensors are tracers around real values.
    """
    keras = sys.modules.get("keras")
    if keras is not None and isinstance(value, keras.Variable):
        value = value.value
    while type(value).__name__ in _PRIMAL:
        value = value.primal
    return value


def mode(value: Any) -> Mode:
    """Tells whether a framework's tensor (see `unwrapped`) has values."""
    name = type(value).__name__
    if name == "KerasTensor":
        return "symbolic"
    if name.endswith("Tracer") or name == "SymbolicTensor":
        return "traced"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return (
            "symbolic"
            if value.device.type == "meta" or name in ("FakeTensor", "FunctionalTensor")
            else "eager"
        )
    return "traced" if _in_graph(value) else "eager"


def _in_graph(value: Any) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return False
    if isinstance(value, tensorflow.Variable):
        return not tensorflow.executing_eagerly()
    return isinstance(value, tensorflow.Tensor) and not hasattr(value, "numpy")


def shape(value: Any) -> tuple[int | str | None, ...] | None:
    """Returns a tensor's shape as plain values; None when its rank is not known."""
    try:
        return tuple(_size(size) for size in value.shape)
    except (TypeError, ValueError, AttributeError):  # a TensorShape of unknown rank cannot be iterated over
        return None


def _size(size: Any) -> int | str | None:
    if size is None or isinstance(size, int):
        return size
    if type(size).__name__ == "_DimExpr":  # JAX's symbolic sizes
        return labels.of_jax(str(size))
    return int(size)


def dtype(value: Any) -> str:
    """Returns a tensor's data type as Keras writes it, such as "float32"."""
    found = getattr(value, "dtype", "")
    return str(getattr(found, "name", found)).removeprefix("torch.")


def device(value: Any) -> str:
    """Returns where a tensor lives, as short as its framework tells; "" when it lives nowhere."""
    try:
        where = value.device
        text = str(where() if callable(where) else where)
    except Exception:  # a JAX array spread over several devices has no single one
        return ""
    return text.rsplit("device:", maxsplit=1)[-1].lower()


def facts(value: Any, *, statistics: bool = True) -> TensorFacts:
    """Returns what is known of a tensor; with `statistics` also its figures where it has values.

    One device-to-host transfer for JAX and TensorFlow; on torch the figures are computed where the tensor is.
    """
    if _symbolic_runs and getattr(_local, "symbolic", False):
        return _stand_in(unwrapped(value), _local.filling)
    if type(value).__name__ in _CONCRETE:
        inner: Any = value
        how: Mode = "eager"
    else:
        inner = unwrapped(value)
        how = mode(inner)
    figures = statistics_of(inner) if statistics and how == "eager" else None
    if figures is None:
        return _without_figures(inner, how)
    return TensorFacts(shape(inner), dtype(inner), device(inner), how, *figures)


_CONCRETE = {"ArrayImpl", "EagerTensor", "ndarray"}
"""Types of JAX, TensorFlow and NumPy that always hold values; found by name, which is quick."""
_shared: dict[tuple[Any, ...], TensorFacts] = {}


def _without_figures(inner: Any, how: Mode) -> TensorFacts:
    """Returns facts without figures: the same object for all tensors that are alike, as most of a loop's are."""
    if how == "symbolic" and _is_unsized(inner):
        return TensorFacts(_of_batch(inner), dtype(inner), "", how)
    where = inner.device if how == "eager" and hasattr(inner, "device") else None
    try:
        key = (how, type(inner), tuple(inner.shape), inner.dtype, where)
        found = _shared.get(key)
    except (TypeError, ValueError):  # something in it cannot be compared, such as sizes of JAX's own
        return TensorFacts(shape(inner), dtype(inner), device(inner) if how == "eager" else "", how)
    if found is None:
        found = TensorFacts(shape(inner), dtype(inner), device(inner) if how == "eager" else "", how)
        if len(_shared) > 10_000:
            _shared.clear()
        _shared[key] = found
    return found


def _is_unsized(inner: Any) -> bool:
    return type(inner).__name__ == "KerasTensor" and None in inner.shape


def _of_batch(tensor: Any) -> tuple[int | str | None, ...]:
    """Returns a symbolic tensor's shape in terms of the batch size, from what it would be with two of them."""
    from kerascope._keras.lineage import sizes

    one, other = _BATCHES
    pairs = zip(sizes(tensor, one), sizes(tensor, other), strict=True)
    return tuple(None if a is None or b is None else labels.label(a, b, one, other) for a, b in pairs)


_BATCHES = (83, 89)
"""Sizes that hardly anything else has."""
_local = threading.local()
_symbolic_runs: list[Any] = []
"""One for each such block in any thread: asked first, as there is mostly none."""


@contextlib.contextmanager
def symbolic(filling: labels.Filling | None) -> Iterator[None]:
    """In this block and thread tensors are stand-ins by which Keras works out shapes: they have no values of interest.

    `filling` is the number that stands for unknown sizes, where the framework has none of its own.
    """
    before = getattr(_local, "symbolic", False), getattr(_local, "filling", None)
    _local.symbolic, _local.filling = True, filling or before[1]
    _symbolic_runs.append(_local)
    try:
        yield
    finally:
        _symbolic_runs.pop()
        _local.symbolic, _local.filling = before


def _stand_in(inner: Any, filling: labels.Filling | None) -> TensorFacts:
    if _is_unsized(inner):  # a model that is built within
        return TensorFacts(_of_batch(inner), dtype(inner), mode="symbolic")
    sizes = shape(inner)
    if filling is None or sizes is None:
        return TensorFacts(sizes, dtype(inner), mode="symbolic")
    plain = [size for size in sizes if isinstance(size, int)]
    found = TensorFacts(filling.named(plain), dtype(inner), mode="symbolic")
    filling.keep(found, plain)
    return found


Figures = tuple[float, float, float, float, float, float]


def statistics_of(value: Any) -> Figures | None:
    """Returns min, max, mean, standard deviation, share of zeros and of finite values; None when there are none."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _torch_figures(torch, value)
    array = array_of(value)
    return None if array is None else _numpy_figures(array)


def array_of(value: Any) -> np.ndarray | None:
    """Returns a tensor's values as a NumPy array of float32, float64, integers or bools; None when it has none."""
    inner = unwrapped(value)
    if mode(inner) != "eager":
        return None
    try:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(inner, torch.Tensor):
            inner = inner.detach()
            if inner.is_sparse or inner.is_complex():
                return None
            wide = inner.dtype in (torch.float32, torch.float64) or not inner.is_floating_point()
            return np.asarray((inner if wide else inner.float()).cpu())
        array = np.asarray(inner)
    except (
        TypeError,
        ValueError,
        RuntimeError,
        NotImplementedError,
    ):  # ragged, sparse, strings, deleted buffers
        return None
    if array.dtype.kind in "OSUcMm":
        return None
    if array.dtype.kind in "biu" or array.dtype in (np.float32, np.float64):
        return array
    return array.astype(np.float32)


def words_of(value: Any) -> tuple[str, ...]:
    """Returns the different texts in a tensor, none for one of numbers."""
    inner = unwrapped(value)
    if "str" not in dtype(inner) and "object" not in dtype(inner):
        return ()
    try:
        found = np.asarray(inner).ravel().tolist()
    except (TypeError, ValueError, NotImplementedError):  # ragged, or without values
        return ()
    words = (one.decode(errors="replace") if isinstance(one, bytes) else one for one in found)
    return tuple(sorted({one for one in words if isinstance(one, str)}))


def _numpy_figures(array: np.ndarray) -> Figures | None:
    size = array.size
    if size == 0:
        return None
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    low, high = float(array.min()), float(array.max())
    zeros = float(1.0 - np.count_nonzero(array) / size)
    finite = 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        # Looked at closer only when it is needed: this is what most of the time would go into.
        kept = array[np.isfinite(array)]
        finite = kept.size / size
        if kept.size == 0:
            return math.nan, math.nan, math.nan, math.nan, zeros, finite
        array = kept
        low, high = float(array.min()), float(array.max())
    mean = float(array.mean(dtype=np.float64))
    flat = array.ravel()
    with np.errstate(over="ignore"):  # looked at below
        squares = float(np.dot(flat, flat)) / flat.size
    if mean * mean > 0.5 * squares or not math.isfinite(
        squares
    ):  # the short formula would lose too many digits
        return low, high, mean, float(array.std(dtype=np.float64)), zeros, finite
    return low, high, mean, math.sqrt(max(squares - mean * mean, 0.0)), zeros, finite


def _torch_figures(torch: Any, value: Any) -> Figures | None:
    with torch.no_grad():
        tensor = value.detach()
        if tensor.numel() == 0 or tensor.is_complex() or tensor.is_sparse or tensor.is_quantized:
            return None
        if (
            tensor.device.type == "cpu"
            and tensor.dtype in (torch.float32, torch.float64)
            and tensor.layout is torch.strided
        ):
            return _numpy_figures(tensor.numpy())
        count = tensor.numel()
        wide = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.to(torch.float32)
        zeros = 1.0 - int(torch.count_nonzero(wide)) / count
        low, high = (x.item() for x in torch.aminmax(wide))
        finite = 1.0
        if not (math.isfinite(low) and math.isfinite(high)):
            wide = wide[torch.isfinite(wide)]
            finite = wide.numel() / count
            if finite == 0:
                return math.nan, math.nan, math.nan, math.nan, zeros, finite
            low, high = (x.item() for x in torch.aminmax(wide))
        spread, mean = torch.std_mean(wide, correction=0)
        return low, high, mean.item(), spread.item(), zeros, finite


def version(value: Any) -> int | None:
    """Returns a number that changes whenever a tensor is written to; None when its facts are not to be kept."""
    if _symbolic_runs and getattr(_local, "symbolic", False):
        return None  # a weight is a stand-in only for as long as this lasts
    cls = type(value)
    changes = _changes_unseen.get(cls)
    if changes is None:
        changes = isinstance(value, np.ndarray) or cls.__name__.endswith("Variable")
        _changes_unseen[cls] = changes
    if changes:
        return None
    try:
        return getattr(value, "_version", 0)
    except RuntimeError:  # torch keeps none in inference mode
        return None


_changes_unseen: dict[type, bool] = {}
