"""What a call costs: multiply-adds, floating point operations and the memory of what it returns.

Formulas are per operation, from its shapes and weights. One multiply-add is a product and a sum, so a matrix
product of (m, k) and (k, n) has m·k·n of them and 2·m·k·n floating point operations (Golub and Van Loan, Matrix
Computations, 4th edition, section 1.1.15). Exponentials and the like count as one operation. What is not known is
None, never zero.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Sequence

from kerascope.values import CallFacts, Dim, TensorSpec, Topology, WeightFacts

Cost = tuple[int, int]
"""Multiply-adds and floating point operations."""

_DIM = re.compile(r"(?:(\d+)·)?B([+-]\d+)?")


def with_costs(graph: Topology, batch_size: int) -> Topology:
    """Returns the graph with `macs`, `flops` and `output_bytes` of every call for `batch_size` samples.

    A call with calls inside costs what they cost together; those of unknown cost are named in its notes.
    """
    children: dict[int | None, list[CallFacts]] = {}
    for call in graph.calls:
        children.setdefault(call.parent, []).append(call)
    done: dict[int, CallFacts] = {}

    def price(call: CallFacts) -> tuple[int | None, int | None, set[str]]:
        inside = [price(child) for child in children.get(call.id, [])]
        own = _cost(call, graph.weights, batch_size)
        missing: set[str] = set().union(*(names for _, _, names in inside)) if inside else set()
        times = _repeats(call, batch_size)
        if inside and times is not None:
            own = times * sum(m or 0 for m, _, _ in inside), times * sum(f or 0 for _, f, _ in inside)
        elif own is None:
            missing = {call.kind}
        notes = call.notes
        if inside and missing:
            notes = (*notes, f"cost unknown: {', '.join(sorted(missing))}")
        macs, flops = own if own is not None else (None, None)
        size = _bytes(call.outputs, batch_size)
        done[call.id] = dataclasses.replace(call, macs=macs, flops=flops, output_bytes=size, notes=notes)
        return macs, flops, missing

    for call in children.get(None, []):
        price(call)
    return dataclasses.replace(graph, calls=tuple(done[c.id] for c in graph.calls), batch_size=batch_size)


def _repeats(call: CallFacts, batch_size: int) -> int | None:
    """Returns how often what is inside a call runs."""
    if call.kind in ("TimeDistributed", "RNN"):
        shape = sizes(call.inputs[0].shape, batch_size) if call.inputs else None
        return shape[1] if shape is not None else None
    return 1


def size_of(dim: Dim, batch_size: int) -> int | None:
    """Returns a dimension as a number, None where it is unknown."""
    if dim is None or isinstance(dim, int):
        return dim
    match = _DIM.fullmatch(dim)
    if match is None:
        return None
    return int(match[1] or 1) * batch_size + int(match[2] or 0)


def sizes(shape: Sequence[Dim], batch_size: int) -> tuple[int, ...] | None:
    """Returns a shape in numbers, None when a dimension of it is unknown."""
    found = [size_of(dim, batch_size) for dim in shape]
    return None if None in found else tuple(n for n in found if n is not None)


_WIDTH = re.compile(r"\d+")


def _bytes(tensors: Sequence[TensorSpec], batch_size: int) -> int | None:
    total = 0
    for tensor in tensors:
        shape = sizes(tensor.shape, batch_size)
        if shape is None:
            return None
        bits = 8 if tensor.dtype == "bool" else int((_WIDTH.search(tensor.dtype) or ["32"])[0])
        total += math.prod(shape) * bits // 8
    return total


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A call with everything a formula needs, in numbers."""

    call: CallFacts
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    weights: tuple[WeightFacts, ...]

    @property
    def size(self) -> int:
        return sum(math.prod(shape) for shape in self.outputs)

    @property
    def input_size(self) -> int:
        return math.prod(self.inputs[0]) if self.inputs else 0

    def weight(self, *names: str) -> int:
        """Returns how many numbers the weights of these names hold."""
        return sum(w.size for w in self.weights if w.path.rpartition("/")[2] in names)

    def spatial(self, shape: Sequence[int], leading: int = 1) -> int:
        """Returns the number of positions of an image: its size without batch and channels."""
        inner = shape[leading:]
        first = self.call.settings.get("data_format") == "channels_first"
        return math.prod(inner[1:] if first else inner[:-1])


