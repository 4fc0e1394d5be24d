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
from ...compiler.launches import FAULTS, GpuProgram, Memory
from ...compiler.program import LeafKind, LeafSpec, Signature
from . import driver
from .steps import Runner

_SMALLEST = 2  # of sizes that are symbols: 0 and 1 have programs of their own


class GpuExecutable:
    """A program whose kernels are compiled for the device.

    Raises:
        DeviceError: there is no GPU.
    """

    def __init__(self, program: GpuProgram) -> None:
        driver.require_device()
        self.program = program
        self._kernels = driver.compiled(program.source)
        self._constants = [driver.to_device(c) for c in program.constants]

    def __call__(self, *arguments: Any) -> Any:
        """The outputs as a tuple, for inputs of the program's dtypes.

        NotImplemented for sizes that the program is not made for.

        Raises:
            IndexError, ValueError, OverflowError: faults in the data, as NumPy raises them.
        """
        program, signature = self.program, self.program.signature
        arrays = [
            np.asarray(x, leaf.type.dtype.numpy)
            for x, leaf in zip(arguments, signature.inputs, strict=True)
        ]
        sizes = _sizes(signature, [a.shape for a in arrays])
        if sizes is None:
            return NotImplemented
        status = driver.to_device(np.zeros(1, np.int64))
        outputs = [
            driver.empty(evaluate(leaf.type.size, sizes), leaf.type.dtype.numpy)
            for leaf in signature.outputs
        ]
        places: dict[Memory, Sequence[Any]] = {
            Memory.IN: [driver.to_device(a) for a in arrays],
            Memory.OUT: outputs,
            Memory.CONST: self._constants,
            Memory.SLOT: [_slot(evaluate(size, sizes)) for size in program.slots],
        }
        Runner(self._kernels, sizes, status, places).run(program.steps)
        _raise_faults(driver.number(status))
        return tuple(
            _result(leaf, driver.to_host(array, _shape(leaf.type.shape, sizes)))
            for array, leaf in zip(outputs, signature.outputs, strict=True)
        )


def _slot(size: int) -> Any:
    """Scratch memory of so many bytes, in words of eight, which are aligned for every dtype."""
    return driver.empty((size + 7) // 8, np.dtype(np.int64))


def _sizes(signature: Signature, shapes: Sequence[tuple[int, ...]]) -> dict[str, int] | None:
    """The number for each symbolic size; None where shapes or guards do not fit."""
    found: dict[str, int] = {}
    for leaf, shape in zip(signature.inputs, shapes, strict=True):
        if len(shape) != leaf.type.rank:
            return None
        for size, actual in zip(leaf.type.shape, shape, strict=True):
            if isinstance(size, Dim):
                if actual < _SMALLEST or found.setdefault(str(size), actual) != actual:
                    return None
            elif size != actual:
                return None
    sizes = {name: found[name] for name in signature.size_names}
    for guard in signature.guards:
        value = evaluate(guard.size, sizes)
        if not {"==": value == 0, "!=": value != 0, ">=": value >= 0}[guard.relation]:
            return None
    return sizes


def _result(leaf: LeafSpec, array: np.ndarray) -> Any:
    """What the caller gets for an output."""
    if leaf.kind is LeafKind.ARRAY:
        return array
    return array[()] if leaf.kind is LeafKind.NUMPY_SCALAR else array.item()


def _shape(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in shape)


def _raise_faults(status: int) -> None:
    for bit, error, text in FAULTS:
        if status & bit:
            raise error(text)
