"""torch: statistics of tensors, and see into a train step while it runs.

Class-level taps show what passes by: `Optimizer.apply` gradients, weights and updates, `Layer.__call__` outputs,
`torch.autograd.backward` and `torch.autograd.grad` the loss. Everything is read without gradients, without
random numbers and without waiting for the device; what is kept are statistics and copies, never the graph.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from kerascope._backends.base import Part, Sample
from kerascope._backends.common import output_names, second_calls
from kerascope._keras import graph, steps
from kerascope._keras import state as keras_state

_CHUNK = 1 << 22  # elements whose statistics are computed together: bounds the memory of the copies
_LOSSES = 8
_CALLS = 8
_LARGEST = torch.finfo(torch.float32).max
_ALMOST = 1 - 2**-24  # one bad value among very many must not round to a share of 1


def norms(tensors: Sequence[Tensor]) -> Tensor:
    """Returns the Euclidean norm of each as float32 (len(tensors),); not finite exactly where a tensor is not."""
    if not tensors:
        return torch.zeros(0, dtype=torch.float32)
    # Squares of large float32 values overflow float32 but not float64, which MPS does not have.
    wide = torch.float32 if tensors[0].device.type == "mps" else torch.float64
    found = [_norm(tensor, wide) for tensor in tensors]
    values = torch.stack([value.to(found[0].device, non_blocking=True) for value in found])
    return torch.where(torch.isfinite(values), values.clamp(max=_LARGEST), values).to(torch.float32)


def _norm(tensor: Tensor, dtype: Any) -> Tensor:
    tensor = _dense(tensor)
    if tensor.numel() == 0:
        return tensor.new_zeros((), dtype=dtype)
    if not tensor.is_floating_point() or tensor.dtype.itemsize == 1:  # integers, flags and 8-bit floats
        tensor = tensor.to(dtype)
    return torch.linalg.vector_norm(tensor, dtype=dtype)


def seven(tensor: Tensor) -> Tensor:
    """Returns norm, mean, std, min, max, share of zeros, share of finite values as float32 (7,)."""
    return sevens([tensor])[0]


def sevens(tensors: Sequence[Tensor | None]) -> Tensor:
    """Returns `seven` of each tensor, float32 (len(tensors), 7); a row of NaN for None."""
    rows: list[Tensor | None] = [None] * len(tensors)
    for chunk in _chunks(tensors):
        for index, row in zip(chunk, _rows([_real(tensors[i]) for i in chunk]), strict=True):
            rows[index] = row
    like = next((row for row in rows if row is not None), torch.zeros(7, dtype=torch.float32))
    for index, tensor in enumerate(tensors):
        if tensor is not None and tensor.numel() == 0:
            empty = like.new_zeros(7)
            empty[6] = 1
            rows[index] = empty
    missing = torch.full_like(like, float("nan"))
    return torch.stack([missing if row is None else row.to(like.device, non_blocking=True) for row in rows])


def _chunks(tensors: Sequence[Tensor | None]) -> Iterator[list[int]]:
    """Yields positions of tensors that have elements, grouped by device and up to a size."""
    chunk: list[int] = []
    size, device = 0, None
    for index, tensor in enumerate(tensors):
        if tensor is None or tensor.numel() == 0:
            continue
        if chunk and (size + tensor.numel() > _CHUNK or tensor.device != device):
            yield chunk
            chunk, size = [], 0
        chunk.append(index)
        size, device = size + tensor.numel(), tensor.device
    if chunk:
        yield chunk


def _rows(tensors: list[Tensor]) -> Iterable[Tensor]:
    """The statistics of non-empty tensors on one device, one row each.

    Scaled by the largest magnitude, so that the squares of finite values stay finite. What looks roundabout is
    fast on a CPU: `var_mean` takes 50 times as long as a norm, `isfinite` 10 times as long as a subtraction.
    """
    counts = torch.tensor([t.numel() for t in tensors], dtype=torch.float32)
    counts = counts.to(tensors[0].device, non_blocking=True)
    ends = [torch.aminmax(t) for t in tensors]
    lows, highs = (torch.stack([end[i] for end in ends]).to(torch.float32) for i in (0, 1))
    peaks = torch.maximum(-lows, highs)
    scale = torch.where((peaks > 0) & torch.isfinite(peaks), peaks, torch.ones_like(peaks))
    scaled = list(torch._foreach_div(tensors, list(scale.unbind())))
    length = torch.stack(torch._foreach_norm(scaled))
    means = [t.mean() for t in scaled]
    torch._foreach_sub_(scaled, means)
    std = torch.stack(torch._foreach_norm(scaled)) * torch.rsqrt(counts)
    zeros = 1 - torch.stack([torch.count_nonzero(t) for t in tensors]) / counts
    for tensor, copy in zip(tensors, scaled, strict=True):
        torch.sub(tensor, tensor, out=copy)  # 0 where finite, NaN elsewhere
    bad = torch.stack([torch.count_nonzero(t) for t in scaled]) / counts
    finite = torch.where(bad > 0, (1 - bad).clamp(max=_ALMOST), torch.ones_like(bad))
    norm = torch.where(torch.isfinite(length), (scale * length).clamp(max=_LARGEST), length)
    columns = [norm, scale * torch.stack(means), scale * std, lows, highs, zeros, finite]
    return torch.stack([column.to(torch.float32) for column in columns], dim=1).unbind()


def _real(tensor: Tensor | None) -> Tensor:
    """The tensor as dense floating-point numbers of at least 32 bits; not a copy if it is that already."""
    assert tensor is not None
    tensor = _dense(tensor)
    wide = tensor.dtype in (torch.float32, torch.float64)
    return tensor if wide else tensor.to(torch.float32)


def _dense(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return tensor.abs() if tensor.is_complex() else tensor


def unseen(tap: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a tap build no graph and stay invisible to the user's `TorchFunctionMode` and to Dynamo.

    Dynamo, compiling a function of the user's, folds the first test: nothing of ours gets into the program.
    """

    @functools.wraps(tap)
    def call(*args: Any) -> Any:
        if torch.compiler.is_compiling():
            return None
        with torch._C.DisableTorchFunction(), torch.no_grad():
            return tap(*args)

    return call


