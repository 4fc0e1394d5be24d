"""Devices: which there are, `tf.device`, and the switches of `tf.config`.

Layer: frontend. There is one device, the CPU. As in TensorFlow, ops for a device that does
not exist run on it, unless soft placement is switched off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import InvalidArgumentError
from .functions import Function

CPU = "/job:localhost/replica:0/task:0/device:CPU:0"
_PART = re.compile(
    r"(?P<key>job|replica|task|device|cpu|gpu|tpu|xla_cpu|xla_gpu):(?P<value>.*)", re.IGNORECASE
)
_BARE = re.compile(r"(?P<kind>cpu|gpu|tpu)", re.IGNORECASE)


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
        self.soft_placement = True
        self.functions_run_eagerly = False
        self.inter_op_threads = 0
        self.intra_op_threads = 0


_SETTINGS = _Settings()
_PHYSICAL = PhysicalDevice("/physical_device:CPU:0", "CPU")
_LOGICAL = LogicalDevice("/device:CPU:0", "CPU")


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of the machine, of one type or all."""
    return [_PHYSICAL] if device_type in (None, "CPU") else []


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices as programs name them, of one type or all."""
    return [_LOGICAL] if device_type in (None, "CPU") else []


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices that programs see."""
    return list_physical_devices(device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Choose the devices that programs see; the CPU cannot be hidden."""
    given = devices if isinstance(devices, (list, tuple)) else [devices]
    for device in given:
        _checked(device)


def _checked(device: Any) -> PhysicalDevice:
    if device != _PHYSICAL:
        raise ValueError(f"Unrecognized device: {device!r}")
    return _PHYSICAL


def get_logical_device_configuration(device: Any) -> list[LogicalDeviceConfiguration] | None:
    """How a device is divided: not at all."""
    _checked(device)
    return None


def set_logical_device_configuration(device: Any, logical_devices: Any) -> None:
    """Divide a device: the CPU only into one part.

    Raises:
        ValueError: more parts are asked for.
    """
    _checked(device)
    if len(logical_devices) > 1:
        raise ValueError("the CPU cannot be divided into more than one logical device")


def get_soft_device_placement() -> bool:
    """Whether ops for a device that does not exist run on the CPU."""
    return _SETTINGS.soft_placement


def set_soft_device_placement(enabled: bool) -> None:
    """Choose whether ops for a device that does not exist run on the CPU."""
    _SETTINGS.soft_placement = bool(enabled)


def get_device_details(device: Any) -> dict[str, Any]:
    """What is known of a device."""
    _checked(device)
    return {}


def get_memory_growth(device: Any) -> bool:
    """Whether the memory used grows with need; it always does."""
    _checked(device)
    return True


def set_memory_growth(device: Any, enable: bool) -> None:
    """Ask for memory that grows with need; it always does."""
    _checked(device)


def get_memory_info(device: str) -> dict[str, int]:
    """The memory in use on an accelerator.

    Raises:
        ValueError: there is no such device, or it is the CPU.
    """
    wanted = parsed(device)
    if wanted is None or wanted[0] != "CPU":
        raise ValueError(f"No matching devices found for '{device}'")
    raise ValueError("Memory statistics are not available for the CPU")


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


# -- tf.device ------------------------------------------------------------------------------------


def parsed(spec: str) -> tuple[str, int] | None:
    """The type and the number of the device that a string names; None if it names none.

    Raises:
        ValueError: the string is no device specification.
    """
    found: tuple[str, int] | None = None
    for part in spec.split("/"):
        if not part:
            continue
        match = _PART.fullmatch(part)
        if match is None and _BARE.fullmatch(part) is None:
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


class device:
    """A context whose ops run on a device.

    Args:
        device_name: "/GPU:0", "CPU:0", the full name of a device, or None.

    Raises:
        ValueError: the name is no device specification.
        InvalidArgumentError: on entering: there is no such device, and soft placement is off.
    """

    def __init__(self, device_name: str | Callable[..., Any] | None) -> None:
        self._name = device_name
        text = getattr(device_name, "name", device_name)
        self._wanted = parsed(text) if isinstance(text, str) else None

    def __enter__(self) -> device:
        if self._wanted not in (None, ("CPU", 0)) and not _SETTINGS.soft_placement:
            raise InvalidArgumentError(
                f"Could not satisfy device specification '{self._name}'."
                f" enable_soft_placement=0. Available devices: [{CPU}]"
            )
        return self

    def __exit__(self, *error: Any) -> None:
        return None


# -- tf.test, tf.sysconfig ------------------------------------------------------------------------


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether tensors can lie on a GPU."""
    return bool(list_physical_devices("GPU"))


def is_cpu_target_available(target: str) -> bool:
    """Whether code for this kind of CPU can be made."""
    return target in ("x86", "aarch64")


def gpu_device_name() -> str:
    """The name of the GPU; empty if there is none."""
    return ""


def is_built_with_cuda() -> bool:
    """Whether there is support for CUDA."""
    return False


def is_built_with_rocm() -> bool:
    """Whether there is support for ROCm."""
    return False


def is_built_with_gpu_support() -> bool:
    """Whether there is support for any GPU."""
    return False


def is_built_with_xla() -> bool:
    """Whether XLA is built in: there is another compiler."""
    return False


def get_build_info() -> dict[str, Any]:
    """What this package is built with."""
    return {"is_cuda_build": False, "is_rocm_build": False, "is_tensorrt_build": False}


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
