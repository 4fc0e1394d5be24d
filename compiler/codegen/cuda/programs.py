"""What the kernels of a program are collected in.

Layer: compiler/codegen/cuda.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...ir.types import DType, Size
from ...kernel.form import Buffer, KernelProgram, Space
from ...launches import BLOCK, Launch, Memory, Operand
from .nest import parameters
from .source import SourceWriter

_MEMORY = {Space.IN: Memory.IN, Space.OUT: Memory.OUT, Space.CONST: Memory.CONST}


class ProgramWriter:
    """Functions, launches and scratch memory of one program."""

    def __init__(self, program: KernelProgram, size_names: Sequence[str], fast_math: bool) -> None:
        self.fast_math = fast_math
        self.size_names = tuple(size_names)
        self.functions: list[str] = []
        self.launches: list[Launch] = []
        self.slots = list(program.arena)
        self._slot_of = dict(program.slots)
        self._temps = len(program.temps)

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
        threads: int = BLOCK,
    ) -> None:
        """A kernel, and its launch at this point of the program."""
        used = list(dict.fromkeys(buffers))
        out = SourceWriter(name, parameters(used, self.size_names))
        body(out)
        self.functions.append(out.text())
        operands = tuple(self._operand(buffer) for buffer in used)
        self.launches.append(Launch(name, operands, blocks, threads))

    def _operand(self, buffer: Buffer) -> Operand:
        if buffer.space is Space.TEMP:
            return Operand(Memory.SLOT, self._slot_of[buffer], buffer.dtype)
        return Operand(_MEMORY[buffer.space], buffer.index, buffer.dtype)
