"""What mends each kind of fault where the finding itself names no setting, or several values are plausible."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from kerascope.explain.remedies import edits
from kerascope.explain.remedies.program import Program
from kerascope.values import Finding, Lever

Way = tuple[Lever, ...]

_HIDDEN = ("Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose")


def ways(program: Program, finding: Finding) -> Iterator[Way]:
    """Yields settings that mend a finding's kind, the likeliest first."""
    made = _WAYS.get(finding.kind)
    if made is not None:
        yield from made(program, finding)


# -- optimisation ---------------------------------------------------------------------------------------------------


_USUAL = {"SGD": 0.01}
"""Keras's default learning rates where they are not 0.001."""


def _rates(*factors: float) -> Callable[[Program, Finding], Iterator[Way]]:
    """The usual rate of the optimizer first, where it lies in the right direction; then steps of ten."""

    def rates(program: Program, finding: Finding) -> Iterator[Way]:
        rate = program.learning_rate()
        if rate is None:
            return
        usual = _USUAL.get(program.optimizer(), 0.001)
        values = [rate * factor for factor in factors]
        if usual * 2 < rate if factors[0] < 1 else usual > rate * 2:
            values.insert(0, usual)
        for value in dict.fromkeys(float(f"{value:.1g}") for value in values):
            yield (Lever("optimizer", "learning_rate", repr(value)),)

    return rates


def far(program: Program, finding: Finding) -> bool:
    """Tells whether a learning rate that is blamed is at least thirty times off the optimizer's usual one."""
    rate, usual = program.learning_rate(), _USUAL.get(program.optimizer(), 0.001)
    if rate is None:
        return False
    return (finding.kind == "lr-too-high" and rate > 30 * usual) or (
        finding.kind == "lr-too-low" and rate < usual / 30
    )


def _optimizers(program: Program, finding: Finding) -> Iterator[Way]:
    for name in ("Adam", "RMSprop", "SGD"):
        if name != program.optimizer():
            value = "0.01, momentum=0.9" if name == "SGD" else "0.001"
            yield (Lever("optimizer", None, f"keras.optimizers.{name}({value})"),)


def _batches(program: Program, finding: Finding) -> Iterator[Way]:
    for size in ("32", "64", "16", "128"):
        yield (Lever("fit", "batch_size", size),)


def _epochs(program: Program, finding: Finding) -> Iterator[Way]:
    found = program.call(Lever("fit"))
    given = program.argument(found[1], "epochs") if found is not None else None
    now = given.value if isinstance(given, ast.Constant) and isinstance(given.value, int) else 1
    for factor in (5, 20):
        yield (Lever("fit", "epochs", str(max(1, now) * factor)),)


def _batches_and_epochs(program: Program, finding: Finding) -> Iterator[Way]:
    for size in _batches(program, finding):
        yield size
        if size[0].value == "32":
            yield from ((*size, *epochs) for epochs in _epochs(program, finding))


# -- layers ----------------------------------------------------------------------------------------------------------


def _hidden(program: Program) -> list[str]:
    """Returns the paths of layers with weights and an activation, without the last one."""
    known = [str(layer.get("path")) for layer in program.layers() if layer.get("class") in _HIDDEN]
    return known[:-1]


def _last(program: Program) -> str | None:
    known = [str(layer.get("path")) for layer in program.layers() if layer.get("activation") is not None]
    return known[-1] if known else None


def _activations(program: Program, finding: Finding) -> Iterator[Way]:
    linear = [
        str(layer.get("path"))
        for layer in program.layers()
        if str(layer.get("path")) in _hidden(program) and layer.get("activation") in ("linear", None)
    ]
    for name in ('"relu"', '"tanh"'):
        if linear:
            yield tuple(Lever("layer", "activation", name, path) for path in linear)


