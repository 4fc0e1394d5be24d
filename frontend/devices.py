"""`tw.device`, `tw.device_put`, `tw.device_get`: where functions run, and where arrays lie.

Layer: frontend. The modules for a GPU are loaded when one is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import Any

import numpy as np

from ..compiler.errors import DeviceError, TraceError
from ..compiler.options import DEVICES
from .context import current
from .jit import pause_native_calls, resume_native_calls
from .location import user_location
from .placement import CHOSEN, is_on_gpu
from .tree import TreeDef, flatten, unflatten

_RUNTIME = f"{__package__.rpartition('.')[0]}.runtime"
_TENSORFLOW = f"{__package__}.tf"
# Of TensorFlow's names of devices; compiled when one is seen.
_PART = r"(?i)(?P<key>job|replica|task|device|cpu|gpu|tpu|xla_cpu|xla_gpu):(?P<value>.*)"
_BARE = r"(?i)cpu|gpu|tpu"


# -- which device -------------------------------------------------------------------------------


def has_gpu() -> bool:
    """Whether there is a GPU (or its simulator) to run on. Numba is not loaded for the answer."""
    try:
        require_gpu()
    except DeviceError:
        return False
    return True


def require_gpu() -> None:
    """Return if there is a GPU.

    Raises:
        DeviceError: there is none, or the packages for it are missing; it says which.
    """
    import_module(f"{_RUNTIME}.cuda.driver").current()


def gpu_details() -> dict[str, Any]:
    """The name of the GPU, and its compute capability if it has one."""
    found = import_module(f"{_RUNTIME}.cuda.driver").current()
    details: dict[str, Any] = {"device_name": found.name}
    if found.target.startswith("sm_"):
        details["compute_capability"] = (int(found.target[3:-1]), int(found.target[-1]))
    return details


def gpu_memory() -> dict[str, int]:
    """The bytes of the GPU that blocks use now, and the most they have used."""
    found = import_module(f"{_RUNTIME}.cuda.memory").pool().statistics()
    return {"current": found.in_use, "peak": found.peak}


class Placement:
    """TensorFlow's switches.

    `is_soft`: work for a device that is not there is done on the CPU. `is_gpu_hidden`: the GPU is
    taken for not being there.
    """

    is_soft = True
    is_gpu_hidden = False


class device:
    """A context whose jitted functions run on a device, and `device_put` puts arrays there.

    Results lie where the arrays among the arguments lie, as outside of such a block: NumPy arrays
    give NumPy arrays. The results of a call without any arrays stay on the device.

    Args:
        name: "gpu" or "cpu", or None for what holds around; or one of TensorFlow's names:
            "/GPU:0", "CPU:0", the full name of a device.

    Raises:
        ValueError: the name is none of a device.
        DeviceError: on entering "gpu": there is no GPU. Under TensorFlow's names the CPU is used
            then, or there is an InvalidArgumentError if soft placement is off.
    """

    def __init__(self, name: str | Callable[..., Any] | None) -> None:
        self._name = name
        text = getattr(name, "name", name)
        self._is_strict = text in DEVICES
        self._wanted = parsed(text) if isinstance(text, str) else None
        self._before: list[str | None] = []

    def __enter__(self) -> device:
        chosen = self._chosen()
        self._before.append(CHOSEN.device)
        _choose(chosen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _choose(self._before.pop())

    def _chosen(self) -> str | None:
        if self._wanted is None:
            return CHOSEN.device
        if self._wanted == ("CPU", 0):
            return "cpu"
        if self._wanted == ("GPU", 0) and (self._is_strict or _sees_gpu()):
            require_gpu()
            return "gpu"
        if not Placement.is_soft:
            errors = import_module(f"{_TENSORFLOW}.errors")  # for programs of TensorFlow only
            raise errors.InvalidArgumentError(
                f"Could not satisfy device specification '{self._name}'."
                f" enable_soft_placement=0. Available devices: [{', '.join(full_names())}]"
            )
        return "cpu"


def full_names() -> list[str]:
    """TensorFlow's names of all devices that programs see."""
    return [full_name(kind) for kind in (("CPU", "GPU") if _sees_gpu() else ("CPU",))]


