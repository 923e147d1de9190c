"""The data source of a training, read once more beside it: as it is, and with workers or prefetching."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

WORKERS = 4
_TIMEOUT = 20.0


def readable(x: Any) -> bool:
    """Tells whether a source can be read again without taking anything from the program: not so for generators."""
    return _kind(x) is not None


def change(x: Any) -> tuple[str, Any] | None:
    """Returns what to try on a source, in words of its own API, and what `reading` takes; None when there is nothing.

    Other processes are tried on torch alone, whose loader gives up after a while; elsewhere a fork may never end.
    """
    kind = _kind(x)
    if kind == "dataset" and x.workers <= 1 and not x.use_multiprocessing:
        return f"workers={WORKERS}", x
    if kind == "pipeline":
        return "num_parallel_calls and prefetch(tf.data.AUTOTUNE)", _parallel(x)
    if (
        kind == "loader"
        and keras.backend.backend() == "torch"
        and not x.num_workers
        and x.batch_sampler is not None
    ):
        return f"num_workers={WORKERS}", _with_workers(x)
    return None


@contextlib.contextmanager
def reading(x: Any, *, workers: int | None = None, **fit: Any) -> Iterator[Iterator[Any]]:
    """Yields an iterator over the batches as Keras would take them from `x`; `workers` is for a `PyDataset`."""
    before = x.workers if workers is not None else None
    if workers is not None:
        x.workers = workers
    adapter = None
    try:
        adapter = keras.src.trainers.data_adapters.get_data_adapter(x=x, **fit)
        how = {"jax": "get_jax_iterator", "torch": "get_torch_dataloader", "tensorflow": "get_tf_dataset"}
        yield iter(getattr(adapter, how.get(keras.backend.backend(), "get_numpy_iterator"))())
    finally:
        queue = getattr(adapter, "enqueuer", None)
        if queue is not None:
            queue.stop()
        if workers is not None:
            x.workers = before


@contextlib.contextmanager
def arrays(batch: Any, times: int) -> Iterator[Iterator[Any]]:
    """Yields an iterator over a batch as often as said, cut by Keras out of arrays in memory as `fit(x, y)` does."""
    parts = batch if isinstance(batch, (tuple, list)) else (batch,)
    first = next(iter(keras.tree.flatten(parts)))
    many = keras.tree.map_structure(lambda one: np.concatenate([one] * times), tuple(parts))
    with reading(
        many[0], y=many[1] if len(many) > 1 else None, batch_size=len(first), shuffle=True
    ) as batches:
        yield batches


def _kind(x: Any) -> str | None:
    if isinstance(x, keras.utils.PyDataset):
        return "dataset"
    names = {f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(x).__mro__}
    if "torch.DataLoader" in names:
        return "loader"
    if "tensorflow.DatasetV2" in names and not _written(x):
        return "pipeline"
    return None


def _written(dataset: Any) -> bool:
    """Tells whether a pipeline keeps what it reads in a file: reading it again would write that file."""
    while dataset is not None:
        if type(dataset).__name__ in ("CacheDataset", "_SaveDataset", "_SnapshotDataset"):
            return True
        dataset = getattr(dataset, "_input_dataset", None)
    return False


def _parallel(dataset: Any) -> Any:
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = True
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _with_workers(loader: Any) -> Any:
    import torch

    return torch.utils.data.DataLoader(
        loader.dataset,
        batch_sampler=loader.batch_sampler,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        worker_init_fn=loader.worker_init_fn,
        num_workers=WORKERS,
        timeout=_TIMEOUT,
    )