def _other_activations(program: Program, finding: Finding) -> Iterator[Way]:
    layers = [
        str(layer.get("path"))
        for layer in program.layers()
        if (layer.get("class") == "Activation" or str(layer.get("path")) in _hidden(program))
        and layer.get("activation") not in ("linear", None, "softmax")
    ]
    for name in ('"relu"', '"elu"', '"tanh"', '"leaky_relu"', '"selu"'):
        if layers:
            yield tuple(Lever("layer", "activation", name, path) for path in layers)


def _outputs(program: Program, finding: Finding) -> Iterator[Way]:
    last = _last(program)
    layer = finding.location.layer or last
    if layer is None:
        return
    for activation in _suited(program):
        yield (Lever("layer", "activation", f'"{activation}"', layer),)


def _suited(program: Program) -> list[str]:
    """Returns last activations, the one that suits the loss first."""
    loss = str(program.facts.get("compile", {}).get("loss") or "").lower()
    first = "softmax" if "categorical" in loss else "sigmoid" if "binary" in loss else "linear"
    return [first, *(name for name in ("linear", "sigmoid", "softmax", "tanh") if name != first)]


def _losses(program: Program, finding: Finding) -> Iterator[Way]:
    last = _last(program)
    y = program.array("y")
    shape, classes = y.get("shape") or [], y.get("classes")
    one_hot = isinstance(classes, dict) and len(shape) == 2 and shape[-1] > 1
    if one_hot:
        pairs = [("softmax", "categorical_crossentropy"), ("sigmoid", "binary_crossentropy")]
    elif isinstance(classes, dict) and len(classes) == 2:
        pairs = [("sigmoid", "binary_crossentropy"), ("softmax", "sparse_categorical_crossentropy")]
    elif isinstance(classes, dict):
        pairs = [("softmax", "sparse_categorical_crossentropy"), ("linear", "mse")]
    else:
        pairs = [("linear", "mse"), ("linear", "mae"), ("sigmoid", "binary_crossentropy")]
    metrics = _accuracy(program)
    for activation, loss in pairs:
        compiled = (Lever("compile", "loss", f'"{loss}"'), *metrics)
        yield compiled
        if last is not None:
            yield (*compiled, Lever("layer", "activation", f'"{activation}"', last))


def _accuracy(program: Program) -> Way:
    """An accuracy that was chosen for another loss has to follow the loss."""
    compiled = program.call(Lever("compile"))
    given = program.argument(compiled[1], "metrics") if compiled is not None else None
    named = [n.value for n in ast.walk(given) if isinstance(n, ast.Constant)] if given is not None else []
    odd = any(isinstance(name, str) and name.endswith("_accuracy") for name in named)
    return (Lever("compile", "metrics", '["accuracy"]'),) if odd and len(named) == 1 else ()


def _logits(program: Program, finding: Finding) -> Iterator[Way]:
    loss = str(program.facts.get("compile", {}).get("loss") or "")
    last = _last(program)
    name = "softmax" if "categorical" in loss else "sigmoid"
    if last is not None:
        yield (Lever("layer", "activation", f'"{name}"', last),)
    if (whole := _LOGITS.get(loss.lower())) is not None:
        yield (Lever("compile", "loss", f"keras.losses.{whole}(from_logits=True)"),)


_LOGITS = {
    "binary_crossentropy": "BinaryCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
}


def _initialisers(program: Program, finding: Finding) -> Iterator[Way]:
    odd = _layers_with(program, ("kernel_initializer", "bias_initializer"))
    if odd:
        yield tuple(Lever("layer", name, None, path) for path, name in odd)


