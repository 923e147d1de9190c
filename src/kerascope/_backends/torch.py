"""torch: the state lives in the model; a step is measured while it runs, from Python, unless it is compiled."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import torch

from kerascope._backends import portable, torch_inline, torch_portable, torch_state
from kerascope._backends import torch_taps as taps
from kerascope._backends.base import Data, Inline, Leaf, Logs, Sample, State, Stepper, kept
from kerascope._backends.common import quiet_python
from kerascope._keras import state as keras_state
from kerascope._keras import steps


class TorchBackend:
    """See `base.Backend`. Written so that nothing waits for the device except `host` and `wait`."""

    name = "torch"
    functional = False

    def __init__(self) -> None:
        self._unbuilt: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._rates: weakref.WeakKeyDictionary[Any, tuple[Any, int, torch.Tensor]] = (
            weakref.WeakKeyDictionary()
        )

    def facts(self) -> dict[str, Any]:
        # Asking for the names of GPUs that nobody uses would start CUDA in this process.
        devices = ["cpu"]
        if torch.cuda.is_initialized():
            devices += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
        return {"backend_version": torch.__version__, "devices": devices}

    def limits(self, model: Any) -> dict[str, str]:
        foreign = [type(v).__name__ for v in vars(model).values() if isinstance(v, torch.optim.Optimizer)]
        if foreign:
            return {
                "snapshots": f"the model holds `torch.optim.{foreign[0]}`, whose state Keras does not know",
                "gradients": f"`torch.optim.{foreign[0]}` applies them, past Keras's optimizers",
            }
        if keras_state.has_values(model):
            devices = {variable.value.device.type for _, variable in keras_state.all_variables(model)}
            if devices - {"cpu", "cuda"}:
                name = sorted(devices - {"cpu", "cuda"})[0]
                return {"snapshots": f"the random number generator of device {name!r} cannot be copied"}
        return {}

    def shell(self, model: Any, raw: Callable[..., Any], stepper: Stepper) -> Callable[..., Any]:
        def train_function(data: Data) -> Logs:
            logs, _ = stepper.step(None, data)
            return logs

        return train_function

    def one_step(self, raw: Callable[..., Any], state: State, data: Data) -> tuple[Logs, State]:
        return raw(data), None

    def batch(self, data: Data) -> Any:
        return data[0]

    def keep_logs(self, logs: Logs) -> Logs:
        """Returns logs that may be read later: copies, since a metric may return its own variable."""

        def copied(value: Any) -> Any:
            tensor = value.value if isinstance(value, keras.Variable) else value
            return tensor.detach().clone() if isinstance(tensor, torch.Tensor) else tensor

        return steps.map_structure(copied, logs)

    # -- the state ---------------------------------------------------------------------------------------------

    def leaves(self, model: Any) -> list[Leaf]:
        found = [Leaf(role, variable.path) for role, variable in keras_state.all_variables(model)]
        return found + [Leaf("state", path) for path, _, _ in torch_state.buffers(model)]

    def norms(self, model: Any, state: State) -> torch.Tensor:
        values = [variable.value for _, variable in keras_state.all_variables(model)]
        values += [owner.get_buffer(name) for _, owner, name in torch_state.buffers(model)]
        with torch.no_grad():
            return taps.norms(values)

    def save(self, model: Any, state: State) -> torch_state.Snapshot | None:
        missing, before = keras_state.unbuilt(model), self._unbuilt.get(model)
        self._unbuilt[model] = missing
        # A layer or optimizer that a step did not build is one that the model holds but does not use.
        if (missing and missing != before) or not keras_state.has_values(model):
            return None
        return torch_state.save(model)

    def apart(self, snapshot: torch_state.Snapshot) -> torch_state.Values:
        return torch_state.apart(snapshot)

    def load(self, model: Any, snapshot: torch_state.Snapshot | torch_state.Values) -> State:
        torch_state.load(model, snapshot)

    def pack_state(
        self, model: Any, snapshot: torch_state.Snapshot
    ) -> tuple[portable.Arrays, dict[str, Any]]:
        return torch_portable.pack(model, snapshot)

    def unpack_state(
        self, model: Any, arrays: portable.Arrays, facts: dict[str, Any]
    ) -> torch_state.Snapshot:
        return torch_portable.unpack(model, arrays, facts)

    def pack_data(self, data: Data) -> tuple[portable.Arrays, Any]:
        return portable.pack_tree(data, torch_portable.pack_leaf)

    def unpack_data(self, arrays: portable.Arrays, template: Any) -> Data:
        return portable.unpack_tree(template, arrays, torch_portable.unpack_leaf)

    def eager_step(self, model: Any, state: State, data: Data) -> tuple[Logs, State]:
        return model.train_step(self.batch(data)), None

    def unrolled(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()  # loops are Python there anyway

    def outputs(self, model: Any, state: State, x: Any) -> Any:
        with torch.no_grad():
            return model(x, training=False)

    def usable(self, state: State) -> bool:
        return True

    def changes(self, before: State, state: State) -> dict[tuple[int, int], Any] | None:
        return None

    def patch(self, state: State, changes: dict[tuple[int, int], Any]) -> State:
        return state

    # -- measuring ---------------------------------------------------------------------------------------------

    def in_place(self, model: Any) -> bool:
        return not model.jit_compile

    @contextlib.contextmanager
    def instrumented(self, model: Any) -> Iterator[Sample]:
        sample = Sample()
        with contextlib.ExitStack() as stack:
            try:
                collected = stack.enter_context(taps.tapped(model, sample.errors))
            except Exception as error:  # ours; the step is run all the same
                sample.errors.append(f"taps: {type(error).__name__}: {error}")
                collected = None
            yield sample
        if collected is not None:
            steps.guarded(collected, "statistics", collected.fill, sample)

    def sample(self, model: Any, state: State, data: Data) -> Sample:
        with self.quiet(), keras_state.attributes_kept(model):
            before = self.save(model, state)
            if before is None:
                return Sample(skipped={"this step": "the first step has yet to make variables"})
            try:
                with self.instrumented(model) as sample:
                    model.train_step(self.batch(data))
            except Exception as error:
                sample.errors.append(f"train step: {type(error).__name__}: {error}")
            finally:
                drawn = model.jit_compile and not torch.equal(before.random.cpu, torch.get_rng_state())
                self.load(model, before)
        if drawn:
            sample.skipped["the same random numbers"] = (
                "statistics come from a second run outside torch.compile, which draws other random numbers"
            )
        return sample

    def inline(self, model: Any) -> Inline | str:
        if model.jit_compile:
            return "torch.compile would compile another program with them and round differently"
        return torch_inline.build(model)

    # -- values ------------------------------------------------------------------------------------------------

    def learning_rate(self, model: Any, state: State) -> torch.Tensor | None:
        kind, variable = keras_state.learning_rate_source(model)
        if kind != "variable":
            return None
        value = variable.value
        known = self._rates.get(model)
        # The version of a tensor goes up with every write: asked in every step, copied only when it has changed.
        if known is None or known[0] is not value or known[1] != value._version:
            known = self._rates[model] = (value, value._version, value.detach().clone())
        return known[2]

    def schedule(self, schedule: Callable[[Any], Any], iterations: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            values = [schedule(keras.ops.convert_to_tensor(int(i), dtype="int32")) for i in iterations]
        return np.asarray([float(self.host(value)) for value in values], np.float64)

    def ready(self, value: Any) -> bool:
        return True

    def host(self, value: Any) -> np.ndarray:
        if not isinstance(value, torch.Tensor):
            return np.asarray(value)
        value = value.detach()
        if value.is_floating_point() and value.dtype not in (torch.float16, torch.float32, torch.float64):
            value = value.to(torch.float32)  # NumPy has no bfloat16
        return np.asarray(value.cpu().numpy())

    def wait(self, value: Any) -> None:
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    def address(self, array: Any) -> int | None:
        if isinstance(array, torch.Tensor):
            return array.data_ptr() if array.device.type == "cpu" else None
        return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else None

    def copy_data(self, data: Data) -> Data:
        return steps.map_structure(_copied, data)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        random = kept(torch_state.save_random, torch_state.load_random)
        with quiet_python(), random, torch_state.warnings_dropped():
            yield


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone() if value.device.type == "cpu" else value
    return value.copy() if isinstance(value, np.ndarray) else value


BACKEND = TorchBackend()