def _cost(call: CallFacts, weights: Sequence[WeightFacts], batch_size: int) -> Cost | None:
    if call.category in ("input", "constant"):
        return 0, 0
    formula = FORMULAS.get(call.kind)
    if formula is None:
        return None
    inputs = [sizes(t.shape, batch_size) for t in call.inputs if t.role != "mask"]
    outputs = [sizes(t.shape, batch_size) for t in call.outputs]
    if None in inputs or None in outputs or not outputs:
        return (0, 0) if formula is free else None
    own = tuple(weights[index] for index in call.weights)
    known = [tuple(s) for s in inputs if s is not None], [tuple(s) for s in outputs if s is not None]
    macs, flops = formula(Case(call, tuple(known[0]), tuple(known[1]), own))
    return int(macs), int(flops)


def free(case: Case) -> Cost:
    """Costs nothing: it moves numbers and calculates none."""
    return 0, 0


def each(times: int) -> Callable[[Case], Cost]:
    """Costs `times` operations for each number that comes out."""

    def formula(case: Case) -> Cost:
        return 0, times * case.size

    return formula


def each_in(times: int) -> Callable[[Case], Cost]:
    """Costs `times` operations for each number that goes in: sums, means, maxima."""

    def formula(case: Case) -> Cost:
        return 0, times * case.input_size

    return formula


def merge(case: Case) -> Cost:
    """One operation for each number that comes out and each input after the first."""
    return 0, max(1, len(case.inputs) - 1) * case.size


def _activated(case: Case) -> int:
    activation = case.call.settings.get("activation")
    return 0 if activation in (None, "linear") else (5 if activation == "softmax" else 1) * case.size


def dense(case: Case) -> Cost:
    """x·W + b: in·out multiply-adds a row (Goodfellow, Bengio and Courville, Deep Learning, section 6.1)."""
    macs = case.size // case.outputs[0][-1] * case.weight("kernel", "_kernel")
    return macs, 2 * macs + case.size * bool(case.weight("bias")) + _activated(case)


def convolution(case: Case) -> Cost:
    """Each output position takes one product with the whole kernel (Dumoulin and Visin, arXiv:1603.07285).

    The kernel is (size, in / groups, filters), so groups are counted right; for depthwise kernels (size, in,
    multiplier) the same product holds.
    """
    positions = case.outputs[0][0] * case.spatial(case.outputs[0])
    macs = positions * case.weight("kernel", "depthwise_kernel", "pointwise_kernel")
    return macs, 2 * macs + case.size * bool(case.weight("bias")) + _activated(case)


def transposed(case: Case) -> Cost:
    """Each input position takes one product with the whole kernel (Dumoulin and Visin, arXiv:1603.07285, 4)."""
    macs = case.inputs[0][0] * case.spatial(case.inputs[0]) * case.weight("kernel")
    return macs, 2 * macs + case.size * bool(case.weight("bias")) + _activated(case)


def recurrent(gates: int, extra: int) -> Callable[[Case], Cost]:
    """A step multiplies input and state with their kernels (Hochreiter and Schmidhuber 1997; Cho et al. 2014).

    Beside that each of `gates` gates takes two sums and an activation for each unit, and `extra` operations combine
    them.
    """

    def formula(case: Case) -> Cost:
        batch, steps = case.inputs[0][0], case.inputs[0][1]
        macs = batch * steps * case.weight("kernel", "recurrent_kernel")
        units = int(case.call.settings.get("units") or case.outputs[0][-1])
        return macs, 2 * macs + batch * steps * units * (3 * gates + extra)

    return formula


def convolutional_recurrent(case: Case) -> Cost:
    """As LSTM, with convolutions (Shi et al., arXiv:1506.04214)."""
    batch, steps = case.inputs[0][0], case.inputs[0][1]
    shape = case.outputs[0]
    spatial = case.spatial(shape, 2 if len(shape) == len(case.inputs[0]) else 1)
    macs = batch * steps * spatial * case.weight("kernel", "recurrent_kernel")
    return macs, 2 * macs


def matmul(case: Case) -> Cost:
    """m·k·n multiply-adds (Golub and Van Loan, section 1.1.15)."""
    macs = case.size * case.inputs[0][-1]
    return macs, 2 * macs


def einsum(case: Case) -> Cost:
    """One multiply-add for each combination of all letters of the equation, when there are two operands."""
    equation = str(case.call.settings.get("equation") or case.call.settings.get("subscripts") or "").replace(
        " ", ""
    )
    left, _, right = equation.partition("->")
    terms, kernel = left.split(","), next((w.shape for w in case.weights if "kernel" in w.path), None)
    shapes = list(case.inputs) if len(case.inputs) >= len(terms) else [case.inputs[0], kernel or ()]
    letters: dict[str, int] = {}
    for term, shape in [*zip(terms, shapes, strict=False), (right, case.outputs[0])]:
        for name, size in _lettered(term, shape):
            letters[name] = size
    macs = math.prod(letters.values()) * (len(terms) - 1)
    return macs, 2 * macs + case.size * bool(case.weight("bias")) + _activated(case)


