"""One Keras object on its own: its variables, its sources of randomness, the global settings around it."""

from __future__ import annotations

import contextlib
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from kerascope._keras.quirks import without_tensorflow

Values = list[np.ndarray]


def variables(obj: Any) -> list[Any]:
    """Returns all variables of a layer, model, metric or optimizer, those of its seed generators included."""
    found = list(getattr(obj, "variables", ()))
    for metric in getattr(obj, "metrics", ()) if isinstance(obj, keras.Model) else ():
        found += metric.variables
    optimizer = getattr(obj, "optimizer", None) if isinstance(obj, keras.Model) else None
    found += optimizer.variables if optimizer is not None else []
    return list({id(variable): variable for variable in found}.values())


def trainable_variables(obj: Any) -> list[Any]:
    """Returns the variables that a training would change; a function has none."""
    return list(getattr(obj, "trainable_variables", ()))


def values(variables: Sequence[Any]) -> Values:
    """Returns copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Puts values into variables; of two sequences of different length the common part."""
    for variable, value in zip(variables, values, strict=False):
        variable.assign(value)


def perturb(obj: Any, seed: int, size: float = 0.1) -> None:
    """Changes every weight a little, so that none has the value it is made with: zeros and ones hide mistakes.

    What is positive stays positive, as variances must. Seeds and integers are left alone, but for bytes that are all
    zero: a quantised layer that is made again has such a kernel, and nothing goes through it.
    """
    draw = np.random.default_rng(seed)
    seeds = {id(variable) for variable in seed_variables(obj, global_too=False)}
    for variable in list(getattr(obj, "weights", ()) or getattr(obj, "variables", ())):
        value = keras.ops.convert_to_numpy(variable.value)
        if str(variable.dtype) in ("int8", "uint8") and not value.any():
            variable.assign(draw.integers(1, 127, value.shape).astype(str(variable.dtype)))
        if id(variable) in seeds or not keras.backend.is_float_dtype(variable.dtype):
            continue
        value = np.asarray(value, "float32")
        if variable.trainable and not (value.size and float(value.min()) > 0):
            value = value + size * draw.normal(size=value.shape)
        else:
            value = value * (1 + size * draw.uniform(0.5, 1, value.shape)) + (
                0 if value.any() else size * draw.uniform(0.5, 1, value.shape)
            )
        variable.assign(value.astype("float32"))
    settle(obj)


def refill(obj: Any, seed: int) -> None:
    """Gives every trainable weight values that depend on the seed and its shape only; what is positive stays so."""
    draw = np.random.default_rng(seed)
    for variable in obj.trainable_variables:
        value = keras.ops.convert_to_numpy(variable.value)
        positive = value.size and float(value.min()) > 0
        new = draw.uniform(0.5, 1.5, value.shape) if positive else 0.3 * draw.normal(size=value.shape)
        variable.assign(new.astype("float32"))


def settle(obj: Any) -> None:
    """Sets anew what layers with an `adapt` work out from their weights when they load them."""
    for layer in adapted(obj):
        _read_again(layer, layer)


def adapted(obj: Any) -> list[Any]:
    """Returns the layers of an object, itself included, that have an `adapt`, and are built or have a vocabulary."""
    layers = obj._flatten_layers() if isinstance(obj, keras.layers.Layer) else ()
    return [
        one
        for one in layers
        if callable(getattr(one, "adapt", None)) and (one.built or hasattr(one, "get_vocabulary"))
    ]


def adapt_as(made: Any, like: Any) -> None:
    """Gives another object's layers what those of `like` learnt in `adapt`; does nothing where their layers differ."""
    pairs = list(zip(made._flatten_layers(), like._flatten_layers(), strict=False))
    if any(type(one) is not type(other) for one, other in pairs):
        return
    learnt = {id(layer) for layer in adapted(like)}
    for one, other in pairs:
        if id(other) in learnt and (
            hasattr(other, "get_vocabulary") or one.built or build_as_loaded(one, other)
        ):
            _read_again(one, other)


def _read_again(layer: Any, source: Any) -> None:
    store: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # saving and loading have a contract of their own
        source.save_own_variables(store)
        layer.load_own_variables({name: keras.ops.convert_to_numpy(value) for name, value in store.items()})
    with contextlib.suppress(Exception), tempfile.TemporaryDirectory() as folder:  # such as a vocabulary
        source.save_assets(folder)
        layer.load_assets(folder)


def seed_variables(obj: Any, global_too: bool = True) -> list[Any]:
    """Returns the states of all seed generators of an object and, with `global_too`, that of Keras itself."""
    weights = {id(variable) for variable in getattr(obj, "weights", ())}
    found = [
        variable
        for variable in getattr(obj, "variables", ())
        if id(variable) not in weights and str(variable.dtype).startswith(("uint", "int"))
    ]
    if global_too:
        generator = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        found += [generator.state] if generator is not None else []
    return found


