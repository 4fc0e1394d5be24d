"""Goes through the steps of a program: launches, and loops and branches around them.

Layer: runtime. In: steps, sizes, and where the program's memories lie. Out: launches and copies,
given to a `Sink` in order. Conditions and indices of branches are read back from the device, which
waits for the kernels before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import DType, Size
from ...compiler.launches import (
    Carried,
    GpuStep,
    Launch,
    Memory,
    Operand,
    Place,
    Region,
    ScanSteps,
    Sliced,
    SwitchSteps,
    WhileSteps,
)


@dataclass(frozen=True, slots=True)
class View:
    """`nbytes` bytes of the piece of memory number `base`, from `offset` on."""

    base: int
    offset: int
    nbytes: int

    def part(self, start: int, nbytes: int) -> View:
        """Some of the bytes."""
        return View(self.base, self.offset + start, nbytes)

    def after(self, start: int) -> View:
        """The bytes from `start` on."""
        return self.part(start, self.nbytes - start)


class Sink(Protocol):
    """What becomes of the steps."""

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """A kernel with its operands and the status."""

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """A copy on the device."""

    def number(self, view: View, dtype: DType) -> int:
        """The first element, read when all before is done."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all steps of a program: its sizes, and where the status lies.

    `can_fail` tells whether a kernel may set the status.
    """

    sizes: Mapping[str, int]
    status: View
    can_fail: bool


class Runner:
    """A program or region on its way: `places` says where its memories lie."""

    def __init__(
        self, sink: Sink, context: Context, places: Mapping[Memory, Sequence[View]]
    ) -> None:
        self.sink = sink
        self.context = context
        self.places = places

    def run(self, steps: Sequence[GpuStep]) -> None:
        """All steps in order."""
        for step in steps:
            self.run_step(step)

    def run_step(self, step: GpuStep) -> None:
        """One step."""
        if isinstance(step, Launch):
            self._launch(step)
        elif isinstance(step, ScanSteps):
            self._scan(step)
        elif isinstance(step, WhileSteps):
            self._while(step)
        else:
            self._switch(step)

    def inside(self, inputs: Sequence[View], outputs: Sequence[View]) -> Runner:
        """What runs a region with these inputs and outputs."""
        places = {**self.places, Memory.IN: inputs, Memory.OUT: outputs}
        return Runner(self.sink, self.context, places)

    def _launch(self, launch: Launch) -> None:
        blocks = self.number(launch.blocks)
        if blocks > 0:
            operands = [self.view(operand) for operand in launch.operands]
            self.sink.launch(launch, blocks, [*operands, self.context.status])

    def number(self, size: Size) -> int:
        """A size as a number."""
        return evaluate(size, self.context.sizes)

    def view(self, operand: Operand) -> View:
        """All of a memory."""
        return self.places[operand.memory][operand.index]

    def at(self, place: Place) -> View:
        """The memory from a place on."""
        return self.view(place.operand).after(
            self.number(place.offset) * place.operand.dtype.itemsize
        )

    def _inside(self, region: Region, inputs: Sequence[View], outputs: Sequence[View]) -> None:
        """One run of a region."""
        self.inside(inputs, outputs).run(region.steps)

    def _sliced(self, slices: Sequence[Sliced]) -> list[tuple[View, int]]:
        """Each array and the bytes of a slice."""
        return [
            (self.at(s.array), self.number(s.count) * s.array.operand.dtype.itemsize)
            for s in slices
        ]

    # -- loops and branches ---------------------------------------------------------------------

    def _scan(self, step: ScanSteps) -> None:
        length = self.number(step.length)
        carries = [_Carry(self, carried) for carried in step.carries]
        xs, ys = self._sliced(step.xs), self._sliced(step.ys)
        captured = [self.at(place) for place in step.captured]
        for done in range(length):
            index = length - 1 - done if step.reverse else done
            inputs = [*(c.now for c in carries), *_slices(xs, index), *captured]
            outputs = [*(c.next for c in carries), *_slices(ys, index)]
            self._inside(step.body, inputs, outputs)
            for carry in carries:
                carry.advance()
        for carry in carries:
            carry.finish()

    def _while(self, step: WhileSteps) -> None:
        carries = [_Carry(self, carried) for carried in step.carries]
        captured = [self.at(place) for place in step.captured]
        flag = self.view(step.flag)
        while True:
            inputs = [*(c.now for c in carries), *captured]
            self._inside(step.condition, inputs, [flag])
            if not self.sink.number(flag, step.flag.dtype) or self._has_failed():
                break
            self._inside(step.body, inputs, [c.next for c in carries])
            for carry in carries:
                carry.advance()
        for carry in carries:
            carry.finish()

    def _has_failed(self) -> bool:
        """Whether the status is set: conditions may be garbage then."""
        context = self.context
        return context.can_fail and self.sink.number(context.status, DType.I64) != 0

    def _switch(self, step: SwitchSteps) -> None:
        index = max(0, self.sink.number(self.at(step.index), step.index.operand.dtype))
        branch = step.branches[min(index, len(step.branches) - 1)]
        operands = [self.at(place) for place in step.operands]
        self._inside(branch, operands, [self.at(place) for place in step.results])


def _slices(arrays: Sequence[tuple[View, int]], index: int) -> list[View]:
    return [view.part(index * nbytes, nbytes) for view, nbytes in arrays]


class _Carry:
    """A value on its way through a loop: read at `now`, written at `next`."""

    def __init__(self, runner: Runner, carried: Carried) -> None:
        self._sink = runner.sink
        self._nbytes = runner.number(carried.count) * carried.final.operand.dtype.itemsize
        self._final = runner.at(carried.final)
        self.now = runner.at(carried.init)
        self.next = self._final
        if carried.spare is None:
            if carried.init != carried.final:
                self._copy_to_final()
            self.now = self._spare = self._final
        else:
            self._spare = runner.view(carried.spare)

    def advance(self) -> None:
        """One iteration is done."""
        written = self.next
        self.next = self._spare if written == self._final else self._final
        self.now = written

    def finish(self) -> None:
        """Bring the last value to its final place."""
        if self.now != self._final:
            self._copy_to_final()

    def _copy_to_final(self) -> None:
        if self._nbytes:
            self._sink.copy(self._final, self.now, self._nbytes)
