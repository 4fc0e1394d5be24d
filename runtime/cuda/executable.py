"""Programs on the GPU.

Layer: runtime. In: a `GpuProgram`. Out: a `GpuExecutable`, called with NumPy arrays and numbers.
Arguments are copied to the device, kernels are launched in order, results are copied back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...compiler.ir.dims import Dim, evaluate
from ...compiler.ir.types import Shape
from ...compiler.launches import FAULTS, GpuProgram, Memory, Operand
from . import driver


class GpuExecutable:
    """A program whose kernels are compiled for the device."""

    def __init__(self, program: GpuProgram) -> None:
        driver.require_device()
        self.program = program
        self._kernels = driver.compiled(program.source)
        self._constants = [driver.to_device(c) for c in program.constants]

    def __call__(self, *arguments: Any) -> tuple[np.ndarray, ...]:
        """The outputs as arrays, for inputs that have the program's dtypes and shapes.

        Raises:
            IndexError, ValueError, OverflowError: faults in the data, as NumPy raises them.
        """
        program = self.program
        arrays = [
            np.asarray(x, t.dtype.numpy) for x, t in zip(arguments, program.inputs, strict=True)
        ]
        sizes = self._sizes([a.shape for a in arrays])
        call = _Memories(program, arrays, sizes, self._constants)
        for launch in program.launches:
            blocks = evaluate(launch.blocks, sizes)
            if blocks > 0:
                operands = [call.array(operand) for operand in launch.operands]
                given = [*operands, *driver.arguments_of(sizes), call.status]
                driver.launch(self._kernels[launch.kernel], blocks, launch.threads, given)
        _raise_faults(int(driver.to_host(call.status, (1,))[0]))
        return tuple(
            driver.to_host(array, _shape(type.shape, sizes))
            for array, type in zip(call.outputs, program.outputs, strict=True)
        )

    def _sizes(self, shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
        """The number for each symbolic size; sizes of inputs are numbers or single symbols."""
        found: dict[str, int] = {}
        for type, shape in zip(self.program.inputs, shapes, strict=True):
            for size, actual in zip(type.shape, shape, strict=True):
                if isinstance(size, Dim):
                    found.setdefault(str(size), actual)
        return {name: found[name] for name in self.program.size_names}


class _Memories:
    """Where the operands of one call lie."""

    def __init__(
        self,
        program: GpuProgram,
        arrays: Sequence[np.ndarray],
        sizes: Mapping[str, int],
        constants: Sequence[Any],
    ) -> None:
        self.inputs = [driver.to_device(a) for a in arrays]
        self.outputs = [
            driver.empty(evaluate(t.size, sizes), t.dtype.numpy) for t in program.outputs
        ]
        self.constants = constants
        self.status = driver.to_device(np.zeros(1, np.int64))
        # in words of eight bytes, which are aligned for every dtype
        words = [(evaluate(size, sizes) + 7) // 8 for size in program.slots]
        self._slots = [driver.empty(count, np.dtype(np.int64)) for count in words]

    def array(self, operand: Operand) -> Any:
        """The flat array that a kernel gets."""
        if operand.memory is Memory.SLOT:
            return driver.viewed(self._slots[operand.index], operand.dtype.numpy)
        places: dict[Memory, Sequence[Any]] = {
            Memory.IN: self.inputs,
            Memory.OUT: self.outputs,
            Memory.CONST: self.constants,
        }
        return places[operand.memory][operand.index]


def _shape(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in shape)


def _raise_faults(status: int) -> None:
    for bit, error, text in FAULTS:
        if status & bit:
            raise error(text)