def set_seed(seed: int) -> None:
    """Does what `keras.utils.set_random_seed` does, for Python, NumPy and Keras, without loading TensorFlow for it."""
    states = keras.src.backend.common.global_state
    states.set_global_attribute(keras.src.utils.rng_utils.GLOBAL_RANDOM_SEED, seed)
    states.set_global_attribute("global_seed_generator", None)
    random.seed(seed)
    np.random.seed(seed)


def set_foreign_seed(seed: int) -> None:
    """Gives Python's and NumPy's random numbers another start, and leaves Keras's own as they are."""
    keras.src.random.seed_generator.global_seed_generator()  # takes its seed from Python when it is first asked
    random.seed(seed)
    np.random.seed(seed)


@contextlib.contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Runs the block with repeatable random numbers and puts everything global back that it may change.

    That is the random state of Python, NumPy and Keras, the dtype policy and the float type. Warnings are kept from
    the screen.
    """
    python, numpy = random.getstate(), np.random.get_state()
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    states = keras.src.backend.common.global_state
    names = ("global_seed_generator", keras.src.utils.rng_utils.GLOBAL_RANDOM_SEED)
    kept = {name: states.get_global_attribute(name) for name in names}
    states.set_global_attribute("global_seed_generator", None)
    with without_tensorflow(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            set_seed(seed)
            yield
        finally:
            keras.config.set_dtype_policy(policy)
            keras.config.set_floatx(floatx)
            for name, value in kept.items():
                states.set_global_attribute(name, value)
            random.setstate(python)
            np.random.set_state(numpy)


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Runs the block under a global dtype policy such as "mixed_float16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


# -- what a layer says of itself -----------------------------------------------------------------------------------


def overrides(obj: Any, method: str) -> bool:
    """Tells whether a class defines a method itself, rather than taking Keras's general one."""
    return not is_default(getattr(obj, method, None))


def is_default(method: Any) -> bool:
    """Tells whether a method is one of those that Keras marks as its own default."""
    return method is None or bool(getattr(method, "_is_default", False))


def returns_nothing_known(layer: Any) -> bool:
    """Tells whether a layer's output is sparse or ragged, so that nothing dense can be compared."""
    return bool(getattr(layer, "sparse", False) or getattr(layer, "ragged", False))


def declared_output_shape(layer: Any, args: Sequence[Any], kwargs: Any) -> Callable[[], Any] | None:
    """Returns a function that asks `compute_output_shape`, None where the layer does not define it.

    Only for layers that take one tensor; the method's arguments are a matter of names otherwise.
    """
    leaves = [leaf for leaf in keras.tree.flatten((list(args), dict(kwargs))) if is_tensor_like(leaf)]
    if not overrides(layer, "compute_output_shape") or len(leaves) != 1 or kwargs:
        return None
    return lambda: layer.compute_output_shape(tuple(leaves[0].shape))


def is_tensor_like(value: Any) -> bool:
    return isinstance(value, keras.KerasTensor) or keras.ops.is_tensor(value)


def shapes_of(declared: Any) -> list[tuple[Any, ...]]:
    """Returns the shapes in what `compute_output_shape` returned, in order."""
    if isinstance(declared, (tuple, list)) and all(d is None or isinstance(d, int) for d in declared):
        return [tuple(declared)]
    if isinstance(declared, dict):
        return [shape for key in sorted(declared) for shape in shapes_of(declared[key])]
    return [shape for item in declared for shape in shapes_of(item)]


def swallowed(layer: Any) -> list[str]:
    """Returns which of `name` and `dtype` a layer's constructor takes, and its configuration has, without effect.

    Empty where the name has one: a layer that looks things up, or computes in one type on purpose, needs no dtype.
    """
    found = []
    for key, value in (("name", "kerascope_other"), ("dtype", "float16")):
        try:
            config = layer.get_config()
            other = type(layer).from_config({**config, key: value}) if key in config else None
        except Exception:  # it says that it takes none
            continue
        if other is None or type(other) is not type(layer):
            continue
        if (other.name if key == "name" else own_policy(other)) != value and (
            key == "name" or own_policy(layer) == keras.config.dtype_policy().name
        ):
            found.append(key)
    return found if "name" in found else []


def trainable_flags(layer: Any) -> list[tuple[Any, bool]]:
    """Returns `trainable` of every sub-layer and variable."""
    return [(one, one.trainable) for one in [*layer._flatten_layers(), *layer.variables]]


