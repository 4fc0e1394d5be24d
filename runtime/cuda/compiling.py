"""Numba CUDA: the only module that touches it, and NVIDIA's linker.

Layer: runtime. In: the source of kernels. Out: PTX for a compute capability, machine code, or
kernels of Numba's simulator, which runs them as Python code (NUMBA_ENABLE_CUDASIM=1). Numba CUDA is
optional and slow to import, so it is imported when kernels are first compiled.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np

from ...compiler.errors import DeviceError
from ...compiler.ir.types import DType
from ...compiler.launches import GpuProgram
from . import intrinsics
from .equal import representatives
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
        intrinsics.simulated_names() if capability is None else intrinsics.device_names(capability)
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


def ptx(
    program: GpuProgram, capability: tuple[int, int], kernels: Collection[str] | None = None
) -> dict[str, str]:
    """The PTX of every kernel, or of some, for a compute capability; no GPU is needed."""
    numba = _numba()
    if numba.simulated:
        raise DeviceError("the simulator has no PTX", hint="unset NUMBA_ENABLE_CUDASIM")
    found = _numba_functions(program.source, capability)
    texts = {}
    for kernel, kinds in parameters(program).items():
        if kernels is None or kernel in kernels:
            signature = numba.types.void(*map(_type, kinds))
            texts[kernel], _ = numba.cuda.compile_ptx(found[kernel], signature, cc=capability)
    return texts


def parameters(program: GpuProgram) -> dict[str, tuple[str | None, ...]]:
    """What each kernel takes: the dtypes of arrays, None for sizes."""
    sizes = (None,) * len(program.signature.size_names)
    return {
        each.kernel: (*(_stored(o.dtype) for o in each.operands), *sizes, _stored(DType.I64))
        for each in program.launches()
    }


def _stored(dtype: DType) -> str:
    """The dtype that kernels know an array by: Numba has no bf16, its bits are an integer."""
    return "uint16" if dtype is DType.BF16 else dtype.numpy_name


def _type(kind: str | None) -> Any:
    types = _numba().types
    if kind is None:
        return types.int64
    element = types.boolean if kind == DType.BOOL.numpy_name else getattr(types, kind)
    return element[::1]


# -- images ---------------------------------------------------------------------------------------


def source_image(program: GpuProgram) -> Image:
    """What the simulator loads."""
    kinds = parameters(program)
    return Image(program.source.encode(), {name: name for name in kinds}, kinds)


def machine_image(program: GpuProgram, target: str) -> Image:
    """What a GPU loads: one piece of machine code for `target` ("sm_90") with all kernels.

    Raises:
        DeviceError: NVIDIA's linker is not installed, or refuses.
    """
    kinds = parameters(program)
    firsts = representatives(program.source, kinds)
    texts = ptx(program, _capability(target), set(firsts.values()))
    entries = {kernel: _entry(texts[first]) for kernel, first in firsts.items()}
    return Image(_linked(texts, target), entries, kinds)


def _capability(target: str) -> tuple[int, int]:
    """(9, 0) of "sm_90"; the last digit is the minor number."""
    number = int(target.removeprefix("sm_"))
    return number // 10, number % 10


def _entry(text: str) -> str:
    """The name of the one kernel in PTX."""
    found = re.search(r"\.entry\s+(\w+)", text)
    assert found is not None, "PTX without a kernel"
    return found.group(1)


def _linked(texts: Mapping[str, str], target: str) -> bytes:
    """Machine code of all kernels. The driver could make it of PTX, too, but in every process."""
    try:
        # optional (the extra `cuda`)
        from cuda.bindings import nvjitlink
    except ImportError as error:
        raise _no_linker(str(error)) from None
    handle = None
    try:
        handle = nvjitlink.create(1, [f"-arch={target}"])
        for name, text in texts.items():
            data = text.rstrip("\0").encode() + b"\0"
            nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), name)
        nvjitlink.complete(handle)
        code = bytearray(nvjitlink.get_linked_cubin_size(handle))
        nvjitlink.get_linked_cubin(handle, code)
        return bytes(code)
    except nvjitlink.nvJitLinkError as error:
        raise DeviceError(
            f"kernels cannot be made for {target}", got=_told(nvjitlink, handle) or str(error)
        ) from None
    except RuntimeError as error:  # the library is not there
        raise _no_linker(str(error)) from None
    finally:
        if handle is not None:
            nvjitlink.destroy(handle)


def _told(nvjitlink: Any, handle: Any) -> str:
    """What the linker says about its error."""
    if handle is None:
        return ""
    text = bytearray(nvjitlink.get_error_log_size(handle))
    nvjitlink.get_error_log(handle, text)
    return text.rstrip(b"\0\n").decode(errors="replace")


def _no_linker(reason: str) -> DeviceError:
    return DeviceError(
        "kernels for GPUs need NVIDIA's linker nvJitLink",
        got=reason,
        hint="pip install 'tensorwright[cuda]'",
    )
