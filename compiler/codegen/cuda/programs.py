"""What the kernels of a program are collected in.

Layer: compiler/codegen/cuda.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ...ir.types import DType, Size
from ...kernel.form import Buffer, KernelProgram, Region, Space
from ...launches import (
    DEVICE,
    ConvolutionCall,
    Geometry,
    GpuStep,
    Launch,
    LibraryStep,
    Memory,
    Operand,
    ProductCall,
)
from .source import SourceWriter

_MEMORY = {Space.IN: Memory.IN, Space.OUT: Memory.OUT, Space.CONST: Memory.CONST}


class ProgramWriter:
    """Functions, launches and scratch memory of one program."""

    def __init__(
        self,
        program: KernelProgram,
        size_names: Sequence[str],
        fast_math: bool,
        geometry: Geometry = DEVICE,
    ) -> None:
        self.fast_math = fast_math
        self.geometry = geometry
        self.size_names = tuple(size_names)
        self.functions: list[str] = []
        self.steps: list[GpuStep] = []
        self.slots = list(program.arena)
        self._slot_of = dict(program.slots)
        self._temps = len(program.temps)
        self._constants = 0  # where its own start

    def region(self, region: Region) -> ProgramWriter:
        """A writer for the steps of a loop or branch of this program."""
        inside = ProgramWriter(region.program, self.size_names, self.fast_math, self.geometry)
        first = len(self.slots)
        self.slots += inside.slots
        inside.slots, inside.functions = self.slots, self.functions
        inside._slot_of = {b: first + slot for b, slot in inside._slot_of.items()}
        inside._constants = self._constants + region.constants
        return inside

    def scratch(self, dtype: DType, size: Size) -> Buffer:
        """Scratch memory of `size` elements, for one step."""
        buffer = Buffer(Space.TEMP, self._temps, dtype, size)
        self._temps += 1
        self.adopt(buffer)
        return buffer

    def adopt(self, buffer: Buffer) -> None:
        """Give a temporary that the CPU needs no memory for a place."""
        self._slot_of[buffer] = len(self.slots)
        self.slots.append(buffer.size * buffer.dtype.itemsize)

    def function(
        self,
        name: str,
        buffers: Sequence[Buffer],
        blocks: Size,
        body: Callable[[SourceWriter], None],
    ) -> None:
        """A kernel, and its launch at this point of the program, with a block's threads."""
        used, name = list(dict.fromkeys(buffers)), name.replace(".", "_")
        sizes = [f"n_{size}" for size in self.size_names]
        out = SourceWriter(name, [*map(str, used), *sizes, "status"])
        body(out)
        self.functions.append(out.text())
        operands = tuple(self.operand(buffer) for buffer in used)
        self.steps.append(Launch(name, operands, blocks, self.geometry.block))

    @contextmanager
    def replaceable(
        self, call: ProductCall | ConvolutionCall | None, buffers: Sequence[Buffer]
    ) -> Iterator[None]:
        """Launches that are written inside may be replaced by a call of a library, if there is one.

        It is given the buffers in this order.
        """
        first = len(self.steps)
        yield
        if call is not None:
            launches = tuple(step for step in self.steps[first:] if isinstance(step, Launch))
            operands = tuple(map(self.operand, buffers))
            self.steps[first:] = [LibraryStep(call, operands, launches)]

    def blocks(self, threads: Size) -> Size:
        """How many blocks have so many threads."""
        return (threads + self.geometry.block - 1) // self.geometry.block

    def operand(self, buffer: Buffer) -> Operand:
        """Where a buffer lies."""
        if buffer.space is Space.TEMP:
            return Operand(Memory.SLOT, self._slot_of[buffer], buffer.dtype)
        first = self._constants if buffer.space is Space.CONST else 0
        return Operand(_MEMORY[buffer.space], first + buffer.index, buffer.dtype)
