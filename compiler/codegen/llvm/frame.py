"""Where the buffers of one program lie while its steps run.

Layer: compiler/codegen/llvm. The frame of the outermost program reads the tables that `@tw.run` is
given; the frame of a region is bound to pointers anew for each iteration. Pointers to temporaries
and constants of a region are made outside of its loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...kernel.form import Access, Buffer, KernelProgram, Region, Space
from ...kernel.storage import step_buffers
from .arena import slot_offsets
from .memory import memory_type
from .sizes import emit_size
from .writer import FunctionWriter

_TABLES = {Space.IN: "%in", Space.OUT: "%out"}


class Frame:
    """Pointers to the buffers of a program.

    `arena` points to its scratch memory; its constants start at place `constants` of the table.
    """

    def __init__(
        self,
        fn: FunctionWriter,
        names: Mapping[str, str],
        program: KernelProgram,
        arena: str,
        constants: int = 0,
    ) -> None:
        self.fn = fn
        self.names = names
        self.program = program
        self._arena = arena
        self._constants = constants
        self._offsets = slot_offsets(fn, program, names)
        self._bound: dict[Space, Sequence[str]] = {}
        self._pointers: dict[Buffer, str] = {}

    def region(self, region: Region) -> Frame:
        """The frame of a region of one of the steps; to be bound before it is used."""
        arena = "null" if region.scratch is None else self.pointer(region.scratch)
        start = self._constants + region.constants
        frame = Frame(self.fn, self.names, region.program, arena, start)
        for step in region.program.steps:
            for buffer in step_buffers(step):
                if buffer.space in (Space.TEMP, Space.CONST):
                    frame.pointer(buffer)
        return frame

    def bind(self, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Say where inputs and outputs are from here on."""
        self._bound = {Space.IN: inputs, Space.OUT: outputs}

    def pointer(self, buffer: Buffer) -> str:
        """The pointer to a buffer; asked for where it is valid for all code of the frame."""
        bound = self._bound.get(buffer.space)
        if bound is not None:
            return bound[buffer.index]
        found = self._pointers.get(buffer)
        if found is None:
            found = self._pointers[buffer] = self._load(buffer)
        return found

    def _load(self, buffer: Buffer) -> str:
        fn = self.fn
        if buffer.space is Space.TEMP:
            offset = self._offsets[self.program.slots[buffer]]
            if offset == "0":
                return self._arena
            return fn.assign(f"getelementptr i8, ptr {self._arena}, i64 {offset}")
        if buffer.space is Space.CONST:
            table, index = "%constants", self._constants + buffer.index
        else:
            table, index = _TABLES[buffer.space], buffer.index
        place = fn.assign(f"getelementptr ptr, ptr {table}, i64 {index}")
        return fn.assign(f"load ptr, ptr {place}")

    def address(self, access: Access) -> str:
        """The address where an array starts."""
        pointer = self.pointer(access.buffer)
        offset = emit_size(self.fn, access.offset, self.names)
        if offset == "0":
            return pointer
        element = memory_type(access.buffer.dtype)
        return self.fn.assign(f"getelementptr {element}, ptr {pointer}, i64 {offset}")
