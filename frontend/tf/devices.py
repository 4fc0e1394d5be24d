"""Devices: which there are, `tf.device`, and the switches of `tf.config`.

Layer: frontend. There are the CPU, and a GPU if its driver finds one. Ops run on the CPU unless a
block of `tf.device` says otherwise or an operand lies on the GPU. As in TensorFlow, ops for a
device that does not exist run on the CPU, unless soft placement is switched off.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from ..devices import Placement, device, gpu_details, gpu_memory, has_gpu, parsed
from .functions import Function

__all__ = ["device"]  # beside what is defined here


class PhysicalDevice(NamedTuple):
    """A device of the machine."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device as programs name it."""

    name: str
    device_type: str


class LogicalDeviceConfiguration(NamedTuple):
    """How a physical device is divided."""

    memory_limit: int | None = None
    experimental_priority: int | None = None
    experimental_device_ordinal: int | None = None


class _Settings:
    """What the switches of `tf.config` are at."""

    def __init__(self) -> None:
        self.functions_run_eagerly = False
        self.inter_op_threads = 0
        self.intra_op_threads = 0


_SETTINGS = _Settings()
_PHYSICAL = {kind: PhysicalDevice(f"/physical_device:{kind}:0", kind) for kind in ("CPU", "GPU")}
_LOGICAL = {kind: LogicalDevice(f"/device:{kind}:0", kind) for kind in _PHYSICAL}


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of the machine, of one type or all."""
    kinds = [kind for kind in _PHYSICAL if device_type in (None, kind)]
    return [_PHYSICAL[kind] for kind in kinds if kind == "CPU" or has_gpu()]


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The visible devices as programs name them, of one type or all."""
    return [_LOGICAL[each.device_type] for each in get_visible_devices(device_type)]


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that programs see."""
    found = list_physical_devices(device_type)
    return [each for each in found if each.device_type == "CPU" or not Placement.is_gpu_hidden]


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Choose the devices that programs see; the CPU cannot be hidden."""
    given = devices if isinstance(devices, (list, tuple)) else [devices]
    chosen = [_checked(each).device_type for each in given]
    if device_type in (None, "GPU"):
        Placement.is_gpu_hidden = "GPU" not in chosen


def _checked(device: Any) -> PhysicalDevice:
    if device not in list_physical_devices():
        raise ValueError(f"Unrecognized device: {device!r}")
    found: PhysicalDevice = device
    return found


def get_logical_device_configuration(device: Any) -> list[LogicalDeviceConfiguration] | None:
    """How a device is divided: not at all."""
    _checked(device)
    return None


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Divide a device: only into one part.

    Raises:
        ValueError: more parts are asked for.
    """
    _checked(device)
    if len(logical_devices) > 1:
        raise ValueError("a device cannot be divided into more than one logical device")


def get_soft_device_placement() -> bool:
    """Whether ops for a device that does not exist run on the CPU."""
    return Placement.is_soft


def set_soft_device_placement(enabled: bool) -> None:
    """Choose whether ops for a device that does not exist run on the CPU."""
    Placement.is_soft = bool(enabled)


def get_device_details(device: Any) -> dict[str, Any]:
    """What is known of a device: of a GPU its name and its compute capability."""
    if _checked(device).device_type == "CPU":
        return {}
    return gpu_details()


def get_memory_growth(device: Any) -> bool:
    """Whether the memory used grows with need; it always does."""
    _checked(device)
    return True


def set_memory_growth(device: Any, enable: bool) -> None:
    """Ask for memory that grows with need; it always does."""
    _checked(device)


def get_memory_info(device: str) -> dict[str, int]:
    """The memory in use on an accelerator, and the most that was in use: "current", "peak".

    Raises:
        ValueError: there is no such device, or it is the CPU.
    """
    wanted = parsed(device)
    if wanted == ("CPU", 0):
        raise ValueError("Memory statistics are not available for the CPU")
    if wanted != ("GPU", 0) or not has_gpu():
        raise ValueError(f"No matching devices found for '{device}'")
    return gpu_memory()


def enable_op_determinism() -> None:
    """Ask for equal results in equal runs, which ops give in any case."""


# -- threads --------------------------------------------------------------------------------------


def get_inter_op_parallelism_threads() -> int:
    """The number set for ops that run side by side; 0 if none was set."""
    return _SETTINGS.inter_op_threads


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Note a number of threads; programs run on one."""
    _SETTINGS.inter_op_threads = int(num_threads)


def get_intra_op_parallelism_threads() -> int:
    """The number set for each op; 0 if none was set."""
    return _SETTINGS.intra_op_threads


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """Note a number of threads; programs run on one."""
    _SETTINGS.intra_op_threads = int(num_threads)


# -- functions that run eagerly -------------------------------------------------------------------

_call_compiled = Function.__call__


def _call_python(self: Function, *args: Any, **kwargs: Any) -> Any:
    return self.python_function(*args, **kwargs)


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Choose whether a `tf.function` runs as the Python function that it is made of."""
    _SETTINGS.functions_run_eagerly = bool(run_eagerly)
    # the method is replaced, so that calls of compiled functions do not pay for the question
    call = _call_python if run_eagerly else _call_compiled
    Function.__call__ = call  # type: ignore[method-assign]


def functions_run_eagerly() -> bool:
    """Whether functions run as Python."""
    return _SETTINGS.functions_run_eagerly


# -- tf.test, tf.sysconfig ------------------------------------------------------------------------


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether tensors can lie on a GPU."""
    return bool(list_physical_devices("GPU"))


def is_cpu_target_available(target: str) -> bool:
    """Whether code for this kind of CPU can be made."""
    return target in ("x86", "aarch64")


def gpu_device_name() -> str:
    """The name of the GPU; empty if there is none."""
    return "/device:GPU:0" if has_gpu() else ""


def is_built_with_cuda() -> bool:
    """Whether there is support for CUDA."""
    return True


def is_built_with_rocm() -> bool:
    """Whether there is support for ROCm."""
    return False


def is_built_with_gpu_support() -> bool:
    """Whether there is support for any GPU."""
    return True


def is_built_with_xla() -> bool:
    """Whether XLA is built in: there is another compiler."""
    return False


def get_build_info() -> dict[str, Any]:
    """What this package is built with."""
    return {"is_cuda_build": True, "is_rocm_build": False, "is_tensorrt_build": False}


def get_include() -> str:
    """The folder of C headers; there are none."""
    return os.path.join(_root(), "include")


def get_lib() -> str:
    """The folder of the package."""
    return _root()


def get_compile_flags() -> list[str]:
    """Flags to compile C++ extensions with: there is no C++ interface."""
    return []


def get_link_flags() -> list[str]:
    """Flags to link C++ extensions with: there is no C++ interface."""
    return []


def _root() -> str:
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
