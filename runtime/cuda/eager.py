"""Programs with steps that depend on numbers which the device computes.

Layer: runtime. The host reads conditions, indices of branches and counts back and queues steps as
they come. What lies between two such readings is recorded and replayed, as far as it comes again
with the same pieces of memory. So that it does, slices of arrays and records go through memory of
their own, the same in each iteration.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from ...compiler.ir.types import DType
from ...compiler.launches import (
    GpuStep,
    Launch,
    Memory,
    Place,
    Region,
    ReplaySteps,
    ScanSteps,
    SwitchSteps,
    Tape,
    WhileSteps,
    is_straight,
)
from . import memory
from .graphs import Packer, Recordings, Replay, TooLong, blocks_of
from .memory import Block
from .protocol import LibraryWork, Parameters
from .steps import Carries, HostSteps, Places, Runner, slices
from .tapes import Tapes
from .views import View

_RECORDINGS = 64  # of a program for certain sizes
# Numbers of pieces of memory: more than a program has, and more than its steps have of their own.
_FIRST_OWN = 1 << 24
_FIRST_OTHER = 1 << 32

Parts = list[tuple[GpuStep, ...] | GpuStep]


class Eager:
    """The steps of a program, to be run with pieces of memory anywhere."""

    def __init__(self, recordings: Recordings, steps: Sequence[GpuStep], places: Places) -> None:
        self.recordings = recordings
        self._steps = steps
        self._places = places
        self._parts: dict[int, Parts] = {}
        self._replays: dict[tuple[Any, ...], Replay | None] = {}
        self._own: dict[tuple[int, int], int] = {}
        self._numbers = count(_FIRST_OWN)

    def run(self, addresses: Sequence[int]) -> None:
        """Queue the steps; `addresses` has one for each base of the views."""
        queue = _Queue(self, addresses)
        try:
            if self.recordings.context.can_fail:
                queue.clear(self.recordings.context.status)
            _Runner(self, queue, self._places).run(self._steps)
        finally:
            queue.close()

    def parts(self, steps: Sequence[GpuStep]) -> Parts:
        """The steps, those together that need no number."""
        found = self._parts.get(id(steps))
        if found is None:
            found = self._parts[id(steps)] = _parts(steps)
        return found

    def replay(self, part: tuple[GpuStep, ...], places: Places) -> Replay | None:
        """A recording of steps at their places; None if there are too many."""
        key = (id(part), *places[Memory.IN], None, *places[Memory.OUT])
        if key not in self._replays and len(self._replays) < _RECORDINGS:
            try:
                self._replays[key] = self.recordings.replay(part, places, clears=False)
            except TooLong:
                self._replays[key] = None
        return self._replays.get(key)

    def own(self, step: GpuStep, index: int) -> int:
        """The number of a piece of memory that a step has for itself."""
        return self._own.setdefault((id(step), index), next(self._numbers))


def _parts(steps: Sequence[GpuStep]) -> Parts:
    found: Parts = []
    together: list[GpuStep] = []
    for step in steps:
        if is_straight((step,)):
            together.append(step)
            continue
        if together:
            found.append(tuple(together))
        found.append(step)
        together = []
    if together:
        found.append(tuple(together))
    return found


class _Queue:
    """One call: follows `Sink`, and knows where memory lies that is made on the way."""

    def __init__(self, eager: Eager, addresses: Sequence[int]) -> None:
        recordings = eager.recordings
        self.addresses: dict[int, int] = dict(enumerate(addresses))
        self.tapes = Tapes(self)
        self._eager = eager
        self._device = recordings.device
        self._kernels = recordings.kernels
        self._packer = Packer(recordings.context.sizes)
        self._blocks: dict[int, Block] = {}
        self._numbers = count(_FIRST_OTHER)

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """As `Sink.launch`."""
        words = self._packer.words(launch, arrays, lambda view, _: self._address(view))
        parameters = Parameters(np.array(words, np.int64))
        kernel = self._kernels[launch.kernel]
        self._device.launch(kernel, blocks_of(blocks), launch.threads, parameters)

    def library(self, work: LibraryWork, arrays: Sequence[View]) -> None:
        """As `Sink.library`."""
        self._device.run_library(work, [self._address(view) for view in arrays])

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """As `Sink.copy`."""
        if nbytes:
            self._device.copy(self._address(target), self._address(source), nbytes)

    def clear(self, target: View) -> None:
        """Set bytes to zero."""
        self._device.fill(self._address(target), 0, target.nbytes)

    def read(self, view: View, dtype: DType) -> int:
        """The first element, when all before is done."""
        host = np.empty(1, dtype.numpy)
        self._device.to_host(host, self._address(view))
        return int(host[0])

    def write(self, view: View, number: int) -> None:
        """Set the first element, an i64."""
        self._device.to_device(self._address(view), np.array([number], np.int64))

    # -- memory that is made on the way -------------------------------------------------------

    def room(self, nbytes: int) -> View:
        """New memory, until the call ends."""
        return self._add(next(self._numbers), nbytes)

    def leave(self, view: View) -> None:
        """Give memory back before that."""
        del self._blocks[view.base], self.addresses[view.base]

    def close(self) -> None:
        """Give all of it back: what is queued is done before it is used again."""
        self._blocks.clear()

    def own(self, step: GpuStep, sizes: Sequence[int]) -> list[View]:
        """Memory that a step has for itself, and has again in later calls."""
        found = []
        for index, nbytes in enumerate(sizes):
            base = self._eager.own(step, index)
            is_there = base in self._blocks
            found.append(View(base, 0, nbytes) if is_there else self._add(base, nbytes))
        return found

    def _add(self, base: int, nbytes: int) -> View:
        block = memory.allocate(nbytes)
        self._blocks[base], self.addresses[base] = block, block.address
        return View(base, 0, nbytes)

    def _address(self, view: View) -> int:
        return self.addresses[view.base] + view.offset


class _Runner(Runner):
    """Replays what it can, and asks the device where it must."""

    def __init__(self, eager: Eager, queue: _Queue, places: Places) -> None:
        super().__init__(queue, eager.recordings.context, places)
        self._eager = eager
        self._queue = queue

    def run(self, steps: Sequence[GpuStep]) -> None:
        """As `Runner.run`."""
        for part in self._eager.parts(steps):
            if not isinstance(part, tuple):
                self.run_step(part)
                continue
            replay = self._eager.replay(part, self.places)
            if replay is not None:
                replay.run(self._queue.addresses)
            else:
                super().run(part)

    def inside(self, inputs: Sequence[View], outputs: Sequence[View]) -> Runner:
        """As `Runner.inside`."""
        places = {**self.places, Memory.IN: inputs, Memory.OUT: outputs}
        return _Runner(self._eager, self._queue, places)

    def run_region(self, region: Region, inputs: Sequence[View], outputs: Sequence[View]) -> None:
        """As `Runner.run_region`."""
        tapes = self._queue.tapes
        before = len(tapes)
        super().run_region(region, inputs, outputs)
        if region.frees_tapes:
            tapes.keep(before)

    def ask_host(self, step: HostSteps) -> None:
        """As `Runner.ask_host`."""
        if isinstance(step, WhileSteps):
            self._while(step)
        elif isinstance(step, ReplaySteps):
            self._replay(step)
        else:
            self._switch(step)

    def scan(self, step: ScanSteps) -> None:
        """As `Runner.scan`."""
        queue, length = self._queue, self.number(step.length)
        carries, captured = Carries(self, step.carries), self.all_at(step.captured)
        xs, ys = self.sliced(step.xs), self.sliced(step.ys)
        views = queue.own(step, [nbytes for _, nbytes in (*xs, *ys)])
        given, left = views[: len(xs)], views[len(xs) :]
        for done in range(length):
            index = length - 1 - done if step.reverse else done
            for view, x in zip(given, slices(xs, index), strict=True):
                queue.copy(view, x, view.nbytes)
            self.run_region(step.body, [*carries.now, *given, *captured], [*carries.next, *left])
            for view, y in zip(left, slices(ys, index), strict=True):
                queue.copy(y, view, view.nbytes)
            carries.advance()
        carries.finish()

    def _while(self, step: WhileSteps) -> None:
        queue = self._queue
        carries, captured = Carries(self, step.carries), self.all_at(step.captured)
        flag = self.view(step.flag)
        recorder = _Recorder(self, step)
        done = 0
        while True:
            inputs = [*carries.now, *captured]
            self.run_region(step.condition, inputs, [flag])
            if not queue.read(flag, step.flag.dtype) or self._has_failed():
                break
            self.run_region(step.body, inputs, [*carries.next, *recorder.views])
            recorder.record(done)
            carries.advance()
            done += 1
        carries.finish()
        if step.count is not None:
            queue.write(self.at(step.count), done)

    def _has_failed(self) -> bool:
        """Whether the status is set: conditions may be garbage then."""
        context = self.context
        return context.can_fail and self._queue.read(context.status, DType.I64) != 0

    def _replay(self, step: ReplaySteps) -> None:
        queue = self._queue
        carries, captured = Carries(self, step.carries), self.all_at(step.captured)
        done = self.integer(step.count)
        if done:  # a loop that was never run has left no tapes
            tapes = [queue.tapes[self.integer(tape.token)] for tape in step.tapes]
            views = queue.own(step, self.sizes(step.tapes))
            for index in reversed(range(done)):
                for view, tape in zip(views, tapes, strict=True):
                    queue.copy(view, tape.at(index), view.nbytes)
                self.run_region(step.body, [*carries.now, *views, *captured], carries.next)
                carries.advance()
        carries.finish()

    def _switch(self, step: SwitchSteps) -> None:
        index = max(0, self.integer(step.index))
        branch = step.branches[min(index, len(step.branches) - 1)]
        self.run_region(branch, self.all_at(step.operands), self.all_at(step.results))

    def integer(self, place: Place) -> int:
        """The number at a place."""
        return self._queue.read(self.at(place), place.operand.dtype)

    def sizes(self, tapes: Sequence[Tape]) -> list[int]:
        """The bytes of a record of each tape."""
        return [self.number(tape.nbytes) for tape in tapes]


class _Recorder:
    """The tapes that one run of a `while` writes: what an iteration leaves in `views`."""

    def __init__(self, runner: _Runner, step: WhileSteps) -> None:
        self._queue = queue = runner._queue
        sizes = runner.sizes(step.records)
        self.views = queue.own(step, sizes)
        self._tapes = []
        for tape, nbytes in zip(step.records, sizes, strict=True):
            token = queue.tapes.new(nbytes)
            self._tapes.append(queue.tapes[token])
            queue.write(runner.at(tape.token), token)

    def record(self, index: int) -> None:
        """Keep what iteration `index` has left."""
        for tape, view in zip(self._tapes, self.views, strict=True):
            tape.grow(index, self._queue)
            self._queue.copy(tape.at(index), view, view.nbytes)
