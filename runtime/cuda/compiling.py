"""Numba CUDA: the only module that touches it.

Layer: runtime. In: the source of kernels. Out: PTX for a compute capability, or kernels of Numba's
simulator, which runs them as Python code (NUMBA_ENABLE_CUDASIM=1). Numba CUDA is optional and slow
to import, so it is imported when kernels are first compiled.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np

from ...compiler.errors import DeviceError
from ...compiler.ir.types import DType
from ...compiler.launches import GpuProgram
from . import intrinsics
from .libdevice import libdevice
from .protocol import Image

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


def functions(source: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The kernels of a source as Python functions, by name; they may use `names`."""
    file = f"<tensorwright kernels {next(_modules)}>"
    # Numba reads the lines of a function for its messages
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space = {"np": np, **names}
    known = set(space) | {"__builtins__"}
    exec(compile(source, file, "exec"), space)
    return {name: value for name, value in space.items() if name not in known}


def _numba_functions(source: str, capability: tuple[int, int] | None = None) -> dict[str, Any]:
    """For a compute capability; None: for the simulator."""
    numba = _numba()
    names = (
        intrinsics.simulated_names()
        if capability is None
        else intrinsics.device_names(capability)
    )
    return functions(source, {"cuda": numba.cuda, "libdevice": numba.libdevice, **names})


def simulated_kernels(source: str) -> dict[str, Callable[..., None]]:
    """The kernels of a source by name, each a function of blocks, threads, and its arguments."""
    return {name: _simulated(each) for name, each in _numba_functions(source).items()}


def _simulated(function: Callable[..., None]) -> Callable[..., None]:
    # what the simulator takes for memory of the device; other arrays it copies
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    kernel = _numba().cuda.jit(function)

    def launch(blocks: int, threads: int, *arguments: Any) -> None:
        given = [FakeCUDAArray(x) if isinstance(x, np.ndarray) else x for x in arguments]
        kernel[blocks, threads](*given)

    return launch


def ptx(program: GpuProgram, capability: tuple[int, int]) -> dict[str, str]:
    """The PTX of every kernel for a compute capability; no GPU is needed."""
    numba = _numba()
    if numba.simulated:
        raise DeviceError("the simulator has no PTX", hint="unset NUMBA_ENABLE_CUDASIM")
    found = _numba_functions(program.source, capability)
    texts = {}
    for kernel, kinds in parameters(program).items():
        signature = numba.types.void(*map(_type, kinds))
        texts[kernel], _ = numba.cuda.compile_ptx(found[kernel], signature, cc=capability)
    return texts


def parameters(program: GpuProgram) -> dict[str, tuple[str | None, ...]]:
    """What each kernel takes: the dtypes of arrays, None for sizes."""
    sizes = (None,) * len(program.signature.size_names)
    return {
        each.kernel: (*(o.dtype.numpy.name for o in each.operands), *sizes, DType.I64.numpy.name)
        for each in program.launches()
    }


def _type(kind: str | None) -> Any:
    types = _numba().types
    if kind is None:
        return types.int64
    element = types.boolean if kind == DType.BOOL.numpy.name else getattr(types, kind)
    return element[::1]


def source_image(program: GpuProgram) -> Image:
    """What the simulator loads."""
    kinds = parameters(program)
    return Image(program.source.encode(), {name: name for name in kinds}, kinds)