def set_trainable_flags(flags: Sequence[tuple[Any, bool]]) -> None:
    """Puts back what `trainable_flags` returned; variables come after the layers that change them."""
    for one, flag in flags:
        one.trainable = flag


def weight_shapes(layer: Any) -> list[tuple[int, ...]]:
    """Returns the shapes of all weights, in an order that does not depend on when they were made."""
    return sorted(tuple(int(size) for size in weight.shape) for weight in layer.weights)


def unbuilt(layer: Any) -> list[str]:
    """Returns the names of the attributes that hold sub-layers without their weights."""
    inner = vars(layer).get("_modules") or {}  # where torch keeps what is set as an attribute
    held = {**vars(layer), **inner}
    own = {id(value): name for name, value in held.items() if isinstance(value, keras.layers.Layer)}
    return [own.get(id(one), one.name) for one in layer._flatten_layers(include_self=False) if not one.built]


# -- differentiation and precision ---------------------------------------------------------------------------------


def weighed_sum(result: Any, layer: Any, seed: int) -> Any:
    """Returns the sum of all floats of a result, each times a fixed random factor, and of the layer's own losses.

    A plain sum would hide weights: the outputs of a softmax always add up to 1.
    """
    total = keras.ops.zeros((), "float32")
    draw = np.random.default_rng(seed)
    for leaf in keras.tree.flatten(result):
        if not keras.ops.is_tensor(leaf) or not keras.backend.is_float_dtype(
            keras.backend.standardize_dtype(leaf.dtype)
        ):
            continue
        factors = keras.ops.convert_to_tensor(draw.normal(size=tuple(leaf.shape)).astype("float32"))
        total = total + keras.ops.sum(keras.ops.cast(leaf, "float32") * factors)
    for one in layer._flatten_layers() if isinstance(layer, keras.layers.Layer) else ():
        for loss in one._get_own_losses():
            total = total + keras.ops.sum(keras.ops.cast(loss, "float32"))
    return total


def supports_compiling(layer: Any) -> bool:
    """Tells whether a layer may be compiled; those of input pipelines say themselves that they may not."""
    if not isinstance(layer, keras.layers.Layer):
        return True
    return all(getattr(one, "supports_jit", True) for one in layer._flatten_layers())


def as_computed(dtype: str) -> str:
    """Returns what the backend makes of a dtype: JAX has 64 bits only where that is switched on."""
    if keras.backend.backend() != "jax":
        return dtype
    import jax

    return dtype if jax.config.jax_enable_x64 else dtype.replace("64", "32")


def own_policy(layer: Any) -> str:
    """Returns the name of a layer's dtype policy."""
    return str(getattr(layer.dtype_policy, "name", ""))


def policies(layer: Any) -> set[str]:
    """Returns the names of the dtype policies of a layer and of all layers in it."""
    return {own_policy(one) for one in layer._flatten_layers()}


def has_modes(layer: Any) -> bool:
    """Tells whether a layer's own `call` is told if it is training."""
    return bool(getattr(layer, "_call_has_training_arg", False))


def draw_on(layer: Any, by: int) -> None:
    """Moves all random generators of a layer on, so that its next numbers are others."""
    for variable in seed_variables(layer):
        variable.assign(keras.ops.convert_to_numpy(variable.value) + by)


def tensors_in(result: Any) -> list[Any]:
    """Returns the tensors of a result, in order."""
    return [leaf for leaf in keras.tree.flatten(result) if keras.ops.is_tensor(leaf)]


def build_as_loaded(obj: Any, like: Any) -> bool:
    """Builds an object as Keras does when it loads one that was built like `like`; False where that does not work."""
    try:
        config = like.get_build_config()
        if not config:
            return False
        obj.build_from_config(config)
    except Exception:  # loading has a contract of its own
        return False
    return bool(obj.built)


def is_compiled(model: Any) -> bool:
    """Tells whether a model has an optimizer and a loss."""
    return bool(getattr(model, "compiled", False))


def input_specs(model: Any, spec: Callable[[tuple[int | str, ...], str], Any]) -> tuple[Any, ...] | None:
    """Returns the arguments of a model that knows them, one list or dict where it takes such.

    `spec` makes each of its shape and dtype, where "B" stands for the batch, 7 for what is unknown.
    """
    inputs = getattr(model, "inputs", None) if isinstance(model, keras.Model) else None
    if not inputs:
        return None

    def one(tensor: Any) -> Any:
        sizes = ("B" if i == 0 else 7 if size is None else int(size) for i, size in enumerate(tensor.shape))
        return spec(tuple(sizes), tensor.dtype)

    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, (list, tuple, dict)) and len(inputs) > 1:
        return (keras.tree.map_structure(one, structure),)
    return tuple(one(tensor) for tensor in inputs)
