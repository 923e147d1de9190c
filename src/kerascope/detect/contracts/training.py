"""Trained as part of a model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerascope._backends import tensors
from kerascope._keras import alone, effects, objects
from kerascope.detect.contracts.case import BATCH, Case, arrays, line_by_line
from kerascope.detect.contracts.registry import Skip, contract
from kerascope.detect.contracts.running import base, flat, rebuilt, restore
from kerascope.values import Evidence, Finding

_TWICE = 1.7


@contract("in-models", kinds=("layer",), after=("builds", "batch-sizes", "shapes-agree", "gradients-reach"))
def in_models(case: Case) -> Iterator[Finding]:
    """It trains in a model: one compiled step of fit, on a smaller batch than it was built with."""
    one = base(case)
    leaves = flat(one.args, one.kwargs)
    if len(leaves) != 1 or one.kwargs or len(one.args) != 1:
        raise Skip("it takes several tensors, so the model around it is a matter of wiring")
    if not alone.supports_compiling(case.built()):
        raise Skip("it says that it cannot be compiled")
    results = one.leaves
    if not any(tensors.dtype(tensors.unwrapped(leaf)).startswith(("float", "bfloat")) for leaf in results):
        raise Skip("its output cannot be trained on")
    layer = case.fresh()
    data = arrays(case.inputs(BATCH)[0])[0]
    with case.attempt(
        f"{case.subject.name} fails in fit",
        f"It was put into a Sequential model, built on a batch of {BATCH}, compiled, and trained on a batch of "
        f"{BATCH - 1}, as the last one of an epoch often is.",
    ) as found:
        with line_by_line(data):
            model, outputs = effects.model_alone(layer, data[:BATCH])
        effects.fit_alone(model, data[:BATCH], outputs)
    yield from found
    if not found:
        yield from _added(case)


def _added(case: Case) -> Iterator[Finding]:
    """Yields a finding when the layer adds a loss that is no single number."""
    instance, one = case.built(), base(case)
    restore(case)
    case.run(instance, one.args, one.kwargs, training=True)
    shape = next((s for loss in instance.losses if (s := tensors.shape(tensors.unwrapped(loss)))), None)
    if shape is not None:
        yield case.broken(
            f"{case.subject.name} adds a loss of shape {shape}",
            "add_loss is for one number. Keras adds up what a tensor holds, so this loss weighs more the larger the "
            "batch is, while the loss of the targets is a mean; in a train_step of one's own sum(self.losses) is no "
            "number, and has no gradient on PyTorch and JAX.",
            location=case.where("call", text="add_loss"),
            fixes=["self.add_loss(ops.mean(...))"],
            severity="warning",
        )
        return
    yield from _grows(case)


def _grows(case: Case) -> Iterator[Finding]:
    """Yields a finding when the losses that the layer adds are larger for a batch that comes twice."""
    instance, one = case.built(), base(case)
    leaves = [tensors.array_of(leaf) for leaf in flat(one.args, one.kwargs)]
    if not instance.losses or any(a is None or not a.ndim or a.shape[0] != BATCH for a in leaves):
        return
    twice = [objects.to_tensor(np.concatenate([a, a])) for a in leaves if a is not None]
    sums = []
    for arguments in ((one.args, one.kwargs), rebuilt(one.args, one.kwargs, twice)):
        restore(case)
        case.run(instance, *arguments, training=not _adds_in_inference(case))
        sums.append(sum(float(objects.to_numpy(loss)) for loss in instance.losses))
    if len(sums) == 2 and abs(sums[0]) > 1e-6 and sums[1] / sums[0] > _TWICE:
        yield case.broken(
            f"{case.subject.name} adds a loss that grows with the batch",
            "The same batch was given once, and twice in a row as one. The loss of the targets is a mean over the "
            "samples; this one is a sum, so what it weighs beside that one hangs on batch_size, and is least for the "
            "smaller last batch of an epoch.",
            evidence=[Evidence("added loss", sums[0]), Evidence("with every sample twice", sums[1])],
            location=case.where("call", text="add_loss"),
            fixes=["self.add_loss(ops.mean(ops.sum(..., axis=-1)))"],
            severity="warning",
        )


def _adds_in_inference(case: Case) -> bool:
    """Tells whether a loss is added in inference too, where no noise is in it."""
    instance, one = case.built(), base(case)
    restore(case)
    case.run(instance, one.args, one.kwargs, training=False)
    return bool(instance.losses)