def _lettered(term: str, shape: Sequence[int]) -> list[tuple[str, int]]:
    """Returns each letter of an einsum term with its size; the dimensions of an ellipsis count from the right."""
    if "..." not in term:
        return list(zip(term, shape, strict=False))
    before, _, after = term.partition("...")
    middle = shape[len(before) : len(shape) - len(after)]
    hidden = [(f".{len(middle) - i}", n) for i, n in enumerate(middle)]
    ends = list(zip(after, shape[len(shape) - len(after) :], strict=False))
    return [*zip(before, shape, strict=False), *hidden, *ends]


def attention(case: Case) -> Cost:
    """softmax(q·kᵀ)·v: T·S products of width d for the scores, and of width v for the result.

    Vaswani et al., arXiv:1706.03762, table 1. Heads are an axis of q, k and v; softmax takes five operations.
    """
    query, key = case.inputs[0], case.inputs[1]
    time = 1 if len(query) == 4 else len(query) - 2
    scores = math.prod(query[:-1]) * key[time]
    macs = scores * query[-1] + scores * case.outputs[0][-1]
    return macs, 2 * macs + 6 * scores


def pooling(case: Case) -> Cost:
    """One operation for each number in each window."""
    pool = case.call.settings.get("pool_size") or 1
    pool = math.prod(pool) if isinstance(pool, (list, tuple)) else int(pool)
    return 0, case.size * pool


def _table() -> dict[str, Callable[[Case], Cost]]:
    table: dict[str, Callable[[Case], Cost]] = {}

    def put(formula: Callable[[Case], Cost], names: str) -> None:
        table.update(dict.fromkeys(names.split(), formula))

    put(dense, "Dense")
    put(
        convolution,
        "Conv1D Conv2D Conv3D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D",
    )
    put(transposed, "Conv1DTranspose Conv2DTranspose Conv3DTranspose")
    put(recurrent(4, 5), "LSTM")
    put(recurrent(3, 5), "GRU")
    put(recurrent(1, 0), "SimpleRNN")
    put(convolutional_recurrent, "ConvLSTM1D ConvLSTM2D ConvLSTM3D")
    put(matmul, "Matmul")
    put(einsum, "EinsumDense Einsum")
    put(attention, "DotProductAttention Attention")
    put(pooling, " ".join(f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)))
    put(pooling, "MaxPool AveragePool")
    put(each_in(1), " ".join(f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3)))
    put(each_in(1), "Sum Mean Max Min Prod Any All Argmax Argmin Cumsum CountNonzero Logsumexp")
    put(each_in(3), "Var Std Norm")
    put(each(2), "BatchNormalization Rescaling Normalization")
    put(each(8), "LayerNormalization GroupNormalization UnitNormalization")
    put(each(5), "RMSNormalization RMSNorm")
    put(each(5), "Softmax LogSoftmax")
    put(each(3), "HardSigmoid HardSilu Clip")
    put(merge, "Add Subtract Multiply Divide TrueDivide Average Maximum Minimum FloorDivide Mod Power")
    put(
        each(1),
        "ReLU Relu Relu6 LeakyReLU LeakyRelu PReLU ELU Elu Activation Sigmoid Tanh Gelu Silu Swish Softplus "
        "Softsign Selu Exp Log Log1p Expm1 Sqrt Rsqrt Square Negative Absolute Abs Sin Cos Reciprocal Sign Floor Ceil "
        "Round Where Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalNot Isnan "
        "LogSigmoid Erf Mish",
    )
    put(
        free,
        "InputLayer Constant Flatten Reshape Permute RepeatVector Concatenate Dropout SpatialDropout1D "
        "SpatialDropout2D SpatialDropout3D GaussianNoise GaussianDropout AlphaDropout Embedding Masking Identity "
        "ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D UpSampling1D UpSampling2D "
        "UpSampling3D GetItem ExpandDims Squeeze Cast Transpose Stack Split Tile Repeat BroadcastTo Pad Take "
        "TakeAlongAxis Flip Roll Swapaxes Moveaxis StopGradient ConvertToTensor ZerosLike OnesLike "
        "ActivityRegularization Ravel Slice Shape OneHot Unstack Copy Hstack Vstack Arange",
    )
    return table


FORMULAS = _table()
"""A formula for each kind of layer and operation."""