def _sees_gpu() -> bool:
    return not Placement.is_gpu_hidden and has_gpu()


def full_name(kind: str) -> str:
    """TensorFlow's full name of the first device of a kind."""
    return f"/job:localhost/replica:0/task:0/device:{kind}:0"


def _choose(chosen: str | None) -> None:
    """Make it the device of this thread. Native calls know the CPU only, and wait meanwhile."""
    before, CHOSEN.device = CHOSEN.device, chosen
    if chosen == "gpu" and before != "gpu":
        _device_arrays()
        pause_native_calls()
    elif before == "gpu" and chosen != "gpu":
        resume_native_calls()


def parsed(spec: str) -> tuple[str, int] | None:
    """The type and the number of the device that a string names; None if it names none.

    Raises:
        ValueError: the string is no device specification.
    """
    found: tuple[str, int] | None = None
    for part in spec.split("/"):
        if not part:
            continue
        match = re.fullmatch(_PART, part)
        if match is None and re.fullmatch(_BARE, part) is None:
            raise ValueError(
                f"Unknown attribute '{part}' is encountered while parsing the device spec:"
                f" '{spec}'."
            )
        if match is None:
            found = part.upper(), 0
            continue
        key, value = match["key"].lower(), match["value"]
        if key == "device":
            kind, _, number = value.partition(":")
            found = kind.upper(), _number(number or "0", spec)
        elif key not in ("job", "replica", "task"):
            found = key.upper(), _number(value, spec)
    return found


def _number(text: str, spec: str) -> int:
    if text == "*":
        return 0
    if not text.isdigit():
        raise ValueError(f"Unknown attribute '{text}' is encountered in the device spec '{spec}'.")
    return int(text)


# -- where arrays lie ---------------------------------------------------------------------------


def device_put(x: Any, device: str | None = None) -> Any:
    """Copies of all arrays and numbers in nested containers on a device.

    Args:
        x: an array, a number, or containers of them. An array of another library on the same
            device is copied there; `from_dlpack` shares it.
        device: "gpu" or "cpu". By default the one of the `tw.device` block around, the GPU if there
            is no such block.

    Raises:
        DeviceError: there is no GPU.
        DTypeError: an array has a dtype that programs do not know.
    """
    wanted = _named(device or CHOSEN.device or "gpu")
    if wanted == "cpu":
        return device_get(x)
    if current() is not None:
        raise TraceError(
            "device_put is called in a function that is traced",
            loc=user_location(),
            hint="put the arrays there before the call: where arguments lie, the function runs",
        )
    require_gpu()
    return _mapped(_device_arrays().put, x)


def device_get(x: Any) -> Any:
    """All arrays in nested containers as NumPy arrays; waits for what computes them."""
    return _mapped(_got, x)


def from_dlpack(x: Any) -> Any:
    """An array of another library as ours: without a copy where it lies on the GPU.

    Both see the same memory: what the other library writes there is seen here.

    Args:
        x: has `__dlpack__` (CuPy, PyTorch, JAX, NumPy) or `__cuda_array_interface__` (Numba).
    """
    require_gpu()
    return _device_arrays().shared(x)


def _device_arrays() -> Any:
    return import_module(f"{__package__}.device_arrays")  # loaded where there is a use


def _named(device: str) -> str:
    found = parsed(device) if isinstance(device, str) else None
    names = {("GPU", 0): "gpu", ("CPU", 0): "cpu"}
    if found not in names:
        raise ValueError(f"device is {device!r}; there are {', '.join(DEVICES)}")
    return names[found]


def _got(leaf: Any, path: str) -> Any:
    return np.asarray(leaf) if is_on_gpu(leaf) else leaf


def _mapped(function: Callable[[Any, str], Any], x: Any) -> Any:
    """The containers with `function(leaf, path)` in place of each leaf."""
    leaves, tree = flatten(x)
    return unflatten(tree, [function(*pair) for pair in zip(leaves, _paths(tree), strict=True)])


def _paths(tree: TreeDef) -> list[str]:
    return list(tree.paths("x"))
