"""Goes through the steps of a program: launches, and loops around them.

Layer: runtime. In: steps, sizes, and where the program's memories lie. Out: launches and copies,
given to a `Sink` in order. Steps for which the host must read what the device computes are those of
a subclass (`eager`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...compiler.ir.dims import evaluate
from ...compiler.ir.types import Size
from ...compiler.launches import (
    Carried,
    GpuStep,
    Launch,
    LibraryStep,
    Memory,
    Operand,
    Place,
    Region,
    ReplaySteps,
    ScanSteps,
    Sliced,
    SwitchSteps,
    WhileSteps,
)
from .libraries import Libraries
from .protocol import LibraryWork
from .views import View

Places = Mapping[Memory, Sequence[View]]
HostSteps = WhileSteps | ReplaySteps | SwitchSteps


class Sink(Protocol):
    """What becomes of the steps."""

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """A kernel with its operands and the status."""

    def library(self, work: LibraryWork, arrays: Sequence[View]) -> None:
        """What a library does."""

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """A copy on the device."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all steps of a program: its sizes, and where the status lies.

    `can_fail` tells whether a kernel may set the status, `libraries` what need not be kernels.
    """

    sizes: Mapping[str, int]
    status: View
    can_fail: bool
    libraries: Libraries


class Runner:
    """A program or region on its way: `places` says where its memories lie."""

    def __init__(self, sink: Sink, context: Context, places: Places) -> None:
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
        elif isinstance(step, LibraryStep):
            self._library(step)
        elif isinstance(step, ScanSteps):
            self.scan(step)
        else:
            self.ask_host(step)

    def ask_host(self, step: HostSteps) -> None:
        """A step for which the host must read something."""
        raise AssertionError(f"{type(step).__name__} among steps that need no host")

    def inside(self, inputs: Sequence[View], outputs: Sequence[View]) -> Runner:
        """What runs a region with these inputs and outputs."""
        places = {**self.places, Memory.IN: inputs, Memory.OUT: outputs}
        return Runner(self.sink, self.context, places)

    def run_region(self, region: Region, inputs: Sequence[View], outputs: Sequence[View]) -> None:
        """One run of a region."""
        self.inside(inputs, outputs).run(region.steps)

    # -- where things are -----------------------------------------------------------------------

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

    def all_at(self, places: Sequence[Place]) -> list[View]:
        """The memory from each place on."""
        return [self.at(place) for place in places]

    def sliced(self, slices: Sequence[Sliced]) -> list[tuple[View, int]]:
        """Each array and the bytes of a slice."""
        return [
            (self.at(s.array), self.number(s.count) * s.array.operand.dtype.itemsize)
            for s in slices
        ]

    # -- steps ----------------------------------------------------------------------------------

    def _launch(self, launch: Launch) -> None:
        blocks = self.number(launch.blocks)
        if blocks > 0:
            operands = [self.view(operand) for operand in launch.operands]
            self.sink.launch(launch, blocks, [*operands, self.context.status])

    def _library(self, step: LibraryStep) -> None:
        views = [self.view(operand) for operand in step.operands]
        offsets = [view.offset for view in views]
        work = self.context.libraries.work(step.call, self.context.sizes, offsets)
        if work is not None:
            self.sink.library(work, views)
            return
        for launch in step.launches:
            self._launch(launch)

    def scan(self, step: ScanSteps) -> None:
        """A loop of known length."""
        length = self.number(step.length)
        carries = Carries(self, step.carries)
        xs, ys = self.sliced(step.xs), self.sliced(step.ys)
        captured = self.all_at(step.captured)
        for done in range(length):
            index = length - 1 - done if step.reverse else done
            inputs = [*carries.now, *slices(xs, index), *captured]
            self.run_region(step.body, inputs, [*carries.next, *slices(ys, index)])
            carries.advance()
        carries.finish()


def slices(arrays: Sequence[tuple[View, int]], index: int) -> list[View]:
    """The slices of an iteration."""
    return [view.part(index * nbytes, nbytes) for view, nbytes in arrays]


class Carries:
    """The values on their way through a loop."""

    def __init__(self, runner: Runner, carried: Sequence[Carried]) -> None:
        self._carries = [_Carry(runner, each) for each in carried]

    @property
    def now(self) -> list[View]:
        """Where an iteration reads them."""
        return [carry.now for carry in self._carries]

    @property
    def next(self) -> list[View]:
        """Where it writes them."""
        return [carry.next for carry in self._carries]

    def advance(self) -> None:
        """One iteration is done."""
        for carry in self._carries:
            carry.advance()

    def finish(self) -> None:
        """Bring the last values to their final places."""
        for carry in self._carries:
            carry.finish()


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
