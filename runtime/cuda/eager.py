"""Programs with steps that depend on numbers which the device computes.

Layer: runtime. The host reads conditions and indices of branches back and queues steps as they
come. What lies between two such readings is recorded and replayed, as far as it comes again with
the same pieces of memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...compiler.ir.types import DType
from ...compiler.launches import GpuStep, Launch, Memory, is_straight
from .graphs import Addresses, Packer, Recordings, Replay, TooLong, blocks_of
from .protocol import Driver, Parameters
from .steps import Runner, View

_RECORDINGS = 64  # of a program for certain sizes

Places = Mapping[Memory, Sequence[View]]
Parts = list[tuple[GpuStep, ...] | GpuStep]


class Eager:
    """The steps of a program, to be run with pieces of memory anywhere."""

    def __init__(self, recordings: Recordings, steps: Sequence[GpuStep], places: Places) -> None:
        self.recordings = recordings
        self._steps = steps
        self._places = places
        self._parts: dict[int, Parts] = {}
        self._replays: dict[tuple[Any, ...], Replay] = {}

    def run(self, addresses: Addresses) -> None:
        """Queue the steps; `addresses` has one for each base of the views."""
        sink = _Direct(self.recordings, addresses)
        if self.recordings.context.can_fail:
            sink.clear(self.recordings.context.status)
        _Runner(self, sink, self._places).run(self._steps)

    def parts(self, steps: Sequence[GpuStep]) -> Parts:
        """The steps, those together that need no number."""
        found = self._parts.get(id(steps))
        if found is None:
            found = self._parts[id(steps)] = _parts(steps)
        return found

    def replay(self, part: tuple[GpuStep, ...], places: Places) -> Replay | None:
        """A recording of steps at their places; None if there are too many."""
        key = (id(part), *places[Memory.IN], None, *places[Memory.OUT])
        found = self._replays.get(key)
        if found is None and len(self._replays) < _RECORDINGS:
            try:
                found = self.recordings.replay(part, places, clears=False)
            except TooLong:
                return None
            self._replays[key] = found
        return found


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


class _Direct:
    """Follows `Sink`: queues what it is given."""

    def __init__(self, recordings: Recordings, addresses: Addresses) -> None:
        self.addresses = addresses
        self._device: Driver = recordings.device
        self._kernels = recordings.kernels
        self._packer = Packer(recordings.context.sizes)

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """As `Sink.launch`."""
        words = self._packer.words(launch, arrays, lambda view, _: self._address(view))
        parameters = Parameters(np.array(words, np.int64))
        kernel = self._kernels[launch.kernel]
        self._device.launch(kernel, blocks_of(blocks), launch.threads, parameters)

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """As `Sink.copy`."""
        self._device.copy(self._address(target), self._address(source), nbytes)

    def clear(self, target: View) -> None:
        """Set bytes to zero."""
        self._device.fill(self._address(target), 0, target.nbytes)

    def number(self, view: View, dtype: DType) -> int:
        """As `Sink.number`."""
        host = np.empty(1, dtype.numpy)
        self._device.to_host(host, self._address(view))
        return int(host[0])

    def _address(self, view: View) -> int:
        return self.addresses[view.base] + view.offset


class _Runner(Runner):
    """Replays what it can."""

    def __init__(self, eager: Eager, sink: _Direct, places: Places) -> None:
        super().__init__(sink, eager.recordings.context, places)
        self._eager = eager
        self._direct = sink

    def run(self, steps: Sequence[GpuStep]) -> None:
        """As `Runner.run`."""
        for part in self._eager.parts(steps):
            if not isinstance(part, tuple):
                self.run_step(part)
                continue
            replay = self._eager.replay(part, self.places)
            if replay is not None:
                replay.run(self._direct.addresses)
            else:
                super().run(part)

    def inside(self, inputs: Sequence[View], outputs: Sequence[View]) -> Runner:
        """As `Runner.inside`."""
        places = {**self.places, Memory.IN: inputs, Memory.OUT: outputs}
        return _Runner(self._eager, self._direct, places)
