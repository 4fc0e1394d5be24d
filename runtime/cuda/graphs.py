"""Launches and copies of a program, recorded once for its sizes and replayed as CUDA graphs.

Layer: runtime. In: steps without conditions that the host must see. Out: a `Replay`, which runs
them with pieces of memory at given addresses. Addresses are written into the recorded parameters.
Once the same addresses come again, the whole is made a graph of the device, which is queued by one
call; a new combination takes over the graph that is oldest, by updates of what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock
from typing import Any

import numpy as np

from ...compiler.ir.types import DType
from ...compiler.launches import GpuStep, Launch
from .protocol import (
    CopyNode,
    Driver,
    FillNode,
    Graph,
    KernelNode,
    LibraryNode,
    LibraryWork,
    Node,
    NotRecorded,
    Parameters,
)
from .steps import Context, Places, Runner
from .views import View

_LONGEST = 4096  # steps of a recording: more are queued as they come
_SHORTEST = 3  # launches that are worth a graph
_GRAPHS = 8  # of a recording
_REMEMBERED = 64  # combinations of addresses that have been seen
_MOST_BLOCKS = 1 << 16  # kernels walk in strides of the grid: more blocks would only queue up

Addresses = tuple[int, ...]


class TooLong(Exception):
    """There are too many steps to be recorded."""


class Packer:
    """Makes words of the parameters of kernels."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._sizes = list(sizes.values())

    def words(
        self, launch: Launch, arrays: Sequence[View], address: Callable[[View, int], int]
    ) -> list[int]:
        """The parameters of a launch: operands, sizes, and the status.

        `address` is given a view and which of the words it is for.
        """
        words: list[int] = []
        *operands, status = arrays
        for view, operand in zip(operands, launch.operands, strict=True):
            _append(words, view, operand.dtype.itemsize, address)
        words += self._sizes
        _append(words, status, DType.I64.itemsize, address)
        return words


def _append(
    words: list[int], view: View, itemsize: int, address: Callable[[View, int], int]
) -> None:
    """A flat array as Numba's kernels take it."""
    items = view.nbytes // itemsize
    words += [0, 0, items, itemsize]
    words += [address(view, len(words)), items, itemsize]


def blocks_of(blocks: int) -> int:
    """How many blocks to launch where so many have something to do."""
    return min(blocks, _MOST_BLOCKS)


# -- recording ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Step:
    """What is done, with the words from `start` to `stop`.

    A library's `work` has its addresses as words, a copy its target and source; what sets bytes to
    zero has its target.
    """

    start: int
    stop: int
    kernel: Any = None
    work: LibraryWork | None = None
    blocks: int = 0
    threads: int = 0
    nbytes: int = 0

    def node(self, parameters: Parameters) -> Node:
        """With the addresses that the words have now."""
        if self.kernel is not None:
            part = parameters.part(self.start, self.stop)
            return KernelNode(self.kernel, self.blocks, self.threads, part)
        addresses = parameters.words[self.start : self.stop].tolist()
        if self.work is not None:
            return LibraryNode(self.work, tuple(addresses))
        target, *source = addresses
        if source:
            return CopyNode(target, source[0], self.nbytes)
        return FillNode(target, 0, self.nbytes)


class _Recorder:
    """Follows `Sink`: keeps what it is given."""

    def __init__(self, kernels: Mapping[str, Any], packer: Packer) -> None:
        self._kernels = kernels
        self._packer = packer
        self.words: list[int] = []
        self.places: list[tuple[int, int, int]] = []  # of addresses: position, base, offset
        self.steps: list[_Step] = []

    def launch(self, launch: Launch, blocks: int, arrays: Sequence[View]) -> None:
        """As `Sink.launch`."""
        start = len(self.words)
        self.words += self._packer.words(launch, arrays, self._address)
        kernel = self._kernels[launch.kernel]
        blocks = blocks_of(blocks)
        self._add(_Step(start, len(self.words), kernel, blocks=blocks, threads=launch.threads))

    def library(self, work: LibraryWork, arrays: Sequence[View]) -> None:
        """As `Sink.library`."""
        start = len(self.words)
        self.words += [self._address(view, k) for k, view in enumerate(arrays)]
        self._add(_Step(start, len(self.words), work=work))

    def copy(self, target: View, source: View, nbytes: int) -> None:
        """As `Sink.copy`."""
        start = len(self.words)
        self.words += [self._address(target, 0), self._address(source, 1)]
        self._add(_Step(start, start + 2, nbytes=nbytes))

    def clear(self, target: View) -> None:
        """Set bytes to zero."""
        start = len(self.words)
        self.words.append(self._address(target, 0))
        self._add(_Step(start, start + 1, nbytes=target.nbytes))

    def _add(self, step: _Step) -> None:
        if len(self.steps) == _LONGEST:
            raise TooLong
        self.steps.append(step)

    def _address(self, view: View, word: int) -> int:
        self.places.append((len(self.words) + word, view.base, view.offset))
        return 0


