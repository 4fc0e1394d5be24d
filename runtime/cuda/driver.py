"""Numba CUDA: the only module that touches it.

Layer: runtime. In: the source of kernels, NumPy arrays. Out: compiled kernels, PTX, arrays on the
device. Numba CUDA is optional and slow to import, so it is imported when a program first needs it.
With NUMBA_ENABLE_CUDASIM=1 it is a simulator, which runs kernels as Python code.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import isqrt
from typing import Any

import numpy as np

from ...compiler.errors import DeviceError
from ...compiler.ir.types import DType
from ...compiler.launches import BLOCK, GpuProgram, Launch
from .simulated import libdevice

_MOST_BLOCKS = 1 << 16  # kernels walk in strides of the grid: more blocks would only queue up
_SIMULATED_BLOCKS, _SIMULATED_THREADS = 2, 4  # a thread of the simulator is one of Python's
_modules = count()


@dataclass(frozen=True)
class _Numba:
    """Numba's modules; `simulated` tells whether kernels run as Python code."""

    cuda: Any
    types: Any
    libdevice: Any
    simulated: bool


@lru_cache(maxsize=1)
def _numba() -> _Numba:
    try:
        # optional (the extra `cuda`), and takes a second
        from numba import config, cuda, types
    except ImportError as error:
        raise DeviceError(
            "kernels for GPUs need Numba CUDA",
            got=str(error),
            hint="pip install 'tensorwright[cuda]'",
        ) from None
    if getattr(config, "ENABLE_CUDASIM", False):
        return _Numba(cuda, types, libdevice(), True)
    # not there in the simulator
    from numba.cuda import libdevice as real

    return _Numba(cuda, types, real, False)


def require_device() -> None:
    """Return if there is a GPU, or the simulator.

    Raises:
        DeviceError: there is none, or Numba CUDA is not installed.
    """
    numba = _numba()
    if not numba.simulated and not numba.cuda.is_available():
        raise DeviceError(
            "there is no GPU",
            expected="an NVIDIA GPU and its driver",
            hint="leave out device='gpu' to run on the CPU",
        )


def functions(source: str) -> dict[str, Any]:
    """The kernels of a source as Python functions, by name."""
    numba = _numba()
    file = f"<tensorwright kernels {next(_modules)}>"
    # Numba reads the lines of a function for its messages
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"np": np, "cuda": numba.cuda, "libdevice": numba.libdevice}
    names["TILE"] = isqrt(_SIMULATED_THREADS if numba.simulated else BLOCK)
    known = set(names) | {"__builtins__"}
    exec(compile(source, file, "exec"), names)
    return {name: value for name, value in names.items() if name not in known}


def compiled(source: str) -> dict[str, Any]:
    """The kernels of a source, to be launched; Numba compiles each when it is first launched."""
    return {name: _numba().cuda.jit(function) for name, function in functions(source).items()}


def launch(kernel: Any, blocks: int, threads: int, arguments: Sequence[Any]) -> None:
    """Queue a kernel."""
    if _numba().simulated:
        blocks, threads = min(blocks, _SIMULATED_BLOCKS), min(threads, _SIMULATED_THREADS)
    kernel[min(blocks, _MOST_BLOCKS), threads](*arguments)


def ptx(program: GpuProgram, capability: tuple[int, int]) -> dict[str, str]:
    """The PTX of every kernel for a compute capability; no GPU is needed."""
    numba = _numba()
    if numba.simulated:
        raise DeviceError("the simulator has no PTX", hint="unset NUMBA_ENABLE_CUDASIM")
    found = functions(program.source)
    texts = {}
    for each in program.launches():
        signature = _signature(each, len(program.signature.size_names))
        texts[each.kernel], _ = numba.cuda.compile_ptx(found[each.kernel], signature, cc=capability)
    return texts


def _signature(launch: Launch, sizes: int) -> Any:
    types = _numba().types
    arrays = [_array_type(operand.dtype) for operand in launch.operands]
    return types.void(*arrays, *[types.int64] * sizes, _array_type(DType.I64))


def _array_type(dtype: DType) -> Any:
    types = _numba().types
    element = types.boolean if dtype.is_bool else getattr(types, dtype.numpy.name)
    return element[::1]


# -- memory -------------------------------------------------------------------------------------


def to_device(array: np.ndarray) -> Any:
    """A flat copy on the device; one element where the array has none."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.size == 0:
        return empty(1, flat.dtype)
    return _numba().cuda.to_device(flat)


def empty(count: int, dtype: np.dtype) -> Any:
    """A flat array on the device."""
    return _numba().cuda.device_array(max(1, count), dtype)


def viewed(raw: Any, dtype: np.dtype) -> Any:
    """The bytes of an array as another dtype."""
    return raw.view(dtype)


def to_host(array: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A copy as a NumPy array; waits for the kernels."""
    count = int(np.prod(shape, dtype=np.int64))
    host: np.ndarray = array.copy_to_host()
    return host[:count].reshape(shape)


def part(array: Any, start: int, count: int) -> Any:
    """`count` elements of an array from `start` on, in place; one where there are none."""
    return array[start : start + max(1, count)]


def copy(source: Any, target: Any, count: int) -> None:
    """Copy elements on the device."""
    if count:
        target[:count].copy_to_device(source[:count])


def number(array: Any) -> int:
    """The first element; waits for the kernels."""
    return int(array[:1].copy_to_host()[0])


def arguments_of(sizes: Mapping[str, int]) -> list[Any]:
    """Sizes as kernels take them."""
    return [np.int64(size) for size in sizes.values()]
