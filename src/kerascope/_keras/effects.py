"""What calling a Keras object does beside computing: attributes, variables and random numbers, watched from outside."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np


def plain_state(layer: Any) -> dict[str, Any]:
    """Returns what hangs on a layer and its sub-layers of the user's, in a form that shows whether it has changed.

    Variables are left out, and so is what every layer has, but for whether it is trained.
    """
    usual = set(vars(keras.layers.Layer())) | set(vars(keras.Sequential()))
    found: dict[str, Any] = {}
    for one in layer._flatten_layers():
        start = "" if one is layer else f"{one.name}."
        found[f"{start}trainable"] = bool(one.trainable)
        if type(one).__module__.startswith("keras."):
            continue
        for name, value in vars(one).items():
            if name not in usual:
                found[start + name] = _print(value, 0)
    return found


def _print(value: Any, depth: int) -> Any:
    if isinstance(value, (str, bytes, int, float, bool, type(None))):
        return value
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes() if value.size < 10_000 else id(value))
    if isinstance(value, (list, tuple, set, frozenset)) and depth < 4:
        return [len(value), *(_print(item, depth + 1) for item in list(value)[:100])]
    if isinstance(value, dict) and depth < 4:
        return [(str(key), _print(item, depth + 1)) for key, item in list(value.items())[:100]]
    return (type(value).__name__, id(value))


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Where random numbers were drawn or a variable was made, and with what seed."""

    what: str
    fixed: bool
    file: str | None
    line: int | None
    anew: bool = False


def _caller(is_users: Callable[[str], bool]) -> tuple[str | None, int | None]:
    frame = sys._getframe(2)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None, None


@contextlib.contextmanager
def seeds_drawn(is_users: Callable[[str], bool]) -> Iterator[list[Drawn]]:
    """Notes with which seed each random number in the block is drawn. `is_users` tells whose file is whose.

    A generator that is made in the block is noted too, as `anew`: not on every backend does drawing from it show.
    """
    drawn: list[Drawn] = []
    module = keras.src.backend.random
    original = module.draw_seed
    made: list[Any] = []
    generator = keras.random.SeedGenerator
    init = generator.__init__

    def draw_seed(seed: Any) -> Any:
        fixed = isinstance(seed, int) or any(seed is one for one in made)
        text = (
            f"seed={seed}"
            if isinstance(seed, int)
            else "a SeedGenerator made in call"
            if fixed
            else "its own seed"
        )
        drawn.append(Drawn(text, fixed, *_caller(is_users)))
        return original(seed)

    def remembering(self: Any, seed: Any = None, *args: Any, **kwargs: Any) -> None:
        init(self, seed, *args, **kwargs)
        drawn.append(Drawn("a SeedGenerator made in call", False, *_caller(is_users), anew=True))
        if seed is not None:
            made.append(self)

    module.draw_seed, generator.__init__ = draw_seed, remembering
    try:
        yield drawn
    finally:
        module.draw_seed, generator.__init__ = original, init


@contextlib.contextmanager
def variables_made(is_users: Callable[[str], bool]) -> Iterator[list[Drawn]]:
    """Notes each variable of floats that is made in the block, and where."""
    made: list[Drawn] = []
    cls = keras.src.backend.common.variables.Variable
    init = cls.__init__

    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if keras.backend.is_float_dtype(self.dtype):
            made.append(Drawn(str(self.name), False, *_caller(is_users)))

    cls.__init__ = noting
    try:
        yield made
    finally:
        cls.__init__ = init


def call_in_a_trace(layer: Any, args: Sequence[Any], kwargs: Any) -> None:
    """Calls, and so builds, a layer while its code is traced for shapes, as a Sequential or subclassed model does."""
    keras.src.backend.compute_output_spec(layer.__call__, *args, **kwargs)


def is_placeholder(value: Any) -> bool:
    """Tells whether a value is a tensor that stands for one to come, left behind by a trace."""
    name = type(value).__name__
    if (
        name.endswith("Tracer")
        or name in ("SymbolicTensor", "FakeTensor")
        or isinstance(value, keras.KerasTensor)
    ):
        return True
    device = getattr(value, "device", None)
    return keras.backend.backend() == "torch" and str(getattr(device, "type", "")) == "meta"


def model_alone(layer: Any, data: Any) -> tuple[Any, Any]:
    """Returns a compiled Sequential model of just this layer, built by a call on data, and what the call came to.

    The loss is the mean square of the output.
    """

    def loss(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(keras.ops.cast(y_pred, "float32")))

    model = keras.Sequential([layer])
    model.compile(
        optimizer=keras.optimizers.SGD(1e-3), loss=loss, jit_compile=False if _on_tensorflow() else "auto"
    )
    return model, model(keras.ops.convert_to_tensor(data), training=True)


def fit_alone(model: Any, data: Any, outputs: Any) -> None:
    """Trains a model of one layer in `fit` on a batch smaller by one than the data that it was built on.

    That is what the last batch of an epoch is; each further size would be compiled anew.
    """
    last = data[:-1]
    targets = keras.tree.map_structure(lambda leaf: np.zeros((len(last), 1), "float32"), outputs)
    model.fit(last, targets, epochs=1, verbose=0, shuffle=False)


def _on_tensorflow() -> bool:
    return bool(keras.backend.backend() == "tensorflow")