@dataclass(frozen=True)
class Recordings:
    """What all recordings of a program's steps need."""

    device: Driver
    kernels: Mapping[str, Any]
    context: Context

    def replay(self, steps: Sequence[GpuStep], places: Places, clears: bool) -> Replay:
        """A recording of steps; `clears` tells whether the status is set to zero before.

        Raises:
            TooLong: they are too many.
        """
        recorder = _Recorder(self.kernels, Packer(self.context.sizes))
        if clears:
            recorder.clear(self.context.status)
        Runner(recorder, self.context, places).run(steps)
        return Replay(self.device, recorder.steps, recorder.words, recorder.places)


# -- replaying ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Made:
    """A graph and the words that it has."""

    graph: Graph
    words: np.ndarray


class Replay:
    """Recorded steps, to be run with pieces of memory anywhere."""

    def __init__(
        self,
        device: Driver,
        steps: Sequence[_Step],
        words: Sequence[int],
        places: Sequence[tuple[int, int, int]],
    ) -> None:
        self._device = device
        self._steps = tuple(steps)
        self._parameters = Parameters(np.array(words, np.int64))
        table = np.array(places, np.int64).reshape(-1, 3)
        self._positions, bases, self._offsets = (np.ascontiguousarray(c) for c in table.T)
        used, self._bases = np.unique(bases, return_inverse=True)
        self._pick = itemgetter(*used.tolist(), 0, 0)  # two or more: a tuple
        self._nodes = [step.node(self._parameters) for step in self._steps]
        self._can_be_graph = len(self._steps) >= _SHORTEST
        self._written: Addresses | None = None  # what the words have
        self._made: dict[Addresses, _Made] = {}  # oldest first
        self._seen: dict[Addresses, None] = {}
        self._lock = Lock()

    def run(self, bases: Sequence[int] | Mapping[int, int]) -> None:
        """Queue the steps; `bases` has an address for each base of the views."""
        addresses: Addresses = self._pick(bases)
        with self._lock:
            made = self._made.get(addresses)
            if made is None and self._is_worth(addresses):
                made = self._make(addresses)
            if made is not None:
                made.graph.launch()
            else:
                self._write(addresses)
                self._queue()

    def _is_worth(self, addresses: Addresses) -> bool:
        """Whether to make a graph: for what comes again."""
        if not self._can_be_graph:
            return False
        if addresses in self._seen:
            return True
        if len(self._seen) == _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._seen[addresses] = None
        return False

    def _make(self, addresses: Addresses) -> _Made | None:
        """A graph for these addresses; None if there can be none."""
        self._write(addresses)
        try:
            made = self._updated() if len(self._made) == _GRAPHS else self._new()
        except NotRecorded:
            self._can_be_graph = False
            return None
        self._made[addresses] = made
        return made

    def _new(self) -> _Made:
        return _Made(self._device.graph(self._nodes), self._parameters.words.copy())

    def _updated(self) -> _Made:
        """The oldest graph with the words there are now, or a new one in its place."""
        made = self._made.pop(next(iter(self._made)))
        try:
            self._update(made)
        except NotRecorded:
            return self._new()
        return made

    def _update(self, made: _Made) -> None:
        """Give a graph the words there are now."""
        changed = np.flatnonzero(made.words != self._parameters.words)
        ends = [step.stop for step in self._steps]
        for index in np.unique(np.searchsorted(ends, changed, side="right")).tolist():
            made.graph.update(index, self._nodes[index])
        np.copyto(made.words, self._parameters.words)

    def _write(self, addresses: Addresses) -> None:
        """Put addresses where they belong."""
        if addresses == self._written:
            return
        starts = np.array(addresses, np.int64)
        self._parameters.words[self._positions] = starts[self._bases] + self._offsets
        self._written = addresses
        for index, step in enumerate(self._steps):
            if step.kernel is None:
                self._nodes[index] = step.node(self._parameters)

    def _queue(self) -> None:
        device = self._device
        for node in self._nodes:
            if isinstance(node, KernelNode):
                device.launch(node.kernel, node.blocks, node.threads, node.parameters)
            elif isinstance(node, LibraryNode):
                device.run_library(node.work, node.addresses)
            elif isinstance(node, CopyNode):
                device.copy(node.target, node.source, node.nbytes)
            else:
                device.fill(node.target, node.byte, node.nbytes)