class Collected:
    """What a train step showed, as `steps.Taps`: statistics by part, what was not visible, our own failures."""

    def __init__(self, model: Any, errors: list[str]) -> None:
        self.model = model
        self.errors = errors
        self.skipped: dict[str, str] = {}
        self._thread = threading.get_ident()
        self._layer_names = graph.layer_keys(model)
        self._variable_names = graph.variable_keys(model)
        self._calls: dict[str, int] = {}
        self._outputs: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []
        self._unscaled: dict[int, tuple[Any, Tensor]] = {}
        self._names: list[str] = []
        self._applied: dict[str, list[Tensor]] = {"gradient": [], "weight": [], "update": []}

    # -- the optimizer -----------------------------------------------------------------------------------------

    @unseen
    def before_apply(self, optimizer: Any, *args: Any) -> Any:
        """Measures gradients and weights; returns what `after_apply` needs to measure the updates."""
        if self._hidden("gradients"):
            return None
        pairs = [pair for pair in gradients_of(optimizer, *args) if self._readable(*pair)]
        if not pairs:
            return None
        gradient = sevens([gradient for _, gradient in pairs])
        gradient[:, :5] = unscaled(gradient[:, :5], keras_state.gradient_scale(optimizer))
        before = [variable.value.detach().clone() for variable, _ in pairs]
        return [variable for variable, _ in pairs], gradient, sevens(before), before

    @unseen
    def after_apply(self, token: Any, result: Any, optimizer: Any, *args: Any) -> None:
        """Measures the updates: weights after minus weights before."""
        if token is None:
            return
        variables, gradient, weight, before = token
        updates = [_minus(v.value.detach(), old) for v, old in zip(variables, before, strict=True)]
        rows = {"gradient": gradient, "weight": weight, "update": sevens(updates)}
        self._names += [self._name(variable) for variable in variables]
        for part, row in rows.items():
            self._applied[part].append(row)

    def _name(self, variable: Any) -> str:
        return str(self._variable_names.get(id(variable)) or variable.path)

    def _readable(self, variable: Any, gradient: Any) -> bool:
        good = plain(variable.value) and (gradient is None or plain(gradient))
        if not good:
            kinds = " and ".join(type(value).__name__ for value in (variable.value, gradient))
            self.skipped[f"gradient of {self._name(variable)}"] = (
                f"weight and gradient are {kinds}, no plain tensors"
            )
        return good

    # -- the loss ----------------------------------------------------------------------------------------------

    @unseen
    def after_scale(self, scaled: Any, loss: Any) -> None:
        """Remembers which loss a scaled one was made from."""
        if scaled is not loss and plain(loss) and not self._hidden("loss"):
            # `scaled` is held so that nothing else gets its id.
            self._unscaled[id(scaled)] = scaled, loss.detach()

    @unseen
    def before_backward(self, tensors: Any) -> None:
        """Measures the loss that gradients are taken of."""
        for tensor in [tensors] if isinstance(tensors, Tensor) else list(tensors):
            if (
                not plain(tensor)
                or tensor.numel() != 1
                or len(self._losses) == _LOSSES
                or self._hidden("loss")
            ):
                continue
            self._losses.append(seven(self._unscaled.get(id(tensor), (None, tensor))[1]))

    # -- layers ------------------------------------------------------------------------------------------------

    @unseen
    def after_call(self, layer: Any, output: Any) -> None:
        """Measures the output of a layer's call."""
        if layer is self.model or threading.get_ident() != self._thread:
            return
        tensors = [t for t in steps.flatten(output) if plain(t) and t.is_floating_point()]
        key = self._layer_names.get(id(layer)) or layer.path or layer.name
        if not tensors or self._hidden(key):
            return
        self._calls[key] = self._calls.get(key, 0) + 1
        if self._calls[key] > _CALLS:
            self.skipped[f"calls of {key}"] = f"only the first {_CALLS} of a step are measured"
            return
        names = output_names(second_calls(key, self._outputs), len(tensors))
        for name, tensor in zip(names, tensors, strict=True):
            self._outputs[name] = seven(tensor)

    def error(self, where: str, error: Exception) -> None:
        self.errors.append(f"{where}: {type(error).__name__}: {error}")

    def _hidden(self, what: str) -> bool:
        reason = hidden()
        if reason:
            self.skipped[what] = reason
        return reason is not None

    @unseen
    def fill(self, sample: Sample) -> None:
        """Writes the statistics into `sample`."""
        if self._names:
            names = keras_state.unique_names(self._names)
            for part, blocks in self._applied.items():
                sample.parts[part] = Part(names, torch.cat([block.to(blocks[0].device) for block in blocks]))
        elif "gradients" not in self.skipped and not self.errors:
            self.skipped["gradients"] = "no Keras optimizer was applied in this step"
        if self._outputs:
            sample.parts["output"] = Part(list(self._outputs), _stacked(list(self._outputs.values())))
        if self._losses:
            names = keras_state.unique_names(["loss"] * len(self._losses))
            sample.parts["loss"] = Part(names, _stacked(self._losses))
        sample.skipped.update(self.skipped)


