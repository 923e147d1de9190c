"""Losses of one sample and of its batch: what a sample is worth does not hang on its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from kerascope.detect.contracts.case import BATCH, Case
from kerascope.detect.contracts.losses import LOSS, RUNS, values
from kerascope.detect.contracts.pairs import Pair, close, short, typical
from kerascope.detect.contracts.registry import contract
from kerascope.detect.contracts.running import watched
from kerascope.values import Evidence, Finding

_BATCHES = 3


@contract("loss-batch-independence", kinds=LOSS, severity="warning", after=(*RUNS, "loss-per-sample"))
def batch_independence(case: Case) -> Iterator[Finding]:
    """A sample's value does not depend on the other samples of the batch."""
    how = "alone, and with a third"
    for seed in range(_BATCHES):  # a share of the batch, as that of positives, may be the same by chance
        pair = typical(case, seed=seed)
        whole, part = values(case, pair), values(case, pair.rows(2))
        if whole.ndim == 0 or whole.shape[0] != BATCH:
            return
        if not close(whole[:2], part):
            break
    else:
        near, far = pair.apart(0.01), pair.apart(10)
        if near is None or far is None:
            return
        # What is decided by the largest error of the batch shows where the third sample's is large.
        pair, how = near, "with a third that is as near to its target, and with one that is far from it"
        whole, part = values(case, near.replaced(2, far)), values(case, near)[:2]
        if close(whole[:2], part):
            return
    # Comparing embeddings of different samples is what metric learning does; its targets are classes.
    embeddings = pair.y_true.dtype.kind in "iu" and pair.y_true.size == pair.y_pred.shape[0]
    yield case.broken(
        f"{case.subject.name} gives a sample another value when the batch is another",
        f"The first two samples were given {how}. Their values should be the same. A loss that "
        "depends on the batch is not the one that is reported for the validation data, and changes with batch_size; "
        "Keras divides by the number of samples itself.",
        evidence=[
            Evidence("one time", short(whole[:2])),
            Evidence("the other time", short(part)),
        ],
        fixes=[
            "Reduce over axis=-1 only. If samples are meant to be compared, allow `loss-batch-independence`."
        ],
        severity="note" if embeddings or _compares(case, pair) else None,
    )


def _compares(case: Case, pair: Pair) -> bool:
    """Tells whether a loss sets each sample against each other one, as those that compare pairs do.

    By a product, or by an axis put before the batch: that is not done by accident, as broadcasting is.
    """
    batch = pair.y_pred.shape[0]
    for one in watched(lambda: values(case, pair)):
        if one.value is None or one.value.shape[:2] != (batch, batch):
            continue
        before = [array for _, array in one.operands if array is not None]
        if one.site.name in _PRODUCTS or any(array.shape[:2] == (1, batch) for array in before):
            return True
    return False


_PRODUCTS = ("matmul", "dot", "einsum", "tensordot", "MatMult")
