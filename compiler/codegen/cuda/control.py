"""Loops and branches as steps around launches: the runtime goes through them.

Layer: compiler/codegen/cuda.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...kernel.form import (
    Access,
    Carry,
    KernelProgram,
    Loop,
    Region,
    ReplayLoop,
    ScanLoop,
    Slices,
    Switch,
)
from ...launches import (
    Carried,
    GpuStep,
    Place,
    ReplaySteps,
    ScanSteps,
    Sliced,
    SwitchSteps,
    Tape,
    WhileSteps,
)
from ...launches import Region as Steps
from .programs import ProgramWriter


class ControlSteps:
    """Makes steps of one program; `emit` writes the kernels of a region's program."""

    def __init__(
        self, writer: ProgramWriter, emit: Callable[[ProgramWriter, KernelProgram], None]
    ) -> None:
        self.writer = writer
        self.emit = emit

    def of(self, step: Loop | Switch) -> GpuStep:
        """The step of a loop or branch."""
        if isinstance(step, Switch):
            branches = tuple(self._region(branch) for branch in step.branches)
            operands, results = self._places(step.operands), self._places(step.results)
            return SwitchSteps(self._place(step.index), operands, results, branches)
        carries = tuple(map(self._carried, step.carries))
        captured, body = self._places(step.captured), self._region(step.body)
        if isinstance(step, ScanLoop):
            xs, ys = self._sliced(step.xs), self._sliced(step.ys)
            return ScanSteps(step.length, step.reverse, carries, xs, ys, captured, body)
        if isinstance(step, ReplayLoop):
            tapes = self._tapes(step.tapes)
            return ReplaySteps(self._place(step.count), carries, tapes, captured, body)
        condition, flag = self._region(step.condition), self.writer.operand(step.flag)
        records = self._tapes(step.records)
        count = None if step.count is None else self._place(step.count)
        return WhileSteps(carries, captured, condition, flag, body, records, count)

    def _region(self, region: Region) -> Steps:
        inside = self.writer.region(region)
        self.emit(inside, region.program)
        return Steps(tuple(inside.steps), region.frees_tapes)

    def _place(self, access: Access) -> Place:
        return Place(self.writer.operand(access.buffer), access.offset)

    def _places(self, accesses: Sequence[Access]) -> tuple[Place, ...]:
        return tuple(map(self._place, accesses))

    def _carried(self, carry: Carry) -> Carried:
        spare = None if carry.spare is None else self.writer.operand(carry.spare)
        count = carry.size // carry.final.buffer.dtype.itemsize
        return Carried(self._place(carry.init), self._place(carry.final), spare, count)

    def _sliced(self, slices: Sequence[Slices]) -> tuple[Sliced, ...]:
        return tuple(
            Sliced(self._place(s.array), s.size // s.array.buffer.dtype.itemsize) for s in slices
        )

    def _tapes(self, slices: Sequence[Slices]) -> tuple[Tape, ...]:
        return tuple(Tape(self._place(s.array), s.size) for s in slices)
