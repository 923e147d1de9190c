"""`kerascope profile` and `kerascope.profile`: where the time of a training goes, and what a change would gain."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerascope.api.paths import chosen_path
from kerascope.api.watching import Recorder
from kerascope.errors import UsageError
from kerascope.values import Report

if TYPE_CHECKING:
    from kerascope.api.watch import Watching

OPTIONS: dict[str, Any] = {
    "profile": True,
    "every": 0,
    "examine": 0.0,
    "data": False,
    "keep_bytes": 0,
    "keep_batches": 0,
}
"""No statistics and nothing kept to run again: what a profile times is the training alone."""


def profile(model: Any, x: Any, y: Any = None, *, out: str | Path | None = None, **fit: Any) -> Watching:
    """Trains a model as ``model.fit(x, y, **fit)`` would and says where the time goes.

    Args:
        model: A compiled `keras.Model`. It is trained; afterwards its weights are those that `fit` alone would have
            given.
        x: What `fit` takes: arrays, a `PyDataset`, a `tf.data.Dataset`, a `DataLoader`, a generator.
        y: Labels, where `x` does not hold them.
        out: The recording's path; by default ``runs/<script or "notebook">-<time>.kscope``.
        fit: Everything else that `fit` takes: epochs, batch_size, callbacks, validation_data, ...

    Returns an object that shows itself as the report; `.report.profile` holds the account, `.findings` what to change.
    At least 20 steps are needed for a verdict.

    Raises:
        UsageError: `model` is no model, or is not compiled.
    """
    from kerascope.api.watch import Watching  # imports Keras, which a script must be left to do itself

    if not callable(getattr(model, "fit", None)) or getattr(model, "compiled", False) is not True:
        raise UsageError(
            f"Only a compiled model can be profiled. Received: model={model!r}. Call `model.compile(...)` before."
        )
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    subject = Path(main).name if main else "notebook"
    recorder = Recorder(
        chosen_path(out, Path(subject).stem),
        OPTIONS,
        meta={"subject": subject, "argv": []},
    )
    recorder.start([model])
    try:
        model.fit(x, y, **fit)
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        recorder.close("interrupted" if interrupted else "failed", f"{type(error).__name__}: {error}")
        raise
    recorder.close()
    return Watching(recorder)


def profile_script(
    target: str,
    args: Sequence[str] = (),
    *,
    module: bool = False,
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[int, Report | None]:
    """Runs a script or module and profiles every training in it; see `api.run.run`."""
    from kerascope.api.run import run

    return run(target, args, module=module, out=out, options=OPTIONS, say=say)


def costs(model: Any, x: Any) -> dict[str, Any]:
    """Returns the floating point operations of each layer of a model on a batch, by the layer's path."""
    from kerascope.api.summary import summary

    shape = getattr(x, "shape", None)
    size = int(shape[0]) if shape is not None and len(shape) else 1
    graph = summary(model, batch_size=size).graph
    return {call.path: call.flops for call in graph.calls if call.flops is not None}
