"""Goes through the steps of a program: launches, and loops and branches around them.

Layer: runtime. Conditions and indices of branches are read back from the device, which waits for
the kernels before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import Size
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
from . import driver


class Runner:
    """One call: its kernels, sizes, status, and where its memories lie."""

    def __init__(
        self,
        kernels: Mapping[str, Any],
        sizes: Mapping[str, int],
        status: Any,
        places: Mapping[Memory, Sequence[Any]],
    ) -> None:
        self.kernels = kernels
        self.sizes = sizes
        self.status = status
        self.places = places

    def run(self, steps: Sequence[GpuStep]) -> None:
        """All steps in order."""
        for step in steps:
            if isinstance(step, Launch):
                self._launch(step)
            elif isinstance(step, ScanSteps):
                self._scan(step)
            elif isinstance(step, WhileSteps):
                self._while(step)
            else:
                self._switch(step)

    def _launch(self, launch: Launch) -> None:
        blocks = self._number(launch.blocks)
        if blocks > 0:
            operands = [self._array(operand) for operand in launch.operands]
            given = [*operands, *driver.arguments_of(self.sizes), self.status]
            driver.launch(self.kernels[launch.kernel], blocks, launch.threads, given)

    def _number(self, size: Size) -> int:
        return evaluate(size, self.sizes)

    def _array(self, operand: Operand) -> Any:
        """The flat array that a kernel gets."""
        return driver.viewed(self.places[operand.memory][operand.index], operand.dtype.numpy)

    def _at(self, place: Place) -> Any:
        """The array from a place on."""
        array, offset = self._array(place.operand), self._number(place.offset)
        return array[offset:] if offset else array

    def _inside(self, region: Region, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """One run of a region."""
        places = {**self.places, Memory.IN: inputs, Memory.OUT: outputs}
        Runner(self.kernels, self.sizes, self.status, places).run(region.steps)

    def _slices(self, arrays: Sequence[tuple[Any, int]], index: int) -> list[Any]:
        return [driver.part(array, index * count, count) for array, count in arrays]

    def _sliced(self, slices: Sequence[Sliced]) -> list[tuple[Any, int]]:
        return [(self._at(s.array), self._number(s.count)) for s in slices]

    # -- loops and branches ---------------------------------------------------------------------

    def _scan(self, step: ScanSteps) -> None:
        length = self._number(step.length)
        carries = [_Carry(self, carried) for carried in step.carries]
        xs, ys = self._sliced(step.xs), self._sliced(step.ys)
        captured = [self._at(place) for place in step.captured]
        for done in range(length):
            index = length - 1 - done if step.reverse else done
            inputs = [*(c.now for c in carries), *self._slices(xs, index), *captured]
            outputs = [*(c.next for c in carries), *self._slices(ys, index)]
            self._inside(step.body, inputs, outputs)
            for carry in carries:
                carry.advance()
        for carry in carries:
            carry.finish()

    def _while(self, step: WhileSteps) -> None:
        carries = [_Carry(self, carried) for carried in step.carries]
        captured = [self._at(place) for place in step.captured]
        flag = self._array(step.flag)
        while True:
            inputs = [*(c.now for c in carries), *captured]
            self._inside(step.condition, inputs, [flag])
            # a set status: the condition may be garbage
            if not driver.number(flag) or driver.number(self.status):
                break
            self._inside(step.body, inputs, [c.next for c in carries])
            for carry in carries:
                carry.advance()
        for carry in carries:
            carry.finish()

    def _switch(self, step: SwitchSteps) -> None:
        index = max(0, driver.number(self._at(step.index)))
        branch = step.branches[min(index, len(step.branches) - 1)]
        operands = [self._at(place) for place in step.operands]
        self._inside(branch, operands, [self._at(place) for place in step.results])


class _Carry:
    """A value on its way through a loop: read at `now`, written at `next`."""

    def __init__(self, runner: Runner, carried: Carried) -> None:
        self.count = runner._number(carried.count)
        self.final = runner._at(carried.final)
        self.now = runner._at(carried.init)
        self.next = self.final
        if carried.spare is None:
            if carried.init != carried.final:
                driver.copy(self.now, self.final, self.count)
            self.now = self.spare = self.final
        else:
            dtype = carried.final.operand.dtype.numpy
            self.spare = driver.viewed(runner._array(carried.spare), dtype)

    def advance(self) -> None:
        """One iteration is done."""
        written = self.next
        self.next = self.spare if written is self.final else self.final
        self.now = written

    def finish(self) -> None:
        """Bring the last value to its final place."""
        if self.now is not self.final:
            driver.copy(self.now, self.final, self.count)