def _layers_with(program: Program, arguments: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for layer in program.layers():
        path = str(layer.get("path"))
        call = program.call(Lever("layer", None, None, path))
        found += [
            (path, k.arg)
            for k in (call[1].keywords if call else ())
            if k.arg is not None and k.arg in arguments
        ]
    return found


def _milder(program: Program, finding: Finding) -> Iterator[Way]:
    drops = _dropouts(program)
    weights = _layers_with(program, ("kernel_regularizer", "bias_regularizer", "activity_regularizer"))
    if drops:
        yield tuple(Lever("layer", "rate", "0.2", path) for path in drops)
    if weights:
        yield tuple(Lever("layer", name, None, path) for path, name in weights)
        mild = "keras.regularizers.L2(1e-4)"
        yield tuple(Lever("layer", name, mild, path) for path, name in weights)
    if noise := _noise(program):
        yield tuple(Lever("layer", "stddev", "0.1", path) for path in noise)
    if drops and weights:
        yield (
            *(Lever("layer", "rate", "0.2", path) for path in drops),
            *(Lever("layer", name, None, path) for path, name in weights),
        )


def _noise(program: Program) -> list[str]:
    return [str(layer.get("path")) for layer in program.layers() if layer.get("class") == "GaussianNoise"]


def _dropouts(program: Program) -> list[str]:
    return [str(layer.get("path")) for layer in program.layers() if "Dropout" in str(layer.get("class"))]


def _without(program: Program, finding: Finding) -> Iterator[Way]:
    if finding.location.layer:
        yield (Lever("layer", None, None, finding.location.layer),)
    elif finding.kind == "dropout-misuse":
        for path in reversed(_dropouts(program)):
            yield (Lever("layer", None, None, path),)


def _wider(program: Program, finding: Finding) -> Iterator[Way]:
    hidden = _hidden(program)
    for factor in (8, 32):
        levers = []
        for path in [finding.location.layer] if finding.location.layer in hidden else hidden:
            call = program.call(Lever("layer", None, None, path))
            name = next(
                (n for n in ("units", "filters") if call and program.argument(call[1], n) is not None), None
            )
            units = program.argument(call[1], name) if call and name else None
            if isinstance(units, ast.Constant) and isinstance(units.value, int) and units.value <= 32:
                levers.append(Lever("layer", name, str(max(16, units.value * factor)), path))
        if levers:
            yield tuple(levers)


def _stopped_early(program: Program, finding: Finding) -> Iterator[Way]:
    stop = "keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)"
    found = program.call(Lever("fit"))
    given = program.argument(found[1], "callbacks") if found is not None else None
    if given is None or found is None:
        yield (Lever("fit", "callbacks", f"[{stop}]"),)
    else:
        text = edits.source_of(found[0], given)
        kept = text[1:-1].rstrip(", \n") if isinstance(given, ast.List) else f"*{text}"
        yield (Lever("fit", "callbacks", f"[{kept}, {stop}]" if kept else f"[{stop}]"),)


def _class_weights(program: Program, finding: Finding) -> Iterator[Way]:
    classes = program.array("y").get("classes")
    if isinstance(classes, dict) and classes and len(classes) <= 20:
        total = sum(int(n) for n in classes.values())
        weights = {int(k): round(total / (len(classes) * int(n)), 2) for k, n in classes.items() if int(n)}
        yield (Lever("fit", "class_weight", repr(weights)),)


_WAYS: dict[str, Callable[[Program, Finding], Iterator[Way]]] = {
    "lr-too-high": _rates(0.1, 0.01, 0.001),
    "lr-too-low": _rates(10.0, 100.0, 1000.0),
    "wrong-optimizer": _optimizers,
    "batch-size": _batches_and_epochs,
    "too-few-epochs": _epochs,
    "missing-activation": _activations,
    "wrong-hidden-activation": _other_activations,
    "wrong-output-activation": _outputs,
    "softmax-one-unit": _outputs,
    "wrong-loss": _losses,
    "logits-mismatch": _logits,
    "bad-initialisation": _initialisers,
    "over-regularised": _milder,
    "dropout-misuse": _without,
    "wrong-layer": _without,
    "normalisation-misuse": _without,
    "insufficient-capacity": _wider,
    "overfitting": _stopped_early,
    "class-imbalance": _class_weights,
}