def hidden() -> str | None:
    """Returns why to look away, "" when it need not be told: what is under way would see the reading too."""
    if torch._C._current_graph_task_id() != -1:
        return ""  # a layer is called again during the backward pass (rematerialization)
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "computed inside a transform of `torch.func` (grad, vmap)"
    if torch._C._len_torch_dispatch_stack():
        return "computed under a `TorchDispatchMode`, which would have seen the measuring too"
    return None


def gradients_of(optimizer: Any, gradients: Any, variables: Any = None) -> list[tuple[Any, Any]]:
    """Returns (variable, gradient) as an optimizer's `apply` was given them; a gradient may be None."""
    if variables is None:
        variables = keras_state.optimized_variables(optimizer)
    return list(zip(variables, gradients, strict=False))


def plain(value: Any) -> bool:
    """Tells whether a value is an ordinary tensor with numbers: no fake one, no shape without content."""
    return type(value) in (Tensor, torch.nn.Parameter) and value.device.type != "meta"


def _stacked(rows: list[Tensor]) -> Tensor:
    return torch.stack([row.to(rows[0].device, non_blocking=True) for row in rows])


def unscaled(values: Tensor, scale: Any) -> Tensor:
    """Returns norms (or other figures that go along with a scale) of gradients as they were before scaling."""
    if scale is None:
        return values
    scale = getattr(scale, "value", scale)
    return values / (scale.detach().to(values.device) if isinstance(scale, Tensor) else float(scale))


def _minus(new: Tensor, old: Tensor) -> Tensor:
    """What an update added, in at least 32 bits; written over `old`, our own copy, where that is possible."""
    if old.dtype.itemsize >= 4:
        return torch.sub(new, old, out=old)
    return new.to(torch.float32) - old.to(torch.float32)


@contextlib.contextmanager
def tapped(model: Any, errors: list[str]) -> Iterator[Collected]:
    """Collects what the train step that runs inside does; patches are undone when the block ends."""
    collected = Collected(model, errors)
    with steps.Patches() as patches:
        steps.tap_optimizers(patches, "apply", collected)
        steps.tap_layers(patches, collected)
        for cls in steps.optimizer_classes():
            if "scale_loss" in vars(cls):
                patches.put(cls, "scale_loss", _scaling(vars(cls)["scale_loss"], collected))
        for name in ("backward", "grad"):
            patches.put(torch.autograd, name, _differentiating(getattr(torch.autograd, name), collected))
        yield collected


def _scaling(original: Callable[..., Any], collected: Collected) -> Callable[..., Any]:
    @functools.wraps(original)
    def scale_loss(self: Any, *args: Any, **kwargs: Any) -> Any:
        scaled = original(self, *args, **kwargs)
        steps.guarded(collected, "loss", collected.after_scale, scaled, *args, *kwargs.values())
        return scaled

    return scale_loss


def _differentiating(original: Callable[..., Any], collected: Collected) -> Callable[..., Any]:
    """Stands in for `torch.autograd.backward` (which `Tensor.backward` calls) or `torch.autograd.grad`."""

    @functools.wraps(original)
    def differentiate(*args: Any, **kwargs: Any) -> Any:
        tensors = args[0] if args else kwargs.get("tensors", kwargs.get("outputs", ()))
        steps.guarded(collected, "loss", collected.before_backward, tensors)
        return original(*args, **kwargs)

    return differentiate
