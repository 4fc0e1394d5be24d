"""NVIDIA's libraries in place of kernels, as far as they are installed.

Layer: runtime. In: what a library may do (`compiler/launches.py`) and sizes. Out: work to be
queued, or None where kernels are to do it. `TENSORWRIGHT_GPU_LIBRARIES=0` in the environment leaves
everything to kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache

from ...compiler.launches import ConvolutionCall, GpuProgram, ProductCall
from ...compiler.options import uses_gpu_libraries
from . import blas, cudnn, memory
from .blas import Blas
from .cudnn import Cudnn
from .protocol import Driver, LibraryWork


class Libraries:
    """Each library is loaded when something could use it; `None` is one that is not there."""

    def __init__(
        self,
        load_blas: Callable[[], Blas | None] = lambda: None,
        load_cudnn: Callable[[], Cudnn | None] = lambda: None,
    ) -> None:
        self._load_blas = load_blas
        self._load_cudnn = load_cudnn

    @cached_property
    def _blas(self) -> Blas | None:
        return self._load_blas()

    @cached_property
    def _cudnn(self) -> Cudnn | None:
        return self._load_cudnn()

    def work(
        self,
        call: ProductCall | ConvolutionCall,
        sizes: Mapping[str, int],
        offsets: Sequence[int],
    ) -> LibraryWork | None:
        """What a library will do for operands that lie at `offsets` of pieces of memory."""
        if isinstance(call, ProductCall):
            return None if self._blas is None else self._blas.work(call, sizes)
        return None if self._cudnn is None else self._cudnn.work(call, sizes, offsets)

    def names(self) -> list[str]:
        """Those that are there."""
        found = {"cuBLAS": self._blas, "cuDNN": self._cudnn}
        return [name for name, library in found.items() if library is not None]

    def alignment(self, program: GpuProgram) -> int:
        """What the addresses of a program's arguments must be multiples of."""
        convolves = any(isinstance(call, ConvolutionCall) for call in program.calls())
        return cudnn.ALIGNMENT if convolves and self._cudnn is not None else 1


def libraries(device: Driver) -> Libraries:
    """Those for a device; the simulator has none."""
    if not (device.target.startswith("sm_") and uses_gpu_libraries()):
        return Libraries()
    return _installed(device)


@lru_cache(maxsize=1)
def _installed(device: Driver) -> Libraries:
    stream, allocate = device.stream, memory.allocate
    return Libraries(lambda: blas.load(stream, allocate), lambda: cudnn.load(stream, allocate))
